"""The state machine that keeps a list true to an exchange."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.lists.exchanges.model import (
    ExchangeSettingsError,
    Page,
    PageBusyError,
    PageDamagedError,
    Statement,
)
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, Tier
from safehold.lists.sync.machine import Source, Synchroniser
from safehold.lists.sync.model import SyncOvertakenError, SyncState
from safehold.lists.sync.owners import Bound
from safehold.outbound.model import Call, OutboundStatusError, OutboundTimeoutError, Reply
from tests.lists.syncing import AT, NAME, Book, House, pages, said


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House.in_folder(tmp_path)
    yield made
    made.engine.dispose()


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
    # What is asked for, else twice as long each time; never longer than two minutes.
    assert house.waits == {2: 7.0, 3: 4.0, 4: 8.0, 5: 16.0, 6: 120.0}


def test_a_process_that_is_about_to_end_waits_no_longer(house: House) -> None:
    book = Book(*pages())
    book.broken[1] = [OutboundStatusError(503, 100.0)]
    source = Source("there", "ncmec", NAME, Tier.CONFIRMED, book)
    state = Synchroniser(house.parts(book)).run(source, lambda: bool(house.waits))
    assert house.waits == {2: 5.0}
    assert (state.code, state.failures, state.counts.pages) == ("ok", 0, 1)
    assert state == house.syncs.find(NAME, "there")
    assert house.run(book).counts.pages == 4


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
    assert (state.code, book.asked, house.waits) == ("exchange_refused", [0], {})


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


def whole(*pages: range) -> Book:
    """A source that names all its entries each time. What it says of times counts for nothing."""
    book = Book(
        *[[said(n, -9)._replace(source_at=AT if n % 2 else None) for n in p] for p in pages]
    )
    book.replaces = True
    book.begin = lambda checkpoint, now: json.dumps({"from": 0, "page": 0})  # type: ignore[method-assign]
    return book


def test_what_a_whole_source_does_not_name_is_withdrawn(house: House) -> None:
    house.run(whole(range(20), range(20, 40)))
    state = house.run(whole(range(20), range(20, 30)))
    assert state.counts.withdrawn == 10
    assert len(house.active()) == 30
    # Killed between its pages, it is the same.
    book = whole(range(1, 20), range(20, 29))
    source = Source("there", "ncmec", NAME, Tier.CONFIRMED, book, 0.2)
    house.clock.advance(dt.timedelta(hours=1))
    Synchroniser(house.parts(book)).run(source, lambda: len(book.asked) == 1)
    assert (house.run(book).counts.withdrawn, book.asked) == (2, [0, 1])
    assert len(house.active()) == 28


def test_a_whole_source_that_shrinks_withdraws_nothing_and_is_asked_anew(house: House) -> None:
    house.run(whole(range(20), range(20, 40)))
    state = house.run(whole(range(3), range(3, 5)), share=0.2)
    assert (state.code, state.failures) == ("sync_shrank", 1)
    assert len(house.active()) == 40
    assert house.lists.get(NAME).checked == AT + dt.timedelta(hours=1)
    book = whole(range(20), range(20, 39))
    state = house.run(book, share=0.2)
    assert (state.code, state.counts.withdrawn, book.asked) == ("ok", 1, [0, 1])
    assert len(house.active()) == 39
    assert house.lists.get(NAME).checked is not None


def test_a_whole_source_of_which_a_page_was_lost_withdraws_nothing(house: House) -> None:
    house.run(whole(range(20), range(20, 40), range(0)))
    book = whole(range(20), range(20, 40), range(0))
    book.broken[1] = [PageDamagedError() for _ in range(3)]
    state = house.run(book)
    assert (state.code, state.counts.pages_lost, state.counts.withdrawn) == ("ok", 1, 0)
    assert len(house.active()) == 40


def test_a_removed_list_is_filled_from_the_very_beginning(house: House) -> None:
    book = Book(*pages())
    house.run(book)
    house.lists.remove(NAME, AT)
    book.asked.clear()
    assert house.run(book).counts.added == 5
    assert book.asked == [0, 1, 2, 3]
    assert house.active() == {"e0", "e2", "e4"}
    # Also where it is removed while it is being filled.
    book.pages += [[said(5, 1)], [said(6, 1)]]
    inner = book.send

    def send(call: Call) -> Reply:
        if book.asked[-1] == 4:
            house.lists.remove(NAME, AT)
            book.send = inner  # type: ignore[method-assign]
        return inner(call)

    book.send = send  # type: ignore[method-assign]
    with pytest.raises(SyncOvertakenError):
        house.run(book)
    assert house.run(book).code == "ok"
    assert house.active() == {"e0", "e2", "e4", "e5", "e6"}


def test_a_checkpoint_is_good_with_its_own_source_alone(house: House) -> None:
    book = Book(*pages())
    book.broken[2] = [OutboundStatusError(503) for _ in range(6)]
    assert house.run(book, exchange=Bound(book, "a")).code == "outbound_status"
    other = Book(*pages())
    with pytest.raises(ExchangeSettingsError):
        house.run(other, exchange=Bound(other, "b"))
    assert house.run(book, exchange=Bound(book, "a")).counts.pages == 4
    kept = house.syncs.find(NAME, "there")
    with pytest.raises(ExchangeSettingsError):
        house.run(other, exchange=Bound(other, "b"))
    assert (other.asked, house.syncs.find(NAME, "there")) == ([], kept)
    book.pages += [[said(9, 9)]]
    book.broken[4] = [OutboundStatusError(404), *(PageDamagedError() for _ in range(6))]
    book.can_narrow = True
    state = house.run(book, exchange=Bound(book, "a"))
    assert (state.code, state.counts.pages_lost, book.narrowed) == ("ok", 1, {4})


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


def test_shapes_that_nobody_thought_of_are_damage(house: House) -> None:
    class Odd(Book):
        def read(self, cursor: str, reply: Reply) -> Page:
            raise TypeError

    odd = Odd(*pages())
    odd.can_pass = False
    state = house.run(odd)
    assert (state.code, state.failures) == ("page_damaged", 1)
    assert house.run(Book(*pages())).code == "ok"


def test_a_page_that_leads_nowhere_is_not_taken(house: House) -> None:
    class Odd(Book):
        def call(self, cursor: str) -> Call:
            if json.loads(cursor)["page"] == 2:
                raise ValueError
            return super().call(cursor)

    state = house.run(Odd(*pages()))
    assert (state.code, state.counts.pages) == ("page_address", 1)
    # Nothing of it is in the way of the next run.
    assert house.run(Book(*pages())).code == "ok"


def test_a_cursor_that_cannot_be_asked_with_begins_the_run_again(house: House) -> None:
    book = Book(*pages())
    source = Source("there", "ncmec", NAME, Tier.CONFIRMED, book)
    told: list[SyncState] = []
    Synchroniser(house.parts(book)).run(source, lambda: bool(told), told.append)
    assert told[0].began is not None

    class Later(Book):
        """Another version of this program, which cannot use what the one before kept."""

        def call(self, cursor: str) -> Call:
            if "again" not in json.loads(cursor):
                raise KeyError
            return super().call(cursor)

    assert house.run(Later(*pages())).code == "ok"
