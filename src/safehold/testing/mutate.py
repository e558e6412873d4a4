"""Real files with seeded damage, for tests that no input may break.

`mutations(seed, count)` is deterministic: the same arguments give the same names and bytes.
Most damage is blind to the format; two kinds know PNG, whose checksums would otherwise keep
every change away from the code behind them.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from safehold.testing.files import small_files

POOL_LIFE = 2_000
"""After so many mutations the source files are drawn anew from another seed."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class _Source:
    data: bytes
    other: bytes


_Mutator = Callable[[random.Random, _Source], bytes]


def mutations(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Damaged files, one after the other.

    Args:
        seed: another seed gives other files.
        count: how many.

    Yields:
        A unique file name, such as `000017-truncate-jpeg_422.jpg`, and the bytes (which may be
        none at all).
    """
    rng = random.Random(seed)
    pool: list[tuple[str, bytes]] = []
    for index in range(count):
        if index % POOL_LIFE == 0:
            pool = list(small_files(rng.randrange(1 << 30)).items())
        name, data = rng.choice(pool)
        kind = rng.choice(MUTATORS)
        damaged = _MUTATORS[kind](rng, _Source(data, rng.choice(pool)[1]))
        if rng.random() < 0.2:
            damaged = _MUTATORS[rng.choice(MUTATORS)](rng, _Source(damaged, data))
        yield f"{index:06d}-{kind}-{name}", damaged


def damage(rng: random.Random, data: bytes, other: bytes) -> tuple[str, bytes]:
    """One file damaged in one way, for those who have files of their own.

    Args:
        rng: chooses the kind and the place.
        data: the file.
        other: another one, for splices.

    Returns:
        The kind, one of `MUTATORS`, and the bytes.
    """
    kind = rng.choice(MUTATORS)
    return kind, _MUTATORS[kind](rng, _Source(data, other))


def _span(rng: random.Random, data: bytes, longest: int = 256) -> tuple[int, int]:
    """Start and end of a random run within the data."""
    if not data:
        return 0, 0
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.randint(1, longest))


def _flip_bits(rng: random.Random, source: _Source) -> bytes:
    damaged = bytearray(source.data)
    for _ in range(rng.choice((1, 1, 2, 4, 16, 64))):
        if damaged:
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _random_run(rng: random.Random, source: _Source) -> bytes:
    start, end = _span(rng, source.data)
    return source.data[:start] + rng.randbytes(end - start) + source.data[end:]


def _fill_run(rng: random.Random, source: _Source) -> bytes:
    start, end = _span(rng, source.data, longest=4096)
    return source.data[:start] + rng.choice((b"\0", b"\xff")) * (end - start) + source.data[end:]


def _truncate(rng: random.Random, source: _Source) -> bytes:
    return source.data[: rng.randint(0, len(source.data))]


def _zero_tail(rng: random.Random, source: _Source) -> bytes:
    """What an interrupted download into a preallocated file looks like."""
    kept = rng.randint(0, len(source.data))
    return source.data[:kept] + bytes(len(source.data) - kept)


def _splice(rng: random.Random, source: _Source) -> bytes:
    """The head of one file and the tail of another."""
    head = rng.randint(0, len(source.data))
    tail = rng.randint(0, len(source.other))
    return source.data[:head] + source.other[tail:]


def _swap_blocks(rng: random.Random, source: _Source) -> bytes:
    size = rng.choice((4, 16, 64, 256, 1024))
    blocks = [source.data[at : at + size] for at in range(0, len(source.data), size)]
    if len(blocks) >= 2:
        first, second = rng.sample(range(len(blocks)), 2)
        blocks[first], blocks[second] = blocks[second], blocks[first]
    return b"".join(blocks)


def _remove_run(rng: random.Random, source: _Source) -> bytes:
    start, end = _span(rng, source.data)
    return source.data[:start] + source.data[end:]


def _insert_run(rng: random.Random, source: _Source) -> bytes:
    at, _ = _span(rng, source.data)
    return source.data[:at] + rng.randbytes(rng.randint(1, 64)) + source.data[at:]


def _repeat_run(rng: random.Random, source: _Source) -> bytes:
    start, end = _span(rng, source.data)
    times = rng.choice((1, 2, 8, 64))
    return source.data[:end] + source.data[start:end] * times + source.data[end:]


def _edit_number(rng: random.Random, source: _Source) -> bytes:
    """Write an extreme number where a length, an offset or a size may stand."""
    damaged = bytearray(source.data)
    if len(damaged) < 8:
        return bytes(damaged)
    # Headers and directories stand at either end; most numbers that matter are there.
    near = rng.randrange(min(len(damaged) - 4, 256))
    at = rng.choice((near, near, len(damaged) - 4 - near, rng.randrange(len(damaged) - 4)))
    form = rng.choice((">H", "<H", ">I", "<I"))
    value = rng.choice((*_EXTREMES, len(damaged), len(damaged) + 1, rng.getrandbits(32)))
    struct.pack_into(form, damaged, at, value & (0xFFFF if form[1] == "H" else 0xFFFF_FFFF))
    return bytes(damaged)


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Type and body of each chunk, as far as they can be read."""
    chunks = []
    at = len(_PNG_SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += length + 12
    return chunks


def _png_join(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = [_PNG_SIGNATURE]
    for name, body in chunks:
        parts += [struct.pack(">I", len(body)), name, body]
        parts.append(struct.pack(">I", zlib.crc32(name + body)))
    return b"".join(parts)


def _png_body(rng: random.Random, source: _Source) -> bytes:
    """Damage inside one PNG chunk, with a right checksum; other formats get a run of noise."""
    chunks = _png_chunks(source.data) if source.data.startswith(_PNG_SIGNATURE) else []
    if not chunks:
        return _random_run(rng, source)
    at = rng.randrange(len(chunks))
    name, body = chunks[at]
    change = rng.choice((_flip_bits, _edit_number, _truncate, _fill_run))
    chunks[at] = (name, change(rng, _Source(body, source.other)))
    return _png_join(chunks)


def _png_order(rng: random.Random, source: _Source) -> bytes:
    """PNG chunks swapped, repeated or left out; other formats get their blocks swapped."""
    chunks = _png_chunks(source.data) if source.data.startswith(_PNG_SIGNATURE) else []
    if not chunks:
        return _swap_blocks(rng, source)
    first, second = rng.randrange(len(chunks)), rng.randrange(len(chunks))
    how = rng.randrange(3)
    if how == 0:
        chunks[first], chunks[second] = chunks[second], chunks[first]
    elif how == 1:
        chunks.insert(first, chunks[second])
    else:
        del chunks[first]
    return _png_join(chunks)


_MUTATORS: dict[str, _Mutator] = {
    "flip_bits": _flip_bits,
    "random_run": _random_run,
    "fill_run": _fill_run,
    "truncate": _truncate,
    "zero_tail": _zero_tail,
    "splice": _splice,
    "swap_blocks": _swap_blocks,
    "remove_run": _remove_run,
    "insert_run": _insert_run,
    "repeat_run": _repeat_run,
    "edit_number": _edit_number,
    "png_body": _png_body,
    "png_order": _png_order,
}

MUTATORS: tuple[str, ...] = tuple(_MUTATORS)
"""Names of the kinds of damage, in a fixed order."""
