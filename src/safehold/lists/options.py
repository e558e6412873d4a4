"""Settings of single lists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListOptions:
    """One list, a table `[lists.NAME]` of the settings.

    Attributes:
        threshold: largest distance in bits of a PDQ match with this list, at most
            `matching.threshold`; -1 for that. Where a surface has one too, the smaller counts.
    """

    threshold: int = -1
