"""Recording what leaves, finding it again by exact and near copies, forgetting it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.hashing.model import Orientation
from safehold.ids import ServiceId
from safehold.ledger.model import LedgerOptions, Refusal
from safehold.ledger.near import nearest
from safehold.ledger.sealed import KIND, from_json, to_json
from safehold.ledger.service import LedgerService
from safehold.storage.engine import DatabaseError
from safehold.vault.sealing import DamagedError
from tests.ledger.rooms import ATELIER, STUDIO, T0, TOLD, WORDS, Room, exact, new, variant

PDQ = bytes(range(32))
FAR = bytes(255 - n for n in range(32))


def flipped(pdq: bytes, bits: int) -> bytes:
    """A hash so many bits away."""
    number = int.from_bytes(pdq) ^ ((1 << bits) - 1)
    return number.to_bytes(32)


def test_a_batch_is_sealed_once_and_kept_without_its_words() -> None:
    room = Room()
    room.add(new(b"one", PDQ), new(b"two"))
    room.add()
    assert room.sealings == 1
    two, one = sorted(room.rows(), key=lambda row: row.pdq is not None)
    assert room.opened(one) == room.opened(two) == TOLD
    assert (one.service_id, one.api, one.account, one.at) == (STUDIO, "openai", b"a" * 16, T0)
    assert (one.pdq, one.pdq_quality, two.pdq, two.pdq_quality) == (PDQ, 90, None, None)
    assert len({one.release_id, two.release_id}) == 2


def test_words_are_kept_where_the_operator_says_so_and_bounded() -> None:
    room = Room(LedgerOptions(prompts=True, words_bytes=6))
    room.add(new(b"one"), words="tea")
    assert room.opened(room.rows()[0]) == TOLD | {"words": "tea"}
    room.clock.advance(dt.timedelta(seconds=1))
    room.add(new(b"two"), words="théière")  # cut within no character
    assert room.opened(room.rows()[0]) == TOLD | {"words": "théi", "cut": True}


def test_nothing_of_a_person_or_of_the_bytes_stands_in_the_clear() -> None:
    room = Room(LedgerOptions(prompts=True))
    room.add(new(b"one", PDQ))
    room.ledger.trace(exact(b"one"), [variant(PDQ)])
    [row] = room.rows()
    values = [one for one in dataclasses.astuple(row) if isinstance(one, bytes)]
    kept = b"".join(values) + f"{dataclasses.astuple(row)}{room.events()}".encode()
    for said in (TOLD["account"], TOLD["address"], TOLD["seed"], TOLD["job"], "lighthouse"):
        assert str(said).encode() not in kept
    assert exact(b"one").sha256 not in kept
    assert not any(name in repr(row) for name in ("content=", "pdq=", "sealed=", "account="))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=3_000),
        lambda inner: st.lists(inner, max_size=80) | st.dictionaries(st.text(), inner, max_size=9),
        max_leaves=30,
    ),
    st.integers(64, 3_000),
)
@settings(max_examples=60)
def test_what_is_sealed_is_bounded_and_can_be_read(said: Any, most: int) -> None:
    options = LedgerOptions(told_bytes=most, prompts=True, words_bytes=100)
    content = to_json({"account": "x", "models": said}, "w" * 300, options)
    assert len(content) <= most + 300
    found = from_json(content)
    assert found["words"] == "w" * 100
    assert found["cut"] is True


def test_half_characters_and_deep_texts_are_no_fault() -> None:
    told = {"account": "a\ud800b", "seed": "1"}
    assert from_json(to_json(told, "w\udfff", LedgerOptions(prompts=True))) == {
        "account": "a?b",
        "seed": "1",
        "words": "w?",
    }


@pytest.mark.parametrize(
    "content", [b"AGE-SECRET-KEY-1", b"{}", b'{"kind": "x"}', b"[1]", b"\xff", b"[" * 9_999]
)
def test_what_is_no_record_of_a_release_is_damaged(content: bytes) -> None:
    with pytest.raises(DamagedError):
        from_json(content)
    assert from_json(b'{"kind": "%s", "a": 1}' % KIND.encode()) == {"a": 1}


def test_exact_copies_are_found_for_every_service_the_newest_first() -> None:
    room = Room()
    room.add(new(b"one", PDQ))
    room.clock.advance(dt.timedelta(hours=1))
    room.add(new(b"one", PDQ), service=ATELIER)
    room.add(new(b"other", FAR))
    found = room.ledger.trace(exact(b"one"), [variant(PDQ)])
    assert [(one.release.service_id, one.exact, one.distance) for one in found] == [
        (ATELIER, True, 0),
        (STUDIO, True, 0),
    ]
    assert len({one.release.content for one in found}) == 2  # keyed by service
    assert room.ledger.trace(exact(b"third"), []) == ()
    # Who cannot be read has no digests; a service that is unknown has no releases.
    assert room.ledger.trace(None, []) == ()
    room.add(new(b"third"), service=ServiceId("s-gone"))
    assert room.ledger.trace(exact(b"third"), []) == ()


def test_near_copies_come_nearest_first_with_how_they_are_turned() -> None:
    room = Room()
    for bits in (20, 0, 31, 32):
        room.add(new(b"%d" % bits, flipped(PDQ, bits)))
        room.clock.advance(dt.timedelta(seconds=1))
    mirrored = variant(FAR, PDQ, name="trimmed")
    found = room.ledger.trace(exact(b"copy"), [variant(FAR, quality=49), mirrored])
    assert [(one.exact, one.distance) for one in found] == [(False, 0), (False, 20), (False, 31)]
    assert {(one.variant, one.orientation) for one in found} == {
        ("trimmed", Orientation.ROTATE90.value)
    }
    # Below the quality floor likeness is not asked.
    assert room.ledger.trace(exact(b"copy"), [variant(PDQ, quality=49)]) == ()
    closer = dataclasses.replace(room.ledger._parts, options=LedgerOptions(distance=19))
    assert len(LedgerService(closer).trace(None, [mirrored])) == 1


def test_at_most_so_many_are_told_each_once() -> None:
    room = Room(LedgerOptions(answers=4))
    for n in range(3):
        room.add(new(b"same", flipped(PDQ, n)))
        room.clock.advance(dt.timedelta(seconds=1))
    room.add(new(b"like", flipped(PDQ, 5)), new(b"less", flipped(PDQ, 9)))
    seen: list[int] = []
    found = room.ledger.trace(exact(b"same"), [variant(PDQ)], seen.append)
    assert [(one.exact, one.distance) for one in found] == [(True, 0)] * 3 + [(False, 5)]
    assert seen == [5]
    near = room.ledger.trace(None, [variant(PDQ)])
    assert [one.distance for one in near] == [0, 1, 2, 5]


def test_the_nearest_are_those_of_a_plain_comparison() -> None:
    rng = np.random.default_rng(7)
    base = rng.integers(0, 256, 32, np.uint8).tobytes()
    rows = [(f"r{n:04}", flipped(base, int(rng.integers(0, 60)))) for n in range(500)]
    pages = [rows[start : start + 64] for start in range(0, 500, 64)]
    asked = [variant(base, flipped(base, 8)), variant(flipped(base, 40), name="trimmed")]
    hashes = [pdq for one in asked for pdq in one.pdq]
    by_hand = sorted(
        (
            (min((int.from_bytes(pdq) ^ int.from_bytes(q)).bit_count() for q in hashes), name)
            for name, pdq in rows
        ),
        key=lambda one: (one[0], -int(one[1][1:])),
    )
    for most, distance in ((20, 31), (500, 31), (3, 0)):
        expected = [one for one in by_hand if one[0] <= distance][:most]
        found = nearest(pages, asked, distance, most)
        assert [(one.distance, one.release_id) for one in found] == expected
    assert nearest(pages, [], 31, 20) == []


def test_what_cannot_be_written_is_not_recorded() -> None:
    room = Room()
    room.records.broken = True
    with pytest.raises(DatabaseError):
        room.add(new(b"one"))
    room.records.broken = False
    assert room.rows() == []


def test_what_is_old_is_forgotten_and_counted_in_the_audit_log() -> None:
    room = Room(LedgerOptions(days=10, refusal_days=2))
    room.add(new(b"old", PDQ), new(b"older"))
    with room.records.write() as transaction:
        transaction.ledger.add_refusal(Refusal(STUDIO, T0, b"a" * 16, "words"))
    room.clock.advance(dt.timedelta(days=5))
    room.add(new(b"young"))
    assert room.ledger.forget(room.clock.now()) == 1  # the refusal
    room.clock.advance(dt.timedelta(days=6))
    assert [room.ledger.forget(room.clock.now(), 1) for _ in range(3)] == [1, 1, 0]
    assert room.ledger.trace(exact(b"old"), [variant(PDQ)]) == ()
    assert len(room.ledger.trace(exact(b"young"), [])) == 1
    assert room.events() == [("ledger.forgotten", "system", {"rows": 1})] * 3
    assert WORDS not in str(room.rows())
