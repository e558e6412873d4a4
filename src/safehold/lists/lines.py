"""Lines of a file that nobody vouches for: bounded, decoded, numbered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from safehold.lists.rows import RowFault

_BOM = b"\xef\xbb\xbf"


class BoundedLines:
    """The lines of a binary stream as text, in one pass.

    Gives (number, text without its line end), or (number, fault) for a line that is too long or
    is not UTF-8. A line that is too long is passed over in pieces, so memory stays bounded.

    Args:
        stream: open for reading bytes, at its beginning.
        max_bytes: longest line, line end included.
    """

    def __init__(self, stream: BinaryIO, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self.bytes_read = 0

    def __iter__(self) -> Iterator[tuple[int, str | RowFault]]:
        readline, limit = self._stream.readline, self._max_bytes + 1
        number = 0
        while raw := readline(limit):
            number += 1
            self.bytes_read += len(raw)
            if len(raw) == limit:
                self._pass_over(raw)
                yield number, RowFault.TOO_LONG
                continue
            if number == 1:
                raw = raw.removeprefix(_BOM)
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                yield number, RowFault.ENCODING
                continue
            yield number, text.rstrip("\r\n")

    def _pass_over(self, raw: bytes) -> None:
        """Read on to the end of a line that is too long."""
        while raw and not raw.endswith(b"\n"):
            raw = self._stream.readline(self._max_bytes)
            self.bytes_read += len(raw)
