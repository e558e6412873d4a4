"""What is packed is read again, and what is damaged is not believed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.hashing.model import ExactDigests, SignalType
from safehold.ids import ChunkId
from safehold.media.model import Fault
from safehold.retro.model import KeptItem
from safehold.retro.packing import (
    columns_of,
    joined,
    pack,
    pack_contexts,
    unpack,
    unpack_contexts,
)
from safehold.retro.sealing import CONTEXTS, DIGESTS, KeptDamagedError, KeptSealer
from safehold.screening import Examination
from tests.retro.kept import KEY, item, variant

SOME_FAULTS = [None, Fault.DAMAGED, Fault.UNSUPPORTED]


def drawn(seed: int, count: int) -> list[KeptItem]:
    """Items with no, one or more variants."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        names = [f"variant_{rng.integers(5)}" for _ in range(rng.integers(0, 4))]
        variants = [variant(rng, name, int(rng.integers(0, 101))) for name in names]
        fault = SOME_FAULTS[int(rng.integers(3))]
        said = rng.bytes(int(rng.integers(0, 20))).hex().encode()
        content = f"{seed} {number}".encode()
        made.append(item(content, variants, fault=fault, context=said))
    return made


def keyed(kept: KeptItem) -> Examination:
    """An examination as it comes back: its exact digests are keyed."""
    found = kept.examination
    exact = found.exact
    assert exact is not None
    signals = (SignalType.MD5, SignalType.SHA1, SignalType.SHA256)
    md5, sha1, sha256 = (KEY.keyed(s, getattr(exact, s.value)) for s in signals)
    return Examination(
        exact=ExactDigests(md5, sha1, sha256, exact.size),
        frame_count=found.frame_count,
        variants=found.variants,
        fault=found.fault,
    )


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_what_is_packed_and_joined_is_read_again(seed: int, counts: list[int]) -> None:
    groups = [drawn(seed + place, count) for place, count in enumerate(counts)]
    parts = [unpack(pack(columns_of(group, KEY))) for group in groups]
    whole = unpack(pack(joined(parts)))
    items = [one for group in groups for one in group]
    assert whole.items == len(items)
    for place, one in enumerate(items):
        assert whole.examination(place) == keyed(one)
        assert whole.receipt(place) == one.receipt
    said = [one.context for one in items]
    assert unpack_contexts(pack_contexts(said), len(said)) == said


@settings(max_examples=60)
@given(st.data())
def test_what_is_cut_or_altered_is_refused_or_read_within_its_bounds(data: st.DataObject) -> None:
    content = bytearray(pack(columns_of(drawn(5, 6), KEY)))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 8)) :]
    place = data.draw(st.integers(0, max(0, min(200, len(content) - 1))))
    if content:
        content[place] ^= data.draw(st.integers(1, 255))
    try:
        columns = unpack(bytes(content))
    except KeptDamagedError:
        return
    owners = columns.owners(0)
    assert len(owners) == len(columns.pdq)
    assert all(-1 <= owner < columns.items for owner in owners)


def test_contexts_that_do_not_fit_are_refused() -> None:
    content = pack_contexts([b"{}", b"{}"])
    for bad in (content[:-1], content + b" ", b"", content[:6]):
        with pytest.raises(KeptDamagedError):
            unpack_contexts(bad, 2)


def test_a_sealed_part_is_bound_to_its_chunk_and_its_kind() -> None:
    sealer = KeptSealer(KEY)
    one, other = ChunkId("one"), ChunkId("other")
    sealed = sealer.seal(one, DIGESTS, b"columns")
    assert sealer.open(one, DIGESTS, sealed) == b"columns"
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for chunk_id, part, content in (
        (other, DIGESTS, sealed),
        (one, CONTEXTS, sealed),
        (one, DIGESTS, altered),
        (one, DIGESTS, b""),
    ):
        with pytest.raises(KeptDamagedError):
            sealer.open(chunk_id, part, content)
