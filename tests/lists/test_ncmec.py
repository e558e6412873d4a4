"""NCMEC's hash sharing, against a simulator on loopback."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.hashing.model import SignalType
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeSettingsError,
    PageAddressError,
    PageDamagedError,
)
from safehold.lists.exchanges.ncmec import ENVIRONMENTS, Ncmec, make
from safehold.outbound.model import Reply
from safehold.testing.exchanges.door import Fault
from safehold.testing.exchanges.ncmec import PASSWORD, USER, Item, NcmecDoor
from tests.lists.exchanging import AT, KEY, Exchanged, pdq, sha1

MINUTE = dt.timedelta(minutes=1)
OPEN = Credentials(user=USER, password=PASSWORD)


def item(n: int, minutes: float = 0, **fields: object) -> Item:
    digests = {"md5": f"{n + 1:032x}", "sha1": sha1(n), "pdna": "AAAA"}
    at = AT - dt.timedelta(days=9) + minutes * MINUTE
    return Item(f"{n:03d}", at, digests, **fields)  # type: ignore[arg-type]


class House(Exchanged):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "ncmec")
        self.door = NcmecDoor(self.clock.now)

    @property
    def exchange(self) -> Ncmec:
        url = f"{self.door.url}/hashsharing"
        return make(ExchangeOptions(kind="ncmec", url=url, first_days=100), OPEN)

    def expected(self) -> set[str]:
        return {f"{i.member}/{i.kind}/{i.own}" for i in self.door.items.values() if not i.deleted}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    with made.door:
        yield made
    made.engine.dispose()


def test_all_kinds_of_entries_are_taken(house: House) -> None:
    # In the order of pages their times go up and down.
    house.door.put(*(item(n, minutes=(n * 7) % 13) for n in range(12)))
    house.door.put(
        item(1, 20, kind="video", member=77, classification="B2"),
        Item("v", AT - MINUTE, {"pdq": pdq(3), "sha1": "", "tmk-pdqf": ""}),
        Item("none", AT - MINUTE, {"pdna": "AAAA"}),
        item(5, 3, deleted=True),
    )
    state = house.run(house.exchange)
    assert (state.code, state.counts.faults) == ("ok", {})
    assert house.active() == house.expected() - {"12/image/none"}
    counts = dict(state.counts.unusable)
    assert counts == {
        "pdna_not_usable": 13,
        "digest_elsewhere": 1,
        "tmk_pdqf_not_usable": 1,
        "no_usable_digest": 1,
    }
    video = house.entries()["77/video/001"]
    assert video.md5 == KEY.keyed(SignalType.MD5, (2).to_bytes(16, "big"))
    assert video.classification == "B2"
    assert house.entries()["12/image/v"].pdq == bytes.fromhex(pdq(3))
    assert state.counts.tombstones == 1


def test_later_runs_ask_for_what_changed(house: House) -> None:
    house.door.put(*(item(n, minutes=n) for n in range(30)))
    assert house.run(house.exchange).counts.added == 30
    house.door.calls.clear()
    house.later(days=1)
    changed = house.clock.now() - 5 * MINUTE
    house.door.put(Item("003", changed, deleted=True), Item("new", changed, {"sha1": sha1(77)}))
    state = house.run(house.exchange)
    assert (state.counts.added, state.counts.tombstones) == (1, 1)
    assert house.active() == house.expected()
    # Ten minutes of overlap, by the other machine's clock.
    assert house.door.calls[0].query["from"] == "2026-04-27T07:27:09Z"
    house.door.put(Item("003", house.clock.now() - MINUTE, {"sha1": sha1(3)}))
    house.later(hours=1)
    house.run(house.exchange)
    assert house.active() == house.expected()


@pytest.mark.parametrize("skew", [-3.0, 3.0])
def test_a_clock_that_is_wrong_loses_nothing(house: House, skew: float) -> None:
    house.door.now = lambda: house.clock.now() + dt.timedelta(hours=skew)
    for n in range(6):
        house.door.put(Item(f"{n}", house.door.now() - MINUTE, {"sha1": sha1(n)}))
        house.run(house.exchange)
        # While the run was under way.
        house.door.put(Item(f"{n}x", house.door.now(), {"sha1": sha1(90 + n)}))
        house.later(minutes=30)
    house.later(hours=4)
    house.run(house.exchange)
    assert house.active() == house.expected()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"retry-after": "9"}),
        Fault(status=503),
        Fault(cut=200),
        Fault(chop=300),
        Fault(body=b"<html>busy</html>"),
        Fault(body=b"\x00"),
    ],
)
@pytest.mark.parametrize("at", [0, 2])
def test_what_passes_is_waited_for(house: House, fault: Fault, at: int) -> None:
    house.door.put(*(item(n, minutes=n % 4) for n in range(20)))
    house.door.faults.extend([Fault()] * at + [fault])
    state = house.run(house.exchange)
    assert (state.code, state.counts.pages_lost) == ("ok", 0)
    assert house.active() == house.expected()
    assert house.waits
    if fault.status == 429:
        assert sum(house.waits) == 9.0


def test_an_address_that_has_expired_begins_the_range_again(house: House) -> None:
    house.door.put(*(item(n, minutes=n % 4) for n in range(20)))
    house.door.faults.extend([Fault(), *[Fault(status=503)] * 6])
    assert house.run(house.exchange).code == "outbound_status"
    house.later(hours=13)
    house.door.put(Item("late", house.clock.now() - MINUTE, {"sha1": sha1(60)}))
    state = house.run(house.exchange)
    assert state.code == "ok"
    assert house.active() == house.expected()


def test_one_bad_entry_costs_no_other(house: House) -> None:
    house.door.put(*(item(n) for n in range(8)))
    house.door.broken = {"002"}
    house.door.put(Item("odd", AT - MINUTE, {"sha1": "zz"}))
    state = house.run(house.exchange)
    assert state.code == "ok"
    assert state.counts.faults == {"row_malformed": 1, "sha1_malformed": 1}
    assert house.active() == house.expected() - {"12/image/002", "12/image/odd"}


def test_a_page_that_stays_damaged_is_asked_for_by_halves(house: House) -> None:
    base = AT - dt.timedelta(days=2)
    house.door.put(*(Item(f"{n}", base + n * MINUTE, {"sha1": sha1(n)}) for n in range(4)))
    right = house.door.answer
    spoilt = base + 2 * MINUTE

    def answer(asked):  # type: ignore[no-untyped-def]
        found = right(asked)
        first, last = (
            dt.datetime.strptime(asked.query[n], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
            for n in ("from", "to")
        )
        bad = first <= spoilt < last
        return type(found)(200, found.body[:-30]) if bad else found

    house.door.answer = answer  # type: ignore[method-assign]
    state = house.run(house.exchange)
    assert (state.code, state.counts.pages_lost) == ("ok", 1)
    assert house.active() == {f"12/image/{n}" for n in (0, 1, 3)}
    # It is asked for again as long as it lies within the overlap.
    house.door.put(Item("new", base + 30 * MINUTE, {"sha1": sha1(50)}))
    house.later(hours=1)
    assert house.run(house.exchange).counts.pages_lost == 1
    house.later(hours=1)
    assert house.run(house.exchange).counts.pages_lost == 0
    assert house.active() == {f"12/image/{n}" for n in (0, 1, 3, "new")}


def test_a_time_far_ahead_hides_nothing_that_comes_later(house: House) -> None:
    house.door.put(item(1))
    house.door.latest = AT + dt.timedelta(days=3_650)
    assert house.run(house.exchange).code == "ok"
    house.door.latest = None
    house.later(hours=1)
    house.door.put(Item("new", house.clock.now() - MINUTE, {"sha1": sha1(2)}))
    house.door.put(Item("001", house.clock.now() - MINUTE, deleted=True))
    assert house.run(house.exchange).code == "ok"
    assert house.active() == house.expected() == {"12/image/new"}


def test_years_are_asked_for_by_halves_of_a_year(house: House) -> None:
    house.door.put(*(item(n, minutes=-n * 60 * 24 * 30) for n in range(40)))
    exchange = make(
        ExchangeOptions(kind="ncmec", url=f"{house.door.url}/hashsharing", first_days=1_500), OPEN
    )
    assert house.run(exchange).counts.added == 40
    firsts = [call.query["from"] for call in house.door.calls if "start" not in call.query]
    assert len(firsts) == len(set(firsts)) == 9


def test_a_source_that_damages_all_fails_instead_of_losing_all(house: House) -> None:
    house.door.put(*(item(n, minutes=n) for n in range(40)))
    right, spoilt = house.door.answer, True

    def answer(asked):  # type: ignore[no-untyped-def]
        found = right(asked)
        return type(found)(200, found.body[:-30]) if spoilt else found

    house.door.answer = answer  # type: ignore[method-assign]
    state = house.run(house.exchange)
    assert state.code == "page_damaged"
    spoilt = False
    house.later(hours=1)
    house.run(house.exchange)
    house.later(hours=1)
    house.door.put(Item("late", house.clock.now() - MINUTE, {"sha1": sha1(99)}))
    assert house.run(house.exchange).code == "ok"
    assert len(house.active()) > 20


def test_circles_and_foreign_addresses_end_the_run(house: House) -> None:
    house.door.put(*(item(n) for n in range(20)))
    house.door.circle = True
    assert house.run(house.exchange).code == "page_address"
    house.door.circle = False
    for foreign in (
        "https://elsewhere.example/v2/entries",
        "//elsewhere.example/v2",
        "/admin",
        "/v2/../admin",
        "/v2/%2e%2e/admin",
    ):
        house.door.foreign = foreign
        house.later(hours=13)
        assert house.run(house.exchange).code == "page_address"
    assert {call.path for call in house.door.calls} == {"/hashsharing/v2/entries"}


def test_wrong_credentials_are_not_tried_again(house: House) -> None:
    options = ExchangeOptions(kind="ncmec", url=f"{house.door.url}/hashsharing")
    state = house.run(make(options, Credentials(user=USER, password="wrong")))
    assert (state.code, len(house.door.calls)) == ("exchange_refused", 1)
    assert "wrong" not in repr(state)


def test_entities_are_never_looked_up() -> None:
    exchange = make(ExchangeOptions(environment="ngo-test"), OPEN)
    cursor = exchange.begin("", AT)
    bomb = b'<!DOCTYPE q [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><queryResult>&b;</queryResult>'
    for body in (bomb, b"", b"<queryResult>", b"<other/>", b"<a" * 9999):
        with pytest.raises(PageDamagedError):
            exchange.read(cursor, Reply(200, body))


def test_environments() -> None:
    assert {name for name in ENVIRONMENTS if name.endswith("-test")} == {
        f"{name}-test" for name in ENVIRONMENTS if not name.endswith("-test")
    }
    call = make(ExchangeOptions(environment="industry"), OPEN)
    url = call.call(call.begin("", AT)).url
    assert url.startswith("https://report.cybertip.org/hashsharing/v2/entries?from=2000-01-01T")
    assert url.endswith("to=2000-06-29T00%3A00%3A00Z")
    call = make(ExchangeOptions(environment="industry", first_days=2), OPEN)
    url = call.call(call.begin("", AT)).url
    assert url.endswith("from=2026-05-04T07%3A08%3A09Z&to=2026-05-06T07%3A08%3A10Z")
    for options, credentials in (
        (ExchangeOptions(environment="moon"), OPEN),
        (ExchangeOptions(environment="ngo"), Credentials(user="only")),
    ):
        with pytest.raises(ExchangeSettingsError):
            make(options, credentials)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 5_000), st.integers(1, 90_000), st.data())
def test_halves_leave_nothing_out(start: int, length: int, data: st.DataObject) -> None:
    """Whatever is narrowed, passed over or read: every second is asked for, once, in order."""
    exchange = make(ExchangeOptions(environment="ngo-test"), OPEN)
    first = AT + dt.timedelta(seconds=start)
    form = "%Y-%m-%dT%H:%M:%SZ"
    last = first + dt.timedelta(seconds=length)
    cursor = json.dumps({"done": "", "from": first.strftime(form), "to": last.strftime(form)})
    reached = first
    empty = b"<queryResult/>"
    for _ in range(200):
        place = json.loads(cursor)
        begin, end = (
            dt.datetime.strptime(place[n], form).replace(tzinfo=dt.UTC) for n in ("from", "to")
        )
        assert begin == reached
        assert end > begin
        narrowed = exchange.narrow(cursor) if data.draw(st.booleans()) else None
        if narrowed is not None:
            cursor = narrowed
            continue
        page = exchange.read(cursor, Reply(200, empty))
        reached, cursor = end, page.cursor
        if page.finished:
            break
    if page.finished:
        assert reached == last
    with pytest.raises(PageAddressError):
        exchange.read(
            json.dumps({"done": "", "from": "x", "to": "y", "next": "/v2/a"}),
            Reply(200, b"<queryResult><paging><next>/v2/a</next></paging></queryResult>"),
        )
