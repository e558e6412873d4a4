"""Cases in SQL: `SqlCaseStore`, on SQLite and PostgreSQL."""

from __future__ import annotations

import builtins
import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from safehold.cases.model import (
    Case,
    CaseDigests,
    CaseFilter,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    Queue,
    Statement,
    UnknownCaseError,
)
from safehold.ids import CaseId, ServiceId
from safehold.storage import case_rows as rows
from safehold.storage import case_statements as sql
from safehold.storage.schema_cases import cases
from safehold.storage.schema_suppressions import case_digests
from safehold.storage.upsert import insert_or_skip

PAGE_ROWS = 1_000
"""Rows that an iterator holds in memory at a time."""

CONTENT_PAIRS = 400
"""Items that one statement names; SQLite allows a limited number of parameters."""

_SELECT_DIGESTS = sa.select(case_digests).where(
    case_digests.c.case_id == sa.bindparam("of_case", type_=cases.c.case_id.type)
)


class SqlCaseStore:
    """A `CaseStore` on an open connection, within a transaction of the caller's."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, case: Case) -> bool:
        """Add a case. Returns False, and adds nothing, where the service has those bytes."""
        statement = insert_or_skip(self._connection.dialect.name, cases, "service_id", "content")
        done = self._connection.execute(
            statement, rows.of_case(case), execution_options={"preserve_rowcount": True}
        )
        return done.rowcount == 1

    def update(self, case: Case) -> None:
        """Write what can change of a case. Raises `UnknownCaseError` where there is none."""
        values = {"of_case": case.case_id, **rows.of_changes(case)}
        if self._connection.execute(sql.UPDATE_CASE, values).rowcount == 0:
            raise UnknownCaseError

    def find(self, case_id: CaseId, *, lock: bool = False) -> Case | None:
        """One case; with `lock`, held against other writers until the transaction ends."""
        statement = sql.LOCK_CASE if lock else sql.SELECT_CASE
        return self._one_case(statement, {"of_case": case_id})

    def find_content(
        self, service_id: ServiceId, content: bytes, *, lock: bool = False
    ) -> Case | None:
        """The case of some bytes within a service."""
        statement = sql.LOCK_CONTENT if lock else sql.SELECT_CONTENT
        return self._one_case(statement, {"of_service": service_id, "of_content": content})

    def find_contents(self, contents: Sequence[tuple[ServiceId, bytes]]) -> Sequence[Case]:
        """The cases of several items at once, by id; items without one are left out."""
        pairs = sorted(set(contents))
        found: builtins.list[Case] = []
        for start in range(0, len(pairs), CONTENT_PAIRS):
            some = set(pairs[start : start + CONTENT_PAIRS])
            services, digests = ({pair[place] for pair in some} for place in (0, 1))
            result = self._connection.execute(
                sql.SELECT_CONTENTS, {"of_services": list(services), "of_contents": list(digests)}
            )
            found.extend(c for c in map(rows.case, result) if (c.service_id, c.content) in some)
        return sorted(found, key=lambda case: case.case_id)

    def list(self, wanted: CaseFilter) -> Sequence[Case]:
        """Cases in the order of their ids."""
        result = self._connection.execute(sql.select_cases(wanted))
        return [rows.case(row) for row in result]

    def due(self, now: dt.datetime, limit: int) -> Sequence[Case]:
        """Cases awaiting bytes or open whose deadline has passed, the longest due first."""
        result = self._connection.execute(sql.SELECT_DUE, {"moment": now, "at_most": limit})
        return [rows.case(row) for row in result]

    def counts(self) -> Mapping[tuple[CaseState, Queue], int]:
        """How many cases there are in each state and queue, without canaries."""
        return {
            (CaseState(row.state), Queue(row.queue)): row.number
            for row in self._connection.execute(sql.COUNT_CASES)
        }

    def fault_space(self) -> tuple[int, int]:
        """Cases of the fault queue that wait, and the bytes of their sealed evidence, in all."""
        number = self._connection.execute(sql.COUNT_FAULTS).scalar_one()
        size = self._connection.execute(sql.SUM_FAULTS).scalar_one()
        return int(number), int(size)

    def delete(self, case_id: CaseId) -> None:
        """Remove a case and everything of it."""
        self._connection.execute(sql.DELETE_CASE, {"of_case": case_id})

    def add_occurrence(self, occurrence: Occurrence) -> None:
        """Add an occurrence."""
        self._connection.execute(sql.INSERT_OCCURRENCE, rows.of_occurrence(occurrence))

    def occurrences(self, case_id: CaseId) -> Sequence[Occurrence]:
        """A case's occurrences, in order of time."""
        return [rows.occurrence(row) for row in self._of_case(sql.SELECT_OCCURRENCES, case_id)]

    def cases_of_uploader(self, service_id: ServiceId, uploader: bytes) -> Sequence[CaseId]:
        """The cases in which an uploader occurs, by id."""
        values = {"of_service": service_id, "of_uploader": uploader}
        return [CaseId(i) for i in self._connection.scalars(sql.SELECT_CASES_OF_UPLOADER, values)]

    def add_evidence(self, evidence: Evidence) -> None:
        """Add evidence, whose bytes are in the vault already."""
        self._connection.execute(sql.INSERT_EVIDENCE, rows.of_evidence(evidence))

    def evidence(self, case_id: CaseId) -> Sequence[Evidence]:
        """A case's evidence, in order of time."""
        return [rows.evidence(row) for row in self._of_case(sql.SELECT_EVIDENCE, case_id)]

    def remove_evidence(self, case_id: CaseId) -> int:
        """Remove the rows of a case's evidence; how many."""
        return self._of_case_done(sql.DELETE_EVIDENCE, case_id)

    def all_evidence(self) -> Iterator[Evidence]:
        """All evidence, by id, in batches."""
        for row in self._pages(sql.PAGE_OF_EVIDENCE):
            yield rows.evidence(row)

    def key_names(self) -> Iterator[str]:
        """Names of the wrapped keys of all cases, in batches."""
        for row in self._pages(sql.PAGE_OF_KEY_NAMES):
            yield row.key_name

    def add_digests(self, case_id: CaseId, digests: CaseDigests) -> None:
        """Keep the exact digests of a case's bytes, where they are not kept yet."""
        row = {"case_id": case_id} | dataclasses.asdict(digests)
        dialect = self._connection.dialect.name
        self._connection.execute(insert_or_skip(dialect, case_digests, "case_id"), row)

    def digests(self, case_id: CaseId) -> CaseDigests | None:
        """The exact digests of a case's bytes, where they are kept."""
        row = self._of_case(_SELECT_DIGESTS, case_id).one_or_none()
        return None if row is None else CaseDigests(row.md5, row.sha1, row.sha256)

    def add_decision(self, decision: DecisionRecord) -> None:
        """Add a decision."""
        self._connection.execute(sql.INSERT_DECISION, rows.of_decision(decision))

    def decisions(self, case_id: CaseId) -> Sequence[DecisionRecord]:
        """A case's decisions, in order of time."""
        return [rows.decision(row) for row in self._of_case(sql.SELECT_DECISIONS, case_id)]

    def add_statement(self, statement: Statement) -> None:
        """Add a flag or an appeal."""
        self._connection.execute(sql.INSERT_STATEMENT, rows.of_statement(statement))

    def statements(self, case_id: CaseId) -> Sequence[Statement]:
        """A case's flags and appeals, in order of time."""
        return [rows.statement(row) for row in self._of_case(sql.SELECT_STATEMENTS, case_id)]

    def _one_case(self, statement: sa.Select[Any], values: dict[str, Any]) -> Case | None:
        row = self._connection.execute(statement, values).one_or_none()
        return None if row is None else rows.case(row)

    def _of_case(self, statement: sa.Select[Any], case_id: CaseId) -> sa.CursorResult[Any]:
        return self._connection.execute(statement, {"of_case": case_id})

    def _of_case_done(self, statement: sa.Delete, case_id: CaseId) -> int:
        return self._connection.execute(statement, {"of_case": case_id}).rowcount

    def _pages(self, statement: sa.Select[Any]) -> Iterator[sa.Row[Any]]:
        """Rows by their first column, page by page."""
        after = ""
        while page := self._connection.execute(
            statement, {"after": after, "at_most": PAGE_ROWS}
        ).all():
            yield from page
            after = page[-1][0]
