"""JSON of other machines, bounded and checked as it is read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from safehold.lists.exchanges.model import PageDamagedError

_LATEST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC).timestamp()


def parse(body: bytes) -> Mapping[str, Any]:
    """The JSON object that an answer is.

    Raises:
        PageDamagedError: it is none, or has numbers that are none.
    """
    try:
        found = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise PageDamagedError from error
    if not isinstance(found, dict):
        raise PageDamagedError
    return found


def text(value: object) -> str:
    """Text, or a whole number as text; empty for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 1 << 63 else ""
    return value if isinstance(value, str) else ""


def moment(value: object) -> dt.datetime | None:
    """Seconds since 1970 in UTC, as a number or as text; None for anything else."""
    seconds = text(value)
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return None
    number = int(seconds)
    return dt.datetime.fromtimestamp(number, dt.UTC) if number < _LATEST else None


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)
