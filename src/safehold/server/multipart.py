"""Multipart forms: one part `file`, and text fields, parsed as they come.

The file's bytes go straight to their place in memory; fields are small and counted. The parser
is python-multipart's; what a form may have is decided here. Who stores what was checked may read
the form with another parser, so **what two parsers could read in two ways is refused**: anything
after the end, a name or a boundary that is given twice, a field that is a file too, and a file
that is itself in parts or compressed.
"""

from __future__ import annotations

import re

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from safehold.engine.spool import Body
from safehold.server.context import LIMITS
from safehold.server.errors import MultipartError, RequestError

OVERHEAD_BYTES = 64 * 1024
"""What a form may have beside the file: boundaries, headers of parts, fields."""

_FILE = "file"
_MAX_HEADER_BYTES = 4096
_MAX_HEADERS = 8
_NEW_LINE = b"\r\n"
_PLAIN = (b"", b"identity", b"binary", b"8bit", b"7bit")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BOUNDARY = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")


class Form:
    """A form on its way. A sink for the body; `finish` gives the fields."""

    def __init__(self, content_type: bytes, body: Body) -> None:
        """Read the boundary from the header. Raises `MultipartError`."""
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if _BOUNDARY.fullmatch(boundary) is None or _times_given(b"boundary", content_type) != 1:
            raise MultipartError
        self._end_mark = b"\r\n--" + boundary + b"--"
        self._tail = b""
        self._rest = b""
        self._body = body
        self._fields: dict[str, str] = {}
        self._has_file = False
        self._name = ""
        self._value: bytearray | None = None
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._part_begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_data,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )

    def write(self, chunk: bytes) -> None:
        """Parse the next piece.

        Raises:
            MultipartError: it is damaged.
            RequestError: a field is not known, stands twice or is too long.
            BodyTooLargeError, OverloadedError: as the body's own.
        """
        ended = self._ended
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise MultipartError from None
        if not self._ended:
            most = len(self._end_mark) - 1
            self._tail = (self._tail + chunk[-most:])[-most:]
            return
        # The parser lets go what follows the end; another one may find parts in it.
        after = chunk if ended else (self._tail + chunk).partition(self._end_mark)[2]
        self._rest += after[: len(_NEW_LINE) + 1]
        if not _NEW_LINE.startswith(self._rest):
            raise MultipartError

    def finish(self) -> dict[str, str]:
        """The fields, once the body is at its end.

        Raises `MultipartError` where the form is cut or has no file.
        """
        if not self._ended or self._parser.state != MultipartState.END or not self._has_file:
            raise MultipartError
        return self._fields

    def _part_begin(self) -> None:
        self._headers.clear()
        self._header_name.clear()
        self._header_value.clear()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _header_data(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        name = bytes(self._header_name).lower()
        if name in self._headers:
            raise MultipartError
        self._headers[name] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _headers_finished(self) -> None:
        for name in (b"content-transfer-encoding", b"content-encoding"):
            if self._headers.get(name, b"").strip().lower() not in _PLAIN:
                raise MultipartError  # RFC 7578, section 4.7: deprecated, and bytes would differ
        if self._headers.get(b"content-type", b"").strip().lower().startswith(b"multipart/"):
            raise MultipartError  # RFC 7578, section 4.3: deprecated
        disposition = self._headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or _times_given(b"name", disposition) != 1:
            raise MultipartError
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == _FILE:
            if self._has_file:
                raise MultipartError
            self._has_file = True
            self._value = None
        elif self._name in LIMITS:
            if self._name in self._fields:
                raise RequestError.field(self._name)
            if _times_given(b"filename", disposition):
                raise MultipartError
            self._value = bytearray()
        else:
            raise RequestError("The form has a field that is not known.")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._value is None:
            self._body.write(memoryview(data)[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > 4 * LIMITS[self._name]:
            raise RequestError.field(self._name)

    def _part_end(self) -> None:
        if self._value is None:
            return
        try:
            self._fields[self._name] = self._value.decode("utf-8")
        except UnicodeDecodeError:
            raise RequestError.field(self._name) from None

    def _end(self) -> None:
        self._ended = True


def _times_given(name: bytes, header: bytes) -> int:
    """How often a header has a parameter, be it plain, extended or in pieces (RFC 2231)."""
    unquoted = _QUOTED.sub(b'""', header)
    return len(re.findall(rb";\s*" + name + rb"\s*(?:\*\d*\*?)?\s*=", unquoted, re.IGNORECASE))
