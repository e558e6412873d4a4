"""Many hashes streamed against a few: which of a million kept hashes are near to new ones.

The usual search has a long table that stays and a few queries. Looking back is the other way
round: the few new hashes are the table, and every kept hash asks it once. So the table is made
such that asking costs little, and making it may cost much: for each of 16 bands of 16 bits each
new hash stands under every key that is at most `radius` bits from its own. By the pigeonhole
principle two hashes within t bits have a band in which they differ by at most t // 16 bits, so one
look under the kept hash's own key in each band misses nothing. A bitmap says where nothing
stands; it is small enough (128 KiB) to stay in the second cache.

A hash is four uint64 words, the little-endian view of its 32 bytes; band b is the b-th uint16.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel

BANDS = 16
"""Bands of 16 bits."""
KEYS = 1 << 16
"""Keys of a band."""

_M1 = np.uint64(0x5555555555555555)
_M2 = np.uint64(0x3333333333333333)
_M4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_H01 = np.uint64(0x0101010101010101)
_S1 = np.uint64(1)
_S2 = np.uint64(2)
_S4 = np.uint64(4)
_S56 = np.uint64(56)
_LOW = np.uint64(0xFFFF)
_ONE = np.uint64(1)
_B63 = np.uint64(63)


class NewHashes(NamedTuple):
    """The table of new hashes; read-only arrays.

    Attributes:
        rows: uint64, shape (n, 4).
        bitmap: uint64, shape (BANDS, KEYS // 64): whether anything stands under a key.
        offsets: uint32, shape (BANDS, KEYS + 1): places in `ids`; `ids` of one band follow
            those of the band before.
        ids: uint32: numbers of new hashes, grouped by band and key.
        threshold: int64, shape (1,).
    """

    rows: NDArray[np.uint64]
    bitmap: NDArray[np.uint64]
    offsets: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    threshold: NDArray[np.int64]


class NearHits(NamedTuple):
    """Where hits are written; all arrays are writable and contiguous.

    Attributes:
        owner: int64, shape (capacity,): of the kept hash.
        new: int64, shape (capacity,): number of the new hash.
        counts: int64, shape (n,): owners that each new hash has met, those beyond `limit` among
            them.
        last: int64, shape (n,): the owner that each new hash met last; -1 before the first.
    """

    owner: NDArray[np.int64]
    new: NDArray[np.int64]
    counts: NDArray[np.int64]
    last: NDArray[np.int64]


@kernel(nogil=True)
def fill_bands(
    keys: NDArray[np.uint16],
    masks: NDArray[np.uint16],
    bitmap: NDArray[np.uint64],
    offsets: NDArray[np.uint32],
    ids: NDArray[np.uint32],
) -> None:
    """Put every new hash under all keys that are near to its own.

    Args:
        keys: uint16, shape (n, BANDS): the bands of the new hashes, read-only.
        masks: uint16: all differences that count, read-only.
        bitmap: of `NewHashes`, zeroed; it is filled.
        offsets: of `NewHashes`, zeroed; it is filled.
        ids: uint32, shape (BANDS * n * masks,); it is filled.
    """
    n = keys.shape[0]
    start = np.uint32(0)
    for b in range(BANDS):
        for i in range(n):
            for m in range(masks.shape[0]):
                key = np.int64(keys[i, b] ^ masks[m])
                offsets[b, key] += np.uint32(1)
                bitmap[b, key >> 6] |= _ONE << np.uint64(key & 63)
        place = start
        for k in range(KEYS):
            held = offsets[b, k]
            offsets[b, k] = place
            place += held
        offsets[b, KEYS] = place
        for i in range(n):
            for m in range(masks.shape[0]):
                key = np.int64(keys[i, b] ^ masks[m])
                ids[offsets[b, key]] = np.uint32(i)
                offsets[b, key] += np.uint32(1)
        for k in range(KEYS - 1, 0, -1):
            offsets[b, k] = offsets[b, k - 1]
        offsets[b, 0] = start
        start = place


@kernel(nogil=True)
def search_kept(
    kept: NDArray[np.uint64],
    owners: NDArray[np.int64],
    table: NewHashes,
    limit: int,
    hits: NearHits,
) -> int:
    """All pairs of an owner and a new hash that are near by one of the owner's hashes.

    Each pair is written once. Of a new hash at most `limit` owners are written, so that a hash
    that is near to everything fills no memory. Pairs beyond the capacity are counted and not
    written; the caller comes again with room.

    Args:
        kept: uint64, shape (m, 4), read-only: the kept hashes, those of one owner one after
            another.
        owners: int64, shape (m // per,), read-only: the owner of each run of m // owners.shape[0]
            hashes; negative for hashes that do not count.
        table: the new hashes.
        limit: see above.
        hits: where to write.

    Returns:
        How many pairs there are to write.
    """
    capacity = hits.owner.shape[0]
    threshold = table.threshold[0]
    runs = owners.shape[0]
    per = kept.shape[0] // runs if runs else 0
    total = 0
    words = np.empty(4, np.uint64)
    for run in range(runs):
        owner = owners[run]
        if owner < 0:
            continue
        for row in range(run * per, run * per + per):
            for w in range(4):
                words[w] = kept[row, w]
            for b in range(BANDS):
                key = np.int64((words[b >> 2] >> np.uint64((b & 3) * 16)) & _LOW)
                if not (table.bitmap[b, key >> 6] >> (np.uint64(key) & _B63)) & _ONE:
                    continue
                for place in range(table.offsets[b, key], table.offsets[b, key + 1]):
                    new = table.ids[place]
                    if hits.last[new] == owner:
                        continue
                    x = table.rows[new, 0] ^ words[0]
                    x = x - ((x >> _S1) & _M1)
                    x = (x & _M2) + ((x >> _S2) & _M2)
                    x = (x + (x >> _S4)) & _M4
                    d = np.int64((x * _H01) >> _S56)
                    x = table.rows[new, 1] ^ words[1]
                    x = x - ((x >> _S1) & _M1)
                    x = (x & _M2) + ((x >> _S2) & _M2)
                    x = (x + (x >> _S4)) & _M4
                    d += np.int64((x * _H01) >> _S56)
                    if d > threshold:
                        continue
                    for w in range(2, 4):
                        x = table.rows[new, w] ^ words[w]
                        x = x - ((x >> _S1) & _M1)
                        x = (x & _M2) + ((x >> _S2) & _M2)
                        x = (x + (x >> _S4)) & _M4
                        d += np.int64((x * _H01) >> _S56)
                    if d > threshold:
                        continue
                    hits.last[new] = owner
                    hits.counts[new] += 1
                    if hits.counts[new] > limit:
                        continue
                    if total < capacity:
                        hits.owner[total] = owner
                        hits.new[total] = np.int64(new)
                    total += 1
    return total
