"""What must be kept is kept, whoever wants it destroyed; and what is over goes by two people."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from safehold.cases.destruction import Destruction, Ground, RetentionError
from safehold.cases.model import Case, CaseState
from safehold.cases.review.model import OnHoldError, Proposal, ProposalKind
from safehold.cases.review.refusals import NotPermittedError, ProposalDetailsError
from safehold.cases.workflow import TransitionError
from safehold.clock import FixedClock
from safehold.custodian.interface import Access
from safehold.ids import CaseId
from safehold.reporting.model import Report, ReportState
from tests.custodian.reported import NOW, Reported, reported

REQUEST = b"please destroy"
EARLY: Mapping[str, str] = {"ground": "early"}
OVER: Mapping[str, str] = {"ground": "retention_over"}


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    clock = FixedClock(NOW)
    with reported(tmp_path_factory.mktemp("home"), "http://127.0.0.1:9", clock) as made:
        yield made


def later(house: Reported, days: float) -> None:
    clock = house.runtime.clock
    assert isinstance(clock, FixedClock)
    clock.advance(dt.timedelta(days=days))


def cleared(house: Reported, content: bytes) -> Case:
    case = house.case(content)
    with house.runtime.records.write() as transaction:
        transaction.cases.update(replace(case, state=CaseState.CLEARED))
    return house.find(content)


def in_state(house: Reported, case: Case, state: ReportState) -> Report:
    """A report of a case, that came to a state."""
    report = house.begin(case)
    filed = house.runtime.clock.now() if state is ReportState.FILED else None
    found = replace(report, state=state, filed_at=filed)
    with house.runtime.records.write() as transaction:
        transaction.reports.update(found)
    return found


def propose(
    house: Reported, case: Case, details: Mapping[str, str], who: str = "officer"
) -> Proposal:
    person = house.people[who]
    return house.runtime.reviews.propose(case.case_id, person, ProposalKind.PURGE, details, "")


def approve(house: Reported, proposal: Proposal) -> None:
    house.runtime.reviews.approve(proposal.proposal_id, house.people["approver"])


def destroyed(house: Reported, case_id: CaseId) -> Destruction:
    with house.runtime.records.read() as transaction:
        [found] = transaction.destructions.of_case(case_id)
        assert transaction.cases.evidence(case_id) == []
    assert found.destroyed is not None
    return found


def test_what_was_confirmed_is_kept_a_year_and_goes_by_two(house: Reported) -> None:
    case = house.case(b"one")
    for details, who in ((EARLY, "reviewer"), (OVER, "officer")):
        with pytest.raises(RetentionError):
            propose(house, case, details, who)
    later(house, 364)
    assert house.runtime.retention.clock_of(case.case_id).state == "warn"
    with pytest.raises(RetentionError):
        propose(house, case, OVER)
    later(house, 2)
    assert house.runtime.retention.run() == {"finished": 0, "due": 1}
    with pytest.raises(NotPermittedError):
        propose(house, case, OVER, "reviewer")
    approve(house, propose(house, case, OVER))
    found = destroyed(house, case.case_id)
    people = house.people
    assert found.ground is Ground.RETENTION_OVER
    assert found.requested_by == f"user:{people['officer'].user_id}"
    assert found.approved_by == f"user:{people['approver'].user_id}"
    assert house.runtime.retention.run() == {"finished": 0}


def test_what_was_cleared_may_go_early_and_goes_by_itself(house: Reported) -> None:
    early, left = cleared(house, b"early"), cleared(house, b"left")
    approve(house, propose(house, early, EARLY, "reviewer"))
    assert destroyed(house, early.case_id).ground is Ground.EARLY
    later(house, 29)
    assert house.runtime.retention.run().get("destroyed", 0) == 0
    later(house, 2)
    hold = house.runtime.reviews.set_hold(house.people["officer"], "ref-1", case_id=left.case_id)
    assert house.runtime.retention.run().get("destroyed", 0) == 0
    house.runtime.reviews.lift_hold(hold.hold_id, house.people["officer"])
    assert house.runtime.retention.run()["destroyed"] == 1
    assert destroyed(house, left.case_id).ground is Ground.CLEARED


def test_clearing_what_was_reported_destroys_nothing(house: Reported) -> None:
    case = house.case(b"reported")
    in_state(house, case, ReportState.FILED)
    with house.runtime.records.write() as transaction:
        transaction.cases.update(replace(case, state=CaseState.CLEARED))
    for days in (31, 330):
        later(house, days)
        assert house.runtime.retention.run().get("destroyed", 0) == 0
        with pytest.raises(RetentionError):
            propose(house, case, EARLY, "reviewer")
    later(house, 5)
    assert house.runtime.retention.run()["due"] == 1
    approve(house, propose(house, case, OVER))
    destroyed(house, case.case_id)


@pytest.mark.parametrize(
    "state",
    [
        ReportState.WAITING,
        ReportState.APPROVED,
        ReportState.SENDING,
        ReportState.NEEDS_PERSON,
    ],
)
def test_a_report_under_way_keeps_also_what_was_proposed_before(
    house: Reported, state: ReportState
) -> None:
    case = house.case(b"one")
    later(house, 400)
    proposal = propose(house, case, OVER)
    in_state(house, case, state)
    with pytest.raises(RetentionError):
        approve(house, proposal)
    with pytest.raises(RetentionError):
        propose(house, case, {**OVER, "ground": "early"}, "reviewer")
    with house.runtime.records.read() as transaction:
        assert len(transaction.cases.evidence(case.case_id)) == 1


def test_an_authority_needs_its_document_and_no_hold_in_its_way(house: Reported) -> None:
    case, other = house.case(b"one"), house.case(b"two")
    in_state(house, case, ReportState.FILED)
    officer = house.people["officer"]

    def access(about: Case) -> Access:
        return Access(about.key_name, about.case_id, f"user:{officer.user_id}", "order:7")

    with contextlib.closing(house.custodian()) as custodian:
        kept = custodian.keep_document(access(case), "destruction_request", "", REQUEST)
        elsewhere = custodian.keep_document(access(other), "destruction_request", "", REQUEST)
        note = custodian.keep_document(access(case), "acknowledgement", "", b"A-1")
        for missing in ({}, {"document": kept}, {"reference": "order-7"}):
            with pytest.raises(ProposalDetailsError):
                propose(house, case, {"ground": "authority", **missing})
        order = {"ground": "authority", "reference": "order-7"}
        for document in (elsewhere, note, "unknown"):
            with pytest.raises(RetentionError):
                propose(house, case, {**order, "document": document})
        proposal = propose(house, case, {**order, "document": kept})
        hold = house.runtime.reviews.set_hold(officer, "ref-1", account_of=case.case_id)
        with pytest.raises(OnHoldError):
            approve(house, proposal)
        house.runtime.reviews.lift_hold(hold.hold_id, officer)
        approve(house, proposal)
        found = destroyed(house, case.case_id)
        assert (found.ground, found.document_id, found.reference) == (
            Ground.AUTHORITY,
            kept,
            "order-7",
        )
        # The request outlives what it had destroyed.
        output = io.BytesIO()
        custodian.read_document(access(house.find(b"one")), kept, output)
        assert output.getvalue() == REQUEST


def test_nobody_proposes_other_grounds_and_open_cases_stay(house: Reported) -> None:
    case = cleared(house, b"one")
    for ground in ("cleared", "anything"):
        with pytest.raises(ProposalDetailsError):
            propose(house, case, {"ground": ground})
    with house.runtime.records.write() as transaction:
        transaction.cases.update(replace(case, state=CaseState.OPEN))
    with pytest.raises(TransitionError):
        propose(house, case, OVER)
    later(house, 4_000)
    assert house.runtime.retention.run().get("destroyed", 0) == 0


def test_a_run_ends_between_two_cases_when_it_is_told_to(house: Reported) -> None:
    for number in range(3):
        cleared(house, b"%d" % number)
    later(house, 31)
    looked: list[int] = []

    def stop() -> bool:
        looked.append(1)
        return len(looked) == 2

    assert house.runtime.retention.run(stop=stop)["destroyed"] == 1
    assert house.runtime.retention.run()["destroyed"] == 2
    assert house.runtime.retention.counts() == {}
