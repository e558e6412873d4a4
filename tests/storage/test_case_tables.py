"""What the tables of cases refuse, and that questions use their indexes."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from safehold.cases.model import CaseFilter, CaseState, Queue
from safehold.storage import case_rows
from safehold.storage import case_statements as sql
from safehold.storage.schema_cases import cases
from tests.storage.held import ONE, T0, case


@pytest.mark.parametrize("field", ["content", "pdq"])
def test_lengths_are_bounded_by_the_database(sqlite: sa.Engine, field: str) -> None:
    row: dict[str, Any] = case_rows.of_case(case(1)) | {field: b"\0" * 20}
    with pytest.raises(sa.exc.IntegrityError), sqlite.begin() as connection:
        connection.execute(sa.insert(cases), row)


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (sql.SELECT_CONTENT, {"of_service": "a", "of_content": b""}, "content=?"),
        (sql.SELECT_CONTENTS, {"of_services": ["a", "b"], "of_contents": [b"", b"1"]}, "content=?"),
        (sql.SELECT_DUE, {"moment": T0, "at_most": 5}, "cases_due"),
        (sql.COUNT_CASES, {}, "canary=?"),
        (sql.COUNT_FAULTS, {}, "queue=?"),
        (sql.SUM_FAULTS, {}, "queue=?"),
        (sql.SUM_FAULTS, {}, "evidence_of_case"),
        (
            sql.SELECT_CASES_OF_UPLOADER,
            {"of_service": "a", "of_uploader": b""},
            "occurrences_of_uploader",
        ),
        (sql.SELECT_OCCURRENCES, {"of_case": "a"}, "occurrences_of_case"),
        (sql.select_cases(CaseFilter(service_id=ONE)), {}, "cases_of_service"),
        (
            sql.select_cases(CaseFilter(state=CaseState.OPEN, queue=Queue.MATCHES)),
            {},
            "cases_in_queue",
        ),
    ],
)
def test_questions_use_their_index(
    sqlite: sa.Engine, statement: sa.Select[Any], values: dict[str, Any], index: str
) -> None:
    plan: list[str] = []
    with sqlite.connect() as connection:

        @sa.event.listens_for(connection, "before_cursor_execute", retval=True)
        def explain(_: Any, cursor: Any, text: str, parameters: Any, *__: Any) -> Any:
            plan.extend(row[-1] for row in cursor.execute(f"EXPLAIN QUERY PLAN {text}", parameters))
            return text, parameters

        connection.execute(statement, values)
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN cases") and "INDEX" not in step for step in plan), plan
