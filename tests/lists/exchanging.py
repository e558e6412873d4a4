"""A store that is synchronised with simulated exchanges, without ever really waiting."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import ListName
from safehold.lists.entry_rows import RowChecker
from safehold.lists.exchanges.interface import Exchange
from safehold.lists.model import Entry, EntryState, Tier
from safehold.lists.sync.asking import SyncOptions
from safehold.lists.sync.machine import Source, Synchroniser, SyncParts
from safehold.lists.sync.model import SyncState
from safehold.outbound.client import send_once
from safehold.outbound.model import OutboundOptions
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate
from safehold.storage.sync_store import SqlSyncStore

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, 7, 8, 9, tzinfo=dt.UTC)
NAME = ListName("partner")
OUT = OutboundOptions(allow_private=True, allow_http=True, timeout_seconds=5)


def sha1(n: int) -> str:
    return f"{n + 1:040x}"


def pdq(n: int) -> str:
    return (f"{n + 1:04x}" + "5a" * 30).ljust(64, "0")


class Exchanged:
    """A store, and the machine that fills it from one exchange."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.engine = sqlite_engine(folder / "lists.sqlite")
        migrate(self.engine)
        self.lists = SqlListStore(self.engine)
        self.syncs = SqlSyncStore(self.engine)
        self.clock = FixedClock(AT)
        self.kind = kind
        self.waits: list[float] = []

    def run(self, exchange: Exchange, options: SyncOptions | None = None) -> SyncState:
        parts = SyncParts(
            self.lists,
            self.syncs,
            RowChecker(KEY),
            self.clock,
            lambda call: send_once(call, OUT),
            self.waits.append,
            lambda: 0.5,
        )
        source = Source("there", self.kind, NAME, Tier.SUSPECTED, exchange)
        state = Synchroniser(parts, options).run(source)
        assert len(state.cursor) < 4096
        return state

    def later(self, **step: float) -> None:
        self.clock.advance(dt.timedelta(**step))

    def entries(self) -> dict[str, Entry]:
        with self.lists.reading(NAME, frozenset(EntryState)) as reading:
            return {e.entry_id: e for e in reading.entries}

    def active(self) -> set[str]:
        return {i for i, e in self.entries().items() if e.state is EntryState.ACTIVE}
