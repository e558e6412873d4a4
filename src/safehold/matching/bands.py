"""How many bands, of which width, and how far to probe in each: decisions without I/O.

Rules:

1. Bands are disjoint, adjoining ranges of bits that cover all 256; widths differ by one at
   most and are at most 26.
2. The tolerances T_i (radius + 1, 0 to skip the band) sum up to threshold + 1. A band's next
   step of tolerance is taken where it costs least; while no tolerance is beyond half its
   width, each step of a band costs more than the last, and so this is the optimum.
3. Costs, measured on an AMD Zen 5 server with lists that do not fit into its caches: a probe
   30 ns (its two misses, overlapped), a scanned entry 1 ns, a row of a linear scan 1 ns. They
   only decide what is faster, never what is found.
4. If all rows have population counts of one parity (good PDQ hashes have exactly 128 bits
   set), all distances to one query have one parity too, and a threshold of the other parity
   is lowered by one.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from safehold.hashing.model import PDQ_BITS, PDQ_BYTES
from safehold.kernels.hamming import BandTables, ProbePlan
from safehold.kernels.hamming_reference import SIGNATURE_BITS

PROBE_NS = 30.0
ENTRY_NS = 1.0
LINEAR_ROW_NS = 1.0

MAX_WIDTH = 26
MAX_BANDS = 64
MAX_PROBES = 1 << 22
"""More masks than this are never made; such searches are linear."""

LINEAR_ROWS = 2_048
"""Lists up to this long get no tables."""

TABLE_BYTES_PER_ROW = 91
TABLE_BYTES_FREE = 16 * 1024 * 1024
"""The tables may take 91 bytes a row, and 16 MiB besides. With 32 bytes for the hash, 1 for
its quality and 4 for its entry number this stays under 130 bytes a row at 10 million rows."""

DESIGN_THRESHOLD = 31


@dataclass(frozen=True, slots=True)
class BandLayout:
    """The bands of one table.

    Attributes:
        widths: bits of each band, in order from bit 0; none means that there are no tables.
        parity: 0 or 1 where the population counts of all rows are even or odd, else None.
    """

    widths: tuple[int, ...]
    parity: int | None = None

    def __post_init__(self) -> None:
        if not self.widths:
            return
        if not 2 <= len(self.widths) <= MAX_BANDS or sum(self.widths) != PDQ_BITS:
            raise ValueError("2 to 64 bands together have 256 bits")
        if not all(1 <= width <= MAX_WIDTH for width in self.widths):
            raise ValueError("a band has 1 to 26 bits")

    @property
    def offset_count(self) -> int:
        """How many offsets the tables of all bands have together."""
        return sum((1 << width) + 1 for width in self.widths)

    def specification(self) -> NDArray[np.int64]:
        """`BandTables.bands` for these widths."""
        spec = np.zeros((len(self.widths), 4), np.int64)
        first = place = 0
        for i, width in enumerate(self.widths):
            spec[i] = first, width, place, min(SIGNATURE_BITS, width)
            first += width
            place += (1 << width) + 1
        spec.flags.writeable = False
        return spec


def even_widths(bands: int) -> tuple[int, ...]:
    """Widths of `bands` bands over 256 bits, the wider first."""
    width, more = divmod(PDQ_BITS, bands)
    return (width + 1,) * more + (width,) * (bands - more)


def choose_widths(rows: int) -> tuple[int, ...]:
    """The cheapest widths for a list of so many rows at threshold 31; none for short lists."""
    if rows <= LINEAR_ROWS:
        return ()
    room = TABLE_BYTES_PER_ROW * rows + TABLE_BYTES_FREE
    best: tuple[int, ...] = ()
    best_cost = rows * LINEAR_ROW_NS
    for bands in range(-(-PDQ_BITS // MAX_WIDTH), MAX_BANDS // 2 + 1):
        widths = even_widths(bands)
        size = 4 * sum((1 << width) + 1 for width in widths) + 6 * bands * rows
        cost = banded_cost(widths, tolerances(widths, rows, DESIGN_THRESHOLD), rows)
        if size <= room and cost < best_cost:
            best, best_cost = widths, cost
    return best


def _step_cost(width: int, tolerance: int, rows: int) -> float:
    """Nanoseconds to go from `tolerance` to one more: the keys exactly that far away."""
    return comb(width, tolerance) * (PROBE_NS + ENTRY_NS * rows / (1 << width))


def tolerances(widths: tuple[int, ...], rows: int, threshold: int) -> tuple[int, ...]:
    """T_i of each band: they sum up to threshold + 1, or every band is probed wholly."""
    chosen = [0] * len(widths)
    for _ in range(threshold + 1):
        # A band of width w is exhausted at T = w + 1; one such band finds everything.
        open_bands = [i for i, width in enumerate(widths) if chosen[i] <= width]
        if not open_bands:
            break
        cheapest = min(open_bands, key=lambda i: _step_cost(widths[i], chosen[i], rows))
        chosen[cheapest] += 1
    return tuple(chosen)


def probe_count(widths: tuple[int, ...], chosen: tuple[int, ...]) -> int:
    """How many keys are looked up for one query."""
    return sum(comb(width, k) for width, t in zip(widths, chosen, strict=True) for k in range(t))


def banded_cost(widths: tuple[int, ...], chosen: tuple[int, ...], rows: int) -> float:
    """Nanoseconds that one query over uniform rows is expected to take."""
    return sum(
        _step_cost(width, k, rows)
        for width, t in zip(widths, chosen, strict=True)
        for k in range(t)
    )


@functools.lru_cache(maxsize=512)
def masks_within(width: int, radius: int) -> NDArray[np.uint32]:
    """All numbers of `width` bits with at most `radius` bits set, ascending; uint32."""
    if radius < 0:
        return np.empty(0, np.uint32)
    if width == 0:
        return np.zeros(1, np.uint32)
    top = np.uint32(1 << (width - 1))
    return np.concatenate(
        (masks_within(width - 1, radius), masks_within(width - 1, radius - 1) | top)
    )


def reachable(threshold: int, parity: int | None, side: int) -> int:
    """The largest distance <= threshold that a query of this parity can have; may be -1."""
    if parity is None or (threshold - parity - side) % 2 == 0:
        return threshold
    return threshold - 1


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan for one threshold.

    Attributes:
        cost_ns: what a query is expected to take.
        probes: keys looked up, the greater of the two parities.
        arrays: what the kernel takes; None where there would be too many probes.
    """

    cost_ns: float
    probes: int
    arrays: ProbePlan | None


