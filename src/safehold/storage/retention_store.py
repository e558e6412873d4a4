"""What clocks of evidence follow from, read from the database: see `RetentionStore`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.cases.model import CaseState
from safehold.ids import CaseId
from safehold.reporting.model import AuthorityCode, ReportState, StepKind
from safehold.retention.model import RetentionFacts
from safehold.storage.schema_cases import cases, evidence, occurrences
from safehold.storage.schema_reports import report_files, report_steps, reports
from safehold.storage.schema_reviews import legal_holds

_UNDER_WAY = frozenset(
    {
        ReportState.WAITING.value,
        ReportState.APPROVED.value,
        ReportState.SENDING.value,
        ReportState.NEEDS_PERSON.value,
    }
)
_COLUMNS = (
    cases.c.case_id,
    cases.c.state,
    cases.c.opened,
    cases.c.updated,
    cases.c.purged,
)
_after = sa.bindparam("after", type_=cases.c.case_id.type)
_some = sa.bindparam("some", expanding=True, type_=cases.c.case_id.type)

_ONE = sa.select(*_COLUMNS).where(cases.c.case_id.in_(_some))
_PAGE = (
    sa.select(*_COLUMNS)
    .where(
        cases.c.canary == sa.false(),
        cases.c.case_id > _after,
        # Something is left: evidence, or what was sealed since the last destruction.
        sa.or_(
            cases.c.purged.is_(None),
            cases.c.updated > cases.c.purged,
            sa.exists().where(evidence.c.case_id == cases.c.case_id),
        ),
    )
    .order_by(cases.c.case_id)
    .limit(sa.bindparam("at_most"))
)
_RECEIVED = (
    sa.select(evidence.c.case_id, sa.func.max(evidence.c.created).label("at"))
    .where(evidence.c.case_id.in_(_some))
    .group_by(evidence.c.case_id)
)
_CAME = (
    sa.select(occurrences.c.case_id, sa.func.max(occurrences.c.at).label("at"))
    .where(occurrences.c.case_id.in_(_some))
    .group_by(occurrences.c.case_id)
)
_OF_CASES = sa.union(
    sa.select(reports.c.case_id.label("of"), reports.c.report_id).where(
        reports.c.case_id.in_(_some)
    ),
    sa.select(report_files.c.case_id.label("of"), report_files.c.report_id).where(
        report_files.c.case_id.in_(_some)
    ),
).subquery("of_cases")
_REPORTS = sa.select(
    _OF_CASES.c.of,
    reports.c.state,
    reports.c.authority,
    reports.c.filed_at,
    reports.c.updated,
    sa.exists()
    .where(
        report_steps.c.report_id == reports.c.report_id,
        report_steps.c.kind == StepKind.FINISH.value,
    )
    .label("finishing"),
).join(_OF_CASES, _OF_CASES.c.report_id == reports.c.report_id)
_stands = legal_holds.c.lifted_at.is_(None)
_HOLDS_ON_CASES = (
    sa.select(legal_holds.c.case_id, sa.func.count().label("number"))
    .where(legal_holds.c.case_id.in_(_some), _stands)
    .group_by(legal_holds.c.case_id)
)
_HOLDS_ON_ACCOUNTS = (
    sa.select(
        occurrences.c.case_id, sa.func.count(legal_holds.c.hold_id.distinct()).label("number")
    )
    .join(
        legal_holds,
        sa.and_(
            legal_holds.c.service_id == occurrences.c.service_id,
            legal_holds.c.uploader == occurrences.c.uploader,
        ),
    )
    .where(occurrences.c.case_id.in_(_some), _stands)
    .group_by(occurrences.c.case_id)
)


class SqlRetentionStore:
    """A `RetentionStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def facts(self, case_id: CaseId) -> RetentionFacts | None:
        """Of one case."""
        found = self._facts(self._connection.execute(_ONE, {"some": [case_id]}).all())
        return found[0] if found else None

    def page(self, after: CaseId | None, limit: int) -> Sequence[RetentionFacts]:
        """Of several cases that have something left, by id; those after an id."""
        values = {"after": after or "", "at_most": limit}
        return self._facts(self._connection.execute(_PAGE, values).all())

    def _facts(self, found: Sequence[Any]) -> Sequence[RetentionFacts]:
        some = {"some": [row.case_id for row in found]}
        stored: dict[str, dt.datetime] = dict(self._pairs(_RECEIVED, some))
        came: dict[str, dt.datetime] = dict(self._pairs(_CAME, some))
        holds: dict[str, int] = {}
        for statement in (_HOLDS_ON_CASES, _HOLDS_ON_ACCOUNTS):
            for case_id, number in self._pairs(statement, some):
                holds[case_id] = holds.get(case_id, 0) + int(number)
        about: dict[str, list[Any]] = {}
        for row in self._connection.execute(_REPORTS, some):
            about.setdefault(row.of, []).append(row)
        return [
            _facts_of(
                row,
                _received(row, stored.get(row.case_id), came.get(row.case_id)),
                holds.get(row.case_id, 0),
                about.get(row.case_id, ()),
            )
            for row in found
        ]

    def _pairs(
        self, statement: sa.Select[Any], some: Mapping[str, Any]
    ) -> Sequence[tuple[str, Any]]:
        return [(row[0], row[1]) for row in self._connection.execute(statement, some)]


def _received(row: Any, stored: dt.datetime | None, came: dt.datetime | None) -> dt.datetime | None:
    """When a case's bytes, or anything else that is sealed to its key, last came."""
    if stored is None and row.purged is not None and row.updated <= row.purged:
        return None
    return max(at for at in (row.opened, stored, came) if at is not None)


def _facts_of(
    row: Any, received: dt.datetime | None, holds: int, about: Sequence[Any]
) -> RetentionFacts:
    filed = sorted((one.filed_at, one.authority) for one in about if one.state == ReportState.FILED)
    given_up = [
        one.updated for one in about if one.state == ReportState.ABANDONED and one.finishing
    ]
    return RetentionFacts(
        case_id=CaseId(row.case_id),
        state=CaseState(row.state),
        decided=row.updated,
        received=received,
        filed=tuple((AuthorityCode(authority), at) for at, authority in filed),
        under_way=any(one.state in _UNDER_WAY for one in about),
        doubtful=max(given_up, default=None),
        holds=holds,
    )
