"""Damaged files for readers of metadata: every shape, mutated by seed.

`mutated(seed, index)` gives the same file whenever it is asked, so that one that broke something
can be made again by its number.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import random
import socket
import struct
import time
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

import numpy as np
from PIL import Image

from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError
from safehold.media.sniff import HEAD_BYTES, sniff
from safehold.provenance.interface import Pixels
from safehold.provenance.model import ProvenanceOptions, Reading
from safehold.provenance.read import Reader
from safehold.provenance.walkers import walk
from safehold.testing.mutate import damage
from tests.provenance import containers
from tests.provenance.carriers import hide, stealth
from tests.provenance.shape import Shape

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_EXTREMES: Final = (0, 1, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)

MARKS: Final = (
    b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"caBX", b"comf", b"IDAT", b"IEND",
    b"EXIF", b"XMP ", b"C2PA", b"VP8X", b"RIFF", b"Exif\0\0", b"II*\0", b"MM\0*",
    b"\xff\xe1", b"\xff\xed", b"\xff\xeb", b"\xff\xfe", b"8BIM", b"JP\0",
    b"ftyp", b"meta", b"iinf", b"infe", b"iloc", b"idat", b"moov", b"udta", b"ilst", b"uuid",
    b"jumb", b"jumd", b"cbor", b"NETSCAPE2.0", b"XMP DataXMP", b"!\xfe", b"<?xpacket",
    b"\x69\x87", b"\x87\x69", b"\x86\x92", b"\x92\x86",
)  # fmt: skip
"""Where structures begin: lengths stand beside them."""

WORDS: Final = (
    b"[" * 3_000, b'{"a":' * 2_000, b"9" * 5_000, b"1e999", b"NaN", b'"\\ud800"', b"\\" * 2_000,
    b'<!DOCTYPE x [<!ENTITY a "aaaa">]>', b"&a;" * 500, b"\0" * 200, b", " * 3_000, b"(" * 3_000,
    b"Steps: 1, " * 1_000, b"\nNegative prompt: " * 300, b"<lora:" * 1_000, b'"' * 2_001,
    b"UNICODE\0" + b"\xd8\0" * 400, b"\xff\xfe" * 300, b"stealth_pngcomp", b"<a>" * 2_000,
)  # fmt: skip
"""What makes naive parsers slow, deep or wrong."""


@dataclass(frozen=True, slots=True)
class Hostile:
    """A damaged file: which, how it was damaged, and its bytes."""

    index: int
    shape: str
    kind: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What came of one file.

    Attributes:
        reading: what was read.
        seconds: CPU time of the reading alone, without decoding. The clock of the wall would
            count what else the machine does.
    """

    reading: Reading
    seconds: float


MOST_SECONDS: Final = 0.2
"""For the reading of any file, whatever stands in it."""


@contextlib.contextmanager
def counted_connections() -> Iterator[list[str]]:
    """Note every attempt of Python code to reach a network, and let none succeed."""
    tried: list[str] = []

    def refuse(name: str) -> Callable[..., Any]:
        def refused(*_: object, **__: object) -> Any:
            tried.append(name)
            raise OSError("no network here")

        return refused

    with contextlib.ExitStack() as stack:
        for owner, name in (
            (socket.socket, "connect"),
            (socket.socket, "connect_ex"),
            (socket.socket, "sendto"),
            (socket, "getaddrinfo"),
            (socket, "create_connection"),
        ):
            stack.enter_context(mock.patch.object(owner, name, refuse(name)))
        yield tried


@contextlib.contextmanager
def watched(options: ProvenanceOptions) -> Iterator[tuple[Reader, list[str]]]:
    """A reader, and a list of every error of a walker or parser.

    `Reader` lets none of them out, which is right for files and would hide mistakes here.
    """
    noted: list[str] = []

    def noting(one: Callable[..., Iterable[Any]]) -> Callable[..., Iterator[Any]]:
        def run(*given: Any) -> Iterator[Any]:
            try:
                yield from one(*given)
            except Exception as error:
                noted.append("".join(traceback.format_exception(error)[-2:]).strip())
                raise

        return run

    reader = Reader(options)
    reader.warm_up()
    inner: Any = reader
    inner._parsers = tuple(noting(one) for one in inner._parsers)
    inner._pixel_readers = tuple(noting(one) for one in inner._pixel_readers)
    inner._c2pa.read = noting(inner._c2pa.read)
    walkers = {name: noting(walker) for name, walker in walk.WALKERS.items()}
    with mock.patch.object(walk, "WALKERS", walkers):
        yield reader, noted


