"""When an entry matches too much: the rule alone."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from safehold.ids import CaseId, EntryId, ListName, ServiceId
from safehold.lists.trust.floods import Counted, FloodOptions, Hit, different

AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
OPTIONS = FloodOptions(items=10, distance=31, uploader_share=0.2)


def turned(rng: random.Random, pdq: bytes, bits: int) -> bytes:
    value = int.from_bytes(pdq, "big")
    for place in rng.sample(range(256), bits):
        value ^= 1 << place
    return value.to_bytes(32, "big")


def hit(n: int, pdq: bytes | None, uploader: bytes | None = None) -> Hit:
    return Hit(
        ListName("partner"),
        EntryId("e"),
        ServiceId("shop"),
        CaseId(f"c{n}"),
        n.to_bytes(16, "big"),
        pdq,
        uploader,
        AT + dt.timedelta(seconds=n),
    )


def scattered(count: int, seed: int = 1) -> list[Hit]:
    """What matches a hash that stands for no picture: all round it."""
    rng = random.Random(seed)
    entry = rng.randbytes(32)
    return [hit(n, turned(rng, entry, 31), bytes([n]) * 16) for n in range(count)]


def test_what_is_scattered_floods_and_edits_of_a_picture_do_not() -> None:
    assert different(scattered(40), OPTIONS, 10) == Counted(40, 40)
    rng = random.Random(2)
    picture = rng.randbytes(32)
    edits = [hit(n, turned(rng, picture, rng.randrange(16)), bytes([n]) * 16) for n in range(250)]
    assert different(edits, OPTIONS, 10) == Counted(1, 250)


def test_strong_edits_of_a_picture_that_spreads_are_no_flood() -> None:
    """They lie far from one another, but there are few of them for each weak one."""
    rng = random.Random(3)
    picture = rng.randbytes(32)
    weak = [turned(rng, picture, rng.randrange(16)) for _ in range(280)]
    strong = [turned(rng, picture, 31) for _ in range(20)]
    made = [hit(n, pdq, n.to_bytes(16, "big")) for n, pdq in enumerate(weak + strong)]
    counted = different(made, OPTIONS, 10)
    assert counted.different > 10
    assert not counted.is_flood(OPTIONS, 10)
    # Where most are far from one another it is none.
    rest = [hit(300 + n, turned(rng, picture, 31), n.to_bytes(16, "big")) for n in range(80)]
    assert different(made + rest, OPTIONS, 10).is_flood(OPTIONS, 10)


def test_one_uploader_cannot_have_an_entry_set_aside() -> None:
    alone = [replace(one, uploader=b"u" * 16) for one in scattered(40)]
    assert different(alone, OPTIONS, 10) == Counted(2, 2)
    four = [replace(one, uploader=bytes([n % 4]) * 16) for n, one in enumerate(scattered(40))]
    assert not different(four, OPTIONS, 10).is_flood(OPTIONS, 10)
    # Who sent them is not said.
    unsaid = [replace(one, uploader=None) for one in scattered(40)]
    assert different(unsaid, OPTIONS, 10).is_flood(OPTIONS, 10)


def test_the_same_bytes_count_once() -> None:
    one = hit(1, None)
    assert different([one, one, replace(one, at=AT)], OPTIONS, 10).different == 1
    # By md5 alone there is nothing to compare but the bytes.
    assert different([hit(n, None) for n in range(9)], OPTIONS, 10).different == 9
    # The keyed names of two services cannot be compared.
    assert different([one, replace(one, service_id=ServiceId("forum"))], OPTIONS, 10).different == 2


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 60),
    bound=st.integers(1, 40),
    shuffle=st.randoms(use_true_random=False),
)
def test_neither_order_nor_more_hits_make_it_less(
    seed: int, count: int, bound: int, shuffle: random.Random
) -> None:
    options = replace(OPTIONS, uploader_share=1.0)
    hits = scattered(count, seed)
    shuffled = list(hits)
    shuffle.shuffle(shuffled)
    found = different(hits, options, bound)
    assert found == different(shuffled, options, bound)
    assert found.different <= found.of == count
    assert different(hits[: count // 2], options, bound).different <= found.different
