"""Forms as clients send them, for the tests of the middleware."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


@dataclass(frozen=True)
class Field:
    """A part: a file when it has a `file_name`; `header` replaces its header lines."""

    name: str
    data: bytes
    file_name: str | None = None
    header: bytes | None = None

    def head(self) -> bytes:
        if self.header is not None:
            return self.header
        line = f'Content-Disposition: form-data; name="{self.name}"'
        if self.file_name is None:
            return line.encode()
        return f'{line}; filename="{self.file_name}"\r\nContent-Type: image/jpeg'.encode()


def form(fields: Sequence[Field], boundary: str = BOUNDARY) -> bytes:
    """The body of a form."""
    mark = b"--" + boundary.encode()
    parts = (b"%s\r\n%s\r\n\r\n%s\r\n" % (mark, field.head(), field.data) for field in fields)
    return b"".join(parts) + mark + b"--\r\n"
