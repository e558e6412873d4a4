"""Noticing an end user who feels for where the matching ends."""

from __future__ import annotations

import datetime as dt
import hashlib
import random

import pytest

from safehold.accounts.probing import Probe, ProbeOptions, ProbeWatch
from safehold.ids import ServiceId

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ONE, OTHER = ServiceId("service-1"), ServiceId("service-2")
USER, STRANGER = b"u" * 16, b"s" * 16
ORIGIN = random.Random(1).getrandbits(256)
BITS = random.Random(2).sample(range(256), 256)
"""All bits of a hash, in an order that leads away from the origin."""


def away(distance: int, origin: int = ORIGIN) -> bytes:
    """A hash at a distance from the origin."""
    bits = origin
    for bit in BITS[:distance]:
        bits ^= 1 << bit
    return bits.to_bytes(32, "big")


def probe(
    pdq: bytes | None,
    allowed: bool = True,
    content: bytes | None = None,
    service: ServiceId = ONE,
    user: bytes = USER,
) -> Probe:
    if content is None:
        content = hashlib.sha256(pdq or b"").digest()[:16]
    return Probe(service, user, content, pdq, allowed)


def alarms(watch: ProbeWatch, probes: list[Probe], minutes: float = 1.0) -> list[int]:
    """Which probes raise the alarm, where each comes so long after the one before."""
    return [n for n, one in enumerate(probes) if watch.note(one, T0 + n * minutes * MINUTE)]


def edits(count: int, step: int = 6) -> list[Probe]:
    """A picture that is held, and edits of it, each a little further away and allowed."""
    return [probe(away(step * n), allowed=n > 0) for n in range(count)]


def test_edits_of_a_held_picture_raise_the_alarm_once() -> None:
    assert alarms(ProbeWatch(), edits(10)) == [5]


@pytest.mark.parametrize("held", range(8))
def test_whichever_of_them_was_held(held: int) -> None:
    probes = [probe(away(6 * n), allowed=n != held) for n in range(8)]
    assert alarms(ProbeWatch(), probes) == [max(5, held)]


def test_without_a_hold_it_is_a_series_of_photographs() -> None:
    probes = [probe(away(n)) for n in range(40)]
    assert alarms(ProbeWatch(), probes) == []
    # One that is held afterwards, though it was allowed before, changes that.
    watch = ProbeWatch()
    assert alarms(watch, probes) == []
    assert watch.note(probe(away(7), allowed=False), T0 + 41 * MINUTE)


def test_the_same_bytes_are_one_content() -> None:
    again = [probe(away(0), allowed=False)] * 50
    assert alarms(ProbeWatch(), again) == []
    # Other bytes with the same hash are others.
    contents = [probe(away(0), False, content=bytes([n]) * 16) for n in range(1, 7)]
    assert alarms(ProbeWatch(), contents) == [5]


def test_pictures_that_have_nothing_to_do_with_one_another() -> None:
    source = random.Random(3)
    probes = [probe(source.randbytes(32), allowed=n % 2 > 0) for n in range(60)]
    assert alarms(ProbeWatch(), probes, minutes=0.1) == []
    # They do not hide those that have, either.
    mixed = [one for pair in zip(probes, edits(6), strict=False) for one in pair]
    assert alarms(ProbeWatch(), mixed, minutes=0.1) == [11]


def test_a_hold_that_is_not_among_the_near_ones() -> None:
    far = probe(away(200), allowed=False)
    assert alarms(ProbeWatch(), [far, *(probe(away(n)) for n in range(10))]) == []


def test_near_is_up_to_the_distance() -> None:
    options = ProbeOptions(distinct=2, distance=10)
    assert alarms(ProbeWatch(options), [probe(away(0), False), probe(away(10))]) == [1]
    assert alarms(ProbeWatch(options), [probe(away(0), False), probe(away(11))]) == []


def test_each_user_of_each_service_by_itself() -> None:
    probes = [
        probe(away(n), False, service=(ONE, OTHER)[n % 2], user=(USER, STRANGER)[n // 2 % 2])
        for n in range(20)
    ]
    assert alarms(ProbeWatch(), probes) == []
    # Each has five of them; one of the users sends a sixth.
    assert alarms(ProbeWatch(), [*probes, probe(away(21))]) == [20]


def test_what_is_long_ago_no_longer_counts() -> None:
    assert alarms(ProbeWatch(), edits(10), minutes=13) == []
    assert alarms(ProbeWatch(), edits(10), minutes=12) == [5]


def test_it_is_quiet_for_the_window() -> None:
    probes = [probe(away(n), allowed=False) for n in range(120)]
    options = ProbeOptions(distance=256, contents_of_user=200)
    assert alarms(ProbeWatch(options), probes) == [5, 65]


def test_pictures_without_a_hash_are_left_out() -> None:
    watch = ProbeWatch()
    probes = [probe(None, False, content=bytes([n]) * 16) for n in range(20)]
    assert alarms(watch, probes) == []
    assert watch.remembered == 0
    with pytest.raises(ValueError, match="32 bytes"):
        watch.note(probe(b"short"), T0)


def test_of_one_user_allowed_ones_go_first() -> None:
    watch = ProbeWatch(ProbeOptions(distinct=3, contents_of_user=4))
    source = random.Random(4)
    assert not watch.note(probe(away(0), allowed=False), T0)
    for _ in range(100):
        assert not watch.note(probe(source.randbytes(32)), T0)
    assert watch.remembered == 4
    assert not watch.note(probe(away(1)), T0)
    assert watch.note(probe(away(2)), T0)


def test_where_all_were_held_the_oldest_goes() -> None:
    watch = ProbeWatch(ProbeOptions(distinct=3, contents_of_user=3))
    probes = [probe(away(85 * n), allowed=False) for n in range(4)]
    assert alarms(watch, probes) == []
    assert watch.remembered == 3
    # The first is gone, so two more near it are not three.
    assert alarms(watch, [probe(away(1)), probe(away(2))]) == []


def test_memory_is_bounded_over_all_users() -> None:
    watch = ProbeWatch(ProbeOptions(contents=100))
    source = random.Random(5)
    for n in range(1_000):
        user = (n // 3).to_bytes(16, "big")
        watch.note(probe(source.randbytes(32), user=user), T0)
        assert watch.remembered <= 100
    # Whoever was seen of late is remembered still.
    watch = ProbeWatch(ProbeOptions(contents=100))
    for n, one in enumerate(edits(6)):
        for m in range(30):
            stranger = (100 * n + m).to_bytes(16, "big")
            watch.note(probe(source.randbytes(32), user=stranger), T0)
        assert watch.note(one, T0) is (n == 5)


@pytest.mark.parametrize("wrong", [{"distinct": 1}, {"distinct": 65}, {"contents": 10}])
def test_settings_that_cannot_be(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="alarm"):
        ProbeOptions(**wrong)
