"""StopNCII.org, against a simulator on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.lists.exchanges.model import Credentials, ExchangeOptions, ExchangeSettingsError
from safehold.lists.exchanges.stopncii import StopNcii, make
from safehold.testing.exchanges.door import Fault
from safehold.testing.exchanges.stopncii import FUNCTION_KEY, SUBSCRIPTION_KEY, StopNciiDoor
from tests.lists.exchanging import Exchanged, pdq

OPEN = Credentials(key=FUNCTION_KEY, second_key=SUBSCRIPTION_KEY)


class House(Exchanged):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "stopncii")
        self.door = StopNciiDoor(self.clock.now)

    @property
    def exchange(self) -> StopNcii:
        return make(ExchangeOptions(url=f"{self.door.url}/v1", page_rows=4), OPEN)

    def hashes(self) -> set[str]:
        active = self.active()
        return {e.pdq.hex() for i, e in self.entries().items() if i in active and e.pdq}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    with made.door:
        yield made
    made.engine.dispose()


def test_withdrawn_and_deleted_hashes_are_removed(house: House) -> None:
    for n in range(10):
        house.door.put(pdq(n), {f"c{n}": "Active"})
        house.later(seconds=1)
    house.door.put("0" * 31 + "7", {"v": "Received"}, "VideoMD5")
    house.door.put("AAAA", {"t": "Active"}, "VideoTMK")
    state = house.run(house.exchange)
    assert (state.code, state.counts.added, state.counts.pages) == ("ok", 11, 3)
    assert state.counts.unusable == {"videotmk_not_usable": 1}
    assert house.hashes() == {pdq(n) for n in range(10)}
    # The ids say nothing of the hashes.
    assert all(i.startswith("k-") for i in house.entries())
    house.later(hours=1)
    house.door.put(pdq(1), {"c1": "Withdrawn"})
    house.door.put(pdq(2), {"c2": "Deleted", "d2": "Withdrawn"})
    house.door.put(pdq(3), {"c3": "Withdrawn", "d3": "Active"})
    house.door.put(pdq(4), {})
    state = house.run(house.exchange)
    # The last ten minutes before the checkpoint are told again: all eleven of them, and the four.
    assert (state.counts.tombstones, state.counts.pages) == (2, 3)
    assert house.hashes() == {pdq(n) for n in (0, 3, 4, 5, 6, 7, 8, 9)}
    house.later(hours=1)
    house.door.put(pdq(1), {"c1": "Withdrawn", "e1": "Received"})
    house.run(house.exchange)
    assert pdq(1) in house.hashes()


def test_a_time_far_ahead_hides_nothing_that_comes_later(house: House) -> None:
    house.door.put(pdq(1), {"c": "Active"})
    house.door.records[pdq(1)]["lastModtimestamp"] += 10 * 365 * 86_400
    house.run(house.exchange)
    house.later(hours=1)
    house.door.put(pdq(2), {"c": "Active"})
    house.door.put(pdq(1), {"c": "Withdrawn"})
    state = house.run(house.exchange)
    assert (state.code, house.hashes()) == ("ok", {pdq(2)})


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"retry-after": "9"}),
        Fault(status=500),
        Fault(cut=50),
        Fault(chop=50),
        Fault(body=b'{"hashRecords": NaN}'),
        Fault(body=b"[" * 100_000),
        Fault(body=b'{"hasMoreRecords": true, "hashRecords": []}'),
    ],
)
def test_what_passes_is_waited_for(house: House, fault: Fault) -> None:
    for n in range(10):
        house.door.put(pdq(n), {"c": "Active"})
    house.door.faults.extend([Fault(), fault])
    assert house.run(house.exchange).code == "ok"
    assert house.hashes() == {pdq(n) for n in range(10)}


def test_a_token_that_has_expired_begins_the_run_again(house: House) -> None:
    for n in range(10):
        house.door.put(pdq(n), {"c": "Active"})
    house.door.faults.extend([Fault(), *[Fault(status=503)] * 6])
    assert house.run(house.exchange).code == "outbound_status"
    house.later(hours=2)
    assert house.run(house.exchange).code == "ok"
    assert len(house.hashes()) == 10


def test_bad_records_circles_and_wrong_keys(house: House) -> None:
    for n in range(6):
        house.door.put(pdq(n), {"c": "Active"})
    house.door.records["x"] = {"signalType": "ImagePDQ", "hashValue": "x", "lastModtimestamp": -1}
    house.door.records["y"] = {**house.door.records[pdq(0)], "hashValue": "zz" * 32}
    house.door.records["x"] |= {"lastModtimestamp": 2**40, "hashStatus": "Active"}
    state = house.run(house.exchange)
    assert state.counts.faults == {"pdq_malformed": 1, "row_malformed": 1}
    assert len(house.hashes()) == 6
    house.later(hours=1)
    house.door.circle = True
    for n in range(20):
        house.door.put(pdq(n), {"c": "Active"})
    assert house.run(house.exchange).code == "page_address"
    wrong = make(ExchangeOptions(url=f"{house.door.url}/v1"), Credentials(key="a", second_key="b"))
    assert house.run(wrong).code == "exchange_refused"
    with pytest.raises(ExchangeSettingsError):
        make(ExchangeOptions(), Credentials(key="a"))


@pytest.mark.parametrize("token", ["\\ud800", "a\\u0000", "\\u00e4", "x" * 3_000])
def test_a_token_that_cannot_be_sent_back_is_not_kept(house: House, token: str) -> None:
    house.door.put(pdq(1), {"c": "Active"})
    body = f'{{"hashRecords": [], "hasMoreRecords": true, "nextPageToken": "{token}"}}'.encode()
    house.door.faults.extend([Fault(body=body)] * 9)
    state = house.run(house.exchange)
    assert (state.code, state.failures) == ("page_damaged", 1)
    house.door.faults.clear()
    assert house.run(house.exchange).code == "ok"
    assert house.active()
