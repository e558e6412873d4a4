"""Nothing from outside lowers a verdict, ends a hold or takes a case from its reviewers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from safehold.cases import workflow
from safehold.cases.model import Attention, CaseState, OccurrenceKind, Queue
from safehold.intake.model import Appeal, Context, Flag, Submission
from safehold.media.model import Fault
from safehold.policy.model import Verdict
from tests.intake.house import NOW, SHOP, House, match, submission
from tests.intake.test_recording import ask, cases


def unchecked() -> Submission:
    return submission(b"x", fault=Fault.LIMIT_TIME)


def by_digests(item: Submission) -> Submission:
    return replace(item, kind=OccurrenceKind.DIGESTS, descriptor=None)


def appeal(house: House, receipt: str) -> None:
    house.statements.appeal(Appeal(SHOP, receipt, "please", "u-1", house.clock.now()))


def flag(house: House, receipt: str) -> None:
    asked = Flag(SHOP, "public", receipt, None, "other", "", "u-9", Context(), house.clock.now())
    house.statements.flag(asked)


def test_digests_alone_are_no_whole_check(house: House) -> None:
    held = ask(house, unchecked())
    assert ask(house, by_digests(submission(b"x"))).verdict is Verdict.HOLD
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.HOLD
    assert cases(house)[0].state is CaseState.OPEN


def test_a_check_on_another_surface_is_no_check_on_this(house: House) -> None:
    held = ask(house, unchecked())
    elsewhere = replace(submission(b"x"), surface="private_message")
    assert ask(house, elsewhere).verdict is Verdict.HOLD
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.HOLD
    # Now they came up there too, so no one surface speaks for both.
    assert ask(house, submission(b"x")).verdict is Verdict.HOLD


def test_what_was_confirmed_is_not_cleared_by_an_appeal_and_another_upload(house: House) -> None:
    held = ask(house, unchecked())
    [case] = cases(house)
    house.cases.confirm(case.case_id, "user:r")
    appeal(house, held.receipt)
    assert ask(house, submission(b"x")).verdict is Verdict.BLOCK
    house.clock.advance(dt.timedelta(days=400))
    assert house.cases.expire_due() == 0
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.BLOCK


def test_a_flag_is_not_swept_away_by_another_upload_or_by_time(house: House) -> None:
    held = ask(house, unchecked())
    flag(house, held.receipt)
    assert cases(house)[0].queue is Queue.FLAGS
    assert ask(house, unchecked()).verdict is Verdict.HOLD
    assert ask(house, submission(b"x")).verdict is Verdict.HOLD
    house.clock.advance(dt.timedelta(days=400))
    assert house.cases.expire_due() == 0
    assert (cases(house)[0].state, cases(house)[0].queue) == (CaseState.OPEN, Queue.FLAGS)


def test_bytes_that_never_came_are_asked_for_again(house: House) -> None:
    ask(house, by_digests(submission(b"x", [match()])))
    house.clock.advance(dt.timedelta(days=30))
    assert house.cases.expire_due() == 1
    later = replace(submission(b"x", [match()]), received=house.clock.now())
    again = ask(house, by_digests(later))
    status = house.receipts.status(SHOP, again.receipt)
    assert status.bytes_wanted
    assert status.until == later.received + dt.timedelta(hours=house.options.bytes_wanted_hours)
    house.receipts.awaits(SHOP, again.receipt, later.sha256)
    assert ask(house, later).verdict is Verdict.BLOCK
    assert (cases(house)[0].state, cases(house)[0].deadline) == (CaseState.OPEN, None)


def test_faults_that_open_again_or_whose_bytes_arrive_expire_too(house: House) -> None:
    ask(house, unchecked())
    ask(house, by_digests(submission(b"y", fault=Fault.LIMIT_TIME)))
    ask(house, submission(b"y", fault=Fault.LIMIT_TIME))
    for _ in range(2):
        assert {case.state for case in cases(house)} == {CaseState.OPEN}
        house.clock.advance(dt.timedelta(days=house.options.fault_days))
        assert house.cases.expire_due() == 2
        for name in (b"x", b"y"):
            item = submission(name, fault=Fault.LIMIT_TIME)
            ask(house, replace(item, received=house.clock.now()))


def test_digests_that_cannot_be_judged_count_in_the_space_of_faults(house: House) -> None:
    ask(house, by_digests(unchecked()))
    with house.records.read() as transaction:
        assert transaction.cases.fault_space() == (1, 0)


@pytest.mark.parametrize("attention", [Attention.ESCALATED, Attention.UNDONE])
def test_what_people_want_decided_by_people_is_not_cleared_by_another_upload(
    house: House, attention: Attention
) -> None:
    held = ask(house, unchecked())
    [case] = cases(house)
    with house.records.write() as transaction:
        transaction.cases.update(workflow.attend(case, attention))
    assert ask(house, submission(b"x")).verdict is Verdict.HOLD
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.HOLD
    assert cases(house)[0].state is CaseState.OPEN


def test_a_fault_by_digests_is_resolved_by_its_bytes(house: House) -> None:
    held = ask(house, by_digests(unchecked()))
    assert ask(house, submission(b"x")).verdict is Verdict.ALLOW
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.ALLOW


def test_the_log_says_what_was_answered(house: House) -> None:
    ask(house, submission(b"x", [match()]))
    ask(house, replace(submission(b"x"), received=NOW))
    with house.records.read() as transaction:
        *_, event = transaction.audit.events()
    assert (event.draft.kind, event.draft.data["verdict"]) == ("case.joined", "block")


def test_the_log_names_what_was_written(house: House) -> None:
    held = ask(house, submission(b"x", [match()]))
    flag(house, held.receipt)
    [case] = cases(house)
    with house.records.read() as transaction:
        data = {e.draft.kind: e.draft.data for e in transaction.audit.events_of(case.case_id)}
        [occurrence] = transaction.cases.occurrences(case.case_id)
        [evidence] = transaction.cases.evidence(case.case_id)
        [statement] = transaction.cases.statements(case.case_id)
    assert data["case.opened"]["occurrence"] == occurrence.occurrence_id
    assert data["evidence.stored"] == {"evidence": evidence.evidence_id}
    assert data["flag.added"] == {"statement": statement.statement_id}
