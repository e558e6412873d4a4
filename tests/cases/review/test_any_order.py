"""Whatever people try, in whatever order, what is written keeps the rules of review."""

from __future__ import annotations

import contextlib
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.cases.model import CaseState, DecisionRecord
from safehold.cases.review import rules
from safehold.cases.review.model import ClearReason, ProposalKind, ProposalState, ViewLevel
from safehold.cases.review.service import Clearing, Confirmation
from safehold.errors import SafeholdError
from safehold.ids import CaseId
from safehold.testing.records import MemoryRecords
from safehold.users.model import User
from tests.cases.review.office import ANN, CYD, DEE, EXACT, NEAR, Office, picture, session
from tests.intake.house import OPENED

PEOPLE = (ANN, CYD, DEE)
DETAILS = {
    ProposalKind.CLEAR: {"reason": "other"},
    ProposalKind.CLEAR_SIMILAR: {"reason": "other", "radius": "4"},
    ProposalKind.UNDO: {},
    ProposalKind.PURGE: {},
}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["take", "release", "look", "fail", "confirm", "clear", "escalate", "more", "pass"]
            + ["take, confirm", "look, confirm", "look, clear", "look, propose", "propose"] * 2
            + ["approve", "look, approve"] * 3
            + ["appeal", "again", "wait"]
        ),
        st.integers(0, 2),
        st.integers(0, 1),
        st.sampled_from(list(DETAILS)),
    ),
    max_size=30,
)


class Story:
    """Two cases, three people, and what they try."""

    def __init__(self) -> None:
        self.office = Office(MemoryRecords())
        self.items = (picture(b"near", [NEAR]), picture(b"exact", [EXACT]))
        self.cases = [self.office.hold(item) for item in self.items]

    def step(self, what: str, who: User, which: int, kind: ProposalKind) -> None:
        office, case_id = self.office, self.cases[which]
        reviews = office.reviews
        if what == "look":
            office.look(case_id, who, ViewLevel.GREY)
        elif what == "fail":
            view = office.views.open(
                case_id, office.evidence(case_id).evidence_id, who, session(who.name)
            )
            office.views.failed(view.view_id)
        elif what == "confirm":
            reviews.confirm(case_id, who, Confirmation())
        elif what == "clear":
            reviews.clear(case_id, who, Clearing(ClearReason.OTHER))
        elif what == "propose":
            reviews.propose(case_id, who, kind, DETAILS[kind], "")
        elif what == "approve":
            for proposal in reviews.proposals(ProposalState.OPEN)[:1]:
                reviews.approve(proposal.proposal_id, who)
        elif what == "appeal":
            office.appeal(office.receipt(case_id))
        elif what == "again":
            office.house.recorder.record(self.items[which])
        elif what == "wait":
            office.later(minutes=20)
        else:
            self._simple(what, case_id, who)

    def _simple(self, what: str, case_id: CaseId, who: User) -> None:
        reviews = self.office.reviews
        if what == "take":
            reviews.take(case_id, who)
        elif what == "release":
            reviews.release(case_id, who)
        elif what == "escalate":
            reviews.escalate(case_id, who, "why")
        elif what == "more":
            reviews.need_more(case_id, who, "")
        else:
            reviews.pass_on(case_id, who)

    def check(self) -> None:
        for case_id in self.cases:
            self._check_case(case_id)

    def _check_case(self, case_id: CaseId) -> None:
        dossier = self.office.reviews.dossier(case_id, ANN)
        facts = rules.facts(dossier.decisions)
        for decision in rules.by_people(dossier.decisions):
            people = rules.deciders(decision)
            cleared = CaseState.CLEARED.value in decision.reasons
            if cleared and facts.exact:
                assert len(people) == 2
            if cleared or not facts.sure:
                seen = {rules.actor(view.user_id) for view in dossier.views if view.sharp}
                assert people <= seen, "everybody who decided has looked"
            self._check_event(case_id, decision)
        if dossier.case.state in (CaseState.CONFIRMED, CaseState.CLEARED):
            assert rules.standing(dossier.case, dossier.decisions) is not None
        for proposal in dossier.proposals:
            assert proposal.decided_by != proposal.proposed_by
        if dossier.case.purged and dossier.evidence:
            name = dossier.evidence[-1].object_name
            assert self.office.house.original(dossier.case.key_name, name)
        viewed = [e.draft for e in dossier.events if e.draft.kind.startswith("view.")]
        opened = set()
        for draft in viewed:
            if draft.kind == "view.opened":
                opened.add(draft.data["view"])
            assert draft.data["view"] in opened

    def _check_event(self, case_id: CaseId, decision: DecisionRecord) -> None:
        told = [e.draft for e in self.office.events(case_id)]
        assert any(d.data.get("decision") == decision.decision_id for d in told)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_whatever_is_tried(steps: list[tuple[str, int, int, ProposalKind]]) -> None:
    story = Story()
    try:
        for what, who, which, kind in steps:
            for one in what.split(", "):
                with contextlib.suppress(SafeholdError, IndexError):
                    story.step(one, PEOPLE[who], which, kind)
                story.office.later(seconds=1)
        story.check()
    finally:
        story.office.house.commit.close()
        while OPENED:
            os.close(OPENED.pop())
