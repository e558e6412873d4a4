"""Carriers of known marks, for tests: an embedder of dwtDct, and of bits of the alpha plane.

Written from the published description of `invisible-watermark`'s method dwtDct. The programs
call it in five ways, which leave different numbers in the file.
"""

from __future__ import annotations

import base64
import enum
import gzip
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from safehold.testing.pictures import draw_any
from tests.samples import sample

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

STEP = 36.0
SAMPLES = tuple(sample(name) for name in ("chelsea", "coffee", "rocket"))
FROM_RGB = np.array([0.299, 0.587, 0.114])


class Way(enum.StrEnum):
    """How the embedder is called."""

    BYTES_BGR = "bytes_bgr"
    """The scripts of Stable Diffusion 1 and 2."""
    BYTES_RGB = "bytes_rgb"
    FLOATS_BGR = "floats_bgr"
    """Those of FLUX; values are rounded at the end."""
    FLOATS_BGR_CUT = "floats_bgr_cut"
    """Those of SDXL; values are cut to whole numbers."""
    FLOATS_RGB = "floats_rgb"
    """A library that forgot to turn the channels round."""


def drawn(seed: int, width: int = 320, height: int = 256) -> Bytes:
    """A drawing as pixels."""
    return np.asarray(draw_any(seed, (width, height)), np.uint8)


def bare(seed: int) -> Bytes:
    """A picture without a mark: drawings, noise, gradients, tiles, samples."""
    rng = np.random.default_rng(seed)
    kind = seed % 5
    if kind == 0:
        return drawn(seed)
    if kind == 1:
        return rng.integers(0, 256, (256, 320, 3), dtype=np.uint8)
    if kind == 2:
        slopes = rng.normal(size=(2, 3))
        slope = np.multiply.outer(np.arange(256.0), slopes[0])[:, None]
        ramp = slope + np.multiply.outer(np.arange(320.0), slopes[1])
        return np.asarray(255 * (ramp - ramp.min()) / np.ptp(ramp), np.uint8)
    if kind == 3:
        # As many different blocks as a payload has bits, again and again.
        count = (32, 48, 46)[seed // 5 % 3]
        tile = rng.integers(0, 256, (1, count, 3), dtype=np.uint8)
        return np.ascontiguousarray(np.tile(tile.repeat(8, 0).repeat(8, 1), (64, 1, 1)))
    picture = SAMPLES[seed // 5 % 3]
    top, left = (int(rng.integers(0, side - 290)) for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + 290, left : left + 290])


def embed(rgb: NDArray[np.uint8], bits: Sequence[int], way: Way) -> NDArray[np.uint8]:
    """A copy of the picture that carries the payload."""
    order = slice(None, None, -1) if way.name.endswith("RGB") else slice(None)
    if way.name.startswith("BYTES"):
        marked = _embed_bytes(rgb[..., order], bits)
    else:
        marked = _embed_floats(rgb[..., order].astype(np.float64), bits)
        marked = marked if way is Way.FLOATS_BGR_CUT else np.rint(marked)
    return np.ascontiguousarray(np.clip(marked, 0, 255).astype(np.uint8)[..., order])


def _embed_floats(rgb: Floats, bits: Sequence[int]) -> Floats:
    luma = rgb @ FROM_RGB
    u = 0.492 * (rgb[..., 2] - luma) + 0.5
    v = 0.877 * (rgb[..., 0] - luma) + 0.5
    return _to_rgb(luma, _mark(u, bits) - 0.5, v - 0.5)


def _embed_bytes(rgb: NDArray[np.uint8], bits: Sequence[int]) -> Floats:
    """As with floats, but each plane is of bytes in between, and U is cut to whole numbers."""
    luma = np.rint(rgb @ FROM_RGB)
    u = np.clip(np.rint(0.492 * (rgb[..., 2] - luma) + 128), 0, 255)
    v = np.clip(np.rint(0.877 * (rgb[..., 0] - luma) + 128), 0, 255)
    marked = np.clip(np.trunc(_mark(u, bits)), 0, 255)
    return np.rint(_to_rgb(luma, marked - 128, v - 128))


def _to_rgb(luma: Floats, u: Floats, v: Floats) -> Floats:
    return np.stack([luma + 1.14 * v, luma - 0.395 * u - 0.581 * v, luma + 2.032 * u], axis=-1)


def _mark(plane: Floats, bits: Sequence[int]) -> Floats:
    """Move the largest value of each 4 x 4 block of the plane's LL band."""
    height, width = (side // 4 * 4 for side in plane.shape)
    cells = plane[:height, :width].reshape(height // 2, 2, width // 2, 2)
    low = cells.sum(axis=(1, 3)) / 2
    down, across = height // 8, width // 8
    whole = low[: down * 4, : across * 4].reshape(down, 4, across, 4)
    blocks = whole.swapaxes(1, 2).reshape(-1, 16)
    at = np.abs(blocks[:, 1:]).argmax(axis=1) + 1
    each = np.arange(len(blocks))
    value = blocks[each, at]
    wanted = np.resize(np.asarray(bits, float), len(blocks))
    moved = (np.abs(value) // STEP + 0.25 + 0.5 * wanted) * STEP
    blocks[each, at] = np.where(value >= 0, moved, -moved)
    after = low.copy()
    after[: down * 4, : across * 4] = (
        blocks.reshape(down, across, 4, 4).swapaxes(1, 2).reshape(down * 4, across * 4)
    )
    # The package gives the two middle bands back in the wrong order.
    first, second = cells[:, 0, :, 0], cells[:, 0, :, 1]
    third, fourth = cells[:, 1, :, 0], cells[:, 1, :, 1]
    swapped_down = (first - second + third - fourth) / 2
    swapped_across = (first + second - third - fourth) / 2
    both = (first - second - third + fourth) / 2
    marked = plane.copy()
    inner = np.empty((height // 2, 2, width // 2, 2))
    inner[:, 0, :, 0] = (after + swapped_across + swapped_down + both) / 2
    inner[:, 0, :, 1] = (after - swapped_across + swapped_down - both) / 2
    inner[:, 1, :, 0] = (after + swapped_across - swapped_down - both) / 2
    inner[:, 1, :, 1] = (after - swapped_across - swapped_down + both) / 2
    marked[:height, :width] = inner.reshape(height, width)
    return marked


def hide(plane: NDArray[np.uint8], body: bytes) -> NDArray[np.uint8]:
    """A copy whose lowest bits, column by column, are those of `body`.

    `plane` is alpha (height, width) or colour (height, width, 3).
    """
    bits = np.unpackbits(np.frombuffer(body, np.uint8))
    turned = np.ascontiguousarray(plane.swapaxes(0, 1))
    flat = turned.reshape(-1)
    flat[: len(bits)] = flat[: len(bits)] & 0xFE | bits
    return np.ascontiguousarray(turned.swapaxes(0, 1))


def stealth(magic: str, text: str) -> bytes:
    """What is hidden: magic, length in bits, the text, by gzip where the magic says so."""
    body = text.encode()
    if magic.endswith("comp"):
        body = gzip.compress(body, mtime=0)
    return magic.encode("ascii") + struct.pack(">I", 8 * len(body)) + body


def signed_comment(
    key: Ed25519PrivateKey, rgb: NDArray[np.uint8], said: Mapping[str, Any]
) -> dict[str, Any]:
    """NovelAI's comment with a signature over the pixels and itself."""
    signature = key.sign(rgb.tobytes() + json.dumps(said).encode())
    return {**said, "signed_hash": base64.b64encode(signature).decode()}
