"""When a list that grows is matched by its changes, and when its snapshot is made anew."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GrowthOptions:
    """How changes of a list become effective.

    Attributes:
        max_changes: changed entries that are matched beside a snapshot; where there are more the
            snapshot is made anew before they are matched.
        compact_changes: changed entries from which `safehold work` makes the snapshot anew, in
            the background.
        compact_share: the same as a share of the snapshot's entries; the smaller counts, but
            never fewer than 1,000.
        compact_minutes: how often it is looked whether that is so.
    """

    max_changes: int = 200_000
    compact_changes: int = 20_000
    compact_share: float = 0.05
    compact_minutes: float = 1.0


SMALLEST = 1_000
"""Changed entries below which no snapshot is made anew for them."""


def is_due(options: GrowthOptions, entries: int, changed: int) -> bool:
    """Whether a snapshot of so many entries is to be made anew for so many changes."""
    share = max(SMALLEST, int(options.compact_share * entries))
    return changed >= min(options.compact_changes, share)
