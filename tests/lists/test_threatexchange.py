"""ThreatExchange, against a simulator on loopback."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.lists.exchanges.model import Credentials, ExchangeOptions, ExchangeSettingsError
from safehold.lists.exchanges.threatexchange import ThreatExchange, make
from safehold.testing.exchanges.door import Fault
from safehold.testing.exchanges.threatexchange import GROUP, TOKEN, ThreatExchangeDoor, error
from tests.lists.exchanging import Exchanged, pdq, sha1


class House(Exchanged):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "threatexchange")
        self.door = ThreatExchangeDoor(self.clock.now)

    @property
    def exchange(self) -> ThreatExchange:
        url = f"{self.door.url}/v19.0"
        options = ExchangeOptions(url=url, environment=GROUP, page_rows=3)
        return make(options, Credentials(key=TOKEN))

    def fill(self, count: int) -> None:
        for n in range(count):
            self.door.put(f"{n}", "HASH_SHA1", sha1(n), "MALICIOUS")
            self.later(seconds=1)


FAR = dt.timedelta(days=3_650)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    with made.door:
        yield made
    made.engine.dispose()


def test_updates_and_withdrawals(house: House) -> None:
    house.fill(8)
    house.door.put("20", "HASH_PDQ", pdq(1), "SUSPICIOUS", "NON_MALICIOUS")
    house.door.put("21", "HASH_PHOTODNA", "1,2", "MALICIOUS")
    house.door.put("22", "HASH_MD5", f"{5:032x}", "NON_MALICIOUS")
    house.door.put("23", "HASH_MD5", f"{6:032x}")
    state = house.run(house.exchange)
    assert (state.code, state.counts.pages) == ("ok", 4)
    assert state.counts.unusable == {"hash_photodna_not_usable": 1}
    assert house.active() == {*map(str, range(8)), "20"}
    assert house.entries()["20"].classification == "quindle"
    # The token stands nowhere but in the header.
    assert TOKEN.split("|")[1] not in state.cursor
    assert all("access_token" not in call.query for call in house.door.calls)
    house.later(hours=1)
    house.door.put("3", "HASH_SHA1", sha1(3), "MALICIOUS", gone=True)
    house.door.put("23", "HASH_MD5", f"{6:032x}", "MALICIOUS")
    house.run(house.exchange)
    assert house.active() == {*map(str, range(8)), "20", "23"} - {"3"}


def test_after_long_everything_is_asked_for_anew(house: House) -> None:
    house.fill(2)
    house.run(house.exchange)
    house.later(days=84)
    house.run(house.exchange)
    assert house.door.calls[-1].query["start_time"] != "0"
    house.later(days=86)
    house.run(house.exchange)
    assert house.door.calls[-1].query["start_time"] == "0"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(body=b"{}"),
        Fault(cut=40),
        Fault(chop=40),
        Fault(body=b'{"data": [], "data": Infinity}'),
    ],
)
def test_what_passes_is_waited_for(house: House, fault: Fault) -> None:
    house.fill(8)
    house.door.faults.extend([Fault(), fault])
    assert house.run(house.exchange).code == "ok"
    assert len(house.active()) == 8
    assert len(house.waits) == 1


def test_throttling_comes_as_a_bad_request(house: House) -> None:
    house.fill(4)
    right, throttled = house.door.answer, [error(400, 32), error(400, 613), error(500, 2)]
    house.door.answer = lambda asked: throttled.pop() if throttled else right(asked)  # type: ignore[method-assign]
    assert house.run(house.exchange).code == "ok"
    assert len(house.waits) == 3


def test_a_cursor_that_has_expired_begins_the_run_again(house: House) -> None:
    house.fill(8)
    house.door.faults.extend([Fault(), *[Fault(status=503)] * 6])
    assert house.run(house.exchange).code == "page_busy"
    house.later(hours=2)
    assert house.run(house.exchange).code == "ok"
    assert len(house.active()) == 8


def test_circles_foreign_addresses_and_wrong_tokens(house: House) -> None:
    house.fill(12)
    house.door.circle = True
    assert house.run(house.exchange).code == "page_address"
    house.door.circle = False
    house.door.foreign = "https://elsewhere.example/v19.0/42/threat_updates"
    house.later(hours=2)
    assert house.run(house.exchange).code == "page_address"
    options = ExchangeOptions(url=f"{house.door.url}/v19.0", environment=GROUP)
    house.later(hours=2)
    calls = len(house.door.calls)
    assert house.run(make(options, Credentials(key="other"))).code == "exchange_refused"
    assert len(house.door.calls) == calls + 1
    with pytest.raises(ExchangeSettingsError):
        make(ExchangeOptions(environment="x/../y"), Credentials(key="k"))


def test_bad_updates_are_counted(house: House) -> None:
    house.fill(3)
    house.door.updates["/.."] = {**house.door.updates["1"], "id": "/.."}
    house.door.updates["odd"] = {**house.door.updates["1"], "id": "odd", "indicator": "zz"}
    state = house.run(house.exchange)
    assert state.counts.faults == {"row_malformed": 1, "sha1_malformed": 1}
    assert house.active() == {"0", "1", "2"}


def test_a_time_far_ahead_hides_nothing_that_comes_later(house: House) -> None:
    house.fill(3)
    house.door.updates["1"]["last_updated"] = int((house.clock.now() + FAR).timestamp())
    house.run(house.exchange)
    house.later(hours=1)
    house.door.put("1", "HASH_SHA1", sha1(1), "MALICIOUS", gone=True)
    house.door.put("9", "HASH_SHA1", sha1(9), "MALICIOUS")
    house.run(house.exchange)
    assert house.active() == {"0", "2", "9"}


def test_what_is_told_late_within_the_overlap_is_not_missed(house: House) -> None:
    house.fill(2)
    house.run(house.exchange)
    # Of the moment before the last one, and told only now.
    house.door.put("5", "HASH_SHA1", sha1(5), "MALICIOUS")
    at = house.door.updates["1"]["last_updated"]
    house.door.updates["5"]["last_updated"] = int(at) - 5
    house.later(hours=1)
    house.run(house.exchange)
    assert "5" in house.active()


def test_what_a_whole_run_does_not_name_is_withdrawn(house: House) -> None:
    house.fill(5)
    house.run(house.exchange)
    house.later(days=120)
    # Deleted so long ago that nobody tells it any more.
    del house.door.updates["3"]
    house.run(house.exchange)
    assert house.active() == {"0", "1", "2", "4"}


@pytest.mark.parametrize("descriptors", [[], {}, {"data": "x"}, {"data": ["x"]}, 7])
def test_a_damaged_row_withdraws_nothing(house: House, descriptors: object) -> None:
    house.fill(4)
    house.run(house.exchange)
    house.later(hours=1)
    house.door.put("2", "HASH_SHA1", sha1(2), "MALICIOUS")
    house.door.updates["2"]["descriptors"] = descriptors
    state = house.run(house.exchange)
    assert (state.code, state.counts.faults) == ("ok", {"row_malformed": 1})
    assert house.active() == {"0", "1", "2", "3"}


@pytest.mark.parametrize("tags", [{"data": 5}, {"data": [7, {"text": [5]}]}, "x", 5])
def test_odd_tags_are_none(house: House, tags: object) -> None:
    house.fill(1)
    house.door.updates["0"]["descriptors"]["data"][0]["tags"] = tags
    assert house.run(house.exchange).code == "ok"
    assert house.entries()["0"].classification == ""


@pytest.mark.parametrize("following", ["https://[x", "https://\\ud800/", "x" * 5_000])
def test_addresses_that_cannot_be_end_the_run_and_not_the_next(
    house: House, following: str
) -> None:
    house.fill(4)
    whole = f'{{"data": [], "paging": {{"next": "{following}"}}}}'.encode()
    house.door.faults.append(Fault(body=whole))
    state = house.run(house.exchange)
    assert (state.code, state.failures) == ("page_address", 1)
    assert house.run(house.exchange).code == "ok"
    assert len(house.active()) == 4


def test_kinds_are_counted_by_a_few_known_words(house: House) -> None:
    for n in range(30):
        house.door.put(f"{n}", f"QUINDLE_{n}", "x", "MALICIOUS")
    house.door.put("40", "URI", "x", "MALICIOUS")
    state = house.run(house.exchange)
    assert state.counts.unusable == {"other_not_usable": 30, "uri_not_usable": 1}
