"""The boxes of an ISO base media file (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers.interface import Budget


def boxes(data: Buffer, span: tuple[int, int], budget: Budget) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the body of each box that lies in `span` (start, end).

    A size that does not fit ends the walk; a box that is cut short is the last.
    """
    at, stop = span
    while at + 8 <= stop and not budget.over:
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= stop:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            header = 16
        end = at + size if size else stop  # 0 means "to the end"
        if end < at + header:
            budget.faults.add(ReadingFault.DAMAGED)
            return
        if end > stop:
            budget.faults.add(ReadingFault.DAMAGED)
        yield kind, at + header, min(end, stop)
        at = end
