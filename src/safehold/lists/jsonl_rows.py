"""Rows of a JSON Lines file: one object a line, with the names of the csv columns as keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from safehold.lists.rows import COLUMNS, BadRow, RawRow, RowFault, column

_POSITION = {name: index for index, name in enumerate(COLUMNS)}

_WRONG_KIND: dict[str, RowFault] = {
    "id": RowFault.ID,
    "classification": RowFault.CLASSIFICATION,
    "state": RowFault.STATE,
    "md5": RowFault.MD5,
    "sha1": RowFault.SHA1,
    "sha256": RowFault.SHA256,
    "pdq": RowFault.PDQ,
    "pdq_quality": RowFault.QUALITY,
}
"""The fault of a value that is neither text nor, for an id or a quality, a whole number."""

_MAX_KEYS = 1_000
"""Most different spellings of keys that are remembered."""


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object; a dict would drop the first of two alike unsaid."""


class JsonlRows:
    """Reader of one JSON Lines file. Keys that are not known are ignored, with one warning."""

    def __init__(self, lines: Iterable[tuple[int, str | RowFault]]) -> None:
        self._lines = lines
        self._spellings: dict[str, int | None] = {}
        self._unknown = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Whether there were keys that are not known."""
        return ("Some objects have keys that are not known; ignored.",) if self._unknown else ()

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        for number, text in self._lines:
            if isinstance(text, RowFault):
                yield BadRow(number, text)
                continue
            if not text or text.isspace():
                continue
            try:
                value = json.loads(text, object_pairs_hook=_Pairs)
            except (ValueError, RecursionError):
                yield BadRow(number, RowFault.JSON)
                continue
            if not isinstance(value, _Pairs):
                yield BadRow(number, RowFault.JSON_OBJECT)
                continue
            row = self._row(value)
            yield BadRow(number, row) if isinstance(row, RowFault) else RawRow(number, row)

    def _row(self, pairs: _Pairs) -> tuple[str, ...] | RowFault:
        values = [""] * len(COLUMNS)
        seen = 0
        for key, item in pairs:
            position = self._position(key)
            if position is None:
                self._unknown = True
                continue
            if seen & (1 << position):
                return RowFault.JSON_KEYS
            seen |= 1 << position
            if item is None:
                continue
            text = item if isinstance(item, str) else _number(COLUMNS[position], item)
            if text is None:
                return _WRONG_KIND[COLUMNS[position]]
            values[position] = text
        return tuple(values)

    def _position(self, key: str) -> int | None:
        try:
            return self._spellings[key]
        except KeyError:
            position = _POSITION.get(column(key))
            if len(self._spellings) < _MAX_KEYS:
                self._spellings[key] = position
            return position


def _number(name: str, item: object) -> str | None:
    """A whole number as text, where the key may have one; else None."""
    if name not in {"id", "pdq_quality"} or isinstance(item, bool):
        return None
    if isinstance(item, float) and item.is_integer():
        item = int(item)  # Some writers know no other numbers.
    # Python refuses to print longer ones.
    return str(item) if isinstance(item, int) and item.bit_length() <= 256 else None
