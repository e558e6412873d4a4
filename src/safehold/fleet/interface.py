"""The port behind which running servers are kept. It takes part in a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.fleet.model import CanaryResult, Server
from safehold.ids import ServerId


class FleetStore(Protocol):
    """Servers and canary results."""

    def seen(self, server: Server) -> None:
        """Add a server, or say anew that it runs."""
        ...

    def gone(self, server_id: ServerId) -> None:
        """A server has ended; its canary results go with it."""
        ...

    def servers(self, seen_since: dt.datetime) -> Sequence[Server]:
        """Servers that were seen at or after a moment, the oldest first."""
        ...

    def forget(self, seen_before: dt.datetime) -> None:
        """Forget servers that were not seen for long, and their canary results."""
        ...

    def add_canary(self, result: CanaryResult) -> None:
        """Keep a canary's result; of each server the last stays."""
        ...

    def canary(self, server_id: ServerId) -> CanaryResult | None:
        """The last result of a server."""
        ...
