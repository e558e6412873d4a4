"""PDQ in its operator form, compiled.

PDQ (ThreatExchange, hashing/pdq) blurs a picture by two box passes and samples 64 x 64 points
of it. Both are linear and act on each axis alone, so the whole of it is `A = R L C^T` with two
banded matrices that depend on the picture's size only. Here the bands are kept as `Taps`; one
pass over the 8-bit pixels then stands for four passes over a float picture. Luma is linear
too, so it is taken after the rows were summed, 64 times instead of once for each row.

`pdq_reference` holds the same steps in plain numpy, pass by pass.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import kernel

SAMPLES = 64
"""Side of the sampled picture."""
DCT = 16
"""Side of the block of DCT coefficients."""
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""PDQ's weights of red, green and blue."""
ROWS_AT_ONCE = 8
"""How many rows of pixels one turn of the inner loop takes; weights are padded to it."""
FLIP_ROWS_AT_ONCE = 4
"""The same where two sums are kept: more would not fit the registers. Divides `ROWS_AT_ONCE`."""
MIN_SIDE = 5
"""A picture with a smaller side has no hash (PDQ's own rule)."""
SIZES_KEPT = 128
"""For how many lengths of an axis weights are kept. They take up to 300 KB each, and a fraction
of a millisecond to make."""


class Taps(NamedTuple):
    """One axis of the operator, for each of the 64 samples.

    Where its weights begin, how many there are, and the weights (float32, rows padded with
    zeros to a multiple of 8).
    """

    start: NDArray[np.int64]
    counts: NDArray[np.int64]
    weight: NDArray[np.float32]