def make_plan(layout: BandLayout, rows: int, threshold: int, scan_limit: int) -> Plan:
    """Radii and masks for queries of either parity."""
    limits = [reachable(threshold, layout.parity, side) for side in (0, 1)]
    chosen = [tolerances(layout.widths, rows, limit) for limit in limits]
    cost = max(banded_cost(layout.widths, c, rows) for c in chosen)
    probes = max(probe_count(layout.widths, c) for c in chosen)
    if probes > MAX_PROBES:
        return Plan(cost, probes, None)
    pieces: list[NDArray[np.uint32]] = []
    places: dict[tuple[int, int], tuple[int, int]] = {}
    spans = np.zeros((2, len(layout.widths), 2), np.int64)
    filled = 0
    for side in (0, 1):
        for band, (width, t) in enumerate(zip(layout.widths, chosen[side], strict=True)):
            if (width, t) not in places:
                masks = masks_within(width, t - 1)
                places[width, t] = (filled, filled + len(masks))
                pieces.append(masks)
                filled += len(masks)
            spans[side, band] = places[width, t]
    arrays = ProbePlan(
        np.array(limits, np.int64),
        np.array(chosen, np.int64),
        spans,
        np.concatenate(pieces),
        np.array([scan_limit], np.int64),
    )
    for array in arrays:
        array.flags.writeable = False
    return Plan(cost, probes, arrays)


def row_parity(rows: NDArray[np.uint64]) -> int | None:
    """0 or 1 if the population counts of all rows are even or odd; None if mixed or empty."""
    odd = 0
    for first in range(0, len(rows), 1 << 18):  # in pieces: memory stays bounded
        piece = np.bitwise_count(np.bitwise_xor.reduce(rows[first : first + (1 << 18)], axis=1))
        odd += int((piece & 1).sum())
    if len(rows) == 0 or 0 < odd < len(rows):
        return None
    return 1 if odd else 0


def tables_fit(tables: BandTables, layout: BandLayout) -> bool:
    """Whether the arrays have the sizes that the layout asks for."""
    entries = len(layout.widths) * len(tables.rows)
    return (
        tables.offsets.shape == (layout.offset_count,)
        and tables.ids.shape == (entries,)
        and tables.signatures.shape == (entries,)
        and tables.rows.nbytes == len(tables.rows) * PDQ_BYTES
    )
