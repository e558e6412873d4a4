"""Looking at evidence: never without a view that was written before, never beyond the budget."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from safehold.cases.model import Case, Evidence
from safehold.cases.review.model import View, ViewLevel
from safehold.cases.review.parts import ReviewParts
from safehold.ids import CaseId, EvidenceId, ViewId
from safehold.users.model import Session, User


@dataclass(frozen=True, slots=True)
class ViewLimits:
    """Bounds of one person's looking: the stricter of the house's and the person's own.

    Attributes:
        side, small_side: longest side of a sharp and of a blurred preview in pixels.
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


@dataclass(frozen=True, slots=True)
class Showing:
    """A preview that may now be made; it is in the audit log already.

    Attributes:
        case, evidence: of what.
        level: how much it shows.
        side: longest side in pixels.
        still: number of the still, from 0.
        stills: how many stills the file is cut to at most.
        mark: viewer's name and the time.
    """

    case: Case
    evidence: Evidence
    level: ViewLevel
    side: int
    still: int
    stills: int
    mark: str


class ViewService:
    """Opens, counts and ends views. Safe to use from several threads."""

    def __init__(self, parts: ReviewParts) -> None:
        self._parts = parts

    def limits(self, user: User) -> ViewLimits:
        """Bounds of this user's looking."""
        raise NotImplementedError

    def budget(self, user: User) -> Budget:
        """How much this user has looked."""
        raise NotImplementedError

    def open(self, case_id: CaseId, evidence_id: EvidenceId, user: User, session: Session) -> View:
        """Open a view, and end the user's other one. Raises `RestError`, `NotLockedError`."""
        raise NotImplementedError

    def showing(
        self, view_id: ViewId, user: User, session: Session, level: ViewLevel, still: int
    ) -> Showing:
        """Say that a preview is about to be shown. Raises `ViewRefusedError`."""
        raise NotImplementedError

    def shown(
        self, view_id: ViewId, level: ViewLevel, still: int, stills: int, whole: bool
    ) -> None:
        """Say what a preview really showed."""
        raise NotImplementedError

    def failed(self, view_id: ViewId) -> None:
        """Say that a preview could not be made: somebody has tried to look."""
        raise NotImplementedError

    def end(self, view_id: ViewId, user: User, session: Session, sharp_seconds: float) -> View:
        """End a view; again is fine. Raises `ViewRefusedError`."""
        raise NotImplementedError

    def end_stale(self) -> int:
        """End the views whose time is over; how many."""
        raise NotImplementedError

    def words_access(
        self, case_id: CaseId, user: User, what: str, item_id: str
    ) -> tuple[Case, bytes]:
        """Sealed words of a `statement` or a `note`, whose reading is in the audit log."""
        raise NotImplementedError
