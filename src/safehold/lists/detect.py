"""Which format a list file has, by its extension or its first line, and its reader."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import BinaryIO

from safehold.hashing.model import SignalType
from safehold.lists.csv_rows import CsvRows, is_header
from safehold.lists.digest_lines import DigestLines
from safehold.lists.jsonl_rows import JsonlRows
from safehold.lists.lines import BoundedLines
from safehold.lists.model import ListFileError
from safehold.lists.rows import RowFault, RowReader


class ListFormat(enum.StrEnum):
    """The format of a list file."""

    CSV = "csv"
    JSONL = "jsonl"
    LINES = "lines"


_EXTENSIONS = {
    ".csv": ListFormat.CSV,
    ".tsv": ListFormat.CSV,
    ".jsonl": ListFormat.JSONL,
    ".ndjson": ListFormat.JSONL,
}

_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def detect_format(
    stream: BinaryIO, name: str, signal: SignalType | None, max_line_bytes: int
) -> ListFormat:
    """The format of a list file; the stream is left at its beginning.

    The extension decides (`.csv`, `.tsv`, `.jsonl`, `.ndjson`), then the first line that is not
    blank: a header that names a column of digests means csv, an opening brace means jsonl. All
    else is one digest a line, and so is a csv file without a header when a type was named.

    Args:
        stream: open for reading bytes, at its beginning, seekable.
        name: the file's name, for its extension.
        signal: the type of digest that was named for the whole file, if any.
        max_line_bytes: longest line.

    Raises:
        ListFileError: the file is UTF-16.
    """
    if stream.read(2) in _UTF16:
        raise ListFileError(
            "The list file is UTF-16.", hint="Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        )
    stream.seek(0)
    first = ""
    for _, text in BoundedLines(stream, max_line_bytes):
        if isinstance(text, RowFault):
            break
        if text.strip():
            first = text
            break
    stream.seek(0)
    by_extension = _EXTENSIONS.get(Path(name).suffix.lower())
    if by_extension is ListFormat.CSV and signal is not None and not is_header(first):
        return ListFormat.LINES
    if by_extension is not None:
        return by_extension
    if first.lstrip().startswith("{"):
        return ListFormat.JSONL
    return ListFormat.CSV if is_header(first) else ListFormat.LINES


def open_reader(
    lines: BoundedLines, list_format: ListFormat, signal: SignalType | None
) -> RowReader:
    """The reader of a format.

    Raises:
        ListHeaderError: a csv file has no usable header.
    """
    match list_format:
        case ListFormat.CSV:
            return CsvRows(lines)
        case ListFormat.JSONL:
            return JsonlRows(lines)
        case ListFormat.LINES:
            return DigestLines(lines, signal)
