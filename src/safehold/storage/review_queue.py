"""The queue's statements: which cases, in which order, from where. Both dialects run the same."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from safehold.cases.model import Attention
from safehold.cases.review.model import Order, QueueFilter
from safehold.cases.review.paging import parse
from safehold.storage.case_rows import MOST_URGENT
from safehold.storage.schema_cases import cases, decisions, occurrences
from safehold.storage.schema_reviews import case_locks, case_passes

_NUMBER = (
    sa.select(sa.func.count())
    .select_from(occurrences)
    .where(occurrences.c.case_id == cases.c.case_id)
    .scalar_subquery()
    .label("number")
)


def select_queue(wanted: QueueFilter, now: dt.datetime) -> sa.Select[Any]:
    """Cases with their locks and numbers of occurrences, a page of them."""
    statement = (
        sa.select(
            cases,
            case_locks.c.user_id.label("lock_user"),
            case_locks.c.since.label("lock_since"),
            case_locks.c.until.label("lock_until"),
            _NUMBER,
        )
        .select_from(cases.outerjoin(case_locks, case_locks.c.case_id == cases.c.case_id))
        .where(*_conditions(wanted, now))
        .limit(wanted.limit)
    )
    if wanted.after:
        statement = statement.where(_after(wanted))
    if wanted.order is Order.URGENCY:
        return statement.order_by(cases.c.calm, cases.c.case_id)
    newest = wanted.order is Order.NEWEST
    return statement.order_by(cases.c.case_id.desc() if newest else cases.c.case_id)


def count_queue(wanted: QueueFilter, now: dt.datetime) -> sa.Select[Any]:
    """How many cases there are, over all pages."""
    return sa.select(sa.func.count()).select_from(cases).where(*_conditions(wanted, now))


def _conditions(wanted: QueueFilter, now: dt.datetime) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [
        cases.c.canary == sa.false(),
        cases.c.state == wanted.state.value,
    ]
    if wanted.queue is not None:
        found.append(cases.c.queue == wanted.queue.value)
    if wanted.service_id is not None:
        found.append(cases.c.service_id == wanted.service_id)
    for column, value in (
        (cases.c.surface, wanted.surface),
        (cases.c.tier, wanted.tier),
        (cases.c.attention, wanted.attention),
    ):
        if value:
            found.append(column == value)
    if wanted.for_user is not None:
        found += _free_for(wanted.for_user, now)
    return found


def _free_for(user_id: str, now: dt.datetime) -> list[sa.ColumnElement[bool]]:
    """Not locked by others, not passed on, and no appeal against what this user decided."""
    # The outer question has a lock too, its own: only the case is the same.
    locked = (
        sa.exists()
        .where(
            case_locks.c.case_id == cases.c.case_id,
            case_locks.c.user_id != user_id,
            case_locks.c.until > now,
        )
        .correlate(cases)
    )
    passed = sa.exists().where(
        case_passes.c.case_id == cases.c.case_id, case_passes.c.user_id == user_id
    )
    decided = sa.exists().where(
        decisions.c.case_id == cases.c.case_id, decisions.c.actor == f"user:{user_id}"
    )
    appealed = cases.c.attention == Attention.APPEALED.value
    return [~locked, ~passed, ~(appealed & decided)]


def _after(wanted: QueueFilter) -> sa.ColumnElement[bool]:
    urgency, case_id = parse(wanted.order, wanted.after)
    if wanted.order is Order.URGENCY:
        return sa.and_(
            cases.c.calm >= MOST_URGENT - urgency,
            sa.or_(cases.c.calm > MOST_URGENT - urgency, cases.c.case_id > case_id),
        )
    newest = wanted.order is Order.NEWEST
    return cases.c.case_id < case_id if newest else cases.c.case_id > case_id
