"""Settings of single lists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListOptions:
    """One list, a table `[lists.NAME]` of the settings.

    Attributes:
        threshold: largest distance in bits of a PDQ match with this list, at most
            `matching.threshold`; -1 for that. Where a surface has one too, the smaller counts.
        flood_items: different items that one entry may match by likeness within `flood.hours`
            before it is set aside; -1 for `flood.items`, 0 for any number.
    """

    threshold: int = -1
    flood_items: int = -1
