"""What parsers are given, and what they give back.

All of it is free of I/O and total: a parser raises nothing, whatever stands in the bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from safehold.media.model import Frame
from safehold.provenance.model import Claim, Embedded, Passage
from safehold.provenance.walkers.interface import Budget, Piece


@dataclass(frozen=True, slots=True)
class Found:
    """What a parser found.

    Attributes:
        claims, passages, embedded: see the model.
        broken: whether it found a signature that does not hold for what stands there.
        repeated: whether one key stands several times with different values where it should
            stand once (keys of JSON, settings of a line): a conflict of that name.
    """

    claims: tuple[Claim, ...] = ()
    passages: tuple[Passage, ...] = field(default=(), repr=False)
    embedded: tuple[Embedded, ...] = ()
    broken: bool = False
    repeated: bool = False


Parser = Callable[[Sequence[Piece], Budget], Iterable[Found]]
"""Reads claims from the pieces of one file; it looks for what is its own and leaves the rest."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The first frame, for readers of pixels.

    Attributes:
        format: of the file.
        rgb: uint8 (height, width, 3), or None where only grey was decoded.
        alpha: uint8 (height, width), or None where every pixel is opaque.
    """

    format: str
    rgb: NDArray[np.uint8] | None
    alpha: NDArray[np.uint8] | None

    @classmethod
    def of(cls, format_name: str, frame: Frame) -> Pixels:
        """Of a decoded frame."""
        colour = frame.pixels if frame.pixels.ndim == 3 else None
        return cls(format_name, colour, frame.alpha)


PixelReader = Callable[[Pixels, Sequence[Piece], Budget], Iterable[Found]]
"""Reads claims from pixels; the pieces are there where a signature covers both."""
