"""Hashes, entries and snapshots for the tests: random, seeded, of nothing real."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.keyed import DigestKey
from safehold.matching.interface import PdqHits, SnapshotEntry
from safehold.matching.layout import SnapshotMetadata
from safehold.matching.snapshot_writer import write_snapshot

Hashes = NDArray[np.uint8]

KEY = DigestKey(bytes(range(32)))
CREATED = dt.datetime(2026, 3, 1, 12, 30, tzinfo=dt.UTC)
METADATA = SnapshotMetadata("test-list", "confirmed", CREATED, {"source": "tests", "n": 3})


def random_hashes(rng: np.random.Generator, count: int) -> Hashes:
    return rng.integers(0, 256, (count, 32), dtype=np.uint8)


def balanced_hashes(rng: np.random.Generator, count: int) -> Hashes:
    """Exactly 128 bits set in each."""
    bits = np.tile(np.repeat(np.array([0, 1], np.uint8), 128), (count, 1))
    return np.packbits(rng.permuted(bits, axis=1), axis=1)


def flipped(rng: np.random.Generator, pdq: Hashes, bits: int) -> Hashes:
    """One hash of shape (32,) with exactly `bits` bits turned over."""
    unpacked = np.unpackbits(pdq)
    unpacked[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(unpacked)


def family(rng: np.random.Generator, centre: Hashes, count: int, bits: int) -> Hashes:
    """`count` hashes within `bits` of a centre, duplicates among them."""
    return np.array([flipped(rng, centre, int(rng.integers(0, bits + 1))) for _ in range(count)])


def triples(hits: PdqHits) -> list[tuple[int, int, int]]:
    """(query, distance, row) of each hit, in their order."""
    return list(zip(hits.query.tolist(), hits.distance.tolist(), hits.row.tolist(), strict=True))


def expected(rows: Hashes, queries: Hashes, threshold: int) -> list[tuple[int, int, int]]:
    """The same by numpy alone, bit by bit."""
    out = []
    for q, query in enumerate(queries):
        distances = np.unpackbits(rows ^ query, axis=1).sum(axis=1)
        out += [(q, int(distances[r]), int(r)) for r in np.flatnonzero(distances <= threshold)]
    return sorted(out)


def entries(count: int, seed: int = 1) -> list[SnapshotEntry]:
    """Entries with different sets of digests; each has one at least."""
    rng = np.random.default_rng(seed)
    out = []
    for i in range(count):
        have = int(rng.integers(1, 16))
        out.append(
            SnapshotEntry(
                f"entry-{i}",
                ("", "A1", "B2", "täglich")[i % 4],
                rng.bytes(16) if have & 1 else None,
                rng.bytes(16) if have & 2 else None,
                rng.bytes(16) if have & 4 else None,
                rng.bytes(32) if have & 8 else None,
                (None, 0, 50, 100)[i % 4] if have & 8 else None,
            )
        )
    return out


def write(path: Path, items: Iterable[SnapshotEntry], key: DigestKey = KEY) -> Path:
    write_snapshot(path, items, METADATA, key.fingerprint())
    return path
