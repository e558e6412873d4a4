"""The state machine that keeps a list true to an exchange."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import ListName
from safehold.lists.entry_rows import RowChecker
from safehold.lists.exchanges.model import (
    ExchangeSettingsError,
    Page,
    PageBusyError,
    PageDamagedError,
    Refusal,
    Statement,
)
from safehold.lists.interface import ImportPlan, ImportSession
from safehold.lists.model import Entry, EntryDraft, EntryState, Tier
from safehold.lists.sync.machine import Source, Synchroniser, SyncOptions, SyncParts
from safehold.lists.sync.model import SyncOvertakenError, SyncState
from safehold.outbound.model import Call, OutboundStatusError, OutboundTimeoutError, Reply
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

    def __init__(self, folder: Path) -> None:
        self.engine = sqlite_engine(folder / "lists.sqlite")
        migrate(self.engine)
        self.lists = SqlListStore(self.engine)
        self.syncs = SqlSyncStore(self.engine)
        self.clock = FixedClock(AT)
        self.waits: list[float] = []

    def parts(self, book: Book) -> SyncParts:
        return SyncParts(
            self.lists,
            self.syncs,
            RowChecker(KEY),
            self.clock,
            book.send,
            self.waits.append,
            lambda: 1.0,
        )

    def run(self, book: Book, options: SyncOptions | None = None, share: float = 1.0) -> SyncState:
        self.clock.advance(dt.timedelta(hours=1))
        source = Source("there", "ncmec", NAME, Tier.CONFIRMED, book, share)
        return Synchroniser(self.parts(book), options).run(source)

    def entries(self) -> dict[str, EntryState]:
        return {e.entry_id: e.state for e in self.all()}

    def all(self) -> list[Entry]:
        with self.lists.reading(NAME, ALL) as reading:
            return list(reading.entries)

    def active(self) -> set[str]:
        return {i for i, state in self.entries().items() if state is EntryState.ACTIVE}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.engine.dispose()


def pages() -> list[list[Statement]]:
    """What comes of them is e0, e2, e4; in no order of time."""
    return [
        [said(0, 1), said(1, 2), said(2, 9)],
        [said(1, 3, "withdrawn"), said(3, 8, "withdrawn"), said(2, 5, "withdrawn")],
        [],
        [said(3, 2), said(4, 4), said(4, 3, "withdrawn"), said(0, 1)],
    ]


def test_a_run_takes_all_pages(house: House) -> None:
    state = house.run(Book(*pages()))
    assert house.active() == {"e0", "e2", "e4"}
    assert (state.code, state.failures, state.began) == ("ok", 0, None)
    counts = state.counts
    assert (counts.pages, counts.rows, counts.tombstones, counts.pages_lost) == (4, 10, 3, 0)
    # e1 and e3 come with a withdrawal or go by one; e2's and e0's later words change nothing.
    assert (counts.added, counts.updated) == (5, 1)
    assert counts.unusable == {"pdna_not_usable": 4}
    info = house.lists.get(NAME)
    assert (info.tier, info.source) == (Tier.CONFIRMED, "ncmec")
    assert state.good == info.checked == AT + dt.timedelta(hours=1)
    assert house.syncs.find(NAME, "there") == state


def test_the_next_run_goes_on_at_the_checkpoint(house: House) -> None:
    book = Book(*pages())
    house.run(book)
    version = house.lists.get(NAME).version
    book.asked.clear()
    state = house.run(book)
    assert book.asked == [4]
    assert (state.counts.added, house.lists.get(NAME).version) == (0, version)
    assert house.lists.get(NAME).checked == AT + dt.timedelta(hours=2)
    book.pages += [[], [said(9, 99)]]
    assert house.run(book).counts.added == 1
    assert "e9" in house.active()


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


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(6))
def test_killed_at_every_boundary_it_ends_equal(
    tmp_path: Path, house: House, step: int, after: bool
) -> None:
    (tmp_path / "whole").mkdir()
    whole = House(tmp_path / "whole")
    expected = whole.run(Book(*pages()))
    steps, book = Steps(step, after=after), Book(*pages())
    parts = replace(
        house.parts(book),
        lists=KilledLists(house.lists, steps),  # type: ignore[arg-type]
        syncs=KilledSyncs(house.syncs, steps),  # type: ignore[arg-type]
    )
    killed = False
    try:
        Synchroniser(parts).run(Source("there", "ncmec", NAME, Tier.CONFIRMED, book))
    except KilledError:
        killed = True
    # There are five steps: the beginning, three pages with rows and one without.
    assert killed == (step < 5)
    state = house.run(book)
    assert (state.code, state.began) == ("ok", None)
    assert house.all() == whole.all()
    if killed and not (after and step == 4):
        assert state.counts == expected.counts
    ours, theirs = house.lists.get(NAME), whole.lists.get(NAME)
    assert (ours.active, ours.other, ours.counts) == (theirs.active, theirs.other, theirs.counts)
    assert ours.checked is not None
    whole.engine.dispose()


def test_of_two_at_once_one_goes_on(house: House) -> None:
    first, second = Book(*pages()), Book(*pages())
    inner = second.send

    def send(call: Call) -> Reply:
        if not first.asked:
            assert house.run(first).code == "ok"
        return inner(call)

    second.send = send  # type: ignore[method-assign]
    with pytest.raises(SyncOvertakenError):
        house.run(second)
    assert house.active() == {"e0", "e2", "e4"}
    state = house.syncs.find(NAME, "there")
    assert state is not None
    assert (state.code, state.counts.added) == ("ok", 5)


def test_what_is_busy_is_asked_later(house: House) -> None:
    book = Book(*pages())
    book.broken[1] = [
        OutboundStatusError(429, 7.0),
        OutboundStatusError(503),
        OutboundTimeoutError(),
        PageBusyError(),
        OutboundStatusError(429, 9999.0),
    ]
    assert house.run(book).code == "ok"
    assert house.waits == [7.0, 4.0, 8.0, 16.0, 120.0]


def test_what_stays_busy_ends_the_run_and_the_next_goes_on(house: House) -> None:
    book = Book(*pages())
    book.broken[1] = [OutboundStatusError(503) for _ in range(6)]
    state = house.run(book)
    assert (state.code, state.failures, state.good) == ("outbound_status", 1, None)
    assert state.began is not None
    assert house.lists.get(NAME).checked is None
    book.asked.clear()
    state = house.run(book)
    assert book.asked == [1, 2, 3]
    assert (state.code, state.failures, state.counts.pages) == ("ok", 0, 4)
    # It is true as of when the whole run had begun.
    assert state.good == AT + dt.timedelta(hours=1)


def test_what_refuses_is_not_asked_again(house: House) -> None:
    book = Book(*pages())
    book.broken[0] = [OutboundStatusError(401)]
    state = house.run(book)
    assert (state.code, book.asked, house.waits) == ("exchange_refused", [0], [])


def test_an_address_that_expired_begins_the_run_again(house: House) -> None:
    book = Book(*pages())
    book.broken[2] = [OutboundStatusError(404)]
    state = house.run(book)
    assert (state.code, book.asked) == ("ok", [0, 1, 2, 0, 1, 2, 3])
    assert house.active() == {"e0", "e2", "e4"}
    book = Book(*pages())
    book.pages = [[]] * 8
    book.broken[5] = [OutboundStatusError(404) for _ in range(9)]
    assert house.run(book).code == "page_address"


def test_a_damaged_page_is_asked_for_again_then_in_parts_then_passed_over(house: House) -> None:
    book = Book(*pages())
    book.broken[1] = [PageDamagedError() for _ in range(2)]
    assert house.run(book).counts.pages_lost == 0
    book = Book(*[[said(n, n)] for n in range(4)])
    book.pages = [[]] * 4 + book.pages
    book.can_narrow = True
    book.broken[5] = [PageDamagedError() for _ in range(6)]
    state = house.run(book)
    assert (state.code, state.counts.pages_lost, book.narrowed) == ("ok", 1, {5})
    assert book.asked.count(5) == 6
    book.can_pass = False
    book.pages += [[]]
    book.broken[8] = [PageDamagedError() for _ in range(6)]
    assert house.run(book).code == "page_damaged"
    assert house.run(book).code == "ok"


def test_a_circle_ends(house: House) -> None:
    book = Book(*pages())
    book.circle = 2
    state = house.run(book)
    assert state.code == "page_address"
    assert len(book.asked) == 3


def test_rows_that_cannot_be_read_are_left_out(house: House) -> None:
    bad = Statement(("x", "", "", "zz", "", "", "", ""), AT)
    nothing = Statement(("y", "", "", "", "", "", "", ""), AT)
    nobody = Statement(("", "", "withdrawn", "", "", "", "", ""), AT)
    state = house.run(Book([said(1, 1), bad, nothing, nobody, said(2, 1)]))
    assert state.code == "ok"
    assert state.counts.faults == {"md5_malformed": 1, "row_no_digest": 2}
    assert house.active() == {"e1", "e2"}


def test_what_a_whole_source_does_not_name_is_withdrawn(house: House) -> None:
    def untimed(*numbers: int) -> list[Statement]:
        return [said(n, 0)._replace(source_at=None) for n in numbers]

    def whole(*pages: list[Statement]) -> Book:
        book = Book(*pages)
        book.replaces = True
        book.begin = lambda checkpoint, now: json.dumps({"from": 0, "page": 0})  # type: ignore[method-assign]
        return book

    house.run(whole(untimed(*range(20)), untimed(*range(20, 40))))
    state = house.run(whole(untimed(*range(20)), untimed(*range(20, 30))))
    assert state.counts.withdrawn == 10
    assert len(house.active()) == 30
    state = house.run(whole(untimed(*range(5))), share=0.2)
    assert (state.code, state.counts.withdrawn) == ("sync_shrank", 0)
    assert len(house.active()) == 30
    assert house.lists.get(NAME).checked == AT + dt.timedelta(hours=2)


def test_a_list_of_another_source_is_not_touched(house: House) -> None:
    with house.lists.importing(NAME) as session:
        session.stage([EntryDraft(house_id := "mine", sha1=bytes(16))])  # type: ignore[arg-type]
        session.apply(ImportPlan(AT))
    with pytest.raises(ExchangeSettingsError):
        house.run(Book(*pages()))
    assert house.active() == {house_id}


def test_stopped_between_pages_it_goes_on_there(house: House) -> None:
    book = Book(*pages())
    source = Source("there", "ncmec", NAME, Tier.CONFIRMED, book)
    machine = Synchroniser(house.parts(book))
    states: list[SyncState] = []
    for _ in range(3):
        machine.run(source, lambda: len(states) % 2 == 1, states.append)
        states.append(states[-1])
    assert book.asked == [0, 1, 2]
    assert house.run(book).code == "ok"
    assert house.active() == {"e0", "e2", "e4"}
