"""Settings of single lists, suppressions of single matches, and floods."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListOptions:
    """One list, a table `[lists.NAME]` of the settings.

    Attributes:
        threshold: largest distance in bits of a PDQ match with this list, at most
            `matching.threshold`; -1 for that. Where a surface has one too, the smaller counts.
        flood_items: different items an entry may match within `flood.hours` before it is set
            aside; -1 for `flood.items`, 0 for never.
    """

    threshold: int = -1
    flood_items: int = -1


@dataclass(frozen=True, slots=True)
class FloodOptions:
    """When an entry counts as matching too much.

    Attributes:
        items: different items (by their bytes) that one entry may match within `hours`; one more
            sets the entry aside. 0 for never.
        hours: the length of the window.
        distance: items that lie within so many bits of one another count as one: a picture that
            spreads in many edits is no flood of different ones.
    """

    items: int = 50
    hours: float = 24.0
    distance: int = 31
