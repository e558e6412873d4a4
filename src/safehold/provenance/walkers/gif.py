"""Comments and application extensions of a GIF (GIF89a specification, 24 and 26).

XMP stands there as it is, not cut into blocks (XMP part 3, 1.1.2); C2PA as `C2PA_GIF`
(C2PA 2.1, A.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.model import ReadingFault
from safehold.provenance.walkers import blocks
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind
from safehold.provenance.walkers.pieces import Source, in_path

_COMMENT, _APPLICATION, _PLAIN_TEXT = 0xFE, 0xFF, 0x01
_XMP: Final = b"XMP DataXMP"
_XMP_TRAILER: Final = 257
"""Bytes after a packet that lead any chain of blocks to its end: 01, FF down to 00."""
_C2PA: Final = b"C2PA_GIF"
_NAME_BYTES: Final = 11
_ASK: Final = 4_096
"""After so many blocks of a chain the budget is asked."""


def walk(data: Buffer, budget: Budget) -> Iterator[Piece]:
    """All extensions but those that say how pictures are shown."""
    source = Source(data, budget, "gif")
    at = 13 + _table_bytes(data[10]) if len(data) >= 13 else len(data)
    while at < len(data):
        introducer = data[at]
        if introducer == 0x3B:
            source.late = True
            yield from source.trailing(at + 1)
            return
        if budget.over:
            return
        if introducer == 0x21:
            label = data[at + 1] if at + 1 < len(data) else 0
            end = _chain_end(data, at + 2, budget)
            yield from _extension(source, label, at + 2, end)
            at = end
        elif introducer == 0x2C and at + 10 <= len(data):
            source.late = True
            # A picture's place, size and colours, the size of its codes, and its blocks.
            at = _chain_end(data, at + 11 + _table_bytes(data[at + 9]), budget)
        else:
            at += 1  # viewers skip stray bytes between blocks
    budget.faults.add(ReadingFault.DAMAGED)


def _extension(source: Source, label: int, start: int, end: int) -> Iterator[Piece]:
    span, budget = (start, min(end, len(source.data)) - start), source.budget
    if label == _COMMENT:
        whole = source.piece(PieceKind.TEXT, "comment", "comment", span)
        yield source.made(whole, PieceKind.TEXT, _unblocked(whole.data, budget))
    elif label == _APPLICATION:
        yield from _application(source, span)
    elif label == _PLAIN_TEXT:
        whole = source.piece(PieceKind.OTHER, "text", "text", span)
        yield source.made(whole, PieceKind.OTHER, _unblocked(whole.data, budget))


def _application(source: Source, span: tuple[int, int]) -> Iterator[Piece]:
    (start, length), budget = span, source.budget
    first = source.data[start] if length else 0
    name = bytes(source.data[start + 1 : start + 1 + min(first, _NAME_BYTES)])
    key = name.decode("latin-1").rstrip(" \0")
    skip = 1 + first
    if name == _XMP:
        packet = (start + skip, max(0, length - skip))
        whole = source.piece(PieceKind.XMP, key, f"application/{in_path(key)}", packet)
        # The trailer, and the empty block that ends the chain.
        body = whole.data[: -_XMP_TRAILER - 1] if len(whole.data) > _XMP_TRAILER else b""
        in_blocks = not whole.data.lstrip().startswith(b"<")
        if in_blocks and whole.data[1:2] == b"<":  # some cut it into blocks all the same
            body = _unblocked(whole.data, budget)
        yield source.made(whole, PieceKind.XMP, body)
        return
    kind = PieceKind.C2PA if name.startswith(_C2PA) else PieceKind.OTHER
    whole = source.piece(kind, key, f"application/{in_path(key[:8])}", span)
    body = _unblocked(whole.data[skip:], budget)
    if kind is PieceKind.OTHER and blocks.is_c2pa(body):
        kind = PieceKind.C2PA
    yield source.made(whole, kind, body)


def _unblocked(chain: bytes, budget: Budget) -> bytes:
    """The bytes of a chain of blocks, as far as there is time."""
    out = bytearray()
    at, count = 0, 0
    while at < len(chain) and chain[at]:
        count += 1
        if count % _ASK == 0 and budget.over:
            break
        out += chain[at + 1 : at + 1 + chain[at]]
        at += chain[at] + 1
    return bytes(out)


def _chain_end(data: Buffer, at: int, budget: Budget) -> int:
    """Where the chain of blocks at `at` ends; the end of the file when time is over."""
    size, count = len(data), 0
    while at < size and data[at]:
        at += data[at] + 1
        count += 1
        if count % _ASK == 0 and budget.over:
            return size
    return at + 1


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
