"""The pictures that canaries send.

One picture is listed: a landscape whose shapes follow from a secret of the home, so that nobody
outside can make it, or tell canaries from other uploads. Three forms of it and of others are
sent:

- **exact**: the listed picture as PNG. `VARIANTS` files of it are listed, which differ in a line
  of text in the file alone (PNG 1.2, section 4.2.3.1, `tEXt`), so that two canaries that
  overlap do not take the same bytes and purge each other's case;
- **likeness**: the listed picture at another size and as JPEG, never the same bytes twice;
- **unlisted**: another landscape, far from the listed one, never the same twice.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from safehold.hashing.pdq import PdqHash, pdq
from safehold.work.canary.drawing import HEIGHT, WIDTH, Pixels, draw_landscape

PURPOSE = "safehold canary"
"""What `DigestKey.derive` is asked for the secret of the listed picture."""

VARIANTS = 32
"""Files of the listed picture."""

MIN_QUALITY = 80
"""Least PDQ quality of every picture."""

MAX_LIKENESS = 8
"""Largest distance in bits of a likeness: well within every sensible threshold."""

MIN_UNLIKE = 80
"""Least distance in bits of an unlisted picture."""

_ATTEMPTS = 100
_PNG_START = 8 + 25
"""Bytes of a PNG up to the end of its header: the signature, and the chunk IHDR."""

RandomBytes = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class CanaryPicture:
    """The listed picture of a home.

    Attributes:
        files: it as PNG, `VARIANTS` times.
        hash: its PDQ hash, of quality `MIN_QUALITY` or more.
        pixels: uint8, (480, 640, 3).
    """

    files: tuple[bytes, ...] = field(repr=False)
    hash: PdqHash = field(repr=False)
    pixels: Pixels = field(repr=False)

    def sha256s(self) -> tuple[bytes, ...]:
        """SHA-256 of each file."""
        return tuple(hashlib.sha256(file).digest() for file in self.files)

    def likeness(self, random_bytes: RandomBytes) -> bytes:
        """The picture at another size, as JPEG of another quality: other bytes each time."""
        nonce = random_bytes(16)
        rng = np.random.default_rng(int.from_bytes(nonce, "big"))
        for _ in range(_ATTEMPTS):
            scale = float(rng.uniform(0.75, 1.25))
            size = (round(WIDTH * scale), round(HEIGHT * scale))
            scaled = Image.fromarray(self.pixels).resize(size, Image.Resampling.LANCZOS)
            file = io.BytesIO()
            scaled.save(file, "JPEG", quality=int(rng.integers(75, 96)), comment=nonce.hex())
            near = pdq(np.asarray(Image.open(file).convert("RGB")))
            if distance(near.bits, self.hash.bits) <= MAX_LIKENESS and _is_good(near):
                return file.getvalue()
        raise AssertionError("no likeness of the canary is near it")

    def unlike(self, random_bytes: RandomBytes) -> bytes:
        """Another landscape as PNG, far from this one: another each time."""
        rng = np.random.default_rng(int.from_bytes(random_bytes(16), "big"))
        for _ in range(_ATTEMPTS):
            pixels = draw_landscape(rng)
            other = pdq(pixels)
            if _is_good(other) and distance(other.bits, self.hash.bits) >= MIN_UNLIKE:
                return _png(pixels)
        raise AssertionError("no landscape is far from the canary")


def draw_canary(secret: bytes) -> CanaryPicture:
    """The listed picture that belongs to a secret.

    Another version of the libraries that draw and compress may give other bytes for the same
    secret; the list is then brought up to date when the process starts.
    """
    rng = np.random.default_rng(int.from_bytes(secret, "big"))
    for _ in range(_ATTEMPTS):
        pixels = draw_landscape(rng)
        found = pdq(pixels)
        if _is_good(found):
            plain = _png(pixels)
            files = tuple(_with_text(plain, f"{number}") for number in range(VARIANTS))
            return CanaryPicture(files, found, pixels)
    raise AssertionError("no landscape has enough structure")


def distance(one: bytes, other: bytes) -> int:
    """In how many bits two hashes differ."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def _is_good(found: PdqHash) -> bool:
    return found.quality >= MIN_QUALITY


def _png(pixels: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _with_text(png: bytes, text: str) -> bytes:
    """A PNG with a `tEXt` chunk after its header: length, type, keyword, text, CRC."""
    chunk = b"tEXtComment\x00" + text.encode("ascii")
    length = len(chunk) - 4  # the type does not count
    framed = length.to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    return png[:_PNG_START] + framed + png[_PNG_START:]
