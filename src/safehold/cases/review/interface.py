"""The port behind which people's work on cases is kept. It takes part in a transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from safehold.cases.model import Case
from safehold.cases.review.model import (
    CaseLock,
    Figures,
    LegalHold,
    Likeness,
    Note,
    Proposal,
    ProposalState,
    QueueFilter,
    QueueRow,
    View,
)
from safehold.ids import CaseId, HoldId, ProposalId, ServiceId, UserId, ViewId


class ReviewStore(Protocol):
    """Locks, views, proposals, notes, holds, groups and figures."""

    def queue(self, wanted: QueueFilter, now: dt.datetime) -> Sequence[QueueRow]:
        """Cases in the order that is wanted, without canaries.

        Locks that have expired count as none.
        """
        ...

    def count_queue(self, wanted: QueueFilter, now: dt.datetime) -> int:
        """How many there are in all, `after` and `limit` apart."""
        ...

    def lock(self, lock: CaseLock) -> CaseLock:
        """Lock a case, or lengthen one's own lock.

        Returns the lock that stands afterwards, which is another's where that has not expired
        at `lock.since`.
        """
        ...

    def lock_of(self, case_id: CaseId, now: dt.datetime) -> CaseLock | None:
        """Who works on a case."""
        ...

    def unlock(self, case_id: CaseId, user_id: UserId) -> bool:
        """Give up one's own lock; whether there was one."""
        ...

    def add_pass(self, case_id: CaseId, user_id: UserId, at: dt.datetime) -> None:
        """Somebody leaves a case to others."""
        ...

    def passed_by(self, case_id: CaseId) -> frozenset[UserId]:
        """Who has left a case to others."""
        ...

    def add_view(self, view: View) -> None:
        """Add a view."""
        ...

    def update_view(self, view: View) -> None:
        """Write what can change of a view: ended, frames, whole, what was shown."""
        ...

    def view(self, view_id: ViewId, *, lock: bool = False) -> View | None:
        """One view."""
        ...

    def views(self, case_id: CaseId) -> Sequence[View]:
        """All views of a case, in order of time."""
        ...

    def views_by(self, user_id: UserId, since: dt.datetime) -> Sequence[View]:
        """Somebody's views since a moment, in order of time."""
        ...

    def stale_views(self, now: dt.datetime, limit: int) -> Sequence[View]:
        """Views whose `until` has come and that have not ended, the longest over first."""
        ...

    def add_proposal(self, proposal: Proposal) -> None:
        """Add a proposal."""
        ...

    def update_proposal(self, proposal: Proposal) -> None:
        """Write what can change: state, details, decided by whom and when."""
        ...

    def proposal(self, proposal_id: ProposalId, *, lock: bool = False) -> Proposal | None:
        """One proposal."""
        ...

    def proposals(self, state: ProposalState | None = None, limit: int = 200) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        ...

    def proposals_of(self, case_id: CaseId) -> Sequence[Proposal]:
        """A case's proposals, in order of time."""
        ...

    def add_note(self, note: Note) -> None:
        """Add a note."""
        ...

    def notes(self, case_id: CaseId) -> Sequence[Note]:
        """A case's notes, in order of time."""
        ...

    def add_hold(self, hold: LegalHold) -> None:
        """Set a legal hold."""
        ...

    def update_hold(self, hold: LegalHold) -> None:
        """Write the end of a legal hold."""
        ...

    def hold(self, hold_id: HoldId) -> LegalHold | None:
        """One legal hold."""
        ...

    def holds(self, *, standing: bool = True) -> Sequence[LegalHold]:
        """All legal holds, or those that stand, the newest first."""
        ...

    def holds_on(self, case_id: CaseId) -> Sequence[LegalHold]:
        """Holds that stand on a case: its own, and those of the accounts that occur in it."""
        ...

    def pictures(self, service_id: ServiceId) -> Sequence[tuple[CaseId, bytes, int]]:
        """Case, PDQ and quality of a service's open cases, without canaries."""
        ...

    def split(self, service_id: ServiceId, first: CaseId, second: CaseId) -> None:
        """Two cases are not to be one group, whatever their pictures say."""
        ...

    def splits(self, service_id: ServiceId, case_id: CaseId) -> frozenset[CaseId]:
        """The cases that were split from this one."""
        ...

    def add_likeness(self, likeness: Likeness) -> None:
        """Add a clearing by likeness, in place of the case's earlier one."""
        ...

    def end_likeness(self, case_id: CaseId, at: dt.datetime) -> None:
        """A clearing by likeness ends."""
        ...

    def likenesses(self, service_id: ServiceId) -> Sequence[Likeness]:
        """The clearings by likeness that hold within a service."""
        ...

    def cases_of(self, case_ids: Sequence[CaseId]) -> Sequence[Case]:
        """Several cases at once, by id; those that are not there are left out."""
        ...

    def others(self, case_id: CaseId, limit: int) -> Sequence[Case]:
        """Other cases of the service in which an uploader of this one occurs, newest first."""
        ...

    def figures(self, since: dt.datetime, until: dt.datetime) -> Figures:
        """Counts between two moments, canaries left out.

        Returns a JSON-like mapping:
            by_surface: [(surface, verdict, cases opened)]
            by_list: [(list name, cases opened)], from the matches of policy's first decision
            by_day: [(ISO date in UTC, cases opened, cases decided by people)]
            decided: [(state, count)] of people's decisions; `undone` is among the states
            hours_to_decide: (median, 90th percentile), from a case's opening to the first
                decision within the window, or None
            exposure: [(user id, views, sharp views, seconds that sharp stills were shown)]
            cleared_by_list: [(list name, cleared, decided)], by each case's last decision within
                the window, from which the false-positive rate
            open: number of open cases; oldest_open: ISO moment or None
        """
        ...
