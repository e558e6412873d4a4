"""How much work a C2PA store is, counted before a library is given it.

The library's work cannot be stopped once it has begun, and a store of a few megabytes of the
smallest CBOR values takes it seconds and a gigabyte. So boxes, values and certificates are
counted first; a genuine store has some dozens, some hundreds, and three. Sources: ISO/IEC 19566-5
(JUMBF boxes), RFC 8949 (CBOR), RFC 5280 (certificates).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_BOXES: Final = 2_000
MAX_VALUES: Final = 30_000
MAX_CERTIFICATES: Final = 200
MAX_COMPRESSED: Final = 2
MAX_DEPTH: Final = 32

_VERSION_3: Final = b"\xa0\x03\x02\x01\x02"
"""What stands in a certificate's head; the library takes no others."""
_JSON_MARKS: Final = (b",", b"[", b"{")
_LENGTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}


@dataclass(slots=True)
class Weight:
    """What a store holds.

    Attributes:
        boxes: of any kind.
        values: of CBOR and JSON, about; counting ends a little above `MAX_VALUES`.
        certificates: about.
        compressed: boxes whose content is compressed and cannot be counted.
        too_deep: whether boxes within boxes go on below `MAX_DEPTH`.
    """

    boxes: int = 0
    values: int = 0
    certificates: int = 0
    compressed: int = 0
    too_deep: bool = False

    @property
    def fits(self) -> bool:
        """Whether a library may be given it."""
        return (
            self.boxes <= MAX_BOXES
            and self.values <= MAX_VALUES
            and self.certificates <= MAX_CERTIFICATES
            and self.compressed <= MAX_COMPRESSED
            and not self.too_deep
        )


def weigh(store: bytes) -> Weight:
    """Count what a store holds. Total: a length that does not fit ends its box's parent."""
    weight = Weight(certificates=store.count(_VERSION_3))
    spans = [(0, len(store), 0)]
    while spans and weight.fits:
        start, end, depth = spans.pop()
        head = _head(store, start, end)
        if head is None:
            continue
        kind, body, until = head
        weight.boxes += 1
        if until < end:
            spans.append((until, end, depth))
        if kind == b"jumb":
            weight.too_deep = weight.too_deep or depth >= MAX_DEPTH
            spans.append((body, until, depth + 1))
        elif kind == b"brob":
            weight.compressed += 1
        elif kind == b"cbor":
            weight.values += _cbor_values(store, body, until, MAX_VALUES - weight.values + 1)
        elif kind == b"json":
            weight.values += sum(store.count(mark, body, until) for mark in _JSON_MARKS) + 1
    return weight


def _head(store: bytes, start: int, end: int) -> tuple[bytes, int, int] | None:
    """Kind, begin and end of the content of the box at `start`; None where there is none."""
    if end - start < 8:
        return None
    size, body = int.from_bytes(store[start : start + 4]), start + 8
    if size == 1 and end - start >= 16:
        size, body = int.from_bytes(store[start + 8 : start + 16]), start + 16
    elif size == 0:
        size = end - start
    until = start + size
    return (store[start + 4 : start + 8], body, until) if body <= until <= end else None


def _cbor_values(store: bytes, at: int, end: int, most: int) -> int:
    """Values in a CBOR text, at most `most`. Those within others simply follow them."""
    count = 0
    while at < end and count < most:
        head = store[at]
        low = head & 31
        size = _LENGTHS.get(low, 0)
        at += 1 + size
        count += 1
        if head >> 5 in (2, 3) and low < 28:  # bytes and texts, of a length that is told
            at += int.from_bytes(store[at - size : at]) if size else low
    return count
