"""Frames of an animation whose patches are files of their own once cut out (GIF, PNG)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from safehold.media.decode.canvas import Canvas, Disposal, Placing
from safehold.media.model import DecodeError, Fault, Frame


class Animation:
    """Draws patch after patch, each decoded by itself, so that a broken one costs only itself.

    Args:
        width, height: of the canvas; the caller has checked them.
        placings: one for each frame, in order.
        decode: gives patch `index`, or raises `DecodeError`.
    """

    def __init__(
        self,
        width: int,
        height: int,
        placings: Sequence[Placing],
        decode: Callable[[int], Frame],
    ) -> None:
        self.damaged = False
        self._size = (width, height)
        self._placings = placings
        self._decode = decode
        self._canvas: Canvas | None = None
        self._next = 0

    def frame(self, index: int) -> Frame:
        """What is shown at frame `index`; a smaller index than before starts anew.

        Raises:
            DecodeError: this patch cannot be decoded, or one before it met a limit.
        """
        if self._canvas is None or index < self._next:
            self._canvas, self._next = Canvas(*self._size), 0
        while self._next <= index:
            at = self._next
            self._next += 1
            self._draw(self._canvas, at, wanted=at == index)
        return self._canvas.shown(index)

    def _draw(self, canvas: Canvas, at: int, *, wanted: bool) -> None:
        placing = self._placings[at]
        if at == 0 and placing.disposal is Disposal.RESTORE:
            placing = Placing(placing.left, placing.top, placing.over, Disposal.CLEAR)
        try:
            patch = self._decode(at)
        except DecodeError as error:
            canvas.dispose()
            if wanted or error.fault is not Fault.DECODE_FAILED:
                raise
            self.damaged = True
            return
        width, height = self._size
        if (
            placing.left + patch.pixels.shape[1] > width
            or placing.top + patch.pixels.shape[0] > height
        ):
            self.damaged = True  # viewers differ in what they show of it
        canvas.draw(patch, placing)
