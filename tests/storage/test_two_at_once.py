"""What needs two people, budgets and purges, with everybody at once, on both databases."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa

from safehold.cases.model import CaseState
from safehold.cases.review import rules
from safehold.cases.review.model import ClearReason, ProposalKind, ProposalState, ReviewOptions
from safehold.cases.review.service import Clearing, Confirmation
from safehold.errors import SafeholdError
from safehold.storage.records import SqlRecords
from tests.cases.review.office import ANN, BEN, CYD, DEE, EXACT, Office, picture, session
from tests.intake.house import OPENED
from tests.storage.conftest import empty

REASON = {"reason": "not_listed_content"}


@pytest.fixture(params=["sqlite", "postgres"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    engine: sa.Engine = request.getfixturevalue(request.param)
    if request.param == "postgres":
        empty(engine)
    made = Office(SqlRecords(engine), ReviewOptions(views_per_day=3))
    yield made
    made.house.commit.close()
    while OPENED:
        os.close(OPENED.pop())


def at_once(works: Sequence[Callable[[], object]]) -> list[object]:
    """What came of all works, begun at one moment: a result, or the error."""
    gate = threading.Barrier(len(works))
    came: list[object] = [None] * len(works)

    def run(place: int) -> None:
        gate.wait(30)
        try:
            came[place] = works[place]()
        except SafeholdError as error:
            came[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return came


def done(came: Sequence[object]) -> int:
    return sum(not isinstance(one, Exception) for one in came)


@pytest.mark.parametrize("turn", range(4))
def test_a_proposal_is_ended_by_one(office: Office, turn: int) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    for who in (ANN, CYD, DEE):
        office.look(case_id, who)
        office.reviews.release(case_id, who)
    office.reviews.take(case_id, ANN)
    proposal = office.reviews.propose(case_id, ANN, ProposalKind.CLEAR, REASON, "")
    reviews, its = office.reviews, proposal.proposal_id
    works: list[Callable[[], object]] = [
        lambda: reviews.approve(its, CYD),
        lambda: reviews.approve(its, DEE),
        lambda: reviews.withdraw(its, ANN),
        lambda: reviews.approve(its, CYD),
        lambda: reviews.refuse(its, DEE),
    ]
    came = at_once(works[turn:] + works[:turn])
    assert done(came) == 1, came
    [ended] = reviews.proposals()
    with office.records.read() as transaction:
        decided = rules.by_people(transaction.cases.decisions(case_id))
    approved = ended.state is ProposalState.APPROVED
    assert (len(decided), office.case(case_id).state is CaseState.CLEARED) == (approved, approved)
    kinds = office.kinds(case_id)
    assert sum(kind.startswith("proposal.") for kind in kinds) == 2


def test_a_case_is_decided_once(office: Office) -> None:
    case_id = office.hold(picture(b"one"))
    office.look(case_id, ANN)
    clearing = Clearing(ClearReason.LEGAL_CONTENT)
    came = at_once(
        [lambda: office.reviews.confirm(case_id, ANN, Confirmation())] * 3
        + [lambda: office.reviews.clear(case_id, ANN, clearing)] * 3
    )
    assert done(came) == 1, came
    with office.records.read() as transaction:
        assert len(rules.by_people(transaction.cases.decisions(case_id))) == 1


def test_a_budget_holds_however_many_sessions_look(office: Office) -> None:
    case_id = office.hold(picture(b"one"))
    office.reviews.take(case_id, BEN)
    evidence_id = office.evidence(case_id).evidence_id
    came = at_once(
        [partial(office.views.open, case_id, evidence_id, BEN, session(f"s{n}")) for n in range(8)]
    )
    assert done(came) == 3, came
    with office.records.read() as transaction:
        views = transaction.reviews.views(case_id)
    assert sum(view.ended is None for view in views) == 1


@pytest.mark.parametrize("turn", range(3))
def test_a_purge_beside_uploads_loses_neither_evidence_nor_key(office: Office, turn: int) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, ANN)
    office.reviews.confirm(case_id, ANN, Confirmation())
    proposal = office.reviews.propose(case_id, ANN, ProposalKind.PURGE, {}, "")
    items = [picture(b"one", [EXACT], uploader=f"u-{n}") for n in range(4)]
    uploads: list[Callable[[], object]] = [
        partial(office.house.recorder.record, one) for one in items
    ]
    works = [*uploads[:turn], lambda: office.reviews.approve(proposal.proposal_id, CYD)]
    came = at_once([*works, *uploads[turn:]])
    assert done(came) == 5, came
    case = office.case(case_id)
    assert case.purged is not None
    key = office.house.open_key(case.key_name)
    assert key.recipient == case.recipient
    with office.records.read() as transaction:
        evidence = transaction.cases.evidence(case_id)
        occurrences = transaction.cases.occurrences(case_id)
    assert len(occurrences) == 5
    assert len(evidence) <= 1
    for one in evidence:
        assert office.house.original(case.key_name, one.object_name) == b"one"


def test_bytes_that_several_send_at_once_are_kept_once(office: Office) -> None:
    first = replace(picture(b"one", [EXACT]), descriptor=None)
    case_id = office.hold(first)
    assert office.case(case_id).state is CaseState.AWAITING_BYTES
    items = [picture(b"one", [EXACT]) for _ in range(6)]
    came = at_once([partial(office.house.recorder.record, item) for item in items])
    assert done(came) == 6, came
    with office.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case_id)
    assert list(office.house.objects.names()) == [evidence.object_name]