@cache
def shapes() -> dict[str, Shape]:
    """Every shape of the tests."""
    found: dict[str, Shape] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("shapes"):
            inner = importlib.import_module(f"tests.provenance.{module.name}")
            found |= getattr(inner, "SHAPES", {})
    return found


@cache
def sources() -> dict[str, bytes]:
    """Every shape, and some files that are hostile as they are."""
    found = {name: shape.data for name, shape in shapes().items()}
    return found | dict(_extremes())


def mutated(seed: int, index: int) -> Hostile:
    """The file of this number. All shapes take turns."""
    rng = random.Random(f"{seed}/{index}")
    names = list(sources())
    name = names[index % len(names)]
    other = sources()[rng.choice(names)]
    data, kinds = sources()[name], []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if rng.random() < 0.5:
            kind, data = damage(rng, data, other)
        else:
            kind = rng.choice(list(_MUTATORS))
            data = _MUTATORS[kind](rng, data)
        kinds.append(kind)
    return Hostile(index, name, "+".join(kinds), data)


def read(reader: Reader, data: bytes) -> Read:
    """Decode the first frame where that can be done, and read."""
    format_name = sniff(data[:HEAD_BYTES])
    pixels = first_frame(data)
    seconds = 0.0
    for _ in range(3):
        before = time.process_time()
        reading = reader.read(data, format_name, pixels)
        seconds = time.process_time() - before
        # Even that clock runs on when the machine is busy, so a slow one is asked again.
        if seconds < MOST_SECONDS:
            break
    return Read(reading, seconds)


def first_frame(data: bytes) -> Pixels | None:
    """The pixels that a reader is given; None where nothing can be decoded."""
    limits = MediaLimits(max_pixels=1_000_000, max_frames=1)
    try:
        picture = open_picture(data, limits)
        frame = next(iter(picture.frames()), None)
    except DecodeError:
        return None
    return None if frame is None else Pixels.of(picture.format, frame)


def _extreme_length(rng: random.Random, data: bytes) -> bytes:
    """An extreme number beside the beginning of a structure."""
    at = _mark(rng, data)
    damaged = bytearray(data)
    place = at + rng.randint(-6, 16)
    form = rng.choice((">H", "<H", ">I", "<I"))
    if 0 <= place <= len(damaged) - 4:
        value = rng.choice((*_EXTREMES, len(data), len(data) - place, rng.getrandbits(32)))
        mask = 0xFFFF if form[1] == "H" else 0xFFFF_FFFF
        struct.pack_into(form, damaged, place, value & mask)
    return bytes(damaged)


