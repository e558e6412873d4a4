"""Known payloads that image generators embed in their pixels by the method dwtDct.

The reference scripts of Stable Diffusion, SDXL and FLUX mark their pictures by the package
`invisible-watermark`, each with one payload for all pictures; the embedding is described in
`kernels.watermark`. Its decoder reads one bit at a time, from bits that are wrong for a third
of the blocks of a photograph, and knows one of the ways in which the embedder is called. Here
the scores of all blocks are correlated with each payload that is known, in each of the four
ways, and what must be there is:

- the correlation is at least `LEAST_Z` standard deviations of scores without order,
- its effect is at least `LEAST_EFFECT` (1 where every block bears its bit),
- it is `LEAST_RATIO` times what the payload gives at any other beginning: gradients repeat, and
  reach a z of 17 by that, but then they do so at several beginnings;
- the payload explains what the sums of the bits are, by `LEAST_ORDER` standard deviations:
  tiles that repeat after as many blocks as the payload has bits give sums without noise, of
  which one in some hundred is like the payload by chance, and never as like as the payload is.

What is done to a picture later may destroy the mark. That none is found says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safehold.kernels.accelerate import frozen
from safehold.kernels.watermark import BLOCK, block_scores
from safehold.provenance.interface import Found, Pixels
from safehold.provenance.model import Claim, Extent, Place, Tier
from safehold.provenance.walkers.interface import Budget, Piece

LEAST_Z: Final = 8.0
LEAST_EFFECT: Final = 0.15
LEAST_RATIO: Final = 1.5
LEAST_ORDER: Final = 4.0
LEAST_PIXELS: Final = 256 * 256
"""The embedder refuses smaller pictures."""
FORMATS: Final = frozenset({"png", "webp", "avif", "heic", "heif", "tiff", "bmp", "jpeg"})
"""Where it can be. Of JPEG only what `jpeg_colour` lets through."""

_TINY: Final = 1e-9
"""Instead of a division by zero, where a picture is flat."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What one program embeds.

    Attributes:
        name: as it is known; stands among the claim's actions.
        generator: the program.
        model: the family of models.
        bits: 0 and 1.
        extent: how much of the picture it says was made.
    """

    name: str
    generator: str
    model: str
    bits: tuple[int, ...]
    extent: Extent = Extent.UNKNOWN


def _bits_of(words: str) -> tuple[int, ...]:
    return tuple(np.unpackbits(np.frombuffer(words.encode("ascii"), np.uint8)).tolist())


def _bits(digits: str) -> tuple[int, ...]:
    return tuple(int(digit) for digit in digits)


PAYLOADS: Final = (
    Payload(
        "StableDiffusionV1",
        "Stable Diffusion",
        "Stable Diffusion v1",
        _bits_of("StableDiffusionV1"),
    ),
    Payload(
        "StableDiffusionV1-Inpainting",
        "Stable Diffusion",
        "Stable Diffusion v1 inpainting",
        _bits_of("StableDiffusionV1-Inpainting"),
        Extent.PARTIAL,
    ),
    Payload("SDV2", "Stable Diffusion", "Stable Diffusion v2", _bits_of("SDV2")),
    Payload(
        "SDXL",
        "Stable Diffusion",
        "Stable Diffusion XL",
        _bits("101100111110110010010000011110111011000110011110"),
    ),
    # The script writes the number in binary, which loses its two leading zeros.
    Payload("FLUX", "FLUX", "FLUX", _bits("1010101111111010000111100111001111010100101110")),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How well one payload agrees with a picture.

    Attributes:
        payload: which.
        z: standard deviations from what scores without order give.
        effect: the share of the scores that agrees, less the share that does not.
        ratio: of its correlation to the best at another beginning.
        order: how well it explains the sums of the bits: their cosine with the payload, times
            the square root of the number of bits, which for sums by chance is about 1.
    """

    payload: Payload
    z: float
    effect: float
    ratio: float
    order: float

    @property
    def certain(self) -> bool:
        """Whether it is told."""
        strong = self.z >= LEAST_Z and self.effect >= LEAST_EFFECT
        return strong and self.ratio >= LEAST_RATIO and self.order >= LEAST_ORDER


def read(pixels: Pixels, pieces: Sequence[Piece], budget: Budget) -> Iterator[Found]:
    """The payload that the pixels carry, if any (a `PixelReader`)."""
    if pixels.rgb is None or pixels.format not in FORMATS or budget.over:
        return
    best = decode(pixels.rgb, budget.options.max_watermark_pixels)
    if best is None:
        return
    payload = best.payload
    yield Found(
        (
            Claim(
                Tier.WATERMARK,
                "dwt_dct",
                True,
                Place("pixels"),
                generator=payload.generator,
                model=payload.model,
                extent=payload.extent,
                actions=(payload.name,),
            ),
        )
    )


def warm_up() -> None:
    """Compile or load the kernel."""
    decode(np.zeros((256, 256, 3), np.uint8), LEAST_PIXELS)


def decode(rgb: NDArray[np.uint8], max_pixels: int) -> Finding | None:
    """The known payload that a picture carries, or None.

    Args:
        rgb: uint8 (height, width, 3).
        max_pixels: only so many are read, from the top. Blocks are counted row by row over the
            whole width, so rows may be left out and columns may not.
    """
    certain = [finding for finding in findings(rgb, max_pixels) if finding.certain]
    return max(certain, key=lambda finding: finding.z, default=None)


def findings(rgb: NDArray[np.uint8], max_pixels: int) -> list[Finding]:
    """How well each known payload agrees, in the way of embedding that agrees best."""
    height, width = rgb.shape[:2]
    if height * width < LEAST_PIXELS or width < BLOCK:
        return []
    rows = min(height, max_pixels // width) // BLOCK * BLOCK
    if rows == 0:
        return []
    scores = block_scores(frozen(np.ascontiguousarray(rgb[:rows])))
    return [_agreement(scores, payload) for payload in PAYLOADS]


def _agreement(scores: NDArray[np.float32], payload: Payload) -> Finding:
    """Of all ways, that with the largest z.

    Blocks that bear the same bit are summed first; a correlation with the payload at each
    beginning is then one product of small matrices.
    """
    shifted = _shifted(payload.bits)
    length = len(payload.bits)
    whole = -(-scores.shape[1] // length) * length
    padded = np.zeros((len(scores), whole), np.float64)
    padded[:, : scores.shape[1]] = scores
    sums = padded.reshape(len(scores), -1, length).sum(axis=1)
    correlations = sums @ shifted.T
    # The payload has no mean, so a mean of the scores changes nothing.
    size = np.sqrt(np.square(shifted[0]).mean())
    spread = np.sqrt(np.square(padded).sum(axis=1)) * size
    z = correlations[:, 0] / np.maximum(spread, _TINY)
    way = int(z.argmax())
    own = float(correlations[way, 0])
    strength = max(float(np.abs(padded[way]).sum()), _TINY)
    others = max(float(np.abs(correlations[way, 1:]).max()), _TINY)
    deviation = max(float(sums[way].std() * length * size), _TINY)
    order = own / deviation * length**0.5
    return Finding(payload, float(z[way]), own / strength, own / others, order)


@cache
def _shifted(bits: tuple[int, ...]) -> NDArray[np.float64]:
    """The payload as -1 and 1, less its mean, at each beginning: (bits, bits)."""
    signs = 2.0 * np.array(bits) - 1
    signs -= signs.mean()
    return np.stack([np.roll(signs, shift) for shift in range(len(bits))])
