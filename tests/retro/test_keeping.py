"""Keeping never waits, keeps within its bounds, and counts what is lost."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np

from safehold.cases.model import OccurrenceKind
from safehold.clock import FixedClock
from safehold.hashing.exact import exact_digests
from safehold.ids import IdMaker
from safehold.intake.model import Context, Submission
from safehold.policy.model import Decision, Observation, Verdict
from safehold.provenance.model import Reading
from safehold.retro.keeping import Keeper, expiry, kept_item
from safehold.retro.model import RetroOptions
from safehold.retro.packing import unpack, unpack_contexts
from safehold.retro.sealing import CONTEXTS, DIGESTS, KeptSealer
from safehold.screening import Examination, Screened
from safehold.testing.records import MemoryRecords
from tests.retro.kept import KEY, SHOP, T0, variant

RECEIPT = "A" * 68
# What is written, is written when the test says so.
BY_HAND = RetroOptions(flush_seconds=3_600.0, flush_items=10_000)


def submission(content: str, **more: Any) -> Submission:
    """An item that was allowed."""
    examination = Examination(
        exact=exact_digests(content.encode()),
        frame_count=1,
        variants=(variant(np.random.default_rng(len(content))),),
        reading=Reading(),
    )
    screened = Screened(examination, (), Decision(Verdict.ALLOW, ()), Observation(()))
    context = Context(reference=f"photo {content}", prompt="quindle", generation='{"seed": 5}')
    made = Submission(
        service_id=SHOP,
        kind=OccurrenceKind.UPLOAD,
        surface="kept",
        context=context,
        received=T0,
        sha256=b"",
        screened=screened,
        lists={"partner": 4},
    )
    return replace(made, **more)


class House:
    """A keeper over records in memory."""

    def __init__(self, options: RetroOptions = BY_HAND) -> None:
        self.records = MemoryRecords()
        self.sealer = KeptSealer(KEY)
        self.failed: list[str] = []
        ids = IdMaker(FixedClock(T0))
        self.keeper = Keeper(self.records, self.sealer, KEY, ids, options, self.failed.append)

    def keep(self, content: str, days: float = 3.0, **more: Any) -> None:
        self.keeper.keep(submission(content, **more), RECEIPT, days)

    def kept(self) -> list[tuple[int, dict[str, int]]]:
        with self.records.read() as transaction:
            return [(head.items, dict(head.versions)) for head in transaction.kept.heads()]


def test_what_is_kept_are_digests_and_what_was_said_but_no_words_of_a_prompt() -> None:
    house = House()
    house.keep("one")
    house.keep("two", received=T0 + dt.timedelta(minutes=5))
    assert house.keeper.waiting == 2
    assert house.keeper.flush()
    with house.records.read() as transaction:
        [head] = transaction.kept.heads()
        chunk = transaction.kept.chunk(head.chunk_id)
    assert chunk is not None
    columns = unpack(house.sealer.open(head.chunk_id, DIGESTS, chunk.digests))
    assert columns.items == head.items == 2
    assert columns.receipt(0) == RECEIPT
    said = unpack_contexts(house.sealer.open(head.chunk_id, CONTEXTS, chunk.contexts), 2)
    assert b"photo one" in said[0]
    assert T0.isoformat().encode() in said[0]
    assert b"quindle" not in said[0]
    assert b"seed" not in said[0]


def test_groups_are_kept_apart_and_tell_the_oldest_version_of_common_lists() -> None:
    house = House()
    house.keep("one", lists={"partner": 4, "own": 1})
    house.keep("two", lists={"partner": 3})
    house.keep("three", surface="avatar")
    house.keep("four", days=9.0)
    assert house.keeper.flush()
    assert sorted(house.kept(), key=str) == [
        (1, {"partner": 4}),
        (1, {"partner": 4}),
        (2, {"partner": 3}),
    ]


def test_what_is_canary_unread_or_kept_for_no_time_is_not_kept() -> None:
    assert kept_item(submission("one", canary=True), RECEIPT, 3.0) is None
    assert kept_item(submission("one"), RECEIPT, 0.01) is None
    unread = replace(submission("one").screened, examination=Examination())
    assert kept_item(submission("one", screened=unread), RECEIPT, 3.0) is None
    late = T0 + dt.timedelta(minutes=59)
    assert expiry(late, 1.0) == T0 + dt.timedelta(days=1)


def test_beyond_the_bound_what_comes_is_counted_and_nothing_else() -> None:
    house = House(replace(BY_HAND, waiting_hashes=40))
    for number in range(9):
        house.keep(f"{number}")
    waiting = house.keeper.waiting
    assert 1 < waiting < 9
    assert house.keeper.lost == 9 - waiting
    # What a caller said counts too.
    other = House(replace(BY_HAND, waiting_hashes=40))
    for number in range(9):
        other.keep(f"{number}", context=Context(url="https://example.org/" + "x" * 900))
    assert other.keeper.waiting < waiting
    assert house.keeper.flush()
    house.keep("later")
    assert house.keeper.waiting == 1


def test_what_cannot_be_written_waits_and_is_written_later() -> None:
    house = House()
    house.keep("one")
    house.records.broken = True
    assert not house.keeper.flush()
    house.keep("two")
    assert house.keeper.waiting == 2
    assert len(house.failed) == 1
    house.records.broken = False
    assert house.keeper.flush()
    assert house.kept() == [(2, {"partner": 4})]
    assert house.keeper.lost == 0


def test_what_cannot_be_written_at_the_end_is_counted() -> None:
    house = House()
    house.keep("one")
    house.records.broken = True
    house.keeper.close()
    house.keep("two")
    assert house.keeper.lost == 2
    house.records.broken = False
    assert house.kept() == []


def test_a_full_group_is_written_at_once() -> None:
    house = House(replace(BY_HAND, flush_items=3))
    for number in range(3):
        house.keep(f"{number}")
    house.keeper.close()
    assert house.kept() == [(3, {"partner": 4})]
