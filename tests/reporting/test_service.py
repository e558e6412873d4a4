"""People's work on reports: who may, which cases, whose occurrences, and what the log says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from safehold.accounts.model import Service
from safehold.audit.model import EventDraft
from safehold.cases.model import CaseState, UnknownCaseError
from safehold.cases.review.refusals import NotPermittedError, SamePersonError
from safehold.clock import FixedClock
from safehold.ids import CaseId, EvidenceId, IdMaker, ReportId, UserId
from safehold.reporting import workflow
from safehold.reporting.facts import DetailsError, FilingDetails
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    Relevance,
    Report,
    ReportEnvironmentError,
    ReportState,
    ReportStateError,
    Trouble,
    UnknownReportError,
)
from safehold.reporting.options import CybertipOptions, ReportingOptions
from safehold.reporting.parts import ReportParts
from safehold.reporting.reported import is_reported
from safehold.reporting.service import NotReportableError, ReportExistsError, ReportService
from safehold.reporting.standing import standing
from safehold.reporting.workflow import Resolution
from safehold.testing.blob_store import MemoryBlobs
from safehold.testing.records import MemoryRecords
from safehold.users.model import User
from safehold.users.roles import Role
from safehold.vault.sealing import Identity, unseal
from safehold.vault.vault import Vault
from tests.cases.review.made import user
from tests.storage.filed import document, step
from tests.storage.held import HOUR, ONE, OTHER, T0, case, evidence, occurrence
from tests.storage.reviewed import put

OLE, OTTO = user("ole", Role.OFFICER), user("otto", Role.OFFICER)
APPROVER = user("cyd", Role.APPROVER)
OTHERS = [user("rev", Role.REVIEWER), user("aud", Role.AUDITOR), user("adm", Role.ADMIN)]
U, V, W = b"u" * 16, b"v" * 16, b"w" * 16
NCMEC, PHAROS = AuthorityCode.NCMEC, AuthorityCode.PHAROS
DIGEST = b"d" * 32
NOW = T0 + 100 * HOUR
CONFIRMED = {"state": CaseState.CONFIRMED}


@dataclass
class Desk:
    """A house with a confirmed case 1 of U (twice), V and somebody unknown; case 2 of U too."""

    cybertip: CybertipOptions = field(default_factory=CybertipOptions)
    options: ReportingOptions = field(default_factory=ReportingOptions)

    def __post_init__(self) -> None:
        self.records = MemoryRecords()
        self.clock = FixedClock(NOW)
        self.identity = Identity.generate()
        vault = Vault(MemoryBlobs(self.clock), MemoryBlobs(self.clock))
        ids = IdMaker(self.clock)
        self.reports = ReportService(
            ReportParts(self.records, vault, ids, self.clock, self.options, self.cybertip)
        )
        fields = {**CONFIRMED, "recipient": self.identity.recipient}
        first, second = case(1, **fields), case(2, **fields, updated=T0 + HOUR)
        put(self.records, first, second)
        with self.records.write() as transaction:
            for who in (OLE, OTTO, APPROVER, *OTHERS):
                transaction.users.add(who)
            transaction.accounts.add_service(Service(ONE, "one", T0))
            transaction.accounts.add_service(Service(OTHER, "other", T0, demo=True))
            for n, uploader in enumerate((V, U, None, U)):
                made = occurrence(n, first, uploader=uploader, at=T0 + n * HOUR)
                transaction.cases.add_occurrence(made)
            transaction.cases.add_occurrence(occurrence(9, second, uploader=U))
            transaction.cases.add_evidence(evidence(1, first))
            transaction.cases.add_evidence(evidence(2, second))

    def add(self, n: int, **fields: Any) -> CaseId:
        """A further confirmed case of U, with evidence."""
        made = case(n, **{**CONFIRMED, "recipient": self.identity.recipient} | fields)
        put(self.records, made)
        with self.records.write() as transaction:
            transaction.cases.add_occurrence(occurrence(100 + n, made, uploader=U))
            transaction.cases.add_evidence(evidence(n, made))
        return made.case_id

    def change(self, of: CaseId, **fields: Any) -> None:
        with self.records.write() as transaction:
            there = transaction.cases.find(of)
            assert there is not None
            transaction.cases.update(replace(there, **fields))

    def begin(self, authority: AuthorityCode = NCMEC, uploader: bytes | None = U) -> Report:
        return self.reports.begin(case(1).case_id, OLE, authority, uploader)

    def keep(self, report: Report) -> Report:
        """What the custodian does with a report elsewhere."""
        with self.records.write() as transaction:
            transaction.reports.update(report)
        return report

    def waiting(self, authority: AuthorityCode = NCMEC) -> Report:
        made = self.begin(authority)
        return self.keep(workflow.fix(made, b"sealed", DIGEST, OLE.user_id, NOW))

    def approved(self, authority: AuthorityCode = NCMEC) -> Report:
        return self.reports.approve(self.waiting(authority).report_id, OTTO, DIGEST)

    def troubled(self, trouble: Trouble = Trouble.UNCLEAR_SUBMIT) -> Report:
        sent = workflow.begin_sending(self.approved(), NOW)
        with self.records.write() as transaction:
            transaction.reports.add_step(step(1, sent))
        return self.keep(workflow.needs_person(sent, trouble, NOW))

    def last_event(self) -> EventDraft:
        with self.records.read() as transaction:
            return list(transaction.audit.events())[-1].draft

    def events(self) -> int:
        with self.records.read() as transaction:
            return len(list(transaction.audit.events()))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_each_person_is_another_report(desk: Desk) -> None:
    about_u, about_nobody = desk.begin(), desk.begin(uploader=None)
    found = {one.uploader: one for one in desk.reports.people(case(1).case_id)}
    assert {who: (one.occurrences, one.first) for who, one in found.items()} == {
        V: (1, T0),
        U: (2, T0 + HOUR),
        None: (1, T0 + 2 * HOUR),
    }
    assert found[U].reports == (about_u,)
    assert found[None].reports == (about_nobody,)
    assert found[V].reports == ()
    with pytest.raises(UnknownCaseError):
        desk.reports.people(CaseId("none"))


def test_a_report_begins_with_the_evidence_of_its_case(desk: Desk) -> None:
    made = desk.begin()
    assert made == desk.reports.report(made.report_id)
    assert (made.case_id, made.service_id, made.uploader) == (case(1).case_id, ONE, U)
    assert (made.state, made.environment) == (ReportState.DRAFT, Environment.PRODUCTION)
    assert [(f.evidence_id, f.relevance) for f in made.files] == [
        (EvidenceId("evidence000001"), Relevance.REPORTED)
    ]
    expected = {"report": made.report_id, "authority": "ncmec", "environment": "production"}
    event = desk.last_event()
    assert (event.kind, event.actor, event.data) == ("report.begun", "user:ole", expected)
    assert desk.begin(PHAROS).environment is Environment.FORM
    assert desk.reports.counts() == {ReportState.DRAFT: 2}


@pytest.mark.parametrize(
    "fields",
    [
        {"state": CaseState.OPEN},
        {"state": CaseState.CLEARED},
        {"state": CaseState.EXPIRED},
        {"canary": True},
    ],
)
def test_cases_of_which_nothing_is_reported(desk: Desk, fields: dict[str, Any]) -> None:
    waiting = desk.waiting(PHAROS)
    desk.change(case(1).case_id, **fields)
    with pytest.raises(NotReportableError):
        desk.begin()
    # Nor is one agreed to that was begun before.
    with pytest.raises(NotReportableError):
        desk.reports.approve(waiting.report_id, OTTO, DIGEST)


def test_what_was_destroyed_and_came_again_is_reported(desk: Desk) -> None:
    desk.change(case(1).case_id, purged=T0)
    assert desk.begin().state is ReportState.DRAFT


def test_nobody_is_reported_who_was_not_there(desk: Desk) -> None:
    with pytest.raises(NotReportableError):
        desk.begin(uploader=W)
    with pytest.raises(NotReportableError):
        desk.reports.begin(case(2).case_id, OLE, NCMEC, None)
    with desk.records.write() as transaction:
        transaction.cases.remove_evidence(case(1).case_id)
    with pytest.raises(NotReportableError):
        desk.begin()


def test_one_at_a_time_and_follow_ups(desk: Desk) -> None:
    filed = desk.troubled()
    with pytest.raises(ReportExistsError):
        desk.begin()
    # Another person, another authority.
    desk.begin(uploader=V)
    desk.begin(PHAROS)
    desk.reports.resolve(filed.report_id, OTTO, Resolution.FILED, "4711")
    second = desk.begin()
    assert desk.last_event().data["follow_up"] is True
    with pytest.raises(ReportExistsError):
        desk.begin()
    desk.reports.abandon(second.report_id, OLE)
    third = desk.begin()
    assert third.report_id != second.report_id


def test_trials_go_to_tests_alone() -> None:
    for cybertip, expected in (
        (CybertipOptions(username="a"), Environment.TEST),
        (CybertipOptions(simulator="http://127.0.0.1:9"), Environment.SIMULATOR),
    ):
        desk = Desk(cybertip)
        of = desk.add(5, service_id=OTHER)
        made = desk.reports.begin(of, OLE, NCMEC, U)
        assert made.environment is expected


def test_nothing_is_agreed_to_that_would_go_elsewhere(desk: Desk) -> None:
    waiting = desk.keep(replace(desk.waiting(), environment=Environment.SIMULATOR))
    with pytest.raises(ReportEnvironmentError):
        desk.reports.approve(waiting.report_id, OTTO, DIGEST)
    assert desk.reports.report(waiting.report_id) == waiting


def test_what_an_officer_adds_is_sealed_to_the_case(desk: Desk) -> None:
    made = desk.begin()
    details = FilingDetails(words="some words", annotations=("a",))
    after = desk.reports.set_details(made.report_id, OTTO, details)
    assert b"some words" not in after.sealed_details
    opened = unseal([desk.identity], after.sealed_details)
    assert FilingDetails.parse(opened) == details
    event = desk.last_event()
    assert (event.kind, event.data) == ("report.changed", {"report": made.report_id})
    with pytest.raises(DetailsError):
        desk.reports.set_details(made.report_id, OLE, FilingDetails(words="a" * 3_001))
    fixed = desk.keep(workflow.fix(after, b"sealed", DIGEST, OLE.user_id, NOW))
    with pytest.raises(ReportStateError):
        desk.reports.set_details(fixed.report_id, OLE, details)


def test_files_of_the_same_person(desk: Desk) -> None:
    desk.add(3, state=CaseState.CLEARED)
    desk.add(4, purged=T0)
    with desk.records.write() as transaction:
        transaction.cases.remove_evidence(case(4).case_id)
    desk.add(5, service_id=OTHER)
    desk.add(6, canary=True)
    made = desk.begin()
    [other] = desk.reports.other_files(made.report_id)
    assert (other.case_id, other.evidence_id) == (case(2).case_id, EvidenceId("evidence000002"))
    assert (other.size, other.confirmed_at) == (100_000, T0 + HOUR)
    for wrong in ("evidence000003", "evidence000005", "evidence000001", "none"):
        with pytest.raises(ReportStateError):
            desk.reports.add_file(made.report_id, OLE, EvidenceId(wrong))
    after = desk.reports.add_file(made.report_id, OLE, other.evidence_id)
    assert [one.relevance for one in after.files] == [Relevance.REPORTED, Relevance.SUPPLEMENTAL]
    expected = {"report": made.report_id, "evidence": other.evidence_id}
    assert (desk.last_event().kind, desk.last_event().data) == ("report.file_added", expected)
    assert list(desk.reports.other_files(made.report_id)) == []
    # What is reported itself is not left out.
    with pytest.raises(ReportStateError):
        desk.reports.remove_file(made.report_id, OLE, EvidenceId("evidence000001"))
    again = desk.reports.remove_file(made.report_id, OLE, other.evidence_id)
    assert again.files == made.files
    assert desk.last_event().kind == "report.file_removed"
    # Two whom nobody knows are not one.
    unknown = desk.begin(uploader=None)
    assert list(desk.reports.other_files(unknown.report_id)) == []


def test_a_report_has_so_many_files_and_no_more() -> None:
    desk = Desk(options=ReportingOptions(max_files=2))
    desk.add(3)
    made = desk.begin()
    first, second = desk.reports.other_files(made.report_id)
    desk.reports.add_file(made.report_id, OLE, first.evidence_id)
    with pytest.raises(ReportStateError):
        desk.reports.add_file(made.report_id, OLE, second.evidence_id)
    desk.reports.remove_file(made.report_id, OLE, first.evidence_id)
    desk.reports.add_file(made.report_id, OLE, second.evidence_id)


def test_two_people_agree(desk: Desk) -> None:
    waiting = desk.waiting()
    with pytest.raises(SamePersonError):
        desk.reports.approve(waiting.report_id, OLE, DIGEST)
    after = desk.reports.approve(waiting.report_id, APPROVER, DIGEST)
    assert (after.state, after.approved_by) == (ReportState.APPROVED, APPROVER.user_id)
    event = desk.last_event()
    assert (event.kind, event.actor) == ("report.approved", "user:cyd")
    assert event.data == {"report": waiting.report_id, "digest": DIGEST.hex()}
    assert list(desk.reports.due(9)) == [after]


@pytest.mark.parametrize("fields", [{"disabled": T0}, {"roles": frozenset({Role.REVIEWER})}])
def test_the_first_person_must_still_be_one(desk: Desk, fields: dict[str, Any]) -> None:
    waiting = desk.waiting()
    with desk.records.write() as transaction:
        transaction.users.update(replace(OLE, **fields))
    with pytest.raises(ReportStateError):
        desk.reports.approve(waiting.report_id, OTTO, DIGEST)


def test_what_is_sent_is_not_sent_back(desk: Desk) -> None:
    ready = desk.approved()
    with desk.records.write() as transaction:
        transaction.reports.add_step(step(1, ready))
    before = desk.events()
    with pytest.raises(ReportStateError):
        desk.reports.send_back(ready.report_id, OTTO)
    with pytest.raises(ReportStateError):
        desk.reports.abandon(ready.report_id, OTTO)
    assert desk.events() == before
    form = desk.approved(PHAROS)
    back = desk.reports.send_back(form.report_id, APPROVER)
    assert (back.state, back.sealed_documents, back.prepared_by) == (ReportState.DRAFT, b"", None)
    assert desk.last_event().kind == "report.sent_back"
    assert desk.reports.abandon(form.report_id, OLE).state is ReportState.ABANDONED
    assert desk.last_event().kind == "report.abandoned"


def test_what_needs_a_person(desk: Desk) -> None:
    stuck = desk.troubled()
    assert list(desk.reports.due(9)) == []
    after = desk.reports.resolve(stuck.report_id, OTTO, Resolution.SEND_ANEW)
    assert (after.state, after.attempt) == (ReportState.APPROVED, 2)
    event = desk.last_event()
    assert event.kind == "report.resolved"
    assert event.data == {
        "report": stuck.report_id,
        "resolution": "send_anew",
        "trouble": "unclear_submit",
    }
    # Of the new attempt nothing was sent: it is sent, or made anew.
    assert list(desk.reports.due(9)) == [after]
    assert desk.reports.send_back(stuck.report_id, OTTO).state is ReportState.DRAFT


def test_what_an_authority_confirmed(desk: Desk) -> None:
    ready = desk.approved(PHAROS)
    assert list(desk.reports.due(9)) == []
    with desk.records.read() as transaction:
        assert is_reported(transaction, case(1).case_id)
    desk.clock.advance(dt.timedelta(days=2))
    at = NOW + dt.timedelta(days=1)
    after = desk.reports.acknowledge(ready.report_id, OLE, "PV 17", at)
    assert (after.state, after.remote_id, after.filed_at) == (ReportState.FILED, "PV 17", at)
    event = desk.last_event()
    assert (event.kind, event.data) == ("report.acknowledged", {"report": ready.report_id})


def test_cases_to_report(desk: Desk) -> None:
    assert [one.case_id for one in desk.reports.to_report(9)] == ["case000001", "case000002"]
    # Of one that was confirmed this very moment too.
    desk.add(7, updated=NOW)
    desk.begin()
    desk.begin(uploader=None)
    # V brought it too, and theirs is another report.
    everybody = ["case000001", "case000002", "case000007"]
    assert [one.case_id for one in desk.reports.to_report(9)] == everybody
    desk.begin(uploader=V)
    assert [one.case_id for one in desk.reports.to_report(9)] == everybody[1:]
    assert len(desk.reports.to_report(1)) == 1


@pytest.mark.parametrize("state", list(ReportState))
def test_a_report_that_does_not_go_on_is_told_of(desk: Desk, state: ReportState) -> None:
    """Whoever began one and forgot it has taken its case out of those without a report."""
    begun = desk.keep(replace(desk.begin(), state=state, updated=NOW))

    def stuck(hours: float) -> tuple[ReportId, ...]:
        now = NOW + dt.timedelta(hours=hours)
        with desk.records.read() as transaction:
            return standing(transaction, desk.options, desk.cybertip, (), now).stuck

    over = state in (ReportState.FILED, ReportState.ABANDONED)
    assert stuck(23.9) == ()
    assert stuck(24.1) == (() if over else (begun.report_id,))


def test_what_is_due_is_what_is_open_then_the_longest_due(desk: Desk) -> None:
    made = [desk.reports.begin(desk.add(10 + n), OLE, NCMEC, U) for n in range(4)]
    for n, one in enumerate(made):
        state = ReportState.SENDING if n % 2 else ReportState.APPROVED
        desk.keep(replace(one, state=state, updated=NOW - n * HOUR))
    # However long others wait to be opened: the authority deletes what is not finished in time.
    expected = [made[n].report_id for n in (3, 1, 2, 0)]
    assert [one.report_id for one in desk.reports.due(9)] == expected
    assert [one.report_id for one in desk.reports.due(2)] == expected[:2]
    drafts = ReportFilter(states=frozenset({ReportState.DRAFT}))
    assert list(desk.reports.reports(drafts)) == []


def test_journal_and_documents(desk: Desk) -> None:
    stuck = desk.troubled()
    kept = document(1, case(1))
    with desk.records.write() as transaction:
        transaction.reports.add_document(kept)
    assert list(desk.reports.steps(stuck.report_id)) == [step(1, stuck)]
    assert list(desk.reports.documents(case(1).case_id)) == [kept]


NOBODY = ReportId("none")
CALLS: dict[str, Any] = {
    "begin": lambda reports, who, _: reports.begin(case(1).case_id, who, PHAROS, V),
    "set_details": lambda reports, who, one: reports.set_details(one, who, FilingDetails()),
    "add_file": lambda reports, who, one: reports.add_file(one, who, EvidenceId("x")),
    "remove_file": lambda reports, who, one: reports.remove_file(one, who, EvidenceId("x")),
    "approve": lambda reports, who, one: reports.approve(one, who, DIGEST),
    "send_back": lambda reports, who, one: reports.send_back(one, who),
    "abandon": lambda reports, who, one: reports.abandon(one, who),
    "resolve": lambda reports, who, one: reports.resolve(one, who, Resolution.ABANDON),
    "acknowledge": lambda reports, who, one: reports.acknowledge(one, who, "1", NOW),
}
FOR_APPROVERS = {"approve", "send_back"}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_who_may(desk: Desk, name: str) -> None:
    made = desk.waiting()
    before = desk.events()
    refused: list[User] = [*OTHERS, *(() if name in FOR_APPROVERS else (APPROVER,))]
    for who in refused:
        with pytest.raises(NotPermittedError):
            CALLS[name](desk.reports, who, made.report_id)
    with desk.records.write() as transaction:
        transaction.users.update(replace(OTTO, disabled=T0))
    # As they are now, not as they were when their request began.
    for who in (OTTO, replace(OTTO, user_id=UserId("gone"))):
        with pytest.raises(NotPermittedError):
            CALLS[name](desk.reports, who, made.report_id)
    assert desk.events() == before
    assert desk.reports.report(made.report_id) == made
    if name != "begin":
        with pytest.raises(UnknownReportError):
            CALLS[name](desk.reports, OLE, NOBODY)
