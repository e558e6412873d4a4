"""Multipart forms of the pages on which a document is handed in. I/O-free.

The parser is python-multipart's; what a form may have is decided here: text fields, and the
document in the part `document`. Its name in the visitor's computer is not kept.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from safehold.console.bodies import MAX_FIELDS, Fields, check_text
from safehold.console.errors import FormError, MediaTypeError

MULTIPART = "multipart/form-data"
DOCUMENT = "document"
"""Name of the part that is a document."""

_MAX_HEADERS = 8
_MAX_HEADER_BYTES = 4_096


def read_upload(body: bytes, content_type: str) -> tuple[Fields, bytes | None]:
    """The text fields of a multipart form, and its document; None where none was chosen.

    Raises `MediaTypeError` or `FormError`.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != MULTIPART.encode() or not boundary:
        raise MediaTypeError
    return _Form(boundary).read(body)


class _Form:
    """One form on its way through the parser."""

    def __init__(self, boundary: bytes) -> None:
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""
        self._part = bytearray()
        self._fields: dict[str, list[str]] = {}
        self._document: bytes | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._part.clear,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_MAX_HEADER_BYTES,
        )

    def read(self, body: bytes) -> tuple[Fields, bytes | None]:
        try:
            self._parser.write(body)
        except FormParserError:
            raise FormError from None
        if self._parser.state != MultipartState.END:
            raise FormError
        return {name: tuple(values) for name, values in self._fields.items()}, self._document

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._part += data[start:end]

    def _part_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        try:
            name = options.get(b"name", b"").decode("utf-8")
            if kind != b"form-data" or len(self._fields) >= MAX_FIELDS:
                raise FormError
            if name == DOCUMENT:
                self._take_document(bytes(self._part))
                return
            text = bytes(self._part).decode("utf-8")
        except UnicodeDecodeError:
            raise FormError from None
        check_text(name)
        check_text(text)
        self._fields.setdefault(name, []).append(text)

    def _take_document(self, content: bytes) -> None:
        if self._document is not None:
            raise FormError
        self._document = content or None
