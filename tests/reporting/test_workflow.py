"""The states of a report: who does what, and what never happens in whatever order."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.review.refusals import SamePersonError
from safehold.errors import SafeholdError
from safehold.ids import UserId
from safehold.reporting import workflow
from safehold.reporting.model import (
    Environment,
    Report,
    ReportChangedError,
    ReportState,
    ReportStateError,
    Trouble,
)
from safehold.reporting.workflow import ReportReferenceError, Resolution
from tests.storage.filed import report
from tests.storage.held import T0, case

ANN, BEN, CLEO = UserId("ann"), UserId("ben"), UserId("cleo")
DIGEST, OTHER_DIGEST = b"d" * 32, b"e" * 32
LATER = T0 + dt.timedelta(days=3)
DAY = dt.timedelta(days=1)
DRAFT = report(1, case(1))
FORM = dataclasses.replace(DRAFT, environment=Environment.FORM)


def waiting(of: Report = DRAFT) -> Report:
    return workflow.fix(of, b"sealed", DIGEST, BEN, T0)


def approved(of: Report = DRAFT) -> Report:
    return workflow.approve(waiting(of), CLEO, DIGEST, T0)


def sending() -> Report:
    return workflow.begin_sending(approved(), LATER)


def troubled(trouble: Trouble) -> Report:
    return workflow.needs_person(sending(), trouble, LATER)


def test_a_report_is_fixed_approved_sent_and_filed() -> None:
    fixed = waiting()
    assert (fixed.state, fixed.prepared_by, fixed.prepared_at) == (ReportState.WAITING, BEN, T0)
    assert (fixed.sealed_documents, fixed.digest) == (b"sealed", DIGEST)
    agreed = workflow.approve(fixed, CLEO, DIGEST, LATER)
    assert (agreed.state, agreed.approved_by) == (ReportState.APPROVED, CLEO)
    assert (agreed.approved_at, agreed.updated) == (LATER, LATER)
    filed = workflow.filed(workflow.begin_sending(agreed, LATER), "4711", LATER + DAY)
    assert (filed.state, filed.remote_id, filed.filed_at) == (
        ReportState.FILED,
        "4711",
        LATER + DAY,
    )
    assert filed.is_over


def test_the_second_person_is_not_who_fixed_it() -> None:
    with pytest.raises(SamePersonError):
        workflow.approve(waiting(), BEN, DIGEST, LATER)
    # Who began it and did not fix it is another person.
    assert workflow.approve(waiting(), DRAFT.created_by, DIGEST, LATER).approved_by == ANN


def test_only_what_was_read_is_approved() -> None:
    for digest in (OTHER_DIGEST, b"", DIGEST[:31]):
        with pytest.raises(ReportChangedError):
            workflow.approve(waiting(), CLEO, digest, LATER)


@pytest.mark.parametrize("made", [waiting, approved])
def test_what_is_sent_back_has_no_documents_and_nobody_who_agreed(
    made: Callable[[], Report],
) -> None:
    back = workflow.send_back(made(), LATER)
    assert back == dataclasses.replace(DRAFT, updated=LATER)


def test_a_form_is_acknowledged_and_never_sent() -> None:
    ready = approved(FORM)
    with pytest.raises(ReportStateError):
        workflow.begin_sending(ready, LATER)
    filed = workflow.acknowledge(ready, "  PV 2026/17 ", T0 + DAY, LATER)
    assert (filed.state, filed.remote_id, filed.filed_at, filed.updated) == (
        ReportState.FILED,
        "PV 2026/17",
        T0 + DAY,
        LATER,
    )
    with pytest.raises(ReportStateError):
        workflow.acknowledge(approved(), "4711", T0 + DAY, LATER)
    with pytest.raises(ReportStateError):
        workflow.acknowledge(waiting(FORM), "4711", T0 + DAY, LATER)
    for moment in (LATER + DAY, T0 - 2 * DAY):
        with pytest.raises(ReportReferenceError):
            workflow.acknowledge(ready, "4711", moment, LATER)


@pytest.mark.parametrize("text", ["", "  ", "a" * 101, "a\nb", "<a>", "é", "-1", "a\x00"])
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ReportReferenceError) as caught:
        workflow.acknowledge(approved(FORM), text, T0, LATER)
    assert text.strip() == "" or text not in caught.value.message
    with pytest.raises(ReportReferenceError):
        workflow.resolve(troubled(Trouble.UNCLEAR_SUBMIT), Resolution.FILED, text, LATER)


@pytest.mark.parametrize("trouble", [one for one in Trouble if one is not Trouble.NONE])
@pytest.mark.parametrize("resolution", list(Resolution))
def test_resolutions(trouble: Trouble, resolution: Resolution) -> None:
    before = troubled(trouble)
    if resolution not in workflow.resolutions(trouble):
        assert (trouble, resolution) in {
            (Trouble.REJECTED, Resolution.FILED),
            (Trouble.WRONG_HASH, Resolution.FILED),
        }
        with pytest.raises(ReportStateError):
            workflow.resolve(before, resolution, "4711", LATER)
        return
    after = workflow.resolve(before, resolution, "4711", LATER)
    if resolution is Resolution.FILED:
        assert (after.state, after.remote_id, after.filed_at) == (
            ReportState.FILED,
            "4711",
            LATER,
        )
        assert after.trouble is Trouble.NONE
    elif resolution is Resolution.ABANDON:
        # Why it was given up stays to be read.
        assert (after.state, after.trouble) == (ReportState.ABANDONED, trouble)
    else:
        assert (after.attempt, after.trouble) == (before.attempt + 1, Trouble.NONE)
        anew = trouble in (Trouble.REJECTED, Trouble.EVIDENCE)
        assert after.state is (ReportState.DRAFT if anew else ReportState.APPROVED)
        # What two people agreed to is what is sent again, or nobody has agreed.
        expected = (b"", b"", None, None) if anew else (b"sealed", DIGEST, BEN, CLEO)
        found = (after.sealed_documents, after.digest, after.prepared_by, after.approved_by)
        assert found == expected


def test_nothing_else_needs_a_person() -> None:
    assert workflow.resolutions(Trouble.NONE) == frozenset()
    with pytest.raises(ReportStateError):
        workflow.needs_person(sending(), Trouble.NONE, LATER)
    for resolution in Resolution:
        with pytest.raises(ReportStateError):
            workflow.resolve(sending(), resolution, "4711", LATER)


@pytest.mark.parametrize("state", list(ReportState))
def test_what_is_given_up_was_not_sent(state: ReportState) -> None:
    before = dataclasses.replace(DRAFT, state=state)
    if state in (ReportState.DRAFT, ReportState.WAITING, ReportState.APPROVED):
        assert workflow.abandon(before, LATER).state is ReportState.ABANDONED
    else:
        with pytest.raises(ReportStateError):
            workflow.abandon(before, LATER)


PEOPLE = st.sampled_from([ANN, BEN, CLEO])
DIGESTS = st.sampled_from([DIGEST, OTHER_DIGEST])
ACTIONS: dict[str, Callable[..., Report]] = {
    "fix": lambda one, who, digest, *_: workflow.fix(one, b"sealed", digest, who, LATER),
    "approve": lambda one, who, digest, *_: workflow.approve(one, who, digest, LATER),
    "send_back": lambda one, *_: workflow.send_back(one, LATER),
    "begin": lambda one, *_: workflow.begin_sending(one, LATER),
    "filed": lambda one, *_: workflow.filed(one, "4711", LATER),
    "trouble": lambda one, _, __, trouble, ___: workflow.needs_person(one, trouble, LATER),
    "resolve": lambda one, _, __, ___, said: workflow.resolve(one, said, "4711", LATER),
    "acknowledge": lambda one, *_: workflow.acknowledge(one, "4711", LATER, LATER),
    "abandon": lambda one, *_: workflow.abandon(one, LATER),
}
STEPS = st.tuples(
    st.sampled_from(sorted(ACTIONS)),
    PEOPLE,
    DIGESTS,
    st.sampled_from(list(Trouble)),
    st.sampled_from(list(Resolution)),
)


@given(st.sampled_from([DRAFT, FORM]), st.lists(STEPS, max_size=14))
def test_in_whatever_order(first: Report, steps: list[Any]) -> None:
    one = first
    for name, *arguments in steps:
        try:
            after = ACTIONS[name](one, *arguments)
        except SafeholdError:
            continue
        assert not one.is_over, "what is filed or given up does not change"
        if after.state not in (ReportState.DRAFT, ReportState.WAITING, ReportState.ABANDONED):
            assert after.prepared_by is not None
            assert after.approved_by is not None
            assert after.approved_by != after.prepared_by
            assert after.sealed_documents
        if after.state is ReportState.SENDING:
            assert after.environment is not Environment.FORM
        if after.state is ReportState.DRAFT:
            assert (after.sealed_documents, after.digest) == (b"", b"")
        if after.state is ReportState.FILED:
            assert after.remote_id
            assert after.filed_at is not None
        assert (after.state is ReportState.NEEDS_PERSON) <= (after.trouble is not Trouble.NONE)
        assert after.attempt == one.attempt + (
            name == "resolve" and arguments[-1] is Resolution.SEND_ANEW
        )
        same = ("report_id", "case_id", "uploader", "authority", "environment", "created_by")
        assert [getattr(after, name) for name in same] == [getattr(one, name) for name in same]
        one = after
