"""An exchange of numbered pages, a store that is filled from it, and what ends processes."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import ListName
from safehold.lists.entry_rows import RowChecker
from safehold.lists.exchanges.interface import Exchange
from safehold.lists.exchanges.model import Page, Refusal, Statement
from safehold.lists.interface import ImportPlan, ImportSession
from safehold.lists.model import Entry, EntryState, Tier
from safehold.lists.sync.asking import SyncOptions
from safehold.lists.sync.machine import Source, Synchroniser, SyncParts
from safehold.lists.sync.model import SyncState
from safehold.outbound.model import Call, Reply
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate
from safehold.storage.sync_store import SqlSyncStore

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
NAME = ListName("partner")
ALL = frozenset(EntryState)


def said(number: int, at: int, state: str = "") -> Statement:
    """What a source says of an entry at a minute."""
    digest = "" if state == "withdrawn" else f"{number + 1:040x}"
    row = (f"e{number}", "", state, "", digest, "", "", "")
    return Statement(row, AT + dt.timedelta(minutes=at))


class Book:
    """An exchange of numbered pages, and what becomes of calls for them."""

    def __init__(self, *pages: list[Statement]) -> None:
        self.pages = [*pages]
        self.broken: dict[int, list[Exception]] = {}
        self.narrowed: set[int] = set()
        self.can_narrow = False
        self.can_pass = True
        self.replaces = False
        self.asked: list[int] = []
        self.circle: int | None = None

    def send(self, call: Call) -> Reply:
        number = int(call.url.rsplit("/", 1)[1])
        self.asked.append(number)
        if self.broken.get(number):
            raise self.broken[number].pop(0)
        return Reply(200, b"")

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        first = json.loads(checkpoint)["done"] if checkpoint else 0
        return json.dumps({"from": first, "page": first})

    def restart(self, cursor: str, now: dt.datetime) -> str:
        # A run that is begun again has other addresses.
        old = json.loads(cursor)
        return json.dumps({**old, "page": old["from"], "again": old.get("again", 0) + 1})

    def call(self, cursor: str) -> Call:
        return Call(f"https://list.example/{json.loads(cursor)['page']}", "GET")

    def read(self, cursor: str, reply: Reply) -> Page:
        place = json.loads(cursor)
        number = place["page"]
        last = number + 1 >= len(self.pages)
        after = {"done": number + 1} if last else {**place, "page": number + 1}
        if self.circle == number:
            after, last = {**place, "page": place["from"]}, False
        rows = self.pages[number] if number < len(self.pages) else []
        return Page(tuple(rows), json.dumps(after), last, {"pdna_not_usable": 1}, {}, self.replaces)

    def refusal(self, cursor: str, status: int) -> Refusal:
        return {404: Refusal.RESTART, 401: Refusal.STOP}.get(status, Refusal.RETRY)

    def narrow(self, cursor: str) -> str | None:
        place = json.loads(cursor)
        if not self.can_narrow or place["page"] in self.narrowed:
            return None
        self.narrowed.add(place["page"])
        return json.dumps({**place, "half": True})

    def pass_over(self, cursor: str) -> str | None:
        place = json.loads(cursor)
        return json.dumps({**place, "page": place["page"] + 1}) if self.can_pass else None


class House:
    """A store, and a machine that never really waits."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.lists = SqlListStore(engine)
        self.syncs = SqlSyncStore(engine)
        self.clock = FixedClock(AT)
        self.waits: defaultdict[int, float] = defaultdict(float)
        """Seconds of waiting, by the number of calls before."""

    @classmethod
    def in_folder(cls, folder: Path) -> House:
        """With a SQLite database."""
        engine = sqlite_engine(folder / "lists.sqlite")
        migrate(engine)
        return cls(engine)

    def parts(self, book: Book) -> SyncParts:
        return SyncParts(
            self.lists,
            self.syncs,
            RowChecker(KEY),
            self.clock,
            book.send,
            lambda seconds: self._wait(len(book.asked), seconds),
            lambda: 1.0,
        )

    def _wait(self, asked: int, seconds: float) -> None:
        self.waits[asked] += seconds

    def run(
        self,
        book: Book,
        options: SyncOptions | None = None,
        share: float = 1.0,
        exchange: Exchange | None = None,
    ) -> SyncState:
        self.clock.advance(dt.timedelta(hours=1))
        source = Source("there", "ncmec", NAME, Tier.CONFIRMED, exchange or book, share)
        return Synchroniser(self.parts(book), options).run(source)

    def entries(self) -> dict[str, EntryState]:
        return {e.entry_id: e.state for e in self.all()}

    def all(self) -> list[Entry]:
        with self.lists.reading(NAME, ALL) as reading:
            return list(reading.entries)

    def active(self) -> set[str]:
        return {i for i, state in self.entries().items() if state is EntryState.ACTIVE}


def pages() -> list[list[Statement]]:
    """What comes of them is e0, e2, e4; in no order of time."""
    return [
        [said(0, 1), said(1, 2), said(2, 9)],
        [said(1, 3, "withdrawn"), said(3, 8, "withdrawn"), said(2, 5, "withdrawn")],
        [],
        [said(3, 2), said(4, 4), said(4, 3, "withdrawn"), said(0, 1)],
    ]


class KilledError(BaseException):
    """The process ends here."""


class Steps:
    """Counts what is written, and ends the process before or after one of the steps."""

    def __init__(self, step: int, *, after: bool) -> None:
        self.left = step
        self.after = after

    def write(self, do: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left == -1 and not self.after:
            raise KilledError
        done = do()
        if self.left == -1:
            raise KilledError
        return done


class KilledLists:
    """A store whose imports end the process."""

    def __init__(self, inner: SqlListStore, steps: Steps) -> None:
        self.inner, self.steps = inner, steps
        self.get, self.confirm = inner.get, inner.confirm

    @contextmanager
    def importing(self, name: ListName) -> Iterator[Any]:
        with self.inner.importing(name) as session:
            yield KilledSession(session, self.steps)


class KilledSession:
    def __init__(self, inner: ImportSession, steps: Steps) -> None:
        self.inner, self.steps, self.stage = inner, steps, inner.stage

    def apply(self, plan: ImportPlan) -> Any:
        return self.steps.write(lambda: self.inner.apply(plan))


class KilledSyncs:
    def __init__(self, inner: SqlSyncStore, steps: Steps) -> None:
        self.inner, self.steps, self.find = inner, steps, inner.find

    def save(self, state: SyncState) -> None:
        self.steps.write(lambda: self.inner.save(state))