def _repeated_part(rng: random.Random, data: bytes) -> bytes:
    """A structure, or what looks like one, many times."""
    at = max(0, _mark(rng, data) - 4)
    part = data[at : at + rng.choice((12, 40, 300, 4_000))]
    times = min(rng.choice((1, 3, 50, 3_000)), 400_000 // max(1, len(part)))
    return data[:at] + part * times + data[at:]


def _words_over(rng: random.Random, data: bytes) -> bytes:
    """Hostile words in place of what stood there, so that lengths stay true."""
    words = rng.choice(WORDS)
    at = _mark(rng, data) + rng.randint(0, 200)
    return data[:at] + words[: max(0, len(data) - at)] + data[at + len(words) :]


def _words_in_chunk(rng: random.Random, data: bytes) -> bytes:
    """Hostile words within a PNG chunk whose length and checksum are true again."""
    chunks = list(_chunks(data))
    if not chunks:
        return _words_over(rng, data)
    number = rng.randrange(len(chunks))
    kind, body = chunks[number]
    at = rng.randint(0, len(body))
    chunks[number] = (kind, body[:at] + rng.choice(WORDS) + body[at:])
    return _PNG + b"".join(containers.png_chunk(*chunk) for chunk in chunks)


def _bits_near_words(rng: random.Random, data: bytes) -> bytes:
    """Bits turned over in metadata, not in pixels."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        at = _mark(rng, data) + rng.randint(-4, 300)
        if 0 <= at < len(damaged):
            damaged[at] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _mark(rng: random.Random, data: bytes) -> int:
    """Where one of the marks stands; anywhere, if there is none."""
    present = [mark for mark in MARKS if mark in data]
    if not present:
        return rng.randrange(len(data)) if data else 0
    mark = rng.choice(present)
    start = rng.randrange(len(data))
    at = data.find(mark, start)
    return at if at >= 0 else data.find(mark)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while data.startswith(_PNG) and at + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


_MUTATORS: Final[dict[str, Callable[[random.Random, bytes], bytes]]] = {
    "extreme_length": _extreme_length,
    "repeated_part": _repeated_part,
    "words_over": _words_over,
    "words_in_chunk": _words_in_chunk,
    "bits_near_words": _bits_near_words,
}


def _extremes() -> Iterator[tuple[str, bytes]]:
    """Files that no program writes."""
    bomb = zlib.compress(bytes(50_000_000), 9)
    ztxt = b"zTXt", b"parameters\0\0" + bomb
    yield "extreme inflating text", containers.png(chunks=[ztxt] * 3)
    deep = "[" * 200_000
    yield "extreme deep json", containers.png(chunks=[containers.text_chunk("prompt", deep)])
    wide = "{" + ",".join(f'"{n}":{n}' for n in range(60_000)) + "}"
    yield "extreme wide json", containers.png(chunks=[containers.text_chunk("workflow", wide)])
    line = "a teapot\nSteps: 1, " + ", ".join(f"K{n}: {n}" for n in range(40_000))
    yield "extreme settings", containers.png(chunks=[containers.text_chunk("parameters", line)])
    quoted = 'a\nSteps: 1, Hashes: "' + '\\"' * 50_000
    yield "extreme quotes", containers.png(chunks=[containers.text_chunk("parameters", quoted)])
    many = [containers.text_chunk("Comment", '{"uc":1,"sampler":2,"steps":3}')] * 5_000
    yield "extreme many chunks", containers.png(chunks=many)
    laughs = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
        f'<!ENTITY a{n} "{"&a;" * 10 if n == 0 else f"&a{n - 1};" * 10}">' for n in range(9)
    )
    packet = laughs.encode() + b"]>" + containers.xmp("<a>&a8;</a>")
    yield "extreme entities", containers.jpeg([containers.xmp_segment(packet)])
    nested = containers.xmp("<a>" * 20_000 + "</a>" * 20_000)
    yield "extreme nested xmp", containers.webp([(b"XMP ", nested)])
    box = b""
    for _ in range(3_000):
        box = containers.box(b"moov", box)
    yield "extreme nested boxes", containers.bmff(boxes=[box], brand=b"isom")
    for order in (True, False):
        yield (
            f"extreme directory {order}",
            containers.jpeg([containers.exif_segment(_looped(order))]),
        )
    opaque = np.full((256, 256), 255, np.uint8)
    false = b"stealth_pngcomp" + struct.pack(">I", 0xFFFF_FFFF)
    inflating = stealth("stealth_pngcomp", " " * 5_000_000)
    for name, body in (("false length", false), ("inflating", inflating)):
        alpha = hide(opaque, body[: opaque.size // 8])
        stream = io.BytesIO()
        Image.fromarray(np.dstack([np.zeros((256, 256, 3), np.uint8), alpha])).save(stream, "PNG")
        yield f"extreme stealth {name}", stream.getvalue()


def _looped(big_endian: bool) -> bytes:
    """A directory of 4,000 entries of the largest size, which links to itself."""
    order = ">" if big_endian else "<"
    entry = struct.pack(order + "HHII", 0x9286, 7, 0xFFFF, 8)
    body = struct.pack(order + "H", 4_000) + entry * 4_000 + struct.pack(order + "I", 8)
    return (b"MM\0*" if big_endian else b"II*\0") + struct.pack(order + "I", 8) + body
