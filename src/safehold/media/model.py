"""What media gives to the layers above: formats, faults, frames.

A `Fault` is a reason why an item could not be checked, or not wholly. The codes are stable:
they stand in rows, reports and settings.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from safehold.errors import SafeholdError


class Fault(enum.StrEnum):
    """Why an item was not, or not wholly, checked. Stable codes."""

    UNSUPPORTED = "unsupported"
    """No picture, or a type that is not decoded. Exact digests are still matched; no fault."""
    UNREADABLE = "unreadable"
    """The file could not be opened or read (permissions, I/O error, it vanished)."""
    DECODE_FAILED = "decode_failed"
    """It is a picture by its content, and nothing of it could be decoded."""
    DAMAGED = "damaged"
    """Decoded as far as it goes; the rest is missing or broken."""
    LIMIT_BYTES = "limit_bytes"
    LIMIT_PIXELS = "limit_pixels"
    LIMIT_FRAMES = "limit_frames"
    LIMIT_TIME = "limit_time"
    LIMIT_MEMORY = "limit_memory"
    DECODER_CRASHED = "decoder_crashed"
    """The worker process died on this file."""
    ARCHIVE_DAMAGED = "archive_damaged"
    ARCHIVE_ENCRYPTED = "archive_encrypted"
    ARCHIVE_UNSUPPORTED = "archive_unsupported"
    """A member is packed by a method that is not known here."""
    ARCHIVE_LIMIT = "archive_limit"


class DecodeError(SafeholdError):
    """A file cannot be decoded; `fault` says why."""

    code = "decode"
    default_message = "The file could not be decoded."

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(f"The file could not be decoded ({fault.value}).")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame or page of a picture, as 8-bit pixels.

    Attributes:
        index: place in the file, from 0.
        pixels: uint8, shape (height, width, 3) RGB, or (height, width) where the picture is
            grey. Colour under transparent pixels is kept as stored.
        alpha: uint8, shape (height, width), or None where every pixel is opaque.
    """

    index: int
    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None


class Picture(Protocol):
    """An opened picture: the header is read, the frames are decoded when asked for."""

    format: str
    width: int
    height: int
    frame_count: int

    def frames(self) -> Iterator[Frame]:
        """A bounded sample of the frames, in order, the first and the last among them.

        Raises `DecodeError` when a bound is reached or when not even the first frame can be
        decoded.
        """
        ...

    @property
    def damaged(self) -> bool:
        """Whether something was missing or broken; final once `frames` is exhausted."""
        ...
