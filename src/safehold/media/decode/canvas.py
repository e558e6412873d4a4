"""Animations whose frames are patches on a canvas (GIF, animated PNG), composed as browsers do.

Rules, from the PNG specification (third edition, section 11.3.6) and the GIF89a specification;
where a specification is silent, as browsers do it:

1. The canvas starts without colour and wholly transparent.
2. A patch replaces what it covers, or is laid over it.
3. After a frame was shown its patch stays, is cleared, or gives way to what was there before.
   For the first frame "what was there before" is the clear canvas.
4. What sticks out of the canvas is not shown.

Colour under transparent pixels is kept as the patch has it, as in still pictures.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safehold.media.model import Frame

Samples = NDArray[np.uint8]


class Disposal(enum.Enum):
    """What becomes of a patch before the next one is drawn."""

    KEEP = enum.auto()
    CLEAR = enum.auto()
    RESTORE = enum.auto()


@dataclass(frozen=True, slots=True)
class Placing:
    """Where and how a patch is drawn.

    Attributes:
        left, top: of its upper left corner on the canvas.
        over: laid over what is there, instead of replacing it.
        disposal: what becomes of it afterwards.
    """

    left: int
    top: int
    over: bool
    disposal: Disposal


class Canvas:
    """The state of an animation after a number of its frames."""

    def __init__(self, width: int, height: int) -> None:
        self._colour: Samples = np.zeros((height, width, 3), np.uint8)
        self._alpha: Samples = np.zeros((height, width), np.uint8)
        self._before_next: tuple[slice, slice, Samples, Samples] | None = None

    def draw(self, patch: Frame, placing: Placing) -> None:
        """Draw the next frame; what the one before it left behind is disposed of first."""
        self.dispose()
        height, width = self._alpha.shape
        rows = slice(placing.top, min(height, placing.top + patch.pixels.shape[0]))
        columns = slice(placing.left, min(width, placing.left + patch.pixels.shape[1]))
        colour, alpha = self._colour[rows, columns], self._alpha[rows, columns]
        if not alpha.size:
            return
        if placing.disposal is Disposal.CLEAR:
            self._before_next = rows, columns, np.zeros_like(colour), np.zeros_like(alpha)
        elif placing.disposal is Disposal.RESTORE:
            self._before_next = rows, columns, colour.copy(), alpha.copy()
        shown = patch.pixels[: alpha.shape[0], : alpha.shape[1]]
        if shown.ndim == 2:
            shown = shown[:, :, None]
        if patch.alpha is None:
            colour[:], alpha[:] = shown, 255
        elif placing.over:
            _lay_over(colour, alpha, shown, patch.alpha[: alpha.shape[0], : alpha.shape[1]])
        else:
            colour[:] = shown
            alpha[:] = patch.alpha[: alpha.shape[0], : alpha.shape[1]]

    def dispose(self) -> None:
        """Do away with the last patch, as it asked for."""
        if self._before_next is not None:
            rows, columns, colour, alpha = self._before_next
            self._colour[rows, columns], self._alpha[rows, columns] = colour, alpha
            self._before_next = None

    def shown(self, index: int) -> Frame:
        """A copy of what is shown now."""
        alpha = None if self._alpha.min() == 255 else self._alpha.copy()
        return Frame(index, self._colour.copy(), alpha)


def _lay_over(colour: Samples, alpha: Samples, top: Samples, top_alpha: Samples) -> None:
    """Lay `top` over `colour`, both with their opacity, in place."""
    # Nothing there yet, or nothing left of it: the patch as it is.
    replaced = (top_alpha == 255) | (alpha == 0)
    np.copyto(colour, top, where=replaced[:, :, None])
    np.copyto(alpha, top_alpha, where=replaced)
    mixed = ~replaced & (top_alpha > 0)
    if not mixed.any():
        return
    above = top_alpha[mixed].astype(np.uint32)[:, None]
    below = alpha[mixed].astype(np.uint32)[:, None] * (255 - above)
    weight = above * 255 + below
    top_colour = np.broadcast_to(top, colour.shape)[mixed].astype(np.uint32)
    total = top_colour * above * 255 + colour[mixed].astype(np.uint32) * below
    colour[mixed] = ((total + weight // 2) // weight).astype(np.uint8)
    alpha[mixed] = ((weight[:, 0] + 127) // 255).astype(np.uint8)
