"""A review store in memory, for tests of what stands above the port.

It passes the same conformance suite as the stores in SQL.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

from safehold.cases.model import Attention, Case, CaseFilter, CaseState
from safehold.cases.review.model import (
    CaseLock,
    Figures,
    LegalHold,
    Likeness,
    Note,
    Order,
    Proposal,
    ProposalKind,
    ProposalState,
    QueueFilter,
    QueueRow,
    View,
)
from safehold.cases.review.paging import cursor, parse
from safehold.cases.settling import UNDONE
from safehold.ids import CaseId, HoldId, ProposalId, ServiceId, UserId, ViewId
from safehold.storage.engine import DatabaseError
from safehold.testing.case_store import MemoryCases
from safehold.testing.hit_store import MemoryHits
from safehold.testing.review_figures import memory_figures

_ALL = 1 << 62


class MemoryReviews:
    """A `ReviewStore` that forgets everything with the process."""

    def __init__(self, cases: MemoryCases, hits: MemoryHits | None = None) -> None:
        self._there = cases
        self._hits = hits or MemoryHits()
        self._locks: dict[CaseId, CaseLock] = {}
        self._passes: set[tuple[CaseId, UserId]] = set()
        self._views: dict[ViewId, View] = {}
        self._proposals: dict[ProposalId, Proposal] = {}
        self._notes: list[Note] = []
        self._holds: dict[HoldId, LegalHold] = {}
        self._splits: set[tuple[ServiceId, CaseId, CaseId]] = set()
        self._likenesses: dict[CaseId, Likeness] = {}

    def copy(self, cases: MemoryCases, hits: MemoryHits | None = None) -> MemoryReviews:
        """An independent copy over copies of the cases and of hits."""
        other = MemoryReviews(cases, hits)
        for name, values in vars(self).items():
            if name not in ("_there", "_hits"):
                setattr(other, name, copy.copy(values))
        return other

    def queue(self, wanted: QueueFilter, now: dt.datetime) -> Sequence[QueueRow]:
        """Cases in the order that is wanted."""
        found = self._wanted(wanted, now)
        if wanted.order is Order.URGENCY:
            found.sort(key=lambda case: (-case.urgency, case.case_id))
        else:
            found.sort(key=lambda case: case.case_id, reverse=wanted.order is Order.NEWEST)
        if wanted.after:
            place = parse(wanted.order, wanted.after)
            found = [case for case in found if _is_after(wanted.order, case, place)]
        return [
            QueueRow(
                case,
                self.lock_of(case.case_id, now),
                len(self._there.occurrences(case.case_id)),
                cursor(wanted.order, case),
            )
            for case in found[: wanted.limit]
        ]

    def count_queue(self, wanted: QueueFilter, now: dt.datetime) -> int:
        """How many there are in all."""
        return len(self._wanted(wanted, now))

    def _wanted(self, wanted: QueueFilter, now: dt.datetime) -> list[Case]:
        return [
            case
            for case in self._there.list(CaseFilter(state=wanted.state, limit=_ALL))
            if wanted.queue in (None, case.queue)
            and wanted.service_id in (None, case.service_id)
            and wanted.surface in ("", case.surface)
            and wanted.tier in ("", case.tier)
            and wanted.attention in ("", case.attention)
            and (not wanted.aside or case.case_id in self._hits.cases(wanted.aside))
            and (wanted.for_user is None or self._is_free(case, wanted.for_user, now))
        ]

    def _is_free(self, case: Case, user_id: UserId, now: dt.datetime) -> bool:
        lock = self.lock_of(case.case_id, now)
        if lock is not None and lock.user_id != user_id:
            return False
        if (case.case_id, user_id) in self._passes:
            return False
        return case.attention is not Attention.APPEALED or not self._decided(case, user_id)

    def _decided(self, case: Case, user_id: UserId) -> bool:
        """Whether a decision on it was this user's, alone or as one of two."""
        return any(
            decision.actor == f"user:{user_id}" and decision.reasons[:1] not in ((), (UNDONE,))
            for decision in self._there.decisions(case.case_id)
        ) or any(
            proposal.proposed_by == user_id
            and proposal.state is ProposalState.APPROVED
            and proposal.kind in (ProposalKind.CLEAR, ProposalKind.CLEAR_SIMILAR)
            for proposal in self.proposals_of(case.case_id)
        )

    def lock(self, lock: CaseLock) -> CaseLock:
        """Lock a case, or lengthen one's own lock."""
        self._required(lock.case_id)
        there = self.lock_of(lock.case_id, lock.since)
        if there is not None and there.user_id != lock.user_id:
            return there
        self._locks[lock.case_id] = (
            lock if there is None else dataclasses.replace(there, until=lock.until)
        )
        return self._locks[lock.case_id]

    def lock_of(self, case_id: CaseId, now: dt.datetime) -> CaseLock | None:
        """Who works on a case."""
        lock = self._locks.get(case_id)
        return lock if lock is not None and now < lock.until else None

    def unlock(self, case_id: CaseId, user_id: UserId) -> bool:
        """Give up one's own lock."""
        lock = self._locks.get(case_id)
        if lock is None or lock.user_id != user_id:
            return False
        del self._locks[case_id]
        return True

    def add_pass(self, case_id: CaseId, user_id: UserId, at: dt.datetime) -> None:
        """Somebody leaves a case to others."""
        self._required(case_id)
        self._passes.add((case_id, user_id))

    def passed_by(self, case_id: CaseId) -> frozenset[UserId]:
        """Who has left a case to others."""
        return frozenset(user_id for case, user_id in self._passes if case == case_id)

    def add_view(self, view: View) -> None:
        """Add a view."""
        self._required(view.case_id)
        _refuse_twice(view.view_id, self._views)
        self._views[view.view_id] = view

    def update_view(self, view: View) -> None:
        """Write what can change of a view."""
        there = self._views[view.view_id]
        self._views[view.view_id] = dataclasses.replace(
            there,
            ended=view.ended,
            frames=view.frames,
            whole=view.whole,
            blurred=view.blurred,
            sharp=view.sharp,
            colour=view.colour,
            sharp_seconds=view.sharp_seconds,
        )

    def view(self, view_id: ViewId, *, lock: bool = False) -> View | None:
        """One view."""
        view = self._views.get(view_id)
        return view if view is not None and self._has(view.case_id) else None

    def views(self, case_id: CaseId) -> Sequence[View]:
        """All views of a case."""
        return _by_time(v for v in self._views.values() if v.case_id == case_id)

    def views_by(self, user_id: UserId, since: dt.datetime) -> Sequence[View]:
        """Somebody's views since a moment."""
        return _by_time(
            view
            for view in self._views.values()
            if view.user_id == user_id and view.opened >= since and self._has(view.case_id)
        )

    def stale_views(self, now: dt.datetime, limit: int) -> Sequence[View]:
        """Views whose time is over and that have not ended."""
        found = [
            view
            for view in self._views.values()
            if view.ended is None and view.until <= now and self._has(view.case_id)
        ]
        return sorted(found, key=lambda view: (view.until, view.view_id))[:limit]

    def add_proposal(self, proposal: Proposal) -> None:
        """Add a proposal."""
        self._required(proposal.case_id)
        _refuse_twice(proposal.proposal_id, self._proposals)
        self._proposals[proposal.proposal_id] = proposal

    def update_proposal(self, proposal: Proposal) -> None:
        """Write what can change of a proposal."""
        there = self._proposals[proposal.proposal_id]
        self._proposals[proposal.proposal_id] = dataclasses.replace(
            there,
            state=proposal.state,
            details=proposal.details,
            decided_by=proposal.decided_by,
            decided_at=proposal.decided_at,
        )

    def proposal(self, proposal_id: ProposalId, *, lock: bool = False) -> Proposal | None:
        """One proposal."""
        found = self._proposals.get(proposal_id)
        return found if found is not None and self._has(found.case_id) else None

    def proposals(self, state: ProposalState | None = None, limit: int = 200) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        found = [
            proposal
            for proposal in self._proposals.values()
            if state in (None, proposal.state) and self._has(proposal.case_id)
        ]
        found.sort(key=lambda proposal: (proposal.proposed_at, proposal.proposal_id), reverse=True)
        return found[:limit]

    def proposals_of(self, case_id: CaseId) -> Sequence[Proposal]:
        """A case's proposals, in order of time."""
        found = [p for p in self._proposals.values() if p.case_id == case_id]
        return sorted(found, key=lambda proposal: (proposal.proposed_at, proposal.proposal_id))

    def add_note(self, note: Note) -> None:
        """Add a note."""
        self._required(note.case_id)
        _refuse_twice(note.note_id, (n.note_id for n in self._notes))
        self._notes.append(note)

    def notes(self, case_id: CaseId) -> Sequence[Note]:
        """A case's notes, in order of time."""
        found = [note for note in self._notes if note.case_id == case_id]
        return sorted(found, key=lambda note: (note.at, note.note_id))

    def add_hold(self, hold: LegalHold) -> None:
        """Set a legal hold."""
        _refuse_twice(hold.hold_id, self._holds)
        self._holds[hold.hold_id] = hold

    def update_hold(self, hold: LegalHold) -> None:
        """Write the end of a legal hold."""
        there = self._holds[hold.hold_id]
        self._holds[hold.hold_id] = dataclasses.replace(
            there, lifted_by=hold.lifted_by, lifted_at=hold.lifted_at
        )

    def hold(self, hold_id: HoldId) -> LegalHold | None:
        """One legal hold."""
        return self._holds.get(hold_id)

    def holds(self, *, standing: bool = True) -> Sequence[LegalHold]:
        """Legal holds, the newest first."""
        found = [h for h in self._holds.values() if not standing or h.lifted_at is None]
        return sorted(found, key=lambda hold: (hold.set_at, hold.hold_id), reverse=True)

    def holds_on(self, case_id: CaseId) -> Sequence[LegalHold]:
        """Holds that stand on a case, and on the accounts that occur in it."""
        occurrences = self._there.occurrences(case_id)
        accounts = {(o.service_id, o.uploader) for o in occurrences if o.uploader is not None}
        return [
            hold
            for hold in self.holds()
            if hold.case_id == case_id
            or (hold.case_id is None and (hold.service_id, hold.uploader) in accounts)
        ]

    def pictures(self, service_id: ServiceId) -> Sequence[tuple[CaseId, bytes, int]]:
        """Case, PDQ and quality of a service's open cases."""
        wanted = CaseFilter(service_id=service_id, state=CaseState.OPEN, limit=_ALL)
        return [
            (case.case_id, case.pdq, case.pdq_quality or 0)
            for case in self._there.list(wanted)
            if case.pdq is not None
        ]

    def split(self, service_id: ServiceId, first: CaseId, second: CaseId) -> None:
        """Two cases are not to be one group."""
        self._required(first)
        self._required(second)
        self._splits |= {(service_id, first, second), (service_id, second, first)}

    def splits(self, service_id: ServiceId, case_id: CaseId) -> frozenset[CaseId]:
        """The cases that were split from this one."""
        return frozenset(
            second
            for service, first, second in self._splits
            if (service, first) == (service_id, case_id) and self._has(second)
        )

    def add_likeness(self, likeness: Likeness) -> None:
        """Add a clearing by likeness."""
        self._required(likeness.case_id)
        self._likenesses[likeness.case_id] = likeness

    def end_likeness(self, case_id: CaseId, at: dt.datetime) -> None:
        """A clearing by likeness ends."""
        there = self._likenesses.get(case_id)
        if there is not None and there.ended is None:
            self._likenesses[case_id] = dataclasses.replace(there, ended=at)

    def likenesses(self, service_id: ServiceId) -> Sequence[Likeness]:
        """The clearings by likeness that hold within a service."""
        return [
            likeness
            for _, likeness in sorted(self._likenesses.items())
            if likeness.service_id == service_id
            and likeness.ended is None
            and self._has(likeness.case_id)
        ]

    def cases_of(self, case_ids: Sequence[CaseId]) -> Sequence[Case]:
        """Several cases at once, by id."""
        found = (self._there.find(case_id) for case_id in sorted(set(case_ids)))
        return [case for case in found if case is not None]

    def others(self, case_id: CaseId, limit: int) -> Sequence[Case]:
        """Other cases of the service in which an uploader of this one occurs."""
        found: set[CaseId] = set()
        for occurrence in self._there.occurrences(case_id):
            if occurrence.uploader is not None:
                service, uploader = occurrence.service_id, occurrence.uploader
                found |= set(self._there.cases_of_uploader(service, uploader))
        cases = self.cases_of(sorted(found - {case_id}))
        return [case for case in reversed(cases) if not case.canary][:limit]

    def figures(self, since: dt.datetime, until: dt.datetime) -> Figures:
        """Counts between two moments."""
        cases = self._there.list(CaseFilter(limit=_ALL))
        decisions = {case.case_id: self._there.decisions(case.case_id) for case in cases}
        views = [view for view in self._views.values() if view.case_id in decisions]
        return memory_figures(cases, decisions, views, (since, until))

    def _has(self, case_id: CaseId) -> bool:
        return self._there.find(case_id) is not None

    def _required(self, case_id: CaseId) -> None:
        """What a foreign key says."""
        if not self._has(case_id):
            raise DatabaseError


def _is_after(order: Order, case: Case, place: tuple[int, CaseId]) -> bool:
    urgency, case_id = place
    if order is Order.URGENCY:
        return (-case.urgency, case.case_id) > (-urgency, case_id)
    return case.case_id < case_id if order is Order.NEWEST else case.case_id > case_id


def _by_time(views: Iterable[View]) -> list[View]:
    return sorted(views, key=lambda view: (view.opened, view.view_id))


def _refuse_twice(new: str, there: Iterable[str]) -> None:
    """What a primary key says."""
    if new in there:
        raise DatabaseError
