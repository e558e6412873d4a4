"""BMP, read here: Pillow knows only a part of the headers and layouts that viewers show."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from safehold.media.decode import bmp_header, bmp_rle
from safehold.media.decode.bmp_header import BmpHeader
from safehold.media.decode.interface import check_pixels, is_flat
from safehold.media.decode.pixels import frame_from_array
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault, Frame

_ROWS_AT_ONCE: Final = 256


class BmpDecoder:
    """A Windows or OS/2 bitmap. One that is cut short is black from there on, and damaged."""

    def __init__(self, data: bytes, limits: MediaLimits) -> None:
        header = bmp_header.read(data)
        if header is None:
            raise DecodeError(Fault.DECODE_FAILED)
        check_pixels(header.width, header.height, limits)
        self.width, self.height = header.width, header.height
        self.frame_count = 1
        # Where no place is given for the pixels, some viewers take them from after the header
        # and others from the start of the file.
        self.damaged = data[10:14] == bytes(4)
        self._header = header
        self._data = data

    def decode(self, index: int) -> Frame:
        """The picture; `index` is 0."""
        header = self._header
        if header.method in (bmp_header.RLE4, bmp_header.RLE8):
            runs = memoryview(self._data)[header.body :]
            indices, whole = bmp_rle.decode(runs, header.width, header.height, header.bits)
            samples = _palette(self._data, header)[indices]
        else:
            samples, whole = _plain(self._data, header)
        self.damaged |= not whole
        upright = samples if header.top_down else samples[::-1]
        frame = frame_from_array(index, upright, has_alpha=samples.shape[2] == 4)
        if self.damaged and is_flat(frame):
            raise DecodeError(Fault.DECODE_FAILED)
        return frame


def _plain(data: bytes, header: BmpHeader) -> tuple[NDArray[np.uint8], bool]:
    """Rows as stored, shape (height, width, 3 or 4), and whether all of them are there."""
    bands = 4 if header.masks[3] else 3
    samples = np.zeros((header.height, header.width, bands), np.uint8)
    row_bits = header.width * header.bits
    stride = (row_bits + 31) // 32 * 4
    stored = np.frombuffer(data, np.uint8)[header.body :][: header.height * stride]
    # Some writers leave out what fills up the last row.
    missing = header.height * stride - len(stored)
    if 0 < missing <= stride - (row_bits + 7) // 8:
        stored = np.pad(stored, (0, missing))
    whole = len(stored) // stride
    palette = _palette(data, header)
    for top in range(0, whole, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, whole - top)
        rows = stored[top * stride : (top + count) * stride].reshape(count, stride)
        out = samples[top : top + count]
        if header.bits <= 8:
            out[:] = palette[_numbers(rows, header.bits)[:, : header.width]]
        else:
            _unpack(rows, header, out)
    return samples, whole == header.height


def _palette(data: bytes, header: BmpHeader) -> NDArray[np.uint8]:
    """The colour table as RGB, shape (256, 3); what it lacks is black."""
    start, entry, count = header.table
    table = np.frombuffer(data[start : start + entry * count], np.uint8)
    table = table[: len(table) // entry * entry].reshape(-1, entry)
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(table)] = table[:, 2::-1]
    return palette


def _numbers(rows: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Numbers of colours of 1, 2, 4 or 8 bits, the highest bits first."""
    if bits == 8:
        return rows
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    spread: NDArray[np.uint8] = rows[:, :, None] >> shifts & np.uint8((1 << bits) - 1)
    return spread.reshape(len(rows), -1)


def _unpack(rows: NDArray[np.uint8], header: BmpHeader, out: NDArray[np.uint8]) -> None:
    """Take the colours of pixels of 16, 24 or 32 bits out of rows of bytes, into `out`."""
    width = header.width
    size = header.bits // 8
    pixels = rows[:, : width * size].reshape(len(rows), width, size)
    words: NDArray[Any] | None = None
    for band in range(out.shape[2]):
        mask = header.masks[band]
        shift = (mask & -mask).bit_length() - 1
        if mask and mask >> shift == 255 and shift % 8 == 0 and shift // 8 < size:
            out[:, :, band] = pixels[:, :, shift // 8]
        elif mask:
            if words is None:
                words = np.ascontiguousarray(pixels).view(f"<u{size}")[:, :, 0]
            largest = np.uint64(mask >> shift)
            levels = (words & np.uint32(mask)).astype(np.uint64) >> np.uint64(shift)
            out[:, :, band] = levels * np.uint64(255) // largest
