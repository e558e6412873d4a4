"""People's work on cases in SQL: `SqlReviewStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from safehold.cases.model import Case, CaseState
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
from safehold.storage import case_rows, review_figures, review_queue
from safehold.storage import review_rows as rows
from safehold.storage.schema_cases import cases, occurrences
from safehold.storage.schema_reviews import (
    case_locks,
    case_passes,
    group_splits,
    legal_holds,
    likenesses,
    notes,
    proposals,
    views,
)
from safehold.storage.upsert import insert_or_replace, insert_or_skip

BATCH = 400
"""Ids that one statement names; SQLite allows a limited number of parameters."""


class SqlReviewStore:
    """A `ReviewStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name

    def queue(self, wanted: QueueFilter, now: dt.datetime) -> Sequence[QueueRow]:
        """Cases in the order that is wanted. Raises `CursorError`."""
        found = []
        for row in self._connection.execute(review_queue.select_queue(wanted, now)):
            case = case_rows.case(row)
            lock = None
            if row.lock_user is not None and now < row.lock_until:
                user = UserId(row.lock_user)
                lock = CaseLock(case.case_id, user, row.lock_since, row.lock_until)
            found.append(QueueRow(case, lock, row.number, cursor(wanted.order, case)))
        return found

    def count_queue(self, wanted: QueueFilter, now: dt.datetime) -> int:
        """How many there are in all."""
        return int(self._connection.scalar(review_queue.count_queue(wanted, now)) or 0)

    def lock(self, lock: CaseLock) -> CaseLock:
        """Lock a case, or lengthen one's own lock, in one statement that nobody comes between."""
        standing = case_locks.c.until > lock.since
        mine = case_locks.c.user_id == lock.user_id
        into = (sqlite if self._dialect == "sqlite" else postgresql).insert(case_locks)
        kept = sa.case((sa.and_(standing, mine), case_locks.c.since), else_=lock.since)
        statement = into.on_conflict_do_update(
            index_elements=["case_id"],
            set_={"user_id": lock.user_id, "since": kept, "until": lock.until},
            where=sa.or_(mine, sa.not_(standing)),
        )
        values = {
            "case_id": lock.case_id,
            "user_id": lock.user_id,
            "since": lock.since,
            "until": lock.until,
        }
        self._connection.execute(statement, values)
        there = self.lock_of(lock.case_id, lock.since)
        assert there is not None  # what was just written, or what stood in its way
        return there

    def lock_of(self, case_id: CaseId, now: dt.datetime) -> CaseLock | None:
        """Who works on a case."""
        row = self._connection.execute(
            sa.select(case_locks).where(case_locks.c.case_id == case_id, case_locks.c.until > now)
        ).one_or_none()
        return None if row is None else CaseLock(case_id, UserId(row.user_id), row.since, row.until)

    def unlock(self, case_id: CaseId, user_id: UserId) -> bool:
        """Give up one's own lock."""
        statement = sa.delete(case_locks).where(
            case_locks.c.case_id == case_id, case_locks.c.user_id == user_id
        )
        return self._connection.execute(statement).rowcount == 1

    def add_pass(self, case_id: CaseId, user_id: UserId, at: dt.datetime) -> None:
        """Somebody leaves a case to others."""
        statement = insert_or_skip(self._dialect, case_passes, "case_id", "user_id")
        values = {"case_id": case_id, "user_id": user_id, "at": at}
        self._connection.execute(statement, values)

    def passed_by(self, case_id: CaseId) -> frozenset[UserId]:
        """Who has left a case to others."""
        statement = sa.select(case_passes.c.user_id).where(case_passes.c.case_id == case_id)
        return frozenset(UserId(user) for user in self._connection.scalars(statement))

    def add_view(self, view: View) -> None:
        """Add a view."""
        self._connection.execute(sa.insert(views), rows.of_view(view))

    def update_view(self, view: View) -> None:
        """Write what can change of a view."""
        statement = sa.update(views).where(views.c.view_id == view.view_id)
        self._connection.execute(statement.values(rows.of_view_changes(view)))

    def view(self, view_id: ViewId, *, lock: bool = False) -> View | None:
        """One view."""
        row = self._one(sa.select(views).where(views.c.view_id == view_id), lock=lock)
        return None if row is None else rows.view(row)

    def views(self, case_id: CaseId) -> Sequence[View]:
        """All views of a case, in order of time."""
        return self._views(views.c.case_id == case_id)

    def views_by(self, user_id: UserId, since: dt.datetime) -> Sequence[View]:
        """Somebody's views since a moment, in order of time."""
        return self._views(views.c.user_id == user_id, views.c.opened >= since)

    def _views(self, *wanted: sa.ColumnElement[bool]) -> list[View]:
        statement = sa.select(views).where(*wanted).order_by(views.c.opened, views.c.view_id)
        return [rows.view(row) for row in self._connection.execute(statement)]

    def stale_views(self, now: dt.datetime, limit: int) -> Sequence[View]:
        """Views whose time is over and that have not ended, the longest over first."""
        statement = (
            sa.select(views)
            # The very words of the index, which is partial.
            .where(sa.text("ended IS NULL"), views.c.until <= now)
            .order_by(views.c.until, views.c.view_id)
            .limit(limit)
        )
        return [rows.view(row) for row in self._connection.execute(statement)]

    def add_proposal(self, proposal: Proposal) -> None:
        """Add a proposal."""
        self._connection.execute(sa.insert(proposals), rows.of_proposal(proposal))

    def update_proposal(self, proposal: Proposal) -> None:
        """Write what can change of a proposal."""
        statement = sa.update(proposals).where(proposals.c.proposal_id == proposal.proposal_id)
        self._connection.execute(statement.values(rows.of_proposal_changes(proposal)))

    def proposal(self, proposal_id: ProposalId, *, lock: bool = False) -> Proposal | None:
        """One proposal."""
        statement = sa.select(proposals).where(proposals.c.proposal_id == proposal_id)
        row = self._one(statement, lock=lock)
        return None if row is None else rows.proposal(row)

    def proposals(self, state: ProposalState | None = None, limit: int = 200) -> Sequence[Proposal]:
        """Proposals, the newest first."""
        newest = (proposals.c.proposed_at.desc(), proposals.c.proposal_id.desc())
        statement = sa.select(proposals).order_by(*newest).limit(limit)
        if state is not None:
            statement = statement.where(proposals.c.state == state.value)
        return [rows.proposal(row) for row in self._connection.execute(statement)]

    def proposals_of(self, case_id: CaseId) -> Sequence[Proposal]:
        """A case's proposals, in order of time."""
        found = self._of_case(proposals, case_id, "proposed_at", "proposal_id")
        return [rows.proposal(row) for row in found]

    def add_note(self, note: Note) -> None:
        """Add a note."""
        self._connection.execute(sa.insert(notes), rows.of_note(note))

    def notes(self, case_id: CaseId) -> Sequence[Note]:
        """A case's notes, in order of time."""
        return [rows.note(row) for row in self._of_case(notes, case_id, "at", "note_id")]

    def add_hold(self, hold: LegalHold) -> None:
        """Set a legal hold."""
        self._connection.execute(sa.insert(legal_holds), rows.of_hold(hold))

    def update_hold(self, hold: LegalHold) -> None:
        """Write the end of a legal hold."""
        statement = sa.update(legal_holds).where(legal_holds.c.hold_id == hold.hold_id)
        ended = {"lifted_by": hold.lifted_by, "lifted_at": hold.lifted_at}
        self._connection.execute(statement.values(ended))

    def hold(self, hold_id: HoldId) -> LegalHold | None:
        """One legal hold."""
        row = self._one(sa.select(legal_holds).where(legal_holds.c.hold_id == hold_id))
        return None if row is None else rows.hold(row)

    def holds(self, *, standing: bool = True) -> Sequence[LegalHold]:
        """Legal holds, the newest first."""
        statement = sa.select(legal_holds)
        if standing:
            statement = statement.where(legal_holds.c.lifted_at.is_(None))
        return self._holds(statement)

    def holds_on(self, case_id: CaseId) -> Sequence[LegalHold]:
        """Holds that stand on a case, and on the accounts that occur in it."""
        occurs = sa.exists().where(
            occurrences.c.case_id == case_id,
            occurrences.c.service_id == legal_holds.c.service_id,
            occurrences.c.uploader == legal_holds.c.uploader,
        )
        on_account = sa.and_(legal_holds.c.case_id.is_(None), occurs)
        statement = sa.select(legal_holds).where(
            legal_holds.c.lifted_at.is_(None),
            sa.or_(legal_holds.c.case_id == case_id, on_account),
        )
        return self._holds(statement)

    def _holds(self, statement: sa.Select[Any]) -> list[LegalHold]:
        newest = (legal_holds.c.set_at.desc(), legal_holds.c.hold_id.desc())
        return [rows.hold(row) for row in self._connection.execute(statement.order_by(*newest))]

    def pictures(self, service_id: ServiceId) -> Sequence[tuple[CaseId, bytes, int]]:
        """Case, PDQ and quality of a service's open cases, without canaries."""
        statement = (
            sa.select(cases.c.case_id, cases.c.pdq, sa.func.coalesce(cases.c.pdq_quality, 0))
            .where(
                cases.c.service_id == service_id,
                cases.c.state == CaseState.OPEN.value,
                cases.c.canary == sa.false(),
                sa.text("pdq IS NOT NULL"),
            )
            .order_by(cases.c.case_id)
        )
        return [(case, pdq, quality) for case, pdq, quality in self._connection.execute(statement)]

    def split(self, service_id: ServiceId, first: CaseId, second: CaseId) -> None:
        """Two cases are not to be one group."""
        statement = insert_or_skip(self._dialect, group_splits, "first_case", "second_case")
        pairs = [(first, second), (second, first)]
        self._connection.execute(
            statement,
            [{"service_id": service_id, "first_case": a, "second_case": b} for a, b in pairs],
        )

    def splits(self, service_id: ServiceId, case_id: CaseId) -> frozenset[CaseId]:
        """The cases that were split from this one."""
        statement = sa.select(group_splits.c.second_case).where(
            group_splits.c.first_case == case_id, group_splits.c.service_id == service_id
        )
        return frozenset(CaseId(case) for case in self._connection.scalars(statement))

    def add_likeness(self, likeness: Likeness) -> None:
        """Add a clearing by likeness, in place of the case's earlier one."""
        statement = insert_or_replace(self._dialect, likenesses, "case_id")
        self._connection.execute(statement, rows.of_likeness(likeness))

    def end_likeness(self, case_id: CaseId, at: dt.datetime) -> None:
        """A clearing by likeness ends."""
        statement = sa.update(likenesses).where(
            likenesses.c.case_id == case_id, likenesses.c.ended.is_(None)
        )
        self._connection.execute(statement.values(ended=at))

    def likenesses(self, service_id: ServiceId) -> Sequence[Likeness]:
        """The clearings by likeness that hold within a service."""
        statement = (
            sa.select(likenesses)
            .where(likenesses.c.service_id == service_id, sa.text("ended IS NULL"))
            .order_by(likenesses.c.case_id)
        )
        return [rows.likeness(row) for row in self._connection.execute(statement)]

    def cases_of(self, case_ids: Sequence[CaseId]) -> Sequence[Case]:
        """Several cases at once, by id."""
        wanted = sorted(set(case_ids))
        found: list[Case] = []
        for start in range(0, len(wanted), BATCH):
            some = wanted[start : start + BATCH]
            statement = sa.select(cases).where(cases.c.case_id.in_(some)).order_by(cases.c.case_id)
            found.extend(case_rows.case(row) for row in self._connection.execute(statement))
        return found

    def others(self, case_id: CaseId, limit: int) -> Sequence[Case]:
        """Other cases of the service in which an uploader of this one occurs, newest first."""
        theirs, ours = occurrences.alias("theirs"), occurrences.alias("ours")
        same = sa.and_(
            theirs.c.service_id == ours.c.service_id, theirs.c.uploader == ours.c.uploader
        )
        found = (
            sa.select(theirs.c.case_id)
            .select_from(ours.join(theirs, same))
            .where(
                ours.c.case_id == case_id,
                ours.c.uploader.is_not(None),
                theirs.c.uploader.is_not(None),
                theirs.c.case_id != case_id,
            )
        )
        statement = (
            sa.select(cases)
            .where(cases.c.case_id.in_(found), cases.c.canary == sa.false())
            .order_by(cases.c.case_id.desc())
            .limit(limit)
        )
        return [case_rows.case(row) for row in self._connection.execute(statement)]

    def figures(self, since: dt.datetime, until: dt.datetime) -> Figures:
        """Counts between two moments."""
        return review_figures.figures(self._connection, since, until)

    def _one(self, statement: sa.Select[Any], *, lock: bool = False) -> sa.Row[Any] | None:
        chosen = statement.with_for_update() if lock else statement
        return self._connection.execute(chosen).one_or_none()

    def _of_case(self, table: sa.Table, case_id: CaseId, *order: str) -> sa.CursorResult[Any]:
        columns = [table.c[name] for name in order]
        statement = sa.select(table).where(table.c.case_id == case_id).order_by(*columns)
        return self._connection.execute(statement)
