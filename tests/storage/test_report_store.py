"""The conformance suite of `ReportStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

import pytest
import sqlalchemy as sa

from safehold.cases.model import CaseState
from safehold.ids import CaseId, DocumentId, ReportId, UserId
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import (
    AuthorityCode,
    DocumentKind,
    Environment,
    Relevance,
    ReportState,
    ReportStep,
    StepKind,
    StepPhase,
    Trouble,
)
from safehold.reporting.records import ReportRecords
from safehold.reporting.reported import is_reported
from safehold.storage import report_store as sql
from safehold.storage.engine import DatabaseError
from safehold.storage.records import SqlRecords
from tests.storage.filed import PERSON, document, file, report, step
from tests.storage.held import HOUR, ONE, OTHER, T0, case, decision, evidence, occurrence
from tests.storage.reviewed import put

CONFIRMED = {"state": CaseState.CONFIRMED}


@pytest.fixture
def stores(records: Any) -> ReportRecords:
    return cast(ReportRecords, records)


def test_a_report_comes_back_as_it_was(stores: ReportRecords) -> None:
    files = (file(2, case(1)), file(1, case(1)), file(3, case(2), Relevance.SUPPLEMENTAL))
    made = report(1, case(1), files=files)
    full = dataclasses.replace(
        made,
        state=ReportState.NEEDS_PERSON,
        trouble=Trouble.UNCLEAR_SUBMIT,
        environment=Environment.SIMULATOR,
        attempt=2,
        files=files[:2],
        sealed_details=b"\0details\xff",
        sealed_documents=b"\0documents\xff",
        digest=b"d" * 32,
        prepared_by=UserId("ben"),
        prepared_at=T0 + HOUR,
        approved_by=UserId("cleo"),
        approved_at=T0 + 2 * HOUR,
        remote_id="4711",
        filed_at=T0 + 3 * HOUR,
        updated=T0 + 4 * HOUR,
    )
    with stores.write() as transaction:
        transaction.reports.add(made)
        transaction.reports.add(report(2, case(1), uploader=None, files=()))
    with stores.write() as transaction:
        assert transaction.reports.find(made.report_id, lock=True) == made
        transaction.reports.update(full)
    with stores.write() as transaction:
        other = dataclasses.replace(
            full,
            case_id=CaseId("x"),
            service_id=OTHER,
            uploader=None,
            authority=AuthorityCode.NCA,
            created=T0 + HOUR,
            created_by=UserId("x"),
        )
        transaction.reports.update(other)
    with stores.read() as transaction:
        assert transaction.reports.find(made.report_id) == full
        assert transaction.reports.find(ReportId("report000002")) == report(
            2, case(1), uploader=None, files=()
        )
        assert transaction.reports.find(ReportId("none")) is None


def test_an_id_is_taken_once(stores: ReportRecords) -> None:
    with stores.write() as transaction:
        transaction.reports.add(report(1, case(1)))
    with pytest.raises(DatabaseError), stores.write() as transaction:
        transaction.reports.add(report(1, case(2)))


def test_reports_that_a_filter_names(stores: ReportRecords, monkeypatch: Any) -> None:
    monkeypatch.setattr(sql, "_BATCH", 2)
    states = [ReportState.DRAFT, ReportState.WAITING, ReportState.FILED, ReportState.DRAFT]
    made = [
        report(
            n,
            case(n, service_id=OTHER if n == 2 else ONE),
            state=state,
            authority=AuthorityCode.PHAROS if n == 3 else AuthorityCode.NCMEC,
        )
        for n, state in enumerate(states)
    ]
    with stores.write() as transaction:
        for one in (made[2], made[0], made[3], made[1]):
            transaction.reports.add(one)
    newest = made[::-1]
    drafts = frozenset({ReportState.DRAFT})
    asked = {
        ReportFilter(): newest,
        ReportFilter(limit=2): newest[:2],
        ReportFilter(before=made[2].report_id): [made[1], made[0]],
        ReportFilter(states=drafts): [made[3], made[0]],
        ReportFilter(states=drafts | {ReportState.FILED}): [made[3], made[2], made[0]],
        ReportFilter(states=drafts, authority=AuthorityCode.PHAROS): [made[3]],
        ReportFilter(service_id=OTHER): [made[2]],
        ReportFilter(service_id=ONE, before=made[3].report_id): [made[1], made[0]],
    }
    with stores.read() as transaction:
        for wanted, expected in asked.items():
            assert list(transaction.reports.list(wanted)) == expected, wanted
        assert dict(transaction.reports.counts()) == {
            ReportState.DRAFT: 2,
            ReportState.WAITING: 1,
            ReportState.FILED: 1,
        }


def test_of_a_case_are_those_with_a_file_of_it_too(stores: ReportRecords) -> None:
    both = report(2, case(2), files=(file(2, case(2)), file(1, case(1), Relevance.SUPPLEMENTAL)))
    own = report(1, case(1))
    with stores.write() as transaction:
        transaction.reports.add(both)
        transaction.reports.add(own)
        assert list(transaction.reports.of_case(case(1).case_id)) == [own, both]
        assert list(transaction.reports.of_case(case(2).case_id)) == [both]
        assert list(transaction.reports.of_case(case(3).case_id)) == []


@pytest.mark.parametrize(
    ("state", "environment", "kinds", "expected"),
    [
        (ReportState.DRAFT, Environment.PRODUCTION, (), False),
        (ReportState.WAITING, Environment.FORM, (), False),
        (ReportState.APPROVED, Environment.PRODUCTION, (), False),
        (ReportState.APPROVED, Environment.FORM, (), True),
        (ReportState.SENDING, Environment.PRODUCTION, (), True),
        (ReportState.NEEDS_PERSON, Environment.TEST, (), True),
        (ReportState.FILED, Environment.FORM, (), True),
        (ReportState.ABANDONED, Environment.FORM, (), False),
        (ReportState.ABANDONED, Environment.PRODUCTION, (StepKind.SUBMIT,), False),
        (ReportState.ABANDONED, Environment.PRODUCTION, (StepKind.FINISH,), True),
    ],
)
def test_whether_a_case_is_reported(
    stores: ReportRecords,
    state: ReportState,
    environment: Environment,
    kinds: tuple[StepKind, ...],
    expected: bool,
) -> None:
    files = (file(1, case(1)), file(2, case(2), Relevance.SUPPLEMENTAL))
    made = report(1, case(1), state=state, environment=environment, files=files)
    with stores.write() as transaction:
        transaction.reports.add(made)
        transaction.reports.add(report(2, case(3), state=ReportState.FILED))
        for number, kind in enumerate(kinds, start=1):
            transaction.reports.add_step(step(number, made, kind=kind))
        found = [is_reported(transaction, case(n).case_id) for n in (1, 2, 3, 4)]
    assert found == [expected, expected, True, False]


def test_filed_reports_about_a_person(stores: ReportRecords) -> None:
    filed = {"state": ReportState.FILED}
    mine = [report(n, case(n), **filed) for n in (1, 2)]
    with stores.write() as transaction:
        for one in (
            mine[1],
            mine[0],
            report(3, case(3)),
            report(4, case(4), uploader=b"v" * 16, **filed),
            report(5, case(5), uploader=None, **filed),
            report(6, case(6, service_id=OTHER), **filed),
        ):
            transaction.reports.add(one)
        assert list(transaction.reports.filed_about(ONE, PERSON)) == mine


def test_confirmed_cases_that_nobody_has_reported(stores: ReportRecords) -> None:
    def confirmed(n: int, hours: float = 0, **fields: Any) -> Any:
        return case(n, updated=T0 + hours * HOUR, **CONFIRMED | fields)

    open_ones = [confirmed(1, 2), confirmed(2, 1, purged=T0), confirmed(3, 1)]
    put(
        cast(Any, stores),
        *open_ones,
        case(4),
        case(5, state=CaseState.CLEARED),
        confirmed(6, canary=True),
        confirmed(7, purged=T0),
        confirmed(8, 9),
        confirmed(9),
        confirmed(10),
        confirmed(11),
    )
    with stores.write() as transaction:
        # What was destroyed and came again since is somebody's to report.
        transaction.cases.add_evidence(evidence(2, case(2)))
        reports = transaction.reports
        reports.add(report(1, case(1), state=ReportState.ABANDONED))
        reports.add(report(9, case(9)))
        reports.add(report(10, case(10), state=ReportState.ABANDONED))
        reports.add(report(11, case(10), state=ReportState.FILED))
        # A file of another report is reported too, where that one is not given up.
        reports.add(report(12, case(99), files=(file(11, case(11)),)))
        reports.add(report(13, case(98), files=(file(2, case(2)),), state=ReportState.ABANDONED))
        expected = [open_ones[1], open_ones[2], open_ones[0]]
        before = T0 + 9 * HOUR
        assert list(reports.unreported(before, 9)) == expected
        assert list(reports.unreported(before, 2)) == expected[:2]
        assert list(reports.unreported(T0 + 2 * HOUR, 9)) == expected[:2]
        assert reports.count_unreported(before) == 3
        assert reports.count_unreported(T0) == 0


def test_somebody_without_a_report_and_bytes_that_come_again_and_again(
    stores: ReportRecords,
) -> None:
    late = T0 + 50 * HOUR
    first, second = (case(n, state=CaseState.CONFIRMED, updated=late) for n in (1, 2))
    put(cast(Any, stores), first, second)
    other = b"v" * 16
    with stores.write() as transaction:
        for n, of in enumerate((first, second)):
            by_person = {"occurrence_id": None, "actor": "user:ann", "at": T0 + HOUR}
            transaction.cases.add_decision(decision(n, of, **by_person))
        transaction.cases.add_occurrence(occurrence(1, first, uploader=PERSON, at=T0))
        transaction.cases.add_occurrence(occurrence(2, first, uploader=None, at=T0))
        reports = transaction.reports
        assert list(reports.unreported(T0 + 2 * HOUR, 9)) == [first, second]
        assert list(reports.unreported(T0 + HOUR, 9)) == []
        reports.add(report(1, first))
        assert list(reports.unreported(T0 + 2 * HOUR, 9)) == [second]
        transaction.cases.add_occurrence(occurrence(3, first, uploader=other, at=T0 + 3 * HOUR))
        assert reports.count_unreported(T0 + 2 * HOUR) == 1
        assert list(reports.unreported(T0 + 4 * HOUR, 9)) == [first, second]
        given_up = report(2, first, uploader=other, state=ReportState.ABANDONED)
        reports.add(given_up)
        assert reports.count_unreported(T0 + 4 * HOUR) == 2
        reports.update(dataclasses.replace(given_up, state=ReportState.DRAFT))
        assert list(reports.unreported(T0 + 4 * HOUR, 9)) == [second]
        # A file of a report elsewhere counts for its person alone.
        reports.add(report(3, case(9), files=(file(2, second),)))
        transaction.cases.add_occurrence(occurrence(4, second, uploader=other, at=T0))
        assert list(reports.unreported(T0 + 4 * HOUR, 9)) == [second]


def test_a_journal(stores: ReportRecords) -> None:
    first, second = report(1, case(1)), report(2, case(2), environment=Environment.TEST)
    done = ReportStep(
        first.report_id,
        attempt=2,
        number=2,
        kind=StepKind.UPLOAD,
        file=0,
        phase=StepPhase.DONE,
        at=T0 + 2 * HOUR,
        code=0,
        status=200,
        remote_report="4711",
        remote_file="f" * 32,
        md5=b"m" * 16,
        request_id="abc",
        document_id=DocumentId("document000001"),
    )
    with stores.write() as transaction:
        transaction.reports.add(first)
        transaction.reports.add(second)
        for one in (done, step(1, first), step(3, first), step(2, second)):
            transaction.reports.add_step(one)
    with stores.read() as transaction:
        reports = transaction.reports
        assert list(reports.steps(first.report_id)) == [step(1, first), done, step(3, first)]
        assert list(reports.steps(ReportId("none"))) == []
        since = T0 + 2 * HOUR
        recent = list(reports.recent_steps(Environment.PRODUCTION, since, 9))
        assert recent == [step(3, first), done]
        assert list(reports.recent_steps(Environment.PRODUCTION, T0, 1)) == recent[:1]
        assert list(reports.recent_steps(Environment.TEST, since, 9)) == [step(2, second)]
    with pytest.raises(DatabaseError), stores.write() as transaction:
        transaction.reports.add_step(dataclasses.replace(done, phase=StepPhase.UNCLEAR))
    with pytest.raises(DatabaseError), stores.write() as transaction:
        transaction.reports.add_step(step(1, report(3, case(3))))


def test_kept_documents_outlive_their_case(stores: ReportRecords, monkeypatch: Any) -> None:
    monkeypatch.setattr(sql, "_PAGE", 2)
    put(cast(Any, stores), case(1))
    made = [document(n, case(1 + n % 2)) for n in range(5)]
    typed = document(
        5,
        case(1),
        report_id=ReportId("report000001"),
        kind=DocumentKind.ACKNOWLEDGEMENT,
        created=T0,
        size=1 << 40,
        sealed_size=(1 << 40) + 7,
    )
    with stores.write() as transaction:
        for one in (*made[::-1], typed):
            transaction.reports.add_document(one)
        transaction.cases.delete(case(1).case_id)
    with stores.read() as transaction:
        reports = transaction.reports
        assert reports.document(typed.document_id) == typed
        assert reports.document(DocumentId("none")) is None
        assert list(reports.documents(case(1).case_id)) == [made[0], typed, made[2], made[4]]
        assert list(reports.all_documents()) == [*made, typed]
    with pytest.raises(DatabaseError), stores.write() as transaction:
        transaction.reports.add_document(made[0])


def test_what_an_error_undoes(stores: ReportRecords) -> None:
    class StopError(Exception):
        pass

    with pytest.raises(StopError), stores.write() as transaction:
        made = report(1, case(1))
        transaction.reports.add(made)
        transaction.reports.add_step(step(1, made))
        transaction.reports.add_document(document(1, case(1)))
        raise StopError
    with stores.read() as transaction:
        assert list(transaction.reports.list(ReportFilter())) == []
        assert list(transaction.reports.steps(made.report_id)) == []
        assert list(transaction.reports.all_documents()) == []


@pytest.mark.parametrize(
    ("question", "indexes"),
    [
        (lambda r: r.is_reported(CaseId("a")), ("reports_of_case", "report_files_of_case")),
        (lambda r: r.of_case(CaseId("a")), ("reports_of_case", "report_files_of_case")),
        (lambda r: r.filed_about(ONE, PERSON), ("reports_about",)),
        (lambda r: r.recent_steps(Environment.TEST, T0, 9), ("report_steps_at",)),
        (lambda r: r.unreported(T0, 9), ("reports_of_case", "report_files_of_case", "cases_")),
        (lambda r: r.documents(CaseId("a")), ("kept_documents_of_case",)),
        (lambda r: r.list(ReportFilter(states=frozenset({ReportState.SENDING}))), ("_in_state",)),
    ],
)
def test_questions_use_their_index(
    sqlite: sa.Engine, question: Any, indexes: tuple[str, ...]
) -> None:
    plan: list[str] = []

    def explain(_: Any, cursor: Any, text: str, parameters: Any, *__: Any) -> Any:
        if text.lstrip().startswith("SELECT"):
            plan.extend(row[-1] for row in cursor.execute(f"EXPLAIN QUERY PLAN {text}", parameters))
        return text, parameters

    with SqlRecords(sqlite).read() as transaction:
        sa.event.listen(sqlite, "before_cursor_execute", explain, retval=True)
        question(transaction.reports)
        sa.event.remove(sqlite, "before_cursor_execute", explain)
    for index in indexes:
        assert any(index in one for one in plan), plan
    tables = ("SCAN cases", "SCAN reports", "SCAN report_", "SCAN kept_documents")
    assert not any(one.startswith(tables) for one in plan), plan
