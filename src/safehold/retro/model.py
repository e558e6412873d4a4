"""Settings of looking back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetroOptions:
    """How kept digests are matched with new entries.

    How long those of a surface's items are kept stands with it (`surfaces.keep_digests_days`).

    Attributes:
        minutes: how often `safehold work` looks whether lists have new entries; 0 for never.
        max_entries: new entries of a list that one look takes; where there are more they are
            taken by parts.
        chunk_items: items that are kept in one row of the database once they are packed.
        max_hits: kept items that one entry may match before it counts as a flood, and opens no
            case.
    """

    minutes: float = 1.0
    max_entries: int = 100_000
    chunk_items: int = 8_192
    max_hits: int = 1_000
