"""The statements of the review store, by name. Both dialects run the same ones."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from safehold.cases.model import Attention, CaseState
from safehold.cases.review.model import Order, ProposalKind, ProposalState, QueueFilter
from safehold.cases.review.paging import parse
from safehold.cases.settling import UNDONE
from safehold.cases.urgency import LARGEST
from safehold.ids import UserId
from safehold.storage.hit_store import cases_of
from safehold.storage.schema_cases import cases, decisions, occurrences
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

_case = sa.bindparam("of_case", type_=cases.c.case_id.type)
_service = sa.bindparam("of_service", type_=sa.Text)
_user = sa.bindparam("of_user", type_=case_locks.c.user_id.type)
_moment = sa.bindparam("moment", type_=case_locks.c.until.type)
_at_most = sa.bindparam("at_most", type_=sa.Integer)
_some = sa.bindparam("some", expanding=True, type_=cases.c.case_id.type)

_appeals = cases.alias("appeals")


def select_queue(wanted: QueueFilter, now: dt.datetime) -> sa.Select[Any]:
    """One page of the queue. Raises `CursorError` for a place that no page has given."""
    order: tuple[sa.ColumnElement[Any], ...]
    match wanted.order:
        case Order.URGENCY:
            order = (cases.c.calm, cases.c.case_id)
        case Order.OLDEST:
            order = (cases.c.case_id,)
        case Order.NEWEST:
            order = (cases.c.case_id.desc(),)
    statement = sa.select(cases).where(*_wanted(wanted, now))
    if wanted.after:
        statement = statement.where(_after(wanted))
    return statement.order_by(*order).limit(wanted.limit)


def count_queue(wanted: QueueFilter, now: dt.datetime) -> sa.Select[Any]:
    """How many cases a queue has."""
    return sa.select(sa.func.count()).select_from(cases).where(*_wanted(wanted, now))


def _after(wanted: QueueFilter) -> sa.ColumnElement[bool]:
    urgency, case_id = parse(wanted.order, wanted.after)
    if wanted.order is Order.NEWEST:
        return cases.c.case_id < case_id
    if wanted.order is Order.OLDEST:
        return cases.c.case_id > case_id
    # The first says nothing new, but is where the index begins.
    return sa.and_(
        cases.c.calm >= LARGEST - urgency,
        sa.or_(cases.c.calm > LARGEST - urgency, cases.c.case_id > case_id),
    )


def _wanted(wanted: QueueFilter, now: dt.datetime) -> list[sa.ColumnElement[bool]]:
    found = [cases.c.canary == sa.false(), cases.c.state == wanted.state.value]
    asked = {
        "queue": None if wanted.queue is None else wanted.queue.value,
        "service_id": wanted.service_id,
        "surface": wanted.surface or None,
        "tier": wanted.tier or None,
        "attention": str(wanted.attention) or None,
    }
    found += [cases.c[name] == value for name, value in asked.items() if value is not None]
    if wanted.aside:
        found.append(cases.c.case_id.in_(cases_of(wanted.aside)))
    if wanted.for_user is not None:
        found.append(cases.c.case_id.not_in(_busy(wanted.for_user, wanted.state, now)))
    return found


def _busy(user_id: UserId, state: CaseState, now: dt.datetime) -> sa.CompoundSelect[Any]:
    """Cases that this user is not to work on now.

    There are few of them, so that they are found first and left out, not asked for case by case.
    """
    locked = sa.select(case_locks.c.case_id).where(
        case_locks.c.user_id != user_id, case_locks.c.until > now
    )
    passed = sa.select(case_passes.c.case_id).where(case_passes.c.user_id == user_id)
    decided = sa.exists().where(
        decisions.c.case_id == _appeals.c.case_id,
        decisions.c.actor == f"user:{user_id}",
        decisions.c.reasons[0].as_string() != UNDONE,
    )
    proposed = sa.exists().where(
        proposals.c.case_id == _appeals.c.case_id,
        proposals.c.proposed_by == user_id,
        proposals.c.state == ProposalState.APPROVED.value,
        proposals.c.kind.in_([ProposalKind.CLEAR.value, ProposalKind.CLEAR_SIMILAR.value]),
    )
    appealed = sa.select(_appeals.c.case_id).where(
        _appeals.c.canary == sa.false(),
        _appeals.c.state == state.value,
        _appeals.c.attention == Attention.APPEALED.value,
    )
    return sa.union_all(locked, passed, appealed.where(decided), appealed.where(proposed))


SELECT_LOCKS = sa.select(case_locks).where(
    case_locks.c.case_id.in_(_some), case_locks.c.until > _moment
)
"""Locks that stand on some cases."""

COUNT_OCCURRENCES = (
    sa.select(occurrences.c.case_id, sa.func.count().label("number"))
    .where(occurrences.c.case_id.in_(_some))
    .group_by(occurrences.c.case_id)
)

SELECT_CASES = sa.select(cases).where(cases.c.case_id.in_(_some)).order_by(cases.c.case_id)

SELECT_LOCK = sa.select(case_locks).where(case_locks.c.case_id == _case)
DELETE_LOCK = sa.delete(case_locks).where(
    case_locks.c.case_id == _case, case_locks.c.user_id == _user
)


@functools.cache
def take_lock(dialect: str) -> sa.Insert:
    """Lock a case, or lengthen one's own lock, or take one over that has expired.

    Where another's lock stands nothing is written. In PostgreSQL the row is held until the
    transaction ends, whether it was written or not.
    """
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    into = make(case_locks)
    new = into.excluded
    own = case_locks.c.user_id == new.user_id
    expired = case_locks.c.until <= new.since
    return into.on_conflict_do_update(
        index_elements=["case_id"],
        set_={
            "user_id": new.user_id,
            "since": sa.case((expired, new.since), else_=case_locks.c.since),
            "until": new.until,
        },
        where=sa.or_(own, expired),
    )


SELECT_PASSES = sa.select(case_passes.c.user_id).where(case_passes.c.case_id == _case)


def _update(table: sa.Table, key: str, *changing: str) -> sa.Update:
    """Write the columns of one row that can change; its key is the parameter `of_key`."""
    of_key = sa.bindparam("of_key", type_=table.c[key].type)
    values = {name: sa.bindparam(name, type_=table.c[name].type) for name in changing}
    return sa.update(table).where(table.c[key] == of_key).values(values)


def _one(table: sa.Table, key: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c[key] == sa.bindparam("of_key", type_=table.c[key].type))


def _of_case(table: sa.Table, *order: str) -> sa.Select[Any]:
    columns = [table.c[name] for name in order]
    return sa.select(table).where(table.c.case_id == _case).order_by(*columns)


INSERT_VIEW = sa.insert(views)
UPDATE_VIEW = _update(
    views, "view_id", "ended", "frames", "whole", "blurred", "sharp", "colour", "sharp_seconds"
)
SELECT_VIEW = _one(views, "view_id")
LOCK_VIEW = SELECT_VIEW.with_for_update()
SELECT_VIEWS = _of_case(views, "opened", "view_id")
SELECT_VIEWS_BY = (
    sa.select(views)
    .where(views.c.user_id == _user, views.c.opened >= _moment)
    .order_by(views.c.opened, views.c.view_id)
)
SELECT_STALE_VIEWS = (
    sa.select(views)
    .where(views.c.ended.is_(None), views.c.until <= _moment)
    .order_by(views.c.until, views.c.view_id)
    .limit(_at_most)
)

INSERT_PROPOSAL = sa.insert(proposals)
UPDATE_PROPOSAL = _update(proposals, "proposal_id", "state", "details", "decided_by", "decided_at")
SELECT_PROPOSAL = _one(proposals, "proposal_id")
LOCK_PROPOSAL = SELECT_PROPOSAL.with_for_update()
SELECT_PROPOSALS = (
    sa.select(proposals)
    .order_by(proposals.c.proposed_at.desc(), proposals.c.proposal_id.desc())
    .limit(_at_most)
)
SELECT_PROPOSALS_IN = SELECT_PROPOSALS.where(
    proposals.c.state == sa.bindparam("of_state", type_=sa.Text)
)
SELECT_PROPOSALS_OF = _of_case(proposals, "proposed_at", "proposal_id")

INSERT_NOTE = sa.insert(notes)
SELECT_NOTES = _of_case(notes, "at", "note_id")

INSERT_HOLD = sa.insert(legal_holds)
UPDATE_HOLD = _update(legal_holds, "hold_id", "lifted_by", "lifted_at")
SELECT_HOLD = _one(legal_holds, "hold_id")
SELECT_HOLDS = sa.select(legal_holds).order_by(
    legal_holds.c.set_at.desc(), legal_holds.c.hold_id.desc()
)
SELECT_STANDING_HOLDS = SELECT_HOLDS.where(legal_holds.c.lifted_at.is_(None))
SELECT_HOLDS_ON = SELECT_STANDING_HOLDS.where(
    sa.or_(
        legal_holds.c.case_id == _case,
        sa.exists().where(
            occurrences.c.case_id == _case,
            occurrences.c.service_id == legal_holds.c.service_id,
            # On a case a hold names no uploader, which is equal to nothing.
            occurrences.c.uploader == legal_holds.c.uploader,
        ),
    )
)

SELECT_PICTURES = (
    sa.select(
        cases.c.case_id,
        cases.c.pdq,
        sa.func.coalesce(cases.c.pdq_quality, 0).label("quality"),
    )
    .where(
        cases.c.service_id == _service,
        cases.c.state == CaseState.OPEN.value,
        cases.c.pdq.is_not(None),
        cases.c.canary == sa.false(),
    )
    .order_by(cases.c.case_id)
)

SELECT_SPLITS = sa.select(group_splits.c.second_case).where(
    group_splits.c.first_case == _case, group_splits.c.service_id == _service
)

END_LIKENESS = (
    sa.update(likenesses)
    .where(likenesses.c.case_id == _case, likenesses.c.ended.is_(None))
    .values(ended=_moment)
)
SELECT_LIKENESSES = (
    sa.select(likenesses)
    .where(likenesses.c.service_id == _service, likenesses.c.ended.is_(None))
    .order_by(likenesses.c.case_id)
)

_mine = occurrences.alias("mine")
_this = cases.alias("this")
_service_of_case = sa.select(_this.c.service_id).where(_this.c.case_id == _case).scalar_subquery()
SELECT_OTHERS = (
    sa.select(cases)
    .where(
        cases.c.case_id.in_(
            # Not by a join: of one case with n occurrences of one uploader that has n * n rows.
            sa.select(occurrences.c.case_id).where(
                occurrences.c.service_id == _service_of_case,
                occurrences.c.uploader.in_(
                    sa.select(_mine.c.uploader)
                    .where(_mine.c.case_id == _case, _mine.c.uploader.is_not(None))
                    .distinct()
                ),
            )
        ),
        cases.c.case_id != _case,
        cases.c.canary == sa.false(),
    )
    .order_by(cases.c.case_id.desc())
    .limit(_at_most)
)
