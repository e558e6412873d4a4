"""Streams of events (WHATWG HTML, section 9.2): read with bounds, and written.

The parser takes bytes in pieces of any size and gives events that are whole. An event that the
end of the stream cuts off is none, as the specification has it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from safehold.gate.model import UpstreamError

KEEP_ALIVE = b": \n\n"
"""A comment: it tells readers nothing, and whoever waits that the connection is alive."""

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """An event.

    Attributes:
        name: its type, or empty.
        data: its lines, joined by line feeds.
    """

    name: str = ""
    data: bytes = field(default=b"", repr=False)

    def written(self) -> bytes:
        """As it stands in a stream."""
        name = f"event: {self.name}\n".encode() if self.name else b""
        lines = b"".join(b"data: " + line + b"\n" for line in self.data.split(b"\n"))
        return name + lines + b"\n"


class Parser:
    """Takes a stream apart. `max_bytes`: of one event, comments and fields counted in."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._line: list[bytes] = []
        self._size = 0
        self._name = ""
        self._data: list[bytes] = []
        self._after_return = False
        self._first = True

    def feed(self, part: bytes) -> Iterator[Event]:
        """The events that end in the next piece.

        Raises:
            UpstreamError: an event is larger than is taken.
        """
        if self._after_return and part.startswith(b"\n"):
            part = part[1:]
            self._after_return = False
        if not part:
            return
        self._after_return = part.endswith(b"\r")
        if b"\r" in part:
            part = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = part.split(b"\n")
        for line in lines[:-1]:
            self._take(line)
            whole = b"".join(self._line)
            self._line = []
            event = self._ended(whole)
            if event is not None:
                yield event
        self._take(lines[-1])

    def _take(self, part: bytes) -> None:
        self._size += len(part) + 1
        if self._size > self._max_bytes:
            raise UpstreamError
        if part:
            self._line.append(part)

    def _ended(self, line: bytes) -> Event | None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            event = Event(self._name, b"\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "", [], 0
            return event
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        return None


async def events(parts: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[Event]:
    """The events of a stream. Raises `UpstreamError` as `Parser.feed`, and what `parts` raises."""
    parser = Parser(max_bytes)
    async for part in parts:
        for event in parser.feed(part):
            yield event
