"""No damage to any shape breaks the reader, takes it long, or makes it call out."""

from __future__ import annotations

import pytest

from safehold.provenance.model import Place, ProvenanceOptions, Reading
from tests.provenance import hostile

SEED = 20_250_607
COUNT = 1_500
PARTS = 5


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files_are_read_within_bounds(part: int) -> None:
    slow = []
    watched = hostile.watched(ProvenanceOptions())
    with watched as (reader, noted), hostile.counted_connections() as tried:
        for index in range(part, COUNT, PARTS):
            file = hostile.mutated(SEED, index)
            read = hostile.read(reader, file.data)
            _check(read.reading, len(file.data))
            assert noted == [], (index, file.shape, file.kind)
            if read.seconds >= hostile.MOST_SECONDS:
                slow.append((index, file.shape, file.kind, round(read.seconds, 3)))
    assert slow == []
    assert tried == []


def _check(reading: Reading, size: int) -> None:
    """What is told is within the file and within the bounds."""
    options = ProvenanceOptions()
    assert len(reading.pieces) <= options.max_pieces
    assert len(reading.claims) <= options.max_claims
    assert len(reading.passages) <= options.max_passages
    assert len(reading.embedded) <= options.max_embedded
    for place in (*reading.pieces, *(claim.place for claim in reading.claims)):
        assert _is_within(place, size), place
    assert all(len(one.text) <= options.max_passage_chars for one in reading.passages)
    assert all(len(one.data) <= options.max_embedded_bytes for one in reading.embedded)


def _is_within(place: Place, size: int) -> bool:
    if place.path.startswith("pixels"):
        return place.offset == place.length == 0
    return 0 <= place.offset <= size and place.path.isascii() and len(place.path) <= 120


def test_the_same_number_gives_the_same_file() -> None:
    again = [hostile.mutated(SEED, index) for index in range(40)]
    assert again == [hostile.mutated(SEED, index) for index in range(40)]
    assert len({file.data for file in again}) > 35
    assert hostile.mutated(SEED + 1, 3) != again[3]


def test_the_guard_counts() -> None:
    import socket

    with hostile.counted_connections() as tried, socket.socket() as one:
        for call in (lambda: one.connect(("127.0.0.1", 9)), lambda: socket.getaddrinfo("x", 1)):
            with pytest.raises(OSError, match="no network"):
                call()
    assert tried == ["connect", "getaddrinfo"]