def box_windows(length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last index (inclusive) that PDQ's box filter averages for each position."""
    window = (length + 127) // 128
    last = np.arange(length) + (window + 2) // 2 - 1
    first = last - window + 1
    return np.maximum(first, 0), np.minimum(last, length - 1)


def sample_positions(length: int) -> NDArray[np.int64]:
    """The 64 positions along an axis at which the blurred picture is sampled."""
    return ((np.arange(SAMPLES) + 0.5) * length / SAMPLES).astype(np.int64)


@functools.lru_cache(maxsize=SIZES_KEPT)
def row_taps(length: int) -> Taps:
    """The weights of two box passes and the sampling, for an axis of `length` pixels."""
    first, last = box_windows(length)
    share = 1.0 / (last - first + 1)
    positions = sample_positions(length)
    begin, end = first[positions], last[positions]
    start = first[begin]
    count = last[end] - start + 1
    padded = -(-int(count.max()) // ROWS_AT_ONCE) * ROWS_AT_ONCE
    steps = np.zeros((SAMPLES, padded + 1))
    inner = np.arange(int((end - begin).max()) + 1)
    middle = begin[:, None] + inner[None, :]
    valid = middle <= end[:, None]
    rows = np.broadcast_to(np.arange(SAMPLES)[:, None], middle.shape)[valid]
    middle = middle[valid]
    value = share[middle] * share[positions][rows]
    np.add.at(steps, (rows, first[middle] - start[rows]), value)
    np.add.at(steps, (rows, last[middle] + 1 - start[rows]), -value)
    weight = np.cumsum(steps, axis=1)[:, :-1].astype(np.float32)
    return Taps(start, count, np.ascontiguousarray(weight))


def _reversed(plain: Taps, length: int) -> Taps:
    """The taps of the same axis walked backwards, for the sample that lies at the same place."""
    start = length - plain.start[::-1] - plain.counts[::-1]
    weight = np.zeros_like(plain.weight)
    for i in range(SAMPLES):
        count = plain.counts[SAMPLES - 1 - i]
        weight[i, :count] = plain.weight[SAMPLES - 1 - i, :count][::-1]
    return Taps(start, plain.counts[::-1].copy(), weight)


@functools.lru_cache(maxsize=SIZES_KEPT)
def both_row_taps(length: int) -> tuple[Taps, NDArray[np.float32]]:
    """`row_taps` of the picture and of the picture upside down, over the same rows of pixels.

    PDQ samples, and for even windows averages, a little off the centre, so a mirrored picture
    is not sampled at the mirrored places. Sample i of the one and sample 63 - i of the other
    lie at nearly the same rows: both are taken from one band of pixels. Returns the taps of
    the picture, their bands widened, and for the same bands the weights of the other.
    """
    plain = row_taps(length)
    mirrored = _reversed(plain, length)
    start = np.minimum(plain.start, mirrored.start)
    end = np.maximum(plain.start + plain.counts, mirrored.start + mirrored.counts)
    counts = end - start
    padded = -(-int(counts.max()) // ROWS_AT_ONCE) * ROWS_AT_ONCE
    weights = []
    for one in (plain, mirrored):
        weight = np.zeros((SAMPLES, padded), np.float32)
        for i in range(SAMPLES):
            shift = one.start[i] - start[i]
            weight[i, shift : shift + one.counts[i]] = one.weight[i, : one.counts[i]]
        weights.append(weight)
    return Taps(start, counts, weights[0]), weights[1]


@functools.lru_cache(maxsize=SIZES_KEPT)
def both_column_taps(width: int, channels: int) -> tuple[Taps, Taps]:
    """`column_taps` of the picture, and of it mirrored (sample 63 - i stands at place i)."""
    return column_taps(width, channels), _widened(_reversed(row_taps(width), width), channels)


@functools.lru_cache(maxsize=SIZES_KEPT)
def column_taps(width: int, channels: int) -> Taps:
    """`row_taps` for rows of `width` pixels with 1 or 3 interleaved channels.

    With three, PDQ's luma is folded into the weights: a sample is then one dot product along
    memory. Weights are padded to a multiple of 64, the length that compiles without remainder.
    """
    return _widened(row_taps(width), channels)


def _widened(plain: Taps, channels: int) -> Taps:
    weight = plain.weight
    if channels == 3:
        weight = (weight[:, :, None] * LUMA).reshape(SAMPLES, -1)
    padded = np.zeros((SAMPLES, -(-weight.shape[1] // 64) * 64), np.float32)
    padded[:, : weight.shape[1]] = weight
    return Taps(plain.start * channels, plain.counts * channels, padded)


@functools.cache
def dct_matrix() -> NDArray[np.float32]:
    """PDQ's DCT, 16 x 64: sqrt(2/64) cos(pi/128 (i + 1)(2 j + 1)), without the constant row."""
    i = np.arange(DCT)[:, None] + 1
    j = 2 * np.arange(SAMPLES)[None, :] + 1
    matrix: NDArray[np.float64] = np.sqrt(2.0 / SAMPLES) * np.cos(np.pi / 128.0 * i * j)
    return matrix.astype(np.float32)


@functools.cache
def dct_matrices() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The DCT as 16 x 64 and as 64 x 16, both contiguous, as `coefficients` takes them."""
    return dct_matrix(), np.ascontiguousarray(dct_matrix().T)


@kernel(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def downsample(
    pixels: NDArray[np.uint8],
    rows: Taps,
    columns: Taps,
    out: NDArray[np.float32],
) -> None:
    """Blur and sample: `out` (64 x 64, float32) from `pixels` (height, width * channels).

    `rows` are `row_taps(height)`, `columns` are `column_taps(width, channels)`. Eight rows are
    taken together, so that the running sums are loaded and stored once for eight rows of
    pixels; rows past the last one that counts have weight zero.
    """
    length = pixels.shape[1]
    bottom = pixels.shape[0] - 1
    width = columns.weight.shape[1]
    total = np.zeros(length + width, np.float32)
    for i in range(SAMPLES):
        first = rows.start[i]
        count = rows.counts[i]
        total[:length] = 0
        for k in range(0, count, ROWS_AT_ONCE):
            w0 = rows.weight[i, k + 0]
            w1 = rows.weight[i, k + 1]
            w2 = rows.weight[i, k + 2]
            w3 = rows.weight[i, k + 3]
            w4 = rows.weight[i, k + 4]
            w5 = rows.weight[i, k + 5]
            w6 = rows.weight[i, k + 6]
            w7 = rows.weight[i, k + 7]
            at = first + k
            p0 = pixels[at]
            p1 = pixels[min(at + 1, bottom)]
            p2 = pixels[min(at + 2, bottom)]
            p3 = pixels[min(at + 3, bottom)]
            p4 = pixels[min(at + 4, bottom)]
            p5 = pixels[min(at + 5, bottom)]
            p6 = pixels[min(at + 6, bottom)]
            p7 = pixels[min(at + 7, bottom)]
            for x in range(length):
                total[x] += (
                    w0 * np.float32(p0[x])
                    + w1 * np.float32(p1[x])
                    + w2 * np.float32(p2[x])
                    + w3 * np.float32(p3[x])
                ) + (
                    w4 * np.float32(p4[x])
                    + w5 * np.float32(p5[x])
                    + w6 * np.float32(p6[x])
                    + w7 * np.float32(p7[x])
                )
        for j in range(SAMPLES):
            left = columns.start[j]
            weights = columns.weight[j]
            sums = total[left : left + width]
            value = np.float32(0)
            for q in range(width):
                value += weights[q] * sums[q]
            out[i, j] = value


@kernel(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def downsample_flips(
    pixels: NDArray[np.uint8],
    rows: Taps,
    mirrored_weight: NDArray[np.float32],
    columns: Taps,
    mirrored_columns: Taps,
    out: NDArray[np.float32],
) -> None:
    """Blur and sample as it stands, mirrored, upside down, and both, in one pass.

    `out` is (4, 64, 64) float32: as it stands, columns mirrored, rows mirrored, both. `rows`
    and `mirrored_weight` are `both_row_taps(height)`, the columns `both_column_taps(width,
    channels)`.
    """
    length = pixels.shape[1]
    bottom = pixels.shape[0] - 1
    width = columns.weight.shape[1]
    total = np.zeros(length + width, np.float32)
    mirror = np.zeros(length + width, np.float32)
    for i in range(SAMPLES):
        first = rows.start[i]
        total[:length] = 0
        mirror[:length] = 0
        for k in range(0, rows.counts[i], FLIP_ROWS_AT_ONCE):
            at = first + k
            v0 = rows.weight[i, k + 0]
            w0 = mirrored_weight[i, k + 0]
            v1 = rows.weight[i, k + 1]
            w1 = mirrored_weight[i, k + 1]
            v2 = rows.weight[i, k + 2]
            w2 = mirrored_weight[i, k + 2]
            v3 = rows.weight[i, k + 3]
            w3 = mirrored_weight[i, k + 3]
            p0 = pixels[at]
            p1 = pixels[min(at + 1, bottom)]
            p2 = pixels[min(at + 2, bottom)]
            p3 = pixels[min(at + 3, bottom)]
            for x in range(length):
                f0 = np.float32(p0[x])
                f1 = np.float32(p1[x])
                f2 = np.float32(p2[x])
                f3 = np.float32(p3[x])
                total[x] += (v0 * f0 + v1 * f1) + (v2 * f2 + v3 * f3)
                mirror[x] += (w0 * f0 + w1 * f1) + (w2 * f2 + w3 * f3)
        last = SAMPLES - 1 - i
        for j in range(SAMPLES):
            sums = total[columns.start[j] : columns.start[j] + width]
            mirrored = mirror[columns.start[j] : columns.start[j] + width]
            weights = columns.weight[j]
            one = np.float32(0)
            two = np.float32(0)
            for q in range(width):
                one += weights[q] * sums[q]
                two += weights[q] * mirrored[q]
            out[0, i, j] = one
            out[2, last, j] = two
        for j in range(SAMPLES):
            left = mirrored_columns.start[j]
            sums = total[left : left + width]
            mirrored = mirror[left : left + width]
            weights = mirrored_columns.weight[j]
            one = np.float32(0)
            two = np.float32(0)
            for q in range(width):
                one += weights[q] * sums[q]
                two += weights[q] * mirrored[q]
            out[1, i, SAMPLES - 1 - j] = one
            out[3, last, SAMPLES - 1 - j] = two


@kernel(nogil=True, fastmath={"contract", "reassoc", "nsz"})
def coefficients(
    sampled: NDArray[np.float32],
    dct: NDArray[np.float32],
    dct_transposed: NDArray[np.float32],
    out: NDArray[np.float32],
) -> int:
    """`out` (16 x 16) = D A D^T; returns PDQ's quality of the sampled picture, 0 to 100.

    `dct` is 16 x 64, `dct_transposed` the same as 64 x 16 so that both inner loops run along
    memory.
    """
    half = np.zeros((DCT, SAMPLES), np.float32)
    for i in range(DCT):
        for k in range(SAMPLES):
            d = dct[i, k]
            for x in range(SAMPLES):
                half[i, x] += d * sampled[k, x]
    out[:, :] = 0
    for i in range(DCT):
        for k in range(SAMPLES):
            h = half[i, k]
            for j in range(DCT):
                out[i, j] += h * dct_transposed[k, j]
    gradient = 0
    hundred = np.float32(100)
    full = np.float32(255)
    for i in range(SAMPLES - 1):
        for j in range(SAMPLES):
            step = (sampled[i, j] - sampled[i + 1, j]) * hundred / full
            gradient += abs(int(step))
    for i in range(SAMPLES):
        for j in range(SAMPLES - 1):
            step = (sampled[i, j] - sampled[i, j + 1]) * hundred / full
            gradient += abs(int(step))
    return min(gradient // 90, 100)


PLAIN_OF_SIGN = (0, 2, 4, 5)
"""Orientation that each sign pattern gives: none, odd i + j, alternate rows, alternate columns."""
TRANSPOSED_OF_SIGN = (6, 7, 3, 1)
"""Orientation that the transposed block of each sign pattern gives."""


@kernel(nogil=True)
def pack(  # noqa: PLR0912 - one kernel, since kernels do not call one another
    block: NDArray[np.float32], signs: int, out: NDArray[np.uint8]
) -> None:
    """Turn coefficients into hashes: bit i * 16 + j is set where (i, j) is above the median.

    `out` is (8, 32) uint8 in the order of `Orientation`; a mirrored or turned picture has the
    same coefficients but for signs and transposition, so one block gives all eight. With
    `signs` = 1 only row 0 is written, with 4 all. The median is the lower one, element 127 of
    256 in order, found by Hoare's quickselect; a transposed block has the same median.
    """
    signed = np.empty(256, np.float32)
    scratch = np.empty(256, np.float32)
    for sign in range(signs):
        for i in range(DCT):
            for j in range(DCT):
                value = block[i, j]
                if (
                    (sign == 1 and (i + j) % 2 == 1)
                    or (sign == 2 and i % 2 == 0)
                    or (sign == 3 and j % 2 == 0)
                ):
                    value = -value
                signed[i * DCT + j] = value
                scratch[i * DCT + j] = value
        low = 0
        high = 255
        while low < high:
            pivot = scratch[(low + high) // 2]
            i = low
            j = high
            while i <= j:
                while scratch[i] < pivot:
                    i += 1
                while scratch[j] > pivot:
                    j -= 1
                if i <= j:
                    scratch[i], scratch[j] = scratch[j], scratch[i]
                    i += 1
                    j -= 1
            if j >= 127:
                high = j
            elif i <= 127:
                low = i
            else:
                break
        median = scratch[127]
        for byte in range(32):
            plain = 0
            transposed = 0
            for bit in range(8):
                k = (31 - byte) * 8 + bit
                if signed[k] > median:
                    plain |= 1 << bit
                if signed[(k % DCT) * DCT + k // DCT] > median:
                    transposed |= 1 << bit
            out[PLAIN_OF_SIGN[sign], byte] = plain
            if signs > 1:
                out[TRANSPOSED_OF_SIGN[sign], byte] = transposed
