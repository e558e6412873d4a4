"""Exact Hamming range search over 256-bit hashes: linear scan and banded tables.

A hash is four uint64 words, the little-endian view of its 32 bytes; bit b of the hash is bit
b % 64 of word b // 64. All kernels release the GIL and index only what they have bounded:
offsets and rows read from tables may come from a damaged file.

The banded search is multi-index hashing (Norouzi, Punjani, Fleet, 2012) with the general
pigeonhole principle, sharpened by the ring argument of Qin and Xiao (Pigeonring, 2018). Bands
are disjoint ranges of bits, d_i the distance within band i, and the tolerances T_i >= 0 sum up
to t + 1. A row within t bits has sum(d_i - T_i) < 0, so by the cycle lemma there is a band i
from which all running sums around the ring are negative: d_i < T_i, and also
d_i + d_(i+1) < T_i + T_(i+1). The first condition says which keys to probe (those at most
T_i - 1 bits away); the second is checked on a 16-bit signature, the low bits of band i + 1,
which stands beside each row number. Few rows pass both and must be fetched, and that is what
costs time, since each is a miss of the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel

DAMAGED = -1
"""Returned by `search_bands` when a table points outside of itself."""

FALLBACK = -1
"""Stands in `Hits.counts` for a query that is cheaper by a linear scan and was given up."""

# The classic bit-slice population count; LLVM knows the pattern and emits one instruction.
_M1 = np.uint64(0x5555555555555555)
_M2 = np.uint64(0x3333333333333333)
_M4 = np.uint64(0x0F0F0F0F0F0F0F0F)
_H01 = np.uint64(0x0101010101010101)
_S1 = np.uint64(1)
_S2 = np.uint64(2)
_S4 = np.uint64(4)
_S56 = np.uint64(56)
_ONE = np.uint64(1)
_W63 = np.uint64(63)

_PROBE_BLOCK = 512
_CANDIDATE_BLOCK = 4096
_ROW_BLOCK = 512


class Hits(NamedTuple):
    """Where kernels write hits; all arrays are writable and contiguous.

    Attributes:
        query: int32, shape (capacity,).
        row: int64, shape (capacity,).
        distance: int16, shape (capacity,).
        counts: int64, shape (queries,): hits of each query, also of those that found no room.
        stats: int64, shape (4,): entries scanned, rows fetched, queries given up, scratch.
    """

    query: NDArray[np.int32]
    row: NDArray[np.int64]
    distance: NDArray[np.int16]
    counts: NDArray[np.int64]
    stats: NDArray[np.int64]


class BandTables(NamedTuple):
    """The tables of all bands, flat; read-only arrays.

    Attributes:
        rows: uint64, shape (n, 4).
        offsets: uint32; for each band 2**width + 1 of them.
        ids: uint32, shape (bands * n,): row numbers, grouped by key.
        signatures: uint16, shape (bands * n,): beside each row number the low bits of the
            following band (of band 0 for the last).
        bands: int64, shape (bands, 4): first bit, width, place of its first offset, bits of
            its signature when it is the following band (at most 16).
    """

    rows: NDArray[np.uint64]
    offsets: NDArray[np.uint32]
    ids: NDArray[np.uint32]
    signatures: NDArray[np.uint16]
    bands: NDArray[np.int64]


class ProbePlan(NamedTuple):
    """What to probe, for queries of even (0) and of odd (1) population count.

    Attributes:
        thresholds: int64, shape (2,).
        tolerances: int64, shape (2, bands): T_i = radius + 1; 0 skips the band.
        spans: int64, shape (2, bands, 2): from where to where in `masks`.
        masks: uint32: differences to the query's key, ascending so that neighbours in memory
            follow one another.
        scan_limit: int64, shape (1,): scanned entries beyond which a query is given up.
    """

    thresholds: NDArray[np.int64]
    tolerances: NDArray[np.int64]
    spans: NDArray[np.int64]
    masks: NDArray[np.uint32]
    scan_limit: NDArray[np.int64]


@kernel(nogil=True)
def scan_rows(
    rows: NDArray[np.uint64],
    queries: NDArray[np.uint64],
    limits: NDArray[np.int64],
    hits: Hits,
) -> int:
    """Compare every query with every row; gives how many hits there are.

    Hits beyond the capacity are counted and not written; the caller comes again with room.

    Args:
        rows: uint64, shape (n, 4), read-only.
        queries: uint64, shape (m, 4), read-only.
        limits: int64, shape (m,): inclusive bound on each query's distance.
        hits: written in no promised order.
    """
    n = rows.shape[0]
    m = queries.shape[0]
    capacity = hits.row.shape[0]
    total = 0
    for q in range(m):
        hits.counts[q] = 0
    for first in range(0, n, _ROW_BLOCK):  # a block stays in the first cache for all queries
        last = min(first + _ROW_BLOCK, n)
        for q in range(m):
            limit = limits[q]
            for r in range(first, last):
                d = np.int64(0)
                for w in range(4):
                    x = rows[r, w] ^ queries[q, w]
                    x = x - ((x >> _S1) & _M1)
                    x = (x & _M2) + ((x >> _S2) & _M2)
                    x = (x + (x >> _S4)) & _M4
                    d += np.int64((x * _H01) >> _S56)
                if d <= limit:
                    if total < capacity:
                        hits.query[total] = q
                        hits.row[total] = r
                        hits.distance[total] = d
                    hits.counts[q] += 1
                    total += 1
    return total


@kernel(nogil=True)
def build_band(
    rows: NDArray[np.uint64],
    band: NDArray[np.int64],
    offsets: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    signatures: NDArray[np.uint16],
) -> None:
    """Fill one band's table by counting sort, within the given arrays.

    Args:
        rows: uint64, shape (n, 4), read-only.
        band: int64, shape (4,), read-only: first bit and width of the band, then first bit
            and signature bits of the following one.
        offsets: uint32, shape (2**width + 1,), all zero.
        ids: uint32, shape (n,).
        signatures: uint16, shape (n,).
    """
    n = rows.shape[0]
    word = band[0] >> 6
    above = min(word + 1, 3)
    shift = np.uint64(band[0] & 63)
    unshift = _W63 - shift
    mask = (_ONE << np.uint64(band[1])) - _ONE
    word2 = band[2] >> 6
    above2 = min(word2 + 1, 3)
    shift2 = np.uint64(band[2] & 63)
    unshift2 = _W63 - shift2
    mask2 = (_ONE << np.uint64(band[3])) - _ONE
    # (x << 1) << (63 - s) is x << (64 - s) and 0 where s is 0; a band never runs past bit 255.
    for r in range(n):
        key = ((rows[r, word] >> shift) | ((rows[r, above] << _S1) << unshift)) & mask
        offsets[key] += np.uint32(1)
    total = np.uint32(0)
    for k in range(offsets.shape[0]):
        count = offsets[k]
        offsets[k] = total
        total += count
    for r in range(n):
        key = ((rows[r, word] >> shift) | ((rows[r, above] << _S1) << unshift)) & mask
        sign = ((rows[r, word2] >> shift2) | ((rows[r, above2] << _S1) << unshift2)) & mask2
        place = offsets[key]
        offsets[key] = place + np.uint32(1)
        ids[place] = r
        signatures[place] = sign
    for k in range(offsets.shape[0] - 1, 0, -1):
        offsets[k] = offsets[k - 1]
    offsets[0] = 0


@kernel(nogil=True)
def search_bands(  # noqa: PLR0912, PLR0915 - one pass; kernels cannot call one another
    tables: BandTables, plan: ProbePlan, queries: NDArray[np.uint64], hits: Hits
) -> int:
    """Range search by bands; gives how many hits there are, or `DAMAGED`.

    Loads that do not depend on one another are made in runs (all offsets of a block of
    probes, then a touch of all the groups, then the scan, then the rows), so that the
    processor waits for many misses of the cache at once.

    Each row is written once, by the first band that finds it. Hits beyond the capacity are
    counted and not written. A query that would scan more than `plan.scan_limit` entries is
    given up: its hits are taken back and its count is `FALLBACK`.
    """
    n = np.uint64(tables.rows.shape[0])
    n_bands = tables.bands.shape[0]
    capacity = hits.row.shape[0]
    low = np.empty(_PROBE_BLOCK, np.uint64)
    high = np.empty(_PROBE_BLOCK, np.uint64)
    budget = np.empty(_PROBE_BLOCK, np.int64)
    candidate = np.empty(_CANDIDATE_BLOCK, np.uint64)
    finder = np.empty(_CANDIDATE_BLOCK, np.int64)
    words = np.zeros(5, np.uint64)
    inside = np.empty(n_bands, np.int64)
    total = 0
    touched = np.uint64(0)
    for q in range(queries.shape[0]):
        words[4] = np.uint64(0)
        odd = np.uint64(0)
        for w in range(4):
            words[w] = queries[q, w]
            odd ^= queries[q, w]
        x = odd - ((odd >> _S1) & _M1)
        x = (x & _M2) + ((x >> _S2) & _M2)
        x = (x + (x >> _S4)) & _M4
        side = np.int64(((x * _H01) >> _S56) & _ONE)
        threshold = plan.thresholds[side]
        last_band = n_bands - 1
        while last_band > 0 and plan.tolerances[side, last_band] == 0:
            last_band -= 1
        found = 0
        scanned = np.int64(0)
        filled = np.int64(0)
        for b in range(last_band + 1):
            following = b + 1 if b + 1 < n_bands else 0
            tolerance = plan.tolerances[side, b] + plan.tolerances[side, following] - 1
            word = tables.bands[b, 0] >> 6
            shift = np.uint64(tables.bands[b, 0] & 63)
            key = (words[word] >> shift) | ((words[word + 1] << _S1) << (_W63 - shift))
            key &= (_ONE << np.uint64(tables.bands[b, 1])) - _ONE
            word = tables.bands[following, 0] >> 6
            shift = np.uint64(tables.bands[following, 0] & 63)
            sign = (words[word] >> shift) | ((words[word + 1] << _S1) << (_W63 - shift))
            sign &= (_ONE << np.uint64(tables.bands[following, 3])) - _ONE
            base = np.uint64(tables.bands[b, 2])
            home = np.uint64(b) * n
            probe = plan.spans[side, b, 0]
            end = plan.spans[side, b, 1]
            while probe < end:
                size = min(_PROBE_BLOCK, end - probe)
                for i in range(size):
                    x = np.uint64(plan.masks[probe + i])
                    place = base + (key ^ x)
                    first = np.uint64(tables.offsets[place])
                    after = np.uint64(tables.offsets[place + _ONE])
                    if first > after or after > n:
                        return DAMAGED
                    low[i] = home + first
                    high[i] = home + after
                    x = x - ((x >> _S1) & _M1)
                    x = (x & _M2) + ((x >> _S2) & _M2)
                    x = (x + (x >> _S4)) & _M4
                    budget[i] = tolerance - np.int64((x * _H01) >> _S56)
                for i in range(size):
                    scanned += np.int64(high[i] - low[i])
                    if high[i] > low[i]:
                        touched += np.uint64(tables.signatures[low[i]])
                        touched += np.uint64(tables.signatures[high[i] - _ONE])
                if scanned > plan.scan_limit[0]:
                    break
                probe += size
                i = 0
                position = low[0]
                while i < size:
                    while i < size and filled < _CANDIDATE_BLOCK:
                        stop = min(high[i], position + np.uint64(_CANDIDATE_BLOCK - filled))
                        allowed = budget[i]
                        while position < stop:
                            x = np.uint64(tables.signatures[position]) ^ sign
                            x = x - ((x >> _S1) & _M1)
                            x = (x & _M2) + ((x >> _S2) & _M2)
                            x = (x + (x >> _S4)) & _M4
                            candidate[filled] = position
                            finder[filled] = b
                            filled += np.int64(np.int64((x * _H01) >> _S56) <= allowed)
                            position += _ONE
                        if position == high[i]:
                            i += 1
                            if i < size:
                                position = low[i]
                    final = b == last_band and probe >= end and i >= size
                    if filled < _CANDIDATE_BLOCK and not final:
                        continue
                    hits.stats[1] += filled
                    for j in range(filled):
                        candidate[j] = np.uint64(tables.ids[candidate[j]])
                    for j in range(filled):
                        r = candidate[j]
                        if r >= n:
                            return DAMAGED
                        d = np.int64(0)
                        for w in range(4):
                            x = tables.rows[r, w] ^ words[w]
                            x = x - ((x >> _S1) & _M1)
                            x = (x & _M2) + ((x >> _S2) & _M2)
                            x = (x + (x >> _S4)) & _M4
                            d += np.int64((x * _H01) >> _S56)
                        if d > threshold:
                            continue
                        # Written by the first band that finds it: look at those before.
                        new = True
                        for c in range(finder[j] + 1):
                            word = tables.bands[c, 0] >> 6
                            above = min(word + 1, 3)
                            shift = np.uint64(tables.bands[c, 0] & 63)
                            x = (tables.rows[r, word] ^ words[word]) >> shift
                            y = tables.rows[r, above] ^ words[above]
                            x |= (y << _S1) << (_W63 - shift)
                            x &= (_ONE << np.uint64(tables.bands[c, 1])) - _ONE
                            y = x & ((_ONE << np.uint64(tables.bands[c, 3])) - _ONE)
                            x = x - ((x >> _S1) & _M1)
                            x = (x & _M2) + ((x >> _S2) & _M2)
                            x = (x + (x >> _S4)) & _M4
                            inside[c] = np.int64((x * _H01) >> _S56)
                            y = y - ((y >> _S1) & _M1)
                            y = (y & _M2) + ((y >> _S2) & _M2)
                            y = (y + (y >> _S4)) & _M4
                            beside = np.int64((y * _H01) >> _S56)
                            if c == 0:
                                continue
                            own = plan.tolerances[side, c - 1]
                            both = own + plan.tolerances[side, c]
                            if inside[c - 1] < own and inside[c - 1] + beside < both:
                                new = False
                                break
                        if new:
                            if total + found < capacity:
                                hits.query[total + found] = q
                                hits.row[total + found] = np.int64(r)
                                hits.distance[total + found] = d
                            found += 1
                    filled = np.int64(0)
            if scanned > plan.scan_limit[0]:
                break
        hits.stats[0] += scanned
        if scanned > plan.scan_limit[0]:
            hits.counts[q] = FALLBACK
            hits.stats[2] += 1
        else:
            hits.counts[q] = found
            total += found
    hits.stats[3] = np.int64(touched & _ONE)
    return total
