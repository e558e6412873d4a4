"""Looking at evidence: never without a view that was written before, never beyond the budget.

A view and each preview for it are in the audit log, durably, before anything is made. Looking
needs the lock of the case, so that two people never look at one case for one decision.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import math
from collections.abc import Collection
from dataclasses import dataclass, replace

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import Case, Evidence, UnknownCaseError
from safehold.cases.records import Transaction
from safehold.cases.review import looking, rules
from safehold.cases.review.desk import VIEW_FAILED, Desk, require
from safehold.cases.review.looking import Budget, ViewLimits
from safehold.cases.review.model import RestError, View, ViewLevel, ViewRefusedError
from safehold.cases.review.parts import ReviewParts
from safehold.ids import CaseId, EvidenceId, ViewId
from safehold.users.model import Session, User
from safehold.users.roles import Permission

__all__ = ["Budget", "Showing", "ViewLimits", "ViewService"]

_SESSION_BYTES = 16
_STALE_BATCH = 200


@dataclass(frozen=True, slots=True)
class Showing:
    """A preview that may now be made; it is in the audit log already.

    Attributes:
        case: of what.
        evidence: of which piece of it.
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
        self._desk = Desk(parts)

    def limits(self, user: User) -> ViewLimits:
        """Bounds of this user's looking."""
        return looking.limits_of(self._parts.options, user.preferences)

    def budget(self, user: User) -> Budget:
        """How much this user has looked."""
        with self._parts.records.read() as transaction:
            return self._budget(transaction, user)

    def open(self, case_id: CaseId, evidence_id: EvidenceId, user: User, session: Session) -> View:
        """Open a view, and end the user's other one if there is one.

        Raises:
            UnknownCaseError: there is no such case, or no such evidence of it.
            NotPermittedError: the role opens no evidence.
            NotLockedError: the user does not hold the case's lock.
            RestError: the budget is used up, or a pause is due.
        """
        require(user, Permission.EVIDENCE_VIEW)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            self._desk.hold(transaction, case_id, user)
            evidence = _evidence(transaction, case_id, evidence_id)
            if evidence is None:
                raise UnknownCaseError
            now = self._desk.now()
            recent = transaction.reviews.views_by(user.user_id, now - looking.DAY)
            for other in recent:
                if other.ended is None:
                    self._end(transaction, other, 0.0)
            budget = looking.budget_of(recent, self.limits(user), now)
            if budget.pause_until is not None:
                raise RestError(budget.pause_until)
            view = View(
                view_id=ViewId(self._parts.ids()),
                case_id=case_id,
                evidence_id=evidence_id,
                user_id=user.user_id,
                session=_of_session(session),
                opened=now,
                until=now + dt.timedelta(seconds=self.limits(user).view_seconds),
            )
            transaction.reviews.add_view(view)
            self._tell(transaction, "view.opened", case, view, evidence=evidence_id)
            return view

    def showing(
        self, view_id: ViewId, user: User, session: Session, level: ViewLevel, still: int
    ) -> Showing:
        """Say that a preview is about to be shown; what it may show.

        Raises:
            ViewRefusedError: there is no such view that is open, of this user in this session;
                or it must not show so much; or there is no such still.
            NotLockedError: the user does not hold the case's lock any more.
        """
        require(user, Permission.EVIDENCE_VIEW)
        limits = self.limits(user)
        with self._desk.changes() as transaction:
            view = self._own(transaction, view_id, user, session)
            now = self._desk.now()
            stills = view.frames or limits.stills
            if not view.is_open(now) or not limits.allows(level) or not 0 <= still < stills:
                raise ViewRefusedError
            case = self._desk.case(transaction, view.case_id)
            self._desk.hold(transaction, view.case_id, user)
            evidence = _evidence(transaction, view.case_id, view.evidence_id)
            if evidence is None:
                raise ViewRefusedError
            self._tell(transaction, "view.shown", case, view, level=level.value, still=still)
        mark = f"{user.name[:48]} {now:%Y-%m-%d %H:%M} UTC"
        side = limits.side_of(level)
        return Showing(case, evidence, level, side, still, limits.stills, mark)

    def shown(
        self, view_id: ViewId, level: ViewLevel, still: int, stills: int, whole: bool
    ) -> None:
        """Say what a preview really showed.

        Args:
            view_id: for which view it was made.
            level: how much it showed.
            still: number of the still.
            stills: how many stills there are.
            whole: whether these are all frames of the file.

        Raises:
            ViewRefusedError: there is no such view, or it ended while the preview was made;
                then nobody must get it any more.
        """
        with self._desk.changes() as transaction:
            view = transaction.reviews.view(view_id, lock=True)
            if view is None or not view.is_open(self._desk.now()):
                raise ViewRefusedError
            counted = replace(view, frames=max(view.frames, stills), whole=whole)
            new = frozenset({still})
            if level is ViewLevel.BLURRED:
                counted = replace(counted, blurred=view.blurred | new)
            elif level is ViewLevel.GREY:
                counted = replace(counted, sharp=view.sharp | new)
            else:
                counted = replace(counted, colour=view.colour | new)
            transaction.reviews.update_view(counted)

    def failed(self, view_id: ViewId) -> None:
        """Say that no preview can be made of what a view is of: somebody has tried to look.

        Raises:
            ViewRefusedError: there is no such view.
        """
        with self._desk.changes() as transaction:
            view = transaction.reviews.view(view_id, lock=True)
            if view is None:
                raise ViewRefusedError
            case = self._desk.case(transaction, view.case_id)
            self._tell(transaction, VIEW_FAILED, case, view)

    def end(
        self,
        view_id: ViewId,
        user: User,
        session: Session,
        sharp_seconds: float,
        seen: Collection[int] = (),
    ) -> View:
        """End a view; again is fine, and changes nothing.

        Args:
            view_id: which.
            user: whose.
            session: in which it was opened.
            sharp_seconds: how long sharp stills were shown, as the browser says; it counts for
                no more than the view was open, and for nothing where nothing sharp was shown.
            seen: numbers of the stills that it did show sharp, as it says: one that was asked
                for and let go before it came was not.

        Raises:
            ViewRefusedError: there is no such view of this user in this session.
        """
        with self._desk.changes() as transaction:
            view = self._own(transaction, view_id, user, session)
            if view.ended is not None:
                return view
            return self._end(transaction, view, sharp_seconds, seen)

    def end_stale(self) -> int:
        """End the views whose time is over; how many."""
        ended = 0
        while True:
            with self._desk.changes() as transaction:
                stale = transaction.reviews.stale_views(self._desk.now(), _STALE_BATCH)
                for view in stale:
                    self._end(transaction, view, 0.0)
            ended += len(stale)
            if len(stale) < _STALE_BATCH:
                return ended

    def words_access(
        self, case_id: CaseId, user: User, what: str, item_id: str
    ) -> tuple[Case, bytes]:
        """Sealed words of a `statement` or a `note`, whose reading is in the audit log by now.

        Raises:
            UnknownCaseError: there is no such case, or no such words of it.
            NotPermittedError: the role reads no words.
        """
        require(user, Permission.WORDS_READ)
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, case_id)
            said = {
                "statement": {
                    str(one.statement_id): one.sealed_text
                    for one in transaction.cases.statements(case_id)
                },
                "note": {
                    str(one.note_id): one.sealed_text for one in transaction.reviews.notes(case_id)
                },
            }
            sealed = said.get(what, {}).get(item_id)
            if sealed is None:
                raise UnknownCaseError
            event = self._desk.event("words.read", case, user, what=what, item=item_id)
            transaction.audit.append([event])
            return case, sealed

    def _budget(self, transaction: Transaction, user: User) -> Budget:
        now = self._desk.now()
        recent = transaction.reviews.views_by(user.user_id, now - looking.DAY)
        return looking.budget_of(recent, self.limits(user), now)

    def _own(self, transaction: Transaction, view_id: ViewId, user: User, session: Session) -> View:
        """A view of this user in this session. Raises `ViewRefusedError`."""
        view = transaction.reviews.view(view_id, lock=True)
        if view is None or view.user_id != user.user_id:
            raise ViewRefusedError
        if not hmac.compare_digest(view.session, _of_session(session)):
            raise ViewRefusedError
        return view

    def _end(
        self,
        transaction: Transaction,
        view: View,
        sharp_seconds: float,
        seen: Collection[int] = (),
    ) -> View:
        """End a view in a transaction, with its length in the audit log."""
        ended = replace(view, ended=looking.over_at(view, self._desk.now()))
        open_for = (ended.ended - ended.opened).total_seconds() if ended.ended else 0.0
        said = sharp_seconds if math.isfinite(sharp_seconds) else open_for
        sharp = min(max(0.0, said), open_for) if view.sharp or view.colour else 0.0
        whole = view.whole and frozenset(range(view.frames)) <= frozenset(seen)
        ended = replace(ended, sharp_seconds=sharp, whole=whole)
        transaction.reviews.update_view(ended)
        case = self._desk.case(transaction, view.case_id)
        seconds = looking.seconds_open(ended, self._desk.now())
        self._tell(
            transaction, "view.ended", case, ended, seconds=seconds, sharp_seconds=round(sharp)
        )
        return ended

    def _tell(
        self, transaction: Transaction, kind: str, case: Case, view: View, **data: Detail
    ) -> None:
        actor = rules.actor(view.user_id)
        event = EventDraft(
            kind,
            self._desk.now(),
            actor,
            case.service_id,
            case.case_id,
            {"view": view.view_id, **data},
        )
        transaction.audit.append([event])


def _evidence(
    transaction: Transaction, case_id: CaseId, evidence_id: EvidenceId
) -> Evidence | None:
    found = transaction.cases.evidence(case_id)
    return next((item for item in found if item.evidence_id == evidence_id), None)


def _of_session(session: Session) -> bytes:
    """What a view keeps of the session it belongs to: no token, and no hash by which one is found.

    The token's hash is of 256 random bits, so a digest of it needs no key to tell nothing.
    """
    return hashlib.blake2b(
        session.token_hash, digest_size=_SESSION_BYTES, person=b"safehold view"
    ).digest()
