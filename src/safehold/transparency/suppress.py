"""Keeping small counts from being published, or worked out. I/O-free.

A count from 1 to `least - 1` could point at somebody, so it is not shown. Where a total is shown
beside its parts, one hidden part could be worked out from the others; so further parts, the
smallest first and equal ones together, are hidden until one of them is no small one, and what is
hidden comes to more than twice `least` together. Where there are not so many, the total is hidden
instead. A part that was hidden for another's sake looks like any other. A 0 says that nothing
happened and is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """Counts as they may be shown; None for those that are not."""

    parts: Mapping[str, int | None]
    total: int | None


def one(count: int, least: int) -> int | None:
    """A count that stands by itself."""
    return None if 0 < count < least else count


def parts_of_whole(parts: Mapping[str, int], least: int) -> Shown:
    """Counts whose sum is shown too."""
    total = sum(parts.values())
    hidden = {name for name, count in parts.items() if 0 < count < least}
    if not hidden:
        return Shown(dict(parts), total)
    rest = sorted({count for count in parts.values() if count >= least}, reverse=True)
    while rest and not _is_safe(hidden, parts, least):
        # All that are equal, or who knows the order of names would know which it was.
        smallest = rest.pop()
        hidden |= {name for name, count in parts.items() if count == smallest}
    shown = {name: None if name in hidden else count for name, count in parts.items()}
    return Shown(shown, total if _is_safe(hidden, parts, least) else None)


def _is_safe(hidden: set[str], parts: Mapping[str, int], least: int) -> bool:
    counts = [parts[name] for name in hidden]
    return max(counts) >= least and sum(counts) > 2 * least and len(counts) > 1


def rate(part: int, whole: int, least: int) -> float | None:
    """Percent of a part, to one digit; None where it would tell a small count.

    Neither the part nor what is left of the whole may be small.
    """
    if whole < least or one(part, least) is None or one(whole - part, least) is None:
        return None
    return round(100 * part / whole, 1)
