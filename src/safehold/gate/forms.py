"""Multipart forms (RFC 7578): read whole, and written anew.

What goes on to the upstream is the form as it was understood here, written in one plain way. So
another parser finds no part in it that was not looked at.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

MAX_PARTS = 128
_MAX_HEADERS = 8
_MAX_HEADER_BYTES = 4_096
_PLAIN = (b"", b"binary", b"8bit", b"7bit")


class NoFormError(ValueError):
    """It is no form that is read here."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a form.

    Attributes:
        name: of its field.
        data: its bytes.
        filename: empty for a field that is no file.
        content_type: as it is said, or empty.
    """

    name: str
    data: bytes = field(repr=False)
    filename: str = field(default="", repr=False)
    content_type: str = ""

    @property
    def text(self) -> str:
        """A field's text. Raises `NoFormError` where it is none."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError:
            raise NoFormError from None


def is_form(content_type: bytes) -> bool:
    """Whether a body of this type is a form."""
    return content_type.strip().lower().startswith(b"multipart/form-data")


def read(content_type: bytes, body: bytes) -> list[Part]:
    """The parts of a form, in order. Raises `NoFormError`."""
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 200:
        raise NoFormError
    reader = _Reader()
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": reader.begin,
            "on_header_field": reader.header_name,
            "on_header_value": reader.header_value,
            "on_header_end": reader.header_end,
            "on_headers_finished": reader.headers_finished,
            "on_part_data": reader.part_data,
            "on_part_end": reader.part_end,
        },
        max_header_count=_MAX_HEADERS,
        max_header_size=_MAX_HEADER_BYTES,
    )
    try:
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise NoFormError from None
    if parser.state != MultipartState.END:
        raise NoFormError
    return reader.parts


def write(parts: Sequence[Part]) -> tuple[bytes, bytes]:
    """A form of parts: its content type and its body."""
    boundary = secrets.token_hex(16).encode("ascii")
    out: list[bytes] = []
    for part in parts:
        head = b'Content-Disposition: form-data; name="' + _quoted(part.name) + b'"'
        if part.filename:
            head += b'; filename="' + _quoted(part.filename) + b'"'
        if part.content_type:
            head += b"\r\nContent-Type: " + part.content_type.encode("ascii")
        out += (b"--", boundary, b"\r\n", head, b"\r\n\r\n", part.data, b"\r\n")
    out += (b"--", boundary, b"--\r\n")
    return b"multipart/form-data; boundary=" + boundary, b"".join(out)


def _quoted(text: str) -> bytes:
    """As browsers write names (WHATWG HTML, section 4.10.21.8)."""
    plain = text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return plain.encode("utf-8", "replace")


class _Reader:
    """Gathers what the parser tells."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = bytearray()
        self._value = bytearray()
        self._data: list[bytes] = []

    def begin(self) -> None:
        if len(self.parts) >= MAX_PARTS:
            raise NoFormError
        self._headers = {}
        self._data = []

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        name = bytes(self._name).lower()
        if name in self._headers:
            raise NoFormError
        self._headers[name] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def headers_finished(self) -> None:
        coding = self._headers.get(b"content-transfer-encoding", b"").strip().lower()
        if coding not in _PLAIN or b"content-encoding" in self._headers:
            raise NoFormError

    def part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def part_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"")
        if kind != b"form-data" or not name:
            raise NoFormError
        self.parts.append(
            Part(
                name.decode("utf-8", "replace"),
                b"".join(self._data),
                options.get(b"filename", b"").decode("utf-8", "replace"),
                self._headers.get(b"content-type", b"").decode("latin-1"),
            )
        )
