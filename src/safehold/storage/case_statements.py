"""The statements of the case store, by name. Both dialects run the same ones."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from safehold.cases.model import CaseFilter, CaseState, Queue
from safehold.storage.schema_cases import (
    WAITING,
    cases,
    decisions,
    evidence,
    occurrences,
    statements,
)

CHANGING = (
    "state",
    "queue",
    "verdict",
    "updated",
    "deadline",
    "cleared",
    "canary",
    "pdq",
    "pdq_quality",
    "recipient",
    "key_name",
    "tier",
    "calm",
    "attention",
    "purged",
)
"""Columns of a case that can change."""

_case = sa.bindparam("of_case", type_=cases.c.case_id.type)
_service = sa.bindparam("of_service", type_=sa.Text)
_at_most = sa.bindparam("at_most", type_=sa.Integer)

SELECT_CASE = sa.select(cases).where(cases.c.case_id == _case)
LOCK_CASE = SELECT_CASE.with_for_update()
"""One case, held against other writers (SQLite holds the whole file)."""

SELECT_CONTENT = sa.select(cases).where(
    cases.c.service_id == _service, cases.c.content == sa.bindparam("of_content")
)
LOCK_CONTENT = SELECT_CONTENT.with_for_update()
"""The case of some bytes, held against other writers."""

SELECT_CONTENTS = sa.select(cases).where(
    # Pairs would be clearer, but SQLite finds no index for them.
    cases.c.service_id.in_(sa.bindparam("of_services", expanding=True)),
    cases.c.content.in_(sa.bindparam("of_contents", expanding=True)),
)
"""The cases of any of some contents within any of some services."""

UPDATE_CASE = (
    sa.update(cases)
    .where(cases.c.case_id == _case)
    .values({name: sa.bindparam(name, type_=cases.c[name].type) for name in CHANGING})
)

SELECT_DUE = (
    sa.select(cases)
    # The very words of the index, which is partial.
    .where(cases.c.deadline <= sa.bindparam("moment"), sa.text(WAITING))
    .order_by(cases.c.deadline, cases.c.case_id)
    .limit(_at_most)
)

COUNT_CASES = (
    sa.select(cases.c.state, cases.c.queue, sa.func.count().label("number"))
    .where(cases.c.canary == sa.false())
    .group_by(cases.c.state, cases.c.queue)
)

_WAITING_FAULTS = sa.and_(
    # Both, so that the index is used.
    cases.c.canary.in_([sa.false(), sa.true()]),
    cases.c.state.in_([CaseState.OPEN.value, CaseState.AWAITING_BYTES.value]),
    cases.c.queue == Queue.FAULTS.value,
)

COUNT_FAULTS = sa.select(sa.func.count()).select_from(cases).where(_WAITING_FAULTS)

SUM_FAULTS = (
    sa.select(sa.func.coalesce(sa.func.sum(evidence.c.sealed_size), 0))
    .select_from(cases.join(evidence, evidence.c.case_id == cases.c.case_id))
    .where(_WAITING_FAULTS)
)

DELETE_CASE = sa.delete(cases).where(cases.c.case_id == _case)
"""The foreign keys take along what belongs to it."""

INSERT_OCCURRENCE = sa.insert(occurrences)
INSERT_EVIDENCE = sa.insert(evidence)
INSERT_DECISION = sa.insert(decisions)
INSERT_STATEMENT = sa.insert(statements)


def _of_case(table: sa.Table, *order: str) -> sa.Select[Any]:
    columns = [table.c[name] for name in order]
    return sa.select(table).where(table.c.case_id == _case).order_by(*columns)


SELECT_OCCURRENCES = _of_case(occurrences, "at", "occurrence_id")
SELECT_EVIDENCE = _of_case(evidence, "created", "evidence_id")
SELECT_DECISIONS = _of_case(decisions, "at", "decision_id")
SELECT_STATEMENTS = _of_case(statements, "at", "statement_id")

DELETE_EVIDENCE = sa.delete(evidence).where(evidence.c.case_id == _case)

SELECT_CASES_OF_UPLOADER = (
    sa.select(occurrences.c.case_id)
    .distinct()
    .where(
        occurrences.c.service_id == _service,
        occurrences.c.uploader == sa.bindparam("of_uploader"),
    )
    .order_by(occurrences.c.case_id)
)


def _page(statement: sa.Select[Any], key: sa.Column[str]) -> sa.Select[Any]:
    after = sa.bindparam("after", type_=key.type)
    return statement.where(key > after).order_by(key).limit(_at_most)


PAGE_OF_EVIDENCE = _page(sa.select(evidence), evidence.c.evidence_id)
PAGE_OF_KEY_NAMES = _page(sa.select(cases.c.case_id, cases.c.key_name), cases.c.case_id)


def select_cases(wanted: CaseFilter) -> sa.Select[Any]:
    """The cases that a filter wants, by id."""
    statement = sa.select(cases).order_by(cases.c.case_id).limit(wanted.limit)
    if wanted.service_id is not None:
        statement = statement.where(cases.c.service_id == wanted.service_id)
    if wanted.state is not None:
        statement = statement.where(cases.c.state == wanted.state.value)
    if wanted.queue is not None:
        statement = statement.where(cases.c.queue == wanted.queue.value)
    if not wanted.canaries:
        statement = statement.where(cases.c.canary == sa.false())
    if wanted.after is not None:
        statement = statement.where(cases.c.case_id > wanted.after)
    return statement
