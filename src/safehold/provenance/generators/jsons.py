"""JSON out of files, whatever stands in it: bounded and total.

What generators write is JSON of many kinds: Python's with `NaN` and `Infinity`, numbers of any
length, halves of surrogate pairs, keys that stand twice. All of that is read; what is too deep or
too large is not, and the budget says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from safehold.provenance.model import ProvenanceOptions, ReadingFault
from safehold.provenance.walkers.interface import Budget

LONGEST_NUMBER: Final = 40
"""A number of more characters stays a text: its value says nothing, and reading it is slow."""

_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_BLANK = " \t\r\n\0\ufeff"


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON text that was read.

    Attributes:
        value: dicts, lists, texts, numbers, booleans and None. `NaN`, `Infinity` and numbers
            that are very long are texts; halves of surrogate pairs are U+FFFD.
        repeated: whether a key of an object stands there twice with different values. The last
            one is kept, as most readers do.
    """

    value: Any
    repeated: bool = False


def parse(text: str, budget: Budget) -> object | None:
    """The value of a JSON text, or None where it is none or is beyond the bounds."""
    document = read(text, budget)
    return None if document is None else document.value


def read(text: str, budget: Budget) -> Document | None:
    """A JSON text, or None where it is none or is beyond the bounds (a fault of the budget)."""
    text = text.strip(_BLANK)
    if not text or not _fits(text, budget.options):
        if text:
            budget.faults.add(ReadingFault.LIMIT_BYTES)
        return None
    pairs = _Pairs()
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_float=_decimal,
            parse_constant=str,
            object_pairs_hook=pairs,
        )
    except RecursionError:
        budget.faults.add(ReadingFault.LIMIT_BYTES)
        return None
    except ValueError:
        return None
    if not _shallow(value, budget.options.max_json_depth):
        budget.faults.add(ReadingFault.LIMIT_BYTES)
        return None
    if _ESCAPED_HALF.search(text) or _HALF.search(text):
        value = _whole(value)
    return Document(value, pairs.repeated)


class _Pairs:
    """Makes objects, and notes whether a key of one stands there twice."""

    def __init__(self) -> None:
        self.repeated = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs) and not self.repeated:
            self.repeated = any(made[key] != value for key, value in pairs)
        return made


def _fits(text: str, options: ProvenanceOptions) -> bool:
    # Every value but the first follows one of these. Those within texts are counted too.
    return text.count(",") + text.count("{") + text.count("[") <= options.max_json_values


def _integer(text: str) -> int | str:
    return text if len(text) > LONGEST_NUMBER else int(text)


def _decimal(text: str) -> float | str:
    return text if len(text) > LONGEST_NUMBER else float(text)


def _shallow(value: Any, depth: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        if not level:
            return True
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return not level


def _whole(value: Any) -> Any:
    # Halves of surrogate pairs cannot be encoded. Depth is bounded by `_shallow`.
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_whole(key): _whole(inner) for key, inner in value.items()}
    return [_whole(inner) for inner in value] if isinstance(value, list) else value
