"""People's work on cases in SQL: `SqlReviewStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

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
from safehold.cases.review.paging import cursor
from safehold.ids import CaseId, HoldId, ProposalId, ServiceId, UserId, ViewId
from safehold.storage import case_rows
from safehold.storage import review_rows as rows
from safehold.storage import review_statements as sql
from safehold.storage.figures import read_figures
from safehold.storage.schema_reviews import case_passes, group_splits, likenesses
from safehold.storage.upsert import insert_or_replace, insert_or_skip

BATCH = 400
"""Cases that one statement names; SQLite allows a limited number of parameters."""


class SqlReviewStore:
    """A `ReviewStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def queue(self, wanted: QueueFilter, now: dt.datetime) -> Sequence[QueueRow]:
        """Cases in the order that is wanted. Raises `CursorError`."""
        found = [case_rows.case(row) for row in self._all(sql.select_queue(wanted, now))]
        ids = [case.case_id for case in found]
        locks = {
            row.case_id: rows.lock(row) for row in self._some(sql.SELECT_LOCKS, ids, moment=now)
        }
        numbers = {row.case_id: row.number for row in self._some(sql.COUNT_OCCURRENCES, ids)}
        return [
            QueueRow(
                case,
                locks.get(case.case_id),
                numbers.get(case.case_id, 0),
                cursor(wanted.order, case),
            )
            for case in found
        ]

    def count_queue(self, wanted: QueueFilter, now: dt.datetime) -> int:
        """How many there are in all."""
        return int(self._connection.scalar(sql.count_queue(wanted, now)) or 0)

    def lock(self, lock: CaseLock) -> CaseLock:
        """Lock a case, or lengthen one's own lock; the lock that stands afterwards."""
        self._connection.execute(sql.take_lock(self._dialect), rows.of_lock(lock))
        return rows.lock(self._all(sql.SELECT_LOCK, of_case=lock.case_id).one())

    def lock_of(self, case_id: CaseId, now: dt.datetime) -> CaseLock | None:
        """Who works on a case."""
        row = self._all(sql.SELECT_LOCK, of_case=case_id).one_or_none()
        return rows.lock(row) if row is not None and now < row.until else None

    def unlock(self, case_id: CaseId, user_id: UserId) -> bool:
        """Give up one's own lock; whether there was one."""
        values = {"of_case": case_id, "of_user": user_id}
        return self._connection.execute(sql.DELETE_LOCK, values).rowcount > 0

    def add_pass(self, case_id: CaseId, user_id: UserId, at: dt.datetime) -> None:
        """Somebody leaves a case to others."""
        statement = insert_or_skip(self._dialect, case_passes, "case_id", "user_id")
        self._connection.execute(statement, {"case_id": case_id, "user_id": user_id, "at": at})

    def passed_by(self, case_id: CaseId) -> frozenset[UserId]:
        """Who has left a case to others."""
        return frozenset(UserId(row[0]) for row in self._all(sql.SELECT_PASSES, of_case=case_id))

    def add_view(self, view: View) -> None:
        """Add a view."""
        self._connection.execute(sql.INSERT_VIEW, rows.of_view(view))

    def update_view(self, view: View) -> None:
        """Write what can change of a view."""
        values = {"of_key": view.view_id, **rows.of_view_changes(view)}
        self._connection.execute(sql.UPDATE_VIEW, values)

    def view(self, view_id: ViewId, *, lock: bool = False) -> View | None:
        """One view; with `lock`, held against other writers until the transaction ends."""
        statement = sql.LOCK_VIEW if lock else sql.SELECT_VIEW
        row = self._all(statement, of_key=view_id).one_or_none()
        return None if row is None else rows.view(row)

    def views(self, case_id: CaseId) -> Sequence[View]:
        """All views of a case, in order of time."""
        return [rows.view(row) for row in self._all(sql.SELECT_VIEWS, of_case=case_id)]

    def views_by(self, user_id: UserId, since: dt.datetime) -> Sequence[View]:
        """Somebody's views since a moment, in order of time."""
        found = self._all(sql.SELECT_VIEWS_BY, of_user=user_id, moment=since)
        return [rows.view(row) for row in found]

    def stale_views(self, now: dt.datetime, limit: int) -> Sequence[View]:
        """Views whose time is over and that have not ended, the longest over first."""
        found = self._all(sql.SELECT_STALE_VIEWS, moment=now, at_most=limit)
        return [rows.view(row) for row in found]

    def add_proposal(self, proposal: Proposal) -> None:
        """Add a proposal."""
        self._connection.execute(sql.INSERT_PROPOSAL, rows.of_proposal(proposal))

    def update_proposal(self, proposal: Proposal) -> None:
        """Write what can change of a proposal."""
        values = {"of_key": proposal.proposal_id, **rows.of_proposal_changes(proposal)}
        self._connection.execute(sql.UPDATE_PROPOSAL, values)

    def proposal(self, proposal_id: ProposalId, *, lock: bool = False) -> Proposal | None:
        """One proposal; with `lock`, held against other writers until the transaction ends."""
        statement = sql.LOCK_PROPOSAL if lock else sql.SELECT_PROPOSAL
        row = self._all(statement, of_key=proposal_id).one_or_none()
        return None if row is None else rows.proposal(row)

    def proposals(self, state: ProposalState | None = None, limit: int = 200) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        if state is None:
            found = self._all(sql.SELECT_PROPOSALS, at_most=limit)
        else:
            found = self._all(sql.SELECT_PROPOSALS_IN, of_state=state.value, at_most=limit)
        return [rows.proposal(row) for row in found]

    def proposals_of(self, case_id: CaseId) -> Sequence[Proposal]:
        """A case's proposals, in order of time."""
        return [rows.proposal(row) for row in self._all(sql.SELECT_PROPOSALS_OF, of_case=case_id)]

    def add_note(self, note: Note) -> None:
        """Add a note."""
        self._connection.execute(sql.INSERT_NOTE, rows.of_note(note))

    def notes(self, case_id: CaseId) -> Sequence[Note]:
        """A case's notes, in order of time."""
        return [rows.note(row) for row in self._all(sql.SELECT_NOTES, of_case=case_id)]

    def add_hold(self, hold: LegalHold) -> None:
        """Set a legal hold."""
        self._connection.execute(sql.INSERT_HOLD, rows.of_hold(hold))

    def update_hold(self, hold: LegalHold) -> None:
        """Write the end of a legal hold."""
        values = {
            "of_key": hold.hold_id,
            "lifted_by": hold.lifted_by,
            "lifted_at": hold.lifted_at,
        }
        self._connection.execute(sql.UPDATE_HOLD, values)

    def hold(self, hold_id: HoldId) -> LegalHold | None:
        """One legal hold."""
        row = self._all(sql.SELECT_HOLD, of_key=hold_id).one_or_none()
        return None if row is None else rows.hold(row)

    def holds(self, *, standing: bool = True) -> Sequence[LegalHold]:
        """All legal holds, or those that stand, the newest first."""
        statement = sql.SELECT_STANDING_HOLDS if standing else sql.SELECT_HOLDS
        return [rows.hold(row) for row in self._all(statement)]

    def holds_on(self, case_id: CaseId) -> Sequence[LegalHold]:
        """Holds that stand on a case, and on the accounts that occur in it."""
        return [rows.hold(row) for row in self._all(sql.SELECT_HOLDS_ON, of_case=case_id)]

    def pictures(self, service_id: ServiceId) -> Sequence[tuple[CaseId, bytes, int]]:
        """Case, PDQ and quality of a service's open cases, without canaries, by id."""
        found = self._all(sql.SELECT_PICTURES, of_service=service_id)
        return [(CaseId(row.case_id), row.pdq, row.quality) for row in found]

    def split(self, service_id: ServiceId, first: CaseId, second: CaseId) -> None:
        """Two cases are not to be one group."""
        statement = insert_or_skip(self._dialect, group_splits, "first_case", "second_case")
        pairs = sorted({(first, second), (second, first)})
        self._connection.execute(
            statement,
            [
                {"first_case": one, "second_case": other, "service_id": service_id}
                for one, other in pairs
            ],
        )

    def splits(self, service_id: ServiceId, case_id: CaseId) -> frozenset[CaseId]:
        """The cases that were split from this one."""
        found = self._all(sql.SELECT_SPLITS, of_service=service_id, of_case=case_id)
        return frozenset(CaseId(row[0]) for row in found)

    def add_likeness(self, likeness: Likeness) -> None:
        """Add a clearing by likeness, in place of the case's earlier one."""
        statement = insert_or_replace(self._dialect, likenesses, "case_id")
        self._connection.execute(statement, rows.of_likeness(likeness))

    def end_likeness(self, case_id: CaseId, at: dt.datetime) -> None:
        """A clearing by likeness ends."""
        self._connection.execute(sql.END_LIKENESS, {"of_case": case_id, "moment": at})

    def likenesses(self, service_id: ServiceId) -> Sequence[Likeness]:
        """The clearings by likeness that hold within a service, by case."""
        found = self._all(sql.SELECT_LIKENESSES, of_service=service_id)
        return [rows.likeness(row) for row in found]

    def cases_of(self, case_ids: Sequence[CaseId]) -> Sequence[Case]:
        """Several cases at once, by id; those that are not there are left out."""
        wanted = sorted(set(case_ids))
        return [case_rows.case(row) for row in self._some(sql.SELECT_CASES, wanted)]

    def others(self, case_id: CaseId, limit: int) -> Sequence[Case]:
        """Other cases of the service in which an uploader of this one occurs, newest first."""
        found = self._all(sql.SELECT_OTHERS, of_case=case_id, at_most=limit)
        return [case_rows.case(row) for row in found]

    def figures(self, since: dt.datetime, until: dt.datetime) -> Figures:
        """Counts between two moments; see `ReviewStore.figures`."""
        return read_figures(self._connection, since, until)

    def _all(self, statement: sa.Select[Any], **values: object) -> sa.CursorResult[Any]:
        return self._connection.execute(statement, values)

    def _some(
        self, statement: sa.Select[Any], case_ids: Sequence[CaseId], **values: object
    ) -> Iterator[sa.Row[Any]]:
        """Rows of several cases, in batches."""
        for start in range(0, len(case_ids), BATCH):
            named: Mapping[str, object] = {"some": case_ids[start : start + BATCH], **values}
            yield from self._connection.execute(statement, named)
