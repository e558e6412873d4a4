"""Words of Matroska and WebM files (RFC 8794; RFC 9559, 5.1.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, in_path

MAX_DEPTH: Final = 8

_SEGMENT, _TAGS, _TAG, _SIMPLE_TAG = 0x18538067, 0x1254C367, 0x7373, 0x67C8
_INFO, _NAME, _STRING = 0x1549A966, 0x45A3, 0x4487
_ENTERED: Final = frozenset({_SEGMENT, _TAGS, _TAG, _SIMPLE_TAG, _INFO})
_WORDS: Final = {0x7BA9: "title", 0x4D80: "muxing_app", 0x5741: "writing_app"}


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """The tags, and the names of the programs that wrote the file."""
    yield from _elements(Source(data, budget, "matroska"), (0, len(data)), 0)


def _elements(source: Source, span: tuple[int, int], depth: int) -> Iterator[Piece]:
    at, end = span
    key = ""
    while at < end and not source.budget.over:
        number, start, size = _header(source.data, at)
        if not number:
            source.budget.faults.add(ReadingFault.DAMAGED)
            return
        stop = end if size < 0 else min(start + size, end)
        if number == _NAME:
            key = bytes(source.data[start : min(stop, start + 80)]).decode("utf-8", "replace")
            key = key.rstrip("\0")
        elif number == _STRING or number in _WORDS:
            word = _WORDS.get(number, key)
            path = f"tag/{in_path(word)}"
            yield source.piece(PieceKind.TEXT, word, path, (start, stop - start))
        elif number in _ENTERED and depth < MAX_DEPTH:
            yield from _elements(source, (start, stop), depth + 1)
        at = stop


def _header(data: Buffer, at: int) -> tuple[int, int, int]:
    """Number of an element, start of its body, size (-1: not known); 0 for no element."""
    id_bytes = _length(data, at)
    size_at = at + id_bytes
    size_bytes = _length(data, size_at)
    start = size_at + size_bytes
    if not id_bytes or id_bytes > 4 or not size_bytes or start > len(data):
        return 0, at, 0
    number = int.from_bytes(data[at:size_at], "big")
    mask = (1 << 7 * size_bytes) - 1
    size = int.from_bytes(data[size_at:start], "big") & mask
    return number, start, -1 if size == mask else size


def _length(data: Buffer, at: int) -> int:
    """How many bytes the number at `at` has, by its leading zero bits; 0 for none."""
    first = data[at] if at < len(data) else 0
    return 9 - first.bit_length() if first else 0
