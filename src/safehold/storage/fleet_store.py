"""Running servers and canary results in SQL: `SqlFleetStore`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from safehold.fleet.model import CanaryResult, Server
from safehold.ids import ServerId
from safehold.storage.schema_outbox import canaries, servers
from safehold.storage.upsert import insert_or_replace

_SELECT_SERVERS = (
    sa.select(servers)
    .where(servers.c.seen >= sa.bindparam("since"))
    .order_by(servers.c.started, servers.c.server_id)
)

_SELECT_CANARY = sa.select(canaries).where(canaries.c.server_id == sa.bindparam("of_server"))

_DELETE_SERVER = sa.delete(servers).where(servers.c.server_id == sa.bindparam("of_server"))

_DELETE_CANARY = sa.delete(canaries).where(canaries.c.server_id == sa.bindparam("of_server"))

_FORGET_SERVERS = sa.delete(servers).where(servers.c.seen < sa.bindparam("before"))

_FORGET_CANARIES = sa.delete(canaries).where(
    canaries.c.at < sa.bindparam("before"),
    ~sa.exists().where(servers.c.server_id == canaries.c.server_id),
)


class SqlFleetStore:
    """A `FleetStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def seen(self, server: Server) -> None:
        """Add a server, or say anew that it runs."""
        row = {
            "server_id": server.server_id,
            "address": server.address,
            "version": server.version,
            "started": server.started,
            "seen": server.seen,
            "lists": [[name, version] for name, version in server.lists],
        }
        self._connection.execute(insert_or_replace(self._dialect, servers, "server_id"), row)

    def gone(self, server_id: ServerId) -> None:
        """A server has ended; its canary results go with it."""
        self._connection.execute(_DELETE_CANARY, {"of_server": server_id})
        self._connection.execute(_DELETE_SERVER, {"of_server": server_id})

    def servers(self, seen_since: dt.datetime) -> Sequence[Server]:
        """Servers that were seen at or after a moment, the oldest first."""
        rows = self._connection.execute(_SELECT_SERVERS, {"since": seen_since})
        return tuple(_server(row) for row in rows)

    def forget(self, seen_before: dt.datetime) -> None:
        """Forget servers that were not seen for long, and their canary results."""
        self._connection.execute(_FORGET_SERVERS, {"before": seen_before})
        self._connection.execute(_FORGET_CANARIES, {"before": seen_before})

    def add_canary(self, result: CanaryResult) -> None:
        """Keep a canary's result; of each server the last stays."""
        row = {
            "server_id": result.server_id,
            "at": result.at,
            "code": result.code,
            "seconds": result.seconds,
        }
        statement = insert_or_replace(self._dialect, canaries, "server_id", newest="at")
        self._connection.execute(statement, row)

    def canary(self, server_id: ServerId) -> CanaryResult | None:
        """The last result of a server."""
        row = self._connection.execute(_SELECT_CANARY, {"of_server": server_id}).one_or_none()
        if row is None:
            return None
        return CanaryResult(ServerId(row.server_id), row.at, row.code, row.seconds)


def _server(row: sa.Row[Any]) -> Server:
    return Server(
        server_id=ServerId(row.server_id),
        address=row.address,
        version=row.version,
        started=row.started,
        seen=row.seen,
        lists=tuple((name, version) for name, version in row.lists),
    )
