"""Finding the parts of a `multipart/form-data` body while it passes by (RFC 7578, RFC 2046 5.1).

The application reads the same bytes with a parser of its own, and what counts is what *it* takes
for a file. So this reader is strict: **what two parsers could read in two ways is refused**, and
what is left is read in one way by all. Refused are

- a boundary's text anywhere but in a whole delimiter line, preambles, epilogues, a missing end;
- header lines that are folded, repeated, too long, or hold control characters;
- transfer encodings other than plain bytes, and parts within parts;
- dispositions that are not form data or cannot be read to their end.

A part counts as a file when its disposition has any form of `filename`, or its content type is
neither text nor JSON.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

MAX_HEADER_BYTES: Final = 8 * 1024
MAX_PARTS: Final = 1000

_CONTENT_TYPE = re.compile(
    r"multipart/form-data"
    r"(?:[ \t]*;[ \t]*charset=\"?[0-9A-Za-z_-]{1,40}\"?)?"
    r"[ \t]*;[ \t]*boundary="
    r"(?:\"([0-9A-Za-z'()+_,./:=?-]{1,70})\"|([0-9A-Za-z+_.-]{1,70}))"
    r"(?:[ \t]*;[ \t]*charset=\"?[0-9A-Za-z_-]{1,40}\"?)?[ \t]*",
    re.IGNORECASE,
)
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARAMETER = re.compile(
    r"[ \t]*;[ \t]*([!#$&+.^_`|~0-9A-Za-z*-]+)=(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;\"\\]*))"
)
_PLAIN_TYPES = ("text/", "application/json")
_PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})


class MalformedForm(ValueError):  # noqa: N818 - what a form is
    """A form that could be read in more than one way, or not at all."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form.

    Attributes:
        name: of the field.
        file_name: as the sender named it, or None.
        is_file: whether any parser may take it for a file.
        start, end: where its bytes lie in the body.
    """

    name: str = field(repr=False)
    file_name: str | None = field(repr=False)
    is_file: bool
    start: int
    end: int


def boundary_of(content_type: str) -> bytes:
    """The boundary that a request's `Content-Type` names. Raises `MalformedForm`."""
    found = _CONTENT_TYPE.fullmatch(content_type.strip(" \t"))
    if found is None:
        raise MalformedForm
    return (found[1] or found[2]).encode("ascii")


class _State(enum.Enum):
    START = enum.auto()
    HEADERS = enum.auto()
    DATA = enum.auto()
    END = enum.auto()


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    file_name: str | None
    is_file: bool


class FormReader:
    """Reads a form in pieces of any size; holds no more of it than one piece and one header."""

    def __init__(self, boundary: bytes, max_parts: int = MAX_PARTS) -> None:
        self._mark = b"--" + boundary
        self._max_parts = max_parts
        self._state = _State.START
        self._buffer = bytearray()
        self._base = 0  # where the buffer begins in the body
        self._start = 0  # where the present part's bytes begin in the body
        self._head = _Head("", None, False)
        self._parts: list[Part] = []

    def feed(self, data: bytes) -> None:
        """The next bytes of the body. Raises `MalformedForm`."""
        self._buffer += data
        while self._step():
            pass

    def finish(self) -> tuple[Part, ...]:
        """All parts, once the body is over. Raises `MalformedForm` for one that broke off."""
        if self._state is not _State.END or bytes(self._buffer) not in (b"", b"\r\n"):
            raise MalformedForm
        return tuple(self._parts)

    def _step(self) -> bool:
        """Go on as far as the buffer allows; whether there may be more to do."""
        match self._state:
            case _State.START:
                return self._delimiter(0)
            case _State.HEADERS:
                return self._headers()
            case _State.DATA:
                return self._data()
            case _State.END:
                if len(self._buffer) > 2:
                    raise MalformedForm
                return False

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._base += count

    def _delimiter(self, place: int) -> bool:
        """A delimiter line at `place` of the buffer, to its end; False when more is needed."""
        after = place + len(self._mark)
        line = bytes(self._buffer[place : after + 2])
        if not (self._mark + b"\r\n").startswith(line) and not (self._mark + b"--").startswith(
            line
        ):
            raise MalformedForm
        if len(line) < len(self._mark) + 2:
            return False
        self._state = _State.END if line.endswith(b"--") else _State.HEADERS
        if self._state is _State.END and not self._parts and self._base + place == 0:
            raise MalformedForm  # no part at all: nobody sends that, and parsers differ
        self._drop(after + 2)
        return True

    def _headers(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_HEADER_BYTES:
                raise MalformedForm
            return False
        block = bytes(self._buffer[:end])
        if self._mark in block or len(self._parts) >= self._max_parts:
            raise MalformedForm
        self._head = _read_head(block)
        self._drop(end + 4)
        self._start = self._base
        self._state = _State.DATA
        return True

    def _data(self) -> bool:
        found = self._buffer.find(self._mark)
        if found < 0:
            # What may be the beginning of "\r\n--boundary" stays.
            self._drop(max(0, len(self._buffer) - len(self._mark) - 1))
            return False
        line_end = found - 2
        if line_end < 0 or self._buffer[line_end:found] != b"\r\n":
            raise MalformedForm
        end = self._base + line_end
        if not self._delimiter(found):
            return False
        head = self._head
        self._parts.append(Part(head.name, head.file_name, head.is_file, self._start, end))
        return True


def _read_head(block: bytes) -> _Head:
    """What a part's header lines say. Raises `MalformedForm`."""
    said: dict[bytes, bytes] = {}
    for line in block.split(b"\r\n"):
        found = _HEADER.fullmatch(line)
        if found is None or found[1].lower() in said:
            raise MalformedForm
        said[found[1].lower()] = found[2].strip(b" \t")
    encoding = said.get(b"content-transfer-encoding", b"binary").lower()
    kind = said.get(b"content-type", b"text/plain").decode("latin-1").lower()
    if encoding not in _PLAIN_ENCODINGS or kind.startswith("multipart/"):
        raise MalformedForm
    raw = said.get(b"content-disposition", b"")
    given = dict(_parameters(raw.decode("utf-8", "surrogateescape")))
    if "name" not in given:
        raise MalformedForm
    named = any(name.startswith("filename") for name in given)
    # After a backslash parsers differ about where a quoted text ends.
    doubtful = b"\\" in raw and b"filename" in raw.lower()
    return _Head(
        _text(given["name"]),
        _file_name(given),
        named or doubtful or not kind.startswith(_PLAIN_TYPES),
    )


def _parameters(disposition: str) -> Iterator[tuple[str, str]]:
    """The parameters of a disposition, each name once. Raises `MalformedForm`."""
    kind, place = "form-data", len("form-data")
    if disposition[:place].lower() != kind:
        raise MalformedForm
    seen: set[str] = set()
    while place < len(disposition):
        found = _PARAMETER.match(disposition, place)
        if found is None or found[1].lower() in seen:
            raise MalformedForm
        seen.add(found[1].lower())
        quoted, plain = found[2], found[3]
        yield found[1].lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        place = found.end()


def _text(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _file_name(given: dict[str, str]) -> str | None:
    """The file's name, for the record only; `filename*` (RFC 8187) stands before the other."""
    charset, _, rest = given.get("filename*", "").partition("'")
    if charset.lower() == "utf-8":
        _, _, value = rest.partition("'")
        return unquote_to_bytes(value).decode("utf-8", "replace")
    return _text(given["filename"]) if "filename" in given else None
