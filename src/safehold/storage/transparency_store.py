"""What published figures are made of, read from the database: see `TransparencyStore`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from safehold.cases.destruction import Ground
from safehold.cases.model import StatementKind
from safehold.reporting.model import ReportState
from safehold.storage.schema_accounts import services
from safehold.storage.schema_cases import cases, decisions, statements
from safehold.storage.schema_destructions import destructions
from safehold.storage.schema_reports import reports
from safehold.storage.schema_reviews import legal_holds
from safehold.transparency.model import History, Orders, Window
from safehold.transparency.reading import PERSON, POLICY, Parts, history

_BATCH = 500
"""Cases whose parts are in memory at a time."""

_since = sa.bindparam("since", type_=cases.c.opened.type)
_until = sa.bindparam("until", type_=cases.c.opened.type)
_service = sa.bindparam("service", type_=sa.Text)


def _of_service(column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Of the service that was asked for; of all but trials where none was."""
    trials = sa.select(services.c.service_id).where(services.c.demo)
    return sa.or_(column == _service, sa.and_(_service.is_(None), column.not_in(trials)))


def _within(moment: sa.ColumnElement[dt.datetime]) -> sa.ColumnElement[bool]:
    return sa.and_(moment >= _since, moment < _until)


_TOUCHED = sa.union(
    sa.select(cases.c.case_id).where(_within(cases.c.opened)),
    # A person decides on a case, not on one occurrence; so the partial index is used.
    sa.select(decisions.c.case_id).where(
        decisions.c.occurrence_id.is_(None), _within(decisions.c.at)
    ),
    sa.select(statements.c.case_id).where(_within(statements.c.at)),
    sa.select(reports.c.case_id).where(
        reports.c.state == ReportState.FILED.value, _within(reports.c.filed_at)
    ),
).subquery("touched")

_CASES = (
    sa.select(cases.c.case_id, cases.c.opened, cases.c.surface, cases.c.verdict)
    .join(_TOUCHED, _TOUCHED.c.case_id == cases.c.case_id)
    .where(
        cases.c.canary == sa.false(),
        _of_service(cases.c.service_id),
    )
    .order_by(cases.c.case_id)
)

_of = sa.bindparam("of", expanding=True, type_=cases.c.case_id.type)
_DECISIONS = (
    sa.select(
        decisions.c.case_id,
        decisions.c.at,
        decisions.c.actor,
        decisions.c.reasons,
        decisions.c.details,
    )
    .where(decisions.c.case_id.in_(_of))
    .order_by(decisions.c.at, decisions.c.decision_id)
)
_STATEMENTS = (
    sa.select(statements.c.case_id, statements.c.kind, statements.c.at)
    .where(statements.c.case_id.in_(_of))
    .order_by(statements.c.at, statements.c.statement_id)
)
_REPORTS = (
    sa.select(reports.c.case_id, reports.c.authority, reports.c.filed_at)
    .where(reports.c.case_id.in_(_of), reports.c.state == ReportState.FILED.value)
    .order_by(reports.c.filed_at, reports.c.report_id)
)
_HOLDS = (
    sa.select(sa.func.count())
    .select_from(legal_holds)
    .where(
        _within(legal_holds.c.set_at),
        _of_service(legal_holds.c.service_id),
    )
)
_DESTRUCTIONS = (
    sa.select(sa.func.count())
    .select_from(destructions)
    .where(
        destructions.c.ground == Ground.AUTHORITY.value,
        _within(destructions.c.begun),
        _of_service(destructions.c.service_id),
    )
)


class SqlTransparencyStore:
    """`TransparencyStore` on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def histories(self, window: Window) -> Iterator[History]:
        """See `TransparencyStore.histories`."""
        found = self._connection.execute(_CASES, _bound(window)).all()
        for start in range(0, len(found), _BATCH):
            batch = {row.case_id: _parts(row) for row in found[start : start + _BATCH]}
            self._fill(batch)
            yield from map(history, batch.values())

    def orders(self, window: Window) -> Orders:
        """See `TransparencyStore.orders`."""
        bound = _bound(window)
        holds = self._connection.execute(_HOLDS, bound).scalar_one()
        destroyed = self._connection.execute(_DESTRUCTIONS, bound).scalar_one()
        return Orders(int(holds), int(destroyed))

    def _fill(self, batch: Mapping[str, Parts]) -> None:
        of = {"of": list(batch)}
        for row in self._connection.execute(_DECISIONS, of):
            parts = batch[row.case_id]
            if row.actor.startswith(PERSON):
                parts.rulings.append((row.at, row.reasons, row.details))
            elif row.actor == POLICY and not parts.first:
                parts.first = row.details
        for said in self._connection.execute(_STATEMENTS, of):
            parts = batch[said.case_id]
            (parts.flags if said.kind == StatementKind.FLAG else parts.appeals).append(said.at)
        for report in self._connection.execute(_REPORTS, of):
            batch[report.case_id].filed.append((report.authority, report.filed_at))


def _bound(window: Window) -> dict[str, Any]:
    return {"since": window.since, "until": window.until, "service": window.service_id}


def _parts(row: Any) -> Parts:
    return Parts(row.opened, row.surface, row.verdict)
