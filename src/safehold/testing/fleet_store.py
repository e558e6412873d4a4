"""Running servers and canary results in memory; it passes the stores' suite."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from safehold.fleet.model import CanaryResult, Server
from safehold.ids import ServerId


class MemoryFleet:
    """A `FleetStore` that forgets everything with the process. For one thread at a time."""

    def __init__(self) -> None:
        self._servers: dict[ServerId, Server] = {}
        self._canaries: dict[ServerId, CanaryResult] = {}

    def copy(self) -> MemoryFleet:
        """An independent copy."""
        copied = MemoryFleet()
        copied._servers = dict(self._servers)
        copied._canaries = dict(self._canaries)
        return copied

    def seen(self, server: Server) -> None:
        """Add a server, or say anew that it runs."""
        self._servers[server.server_id] = server

    def gone(self, server_id: ServerId) -> None:
        """A server has ended; its canary results go with it."""
        self._servers.pop(server_id, None)
        self._canaries.pop(server_id, None)

    def servers(self, seen_since: dt.datetime) -> Sequence[Server]:
        """Servers that were seen at or after a moment, the oldest first."""
        found = [server for server in self._servers.values() if server.seen >= seen_since]
        return tuple(sorted(found, key=lambda server: (server.started, server.server_id)))

    def forget(self, seen_before: dt.datetime) -> None:
        """Forget servers that were not seen for long, and their canary results."""
        self._servers = {i: s for i, s in self._servers.items() if s.seen >= seen_before}
        self._canaries = {
            server_id: result
            for server_id, result in self._canaries.items()
            if server_id in self._servers or result.at >= seen_before
        }

    def add_canary(self, result: CanaryResult) -> None:
        """Keep a canary's result; of each server the last stays."""
        there = self._canaries.get(result.server_id)
        if there is None or there.at <= result.at:
            self._canaries[result.server_id] = result

    def canary(self, server_id: ServerId) -> CanaryResult | None:
        """The last result of a server."""
        return self._canaries.get(server_id)
