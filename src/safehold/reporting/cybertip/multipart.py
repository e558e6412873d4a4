"""The form in which a file is uploaded: `multipart/form-data` (RFC 7578), fields `id` and `file`.

The file is read as it is sent; nothing holds it whole.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final

from safehold.errors import SafeholdError
from safehold.vault.pipes import read_from

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_NAME: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,63}")
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z]{16,70}")


class FileLengthError(SafeholdError):
    """A file has another length than the records say."""

    code = "report_file_length"
    default_message = "A file of the report is not as long as it should be."
    default_hint = "Check the vault with 'safehold vault verify'."


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form with one file.

    Attributes:
        report_id: the authority's number of the report.
        name: a neutral name of the file, such as `file-1.jpg`; never one that a person gave.
        size: bytes of the file.
        produce: writes the file to the stream that it is given, to its end.
        boundary: 16 to 70 letters and digits that nobody can guess, so that no file can hold it.
    """

    report_id: str = field(repr=False)
    name: str
    size: int
    produce: Callable[[BinaryIO], None] = field(repr=False)
    boundary: str = field(repr=False)

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.name) and _BOUNDARY.fullmatch(self.boundary)):
            raise ValueError("a neutral name and a boundary of letters and digits")
        if not self.report_id.isdecimal() or self.size < 0:
            raise ValueError("a number and a size")

    @property
    def content_type(self) -> str:
        """The header `Content-Type`."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def length(self) -> int:
        """Bytes of the whole form."""
        return len(self._head) + self.size + len(self._tail)

    def open(self) -> BinaryIO:
        """The form, to be read once. Reading it raises what `produce` raises.

        It raises `FileLengthError` where the file is longer or shorter than `size`.
        """
        return io.BufferedReader(_FormReader(self._head, (self.produce, self.size), self._tail))

    @property
    def _head(self) -> bytes:
        return (
            f"--{self.boundary}\r\n"
            'Content-Disposition: form-data; name="id"\r\n\r\n'
            f"{self.report_id}\r\n"
            f"--{self.boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{self.name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode("ascii")

    @property
    def _tail(self) -> bytes:
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")


class _FormReader(io.RawIOBase):
    """Reads the head, the file and the tail, one after another."""

    def __init__(
        self, head: bytes, file: tuple[Callable[[BinaryIO], None], int], tail: bytes
    ) -> None:
        self._head = io.BytesIO(head)
        self._file = read_from(file[0])
        self._left = file[1]
        self._tail = io.BytesIO(tail)
        self._in_file = True

    def readable(self) -> bool:
        """It is read from."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer; 0 at the end."""
        view = memoryview(buffer).cast("B")
        count = self._head.readinto(view)
        if count or not len(view):
            return count
        if self._in_file:
            count = self._file.readinto(view)  # type: ignore[attr-defined]
            self._left -= count
            if self._left < 0 or (not count and self._left):
                raise FileLengthError
            self._in_file = count > 0
        return count or self._tail.readinto(view)

    def close(self) -> None:
        """Give up reading; whoever writes the file ends with a broken pipe."""
        if not self.closed:
            self._file.close()
        super().close()
