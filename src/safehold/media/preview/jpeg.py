"""Whether bytes are a plain JPEG file and nothing else: no metadata, nothing behind its end.

Only the segments that a picture needs may stand in it (ITU-T T.81, annex B), each of exactly
the length that its content has; JFIF's (ITU-T T.871) without a thumbnail. The coded pixels
themselves are not read: a worker that was taken over could still draw what it likes, or hide
something among their codes.
"""

from __future__ import annotations

import re
from typing import Final

from safehold.errors import SafeholdError

_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_JFIF: Final = 0xE0
_QUANTISATION: Final = 0xDB
_HUFFMAN: Final = 0xC4
_RESTART: Final = 0xDD
_SCAN: Final = 0xDA
_FRAMES: Final = frozenset({0xC0, 0xC2})
"""Baseline and progressive."""

_MAX_SEGMENTS: Final = 64
_TABLE_BYTES: Final = 65
"""A quantisation table of 8 bits, and its number."""

_AFTER_CODES = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""The first marker behind a scan's codes; stuffed bytes and restarts are among the codes."""


class NotPlainError(SafeholdError):
    """The bytes are no JPEG file, or hold more than a picture."""

    code = "preview_not_plain"
    default_message = "A preview holds more than a picture."


def check_plain_jpeg(content: bytes, max_side: int) -> tuple[int, int]:
    """Width and height of a plain JPEG.

    Raises:
        NotPlainError: it is something else, is larger than `max_side`, or anything stands in it
            that a picture does not need.
    """
    try:
        return _Walk(content).run(max_side)
    except IndexError:  # it ends within a segment
        raise NotPlainError from None


class _Walk:
    """Goes from marker to marker."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = len(_START)
        self._size: tuple[int, int] | None = None
        self._scans = 0

    def run(self, max_side: int) -> tuple[int, int]:
        content = self._content
        if not content.startswith(_START):
            raise NotPlainError
        for number in range(_MAX_SEGMENTS):
            _need(content[self._place] == 0xFF)
            marker = content[self._place + 1]
            if marker == _END[1]:
                _need(self._place + len(_END) == len(content))
                if self._size is None or not self._scans:
                    raise NotPlainError
                _need(max(self._size) <= max_side)
                return self._size
            self._segment(marker, first=number == 0)
        raise NotPlainError

    def _segment(self, marker: int, *, first: bool) -> None:
        """Check one segment and go behind it."""
        start = self._place + 4
        end = self._place + 2 + int.from_bytes(self._content[self._place + 2 : start])
        body = self._content[start:end]
        _need(start < end <= len(self._content))
        self._place = end
        if marker == _JFIF:
            # Version, unit and density of pixels; a thumbnail of 0 x 0.
            _need(first and len(body) == 14 and body[:5] == b"JFIF\0" and body[12:] == b"\0\0")
        elif marker == _QUANTISATION:
            _need(len(body) % _TABLE_BYTES == 0 and all(b < 4 for b in body[::_TABLE_BYTES]))
        elif marker == _HUFFMAN:
            _check_huffman(body)
        elif marker == _RESTART:
            _need(len(body) == 2)
        elif marker in _FRAMES:
            self._frame(body)
        elif marker == _SCAN:
            _need(self._size is not None and body[0] in (1, 2, 3) and len(body) == 4 + 2 * body[0])
            self._scans += 1
            found = _AFTER_CODES.search(self._content, end)
            self._place = len(self._content) if found is None else found.start()
        else:
            raise NotPlainError

    def _frame(self, body: bytes) -> None:
        _need(self._size is None and len(body) >= 6 and body[0] == 8)
        _need(body[5] in (1, 3) and len(body) == 6 + 3 * body[5])
        height, width = int.from_bytes(body[1:3]), int.from_bytes(body[3:5])
        _need(width > 0 and height > 0)
        self._size = (width, height)


def _check_huffman(body: bytes) -> None:
    """One table or more: class and number, 16 counts, and as many values as they say."""
    place = 0
    while place < len(body):
        _need(body[place] & 0xEC == 0 and place + 17 <= len(body))
        place += 17 + sum(body[place + 1 : place + 17])
    _need(place == len(body))


def _need(holds: bool) -> None:
    if not holds:
        raise NotPlainError
