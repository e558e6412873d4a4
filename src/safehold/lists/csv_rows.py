"""Rows of a csv file (RFC 4180, with what spreadsheets make of it).

The delimiter (comma, semicolon, tab or bar) is the one under which the header has the most known
columns. A quoted field may run over several lines, within bounds: a record of several lines is
taken only if it has exactly as many fields as the header. Otherwise its first line alone is bad
and reading goes on with the next, so that a stray quote never swallows the rows after it.
"""

from __future__ import annotations

import csv
import operator
from collections import deque
from collections.abc import Iterable, Iterator

from safehold.lists.model import ListFileError
from safehold.lists.rows import COLUMNS, DIGEST_COLUMNS, BadRow, RawRow, RowFault, column

DELIMITERS = (",", ";", "\t", "|")

MAX_RECORD_LINES = 50
"""Most lines over which one record with quoted line ends may run."""

MAX_RECORD_CHARACTERS = 65_536
"""Most characters of one such record."""

_Line = tuple[int, str | RowFault]


class ListHeaderError(ListFileError):
    """A csv file whose header does not say which digests its columns hold."""

    code = "list_header"
    default_message = "The csv file has no header that names a column of digests."
    default_hint = (
        "Its first line must name at least one of md5, sha1, sha256 and pdq; for a file of one "
        "digest a line, give the format 'lines'."
    )


def split_header(text: str) -> tuple[str, list[str]]:
    """The delimiter of a header line and the names of its columns as they are compared."""
    best: tuple[int, str, list[str]] = (-1, ",", [])
    for delimiter in DELIMITERS:
        fields = _parse(text, delimiter)
        if fields is None:
            continue
        names = [column(field) for field in fields]
        known = sum(name in COLUMNS for name in names)
        if known > best[0]:
            best = known, delimiter, names
    return best[1], best[2]


def is_header(text: str) -> bool:
    """Whether a line names at least one column of digests."""
    return not DIGEST_COLUMNS.isdisjoint(split_header(text)[1])


class CsvRows:
    """Reader of one csv file; the header is read at once.

    Raises:
        ListHeaderError: the header names no column of digests, or a known column twice.
    """

    def __init__(self, lines: Iterable[tuple[int, str | RowFault]]) -> None:
        self._lines: Iterator[_Line] = iter(lines)
        self._delimiter, names = self._read_header()
        if DIGEST_COLUMNS.isdisjoint(names):
            raise ListHeaderError
        known = [name for name in names if name in COLUMNS]
        if len(set(known)) != len(known):
            raise ListHeaderError("The csv header names a column twice.", hint="Rename one.")
        self._width = len(names)
        # Absent columns point to one more field, which is always empty.
        self._pick = operator.itemgetter(
            *(names.index(name) if name in names else self._width for name in COLUMNS)
        )
        unknown = sum(1 for name in names if name and name not in COLUMNS)
        self._warnings: tuple[str, ...] = ()
        if unknown:
            plural = "s that are" if unknown > 1 else " that is"
            self._warnings = (f"The header has {unknown} column{plural} not known; ignored.",)
        self._ahead: deque[_Line] = deque()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Columns that are not known."""
        return self._warnings

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        delimiter, width, pick = self._delimiter, self._width, self._pick
        for number, text in self._all_lines():
            if isinstance(text, RowFault):
                yield BadRow(number, text)
                continue
            if not text or text.isspace():
                continue
            if '"' in text:
                fields = self._quoted(text)
                if fields is None:
                    yield BadRow(number, RowFault.QUOTES)
                    continue
            else:
                fields = text.split(delimiter)
            short = width - len(fields)
            if short >= 0:
                fields.extend([""] * (short + 1))
            elif any(field.strip() for field in fields[width:]):
                yield BadRow(number, RowFault.COLUMNS)
                continue
            else:
                fields[width] = ""
            yield RawRow(number, pick(fields))

    def _read_header(self) -> tuple[str, list[str]]:
        for _, text in self._lines:
            if isinstance(text, RowFault):
                raise ListHeaderError
            if text.strip():
                return split_header(text)
        raise ListHeaderError

    def _all_lines(self) -> Iterator[_Line]:
        """Lines handed back first, then those of the file."""
        while True:
            if self._ahead:
                yield self._ahead.popleft()
                continue
            line = next(self._lines, None)
            if line is None:
                return
            yield line

    def _quoted(self, text: str) -> list[str] | None:
        """Fields of a record that begins with this line; None when its quotes do not match."""
        fields = _parse(text, self._delimiter)
        if fields is not None:
            return fields
        if text.count('"') % 2 == 0:
            return None
        taken: list[_Line] = []
        for number, more in self._all_lines():
            taken.append((number, more))
            if isinstance(more, RowFault) or len(taken) >= MAX_RECORD_LINES:
                break
            text = f"{text}\n{more}"
            if len(text) > MAX_RECORD_CHARACTERS:
                break
            if '"' in more:
                fields = _parse(text, self._delimiter)
                if fields is not None and len(fields) == self._width:
                    return fields
        self._ahead.extendleft(reversed(taken))
        return None


def _parse(text: str, delimiter: str) -> list[str] | None:
    """One record's fields, or None when it is malformed."""
    try:
        # One string as a list of one: line ends within quotes stay part of the field.
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return None
