"""Ending what people have left: views whose time is over, and proposals nobody has decided."""

from __future__ import annotations

from typing import Protocol

from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing


class Proposals(Protocol):
    """Expires proposals. `safehold.cases.review.service.ReviewService` is one."""

    def expire_due(self) -> int:
        """Expire proposals whose time is over, and finish what was not quite destroyed."""
        ...


class Views(Protocol):
    """Ends views. `safehold.cases.review.views.ViewService` is one."""

    def end_stale(self) -> int:
        """End the views whose time is over; how many."""
        ...


class Review:
    """Ends views and expires proposals.

    Args:
        reviews: expires proposals.
        views: ends views.
        timing: how often it is looked.
    """

    name = "review"

    def __init__(self, reviews: Proposals, views: Views, timing: Timing) -> None:
        self.timing = timing
        self._reviews = reviews
        self._views = views

    def run(self, stop: Stop) -> Outcome:
        """End what is over. Views first: they need nothing but the database."""
        views = self._views.end_stale()
        return Outcome(counts={"views": views, "proposals": self._reviews.expire_due()})
