"""Bounds and choices of review."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """Bounds and choices of review.

    Attributes:
        lock_minutes: how long a case stays locked without an action of its holder.
        views_per_day: budget of views of one person within 24 hours.
        pause_after: views after which a pause is enforced.
        pause_minutes: how long that pause is.
        view_seconds: after how long a preview hides itself.
        small_side: longest side of a blurred preview in pixels.
        side: longest side of a sharp preview in pixels.
        stills: largest number of stills of a video or an animation.
        colour: whether previews may be seen in colour at all.
        likeness_radius: largest radius in bits of a clearing by likeness.
        group_distance: cases whose pictures are within so many bits are one group.
        proposal_days: after how long a proposal that nobody decided expires.
        max_words: longest text of a reason or a note, in characters.
        local_list: the list to which `safehold work` adds what people confirm; empty for none.
    """

    lock_minutes: float = 15.0
    views_per_day: int = 200
    pause_after: int = 25
    pause_minutes: float = 10.0
    view_seconds: int = 20
    small_side: int = 240
    side: int = 720
    stills: int = 8
    colour: bool = True
    likeness_radius: int = 8
    group_distance: int = 31
    proposal_days: float = 7.0
    max_words: int = 3_000
    local_list: str = ""
