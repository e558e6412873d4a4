"""Metadata in the lowest bits of pixels: NovelAI's, and that of an extension of web interfaces.

Bits are read column by column, from alpha, or from red, green and blue of each pixel: a magic of
15 characters (`stealth_pnginfo`, `stealth_pngcomp`, `stealth_rgbinfo`, `stealth_rgbcomp`), the
length of what follows in bits (32 bits, big-endian), and that: UTF-8, by gzip where the magic
ends in `comp`. NovelAI hides the JSON of its text chunks; the extension hides the text of
`parameters`.

Whatever is hidden is given to the parsers of generators as if it stood in text chunks.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safehold.provenance.generators import jsons, novelai
from safehold.provenance.interface import Found, Pixels
from safehold.provenance.model import Place, ReadingFault
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

MAGIC_BYTES: Final = 15
LENGTH_BYTES: Final = 4
ALPHA: Final = (b"stealth_pnginfo", b"stealth_pngcomp")
COLOUR: Final = (b"stealth_rgbinfo", b"stealth_rgbcomp")

_GZIP = 31
"""zlib's `wbits` for gzip alone."""


def read(
    pixels: Pixels, pieces: Sequence[Piece], budget: Budget, key: bytes = novelai.KEY
) -> Iterator[Found]:
    """What hidden metadata says, and what signatures of NovelAI are worth (a `PixelReader`).

    `key` is the public key of those signatures.
    """
    from safehold.provenance.generators.all import PARSERS

    if budget.over:
        return
    found = hidden(pixels, budget)
    if found:
        for parser in PARSERS:
            yield from parser(found, budget)
    yield from novelai.signed(pixels, (*pieces, *found), budget, key)


def warm_up() -> None:
    """Load what checks signatures, and the parsers."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    import safehold.provenance.generators.all  # noqa: F401

    Ed25519PublicKey.from_public_bytes(novelai.KEY)


def hidden(pixels: Pixels, budget: Budget) -> tuple[Piece, ...]:
    """What is hidden, as pieces of text; none where no magic stands."""
    for name, plane, magics in (
        ("alpha", pixels.alpha, ALPHA),
        ("rgb", pixels.rgb, COLOUR),
    ):
        if plane is not None and (magic := bytes_of(plane, 0, MAGIC_BYTES)) in magics:
            body = _payload(plane, magic == magics[1], budget)
            return tuple(_pieces(f"pixels/{name}", body, budget)) if body else ()
    return ()


def bytes_of(plane: NDArray[np.uint8], start: int, count: int) -> bytes:
    """Bytes out of the lowest bits, column by column; fewer where the picture ends.

    Args:
        plane: (height, width), or (height, width, 3) for three bits of each pixel.
        start: bytes that are passed over.
        count: bytes that are wanted.
    """
    per_column = plane.shape[0] * (plane.shape[2] if plane.ndim == 3 else 1)
    if per_column == 0:
        return b""
    first = 8 * start // per_column
    last = -(-8 * (start + count) // per_column)
    bits = (plane[:, first:last].swapaxes(0, 1) & 1).reshape(-1)
    skipped = 8 * start - first * per_column
    wanted = bits[skipped : skipped + 8 * count]
    return np.packbits(wanted[: len(wanted) // 8 * 8]).tobytes()


def _payload(plane: NDArray[np.uint8], packed: bool, budget: Budget) -> bytes | None:
    """What follows the magic, inflated, or None where it is false or too large."""
    stored_length = bytes_of(plane, MAGIC_BYTES, LENGTH_BYTES)
    if len(stored_length) < LENGTH_BYTES:
        return None
    length = struct.unpack(">I", stored_length)[0] // 8
    start = MAGIC_BYTES + LENGTH_BYTES
    if length > plane.size // 8 - start:
        budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        return None
    if length > budget.options.max_hidden_bytes or not budget.take(length):
        budget.faults.add(ReadingFault.LIMIT_BYTES)
        return None
    body = bytes_of(plane, start, length)
    return _inflated(body, budget) if packed else body


def _inflated(body: bytes, budget: Budget) -> bytes | None:
    most = budget.options.max_hidden_bytes
    stream = zlib.decompressobj(_GZIP)
    try:
        whole = stream.decompress(body, most + 1)
    except zlib.error:
        budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        return None
    if len(whole) > most or not budget.take(len(whole)):
        budget.faults.add(ReadingFault.LIMIT_BYTES)
        return None
    return whole


def _pieces(path: str, body: bytes, budget: Budget) -> Iterator[Piece]:
    """NovelAI's object key by key; anything else as `parameters`."""
    text = body.decode("utf-8", "replace")
    value = jsons.parse(text, budget) if text.lstrip().startswith("{") else None
    if not isinstance(value, dict) or "Comment" not in value:
        yield _piece(path, "parameters", text)
        return
    for key, said in value.items():
        words = json.dumps(said) if isinstance(said, dict) else said
        if isinstance(words, str):
            yield _piece(path, key[:80], words)


def _piece(path: str, key: str, text: str) -> Piece:
    place = Place(f"{path}/{key}".encode("ascii", "replace").decode("ascii")[:120])
    return Piece(PieceKind.TEXT, key, place, text.encode("utf-8", "replace"))
