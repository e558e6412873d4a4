"""How much somebody may look: bounds, budget and pauses. I/O-free.

1. Of each bound the stricter of the house's and the person's own stands.
2. The budget counts the views opened within the last 24 hours.
3. A row of views is one in which no gap, from the end of a view to the opening of the next, is as
   long as the pause. Once it has as many views as are allowed at a stretch, the next has to wait
   until the pause has passed since the last one ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from safehold.cases.review.model import ReviewOptions, View, ViewLevel
from safehold.users.model import Preferences

DAY = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ViewLimits:
    """Bounds of one person's looking: the stricter of the house's and the person's own.

    Attributes:
        side: longest side of a sharp preview in pixels.
        small_side: longest side of a blurred preview in pixels.
        colour: whether previews may be seen in colour.
        sharpen: whether they may be sharpened at all.
        views_per_day: budget of views within 24 hours.
        view_seconds: after how long a preview hides itself.
        pause_after: views after which a pause is enforced.
        pause_minutes: how long that pause is.
        stills: largest number of stills of a video or an animation.
    """

    side: int
    small_side: int
    colour: bool
    sharpen: bool
    views_per_day: int
    view_seconds: int
    pause_after: int
    pause_minutes: float
    stills: int

    def allows(self, level: ViewLevel) -> bool:
        """Whether previews may show so much."""
        if level is ViewLevel.BLURRED:
            return True
        return self.sharpen and (self.colour or level is not ViewLevel.COLOUR)

    def side_of(self, level: ViewLevel) -> int:
        """Longest side of a preview that shows so much, in pixels."""
        return self.small_side if level is ViewLevel.BLURRED else self.side


@dataclass(frozen=True, slots=True)
class Budget:
    """How much somebody has looked.

    Attributes:
        used: views within the last 24 hours.
        allowed: how many there may be.
        pause_until: until when nothing can be looked at, or None.
    """

    used: int
    allowed: int
    pause_until: dt.datetime | None


def limits_of(house: ReviewOptions, person: Preferences) -> ViewLimits:
    """The bounds of somebody's looking (rule 1)."""
    side = _stricter(house.side, person.side)
    return ViewLimits(
        side=side,
        small_side=min(house.small_side, side),
        colour=house.colour and person.colour,
        sharpen=person.sharpen,
        views_per_day=_stricter(house.views_per_day, person.views_per_day),
        view_seconds=_stricter(house.view_seconds, person.view_seconds),
        pause_after=_stricter(house.pause_after, person.pause_after),
        pause_minutes=max(house.pause_minutes, float(person.pause_minutes)),
        stills=house.stills,
    )


def _stricter(house: int, person: int) -> int:
    """The smaller of two bounds; 0 or less of the person's is none."""
    return min(house, person) if person > 0 else house


def over_at(view: View, now: dt.datetime) -> dt.datetime:
    """When a view ended, or ends by itself, or `now` where it is open."""
    return min(view.ended or now, view.until)


def budget_of(views: Sequence[View], limits: ViewLimits, now: dt.datetime) -> Budget:
    """How much somebody has looked (rules 2, 3), from their views of the last 24 hours."""
    recent = [view for view in views if view.opened > now - DAY]
    pause = dt.timedelta(minutes=limits.pause_minutes)
    row = 0
    last: dt.datetime | None = None
    for view in recent:
        row = 1 if last is None or view.opened - last >= pause else row + 1
        end = over_at(view, now)
        last = end if last is None else max(last, end)
    waits = []
    if last is not None and row >= limits.pause_after and now < last + pause:
        waits.append(last + pause)
    if len(recent) >= limits.views_per_day:
        # One place is free again when so many are younger than a day that one is left.
        first = recent[len(recent) - limits.views_per_day] if limits.views_per_day > 0 else None
        waits.append((first.opened if first is not None else now) + DAY)
    return Budget(len(recent), limits.views_per_day, max(waits, default=None))


def seconds_open(view: View, now: dt.datetime) -> int:
    """Whole seconds that a view was open."""
    return max(0, int((over_at(view, now) - view.opened).total_seconds()))
