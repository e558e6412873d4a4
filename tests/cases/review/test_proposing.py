"""What needs two people, through the service, over memory and SQLite."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from safehold.accounts.model import Service
from safehold.cases.model import Attention, CaseState
from safehold.cases.review.model import (
    ClearReason,
    LockedError,
    NotLockedError,
    OnHoldError,
    Proposal,
    ProposalError,
    ProposalKind,
    ProposalState,
    QueueFilter,
    SamePersonError,
    ViewNeededError,
)
from safehold.cases.review.refusals import (
    HoldReferenceError,
    NotPermittedError,
    ProposalDetailsError,
)
from safehold.cases.review.service import Clearing, Confirmation
from safehold.cases.workflow import TransitionError
from safehold.ids import CaseId, ServiceId, WebhookId
from safehold.outbox.model import Webhook
from safehold.policy.model import Verdict
from safehold.users.model import User
from safehold.users.roles import Role
from safehold.vault.interface import ObjectMissingError, VaultError
from tests.cases.review.office import (
    ANN,
    BEN,
    CYD,
    DEE,
    EXACT,
    NEAR,
    OLE,
    Office,
    flipped,
    picture,
)
from tests.intake.house import FORUM, NOW, match, submission

REASON = {"reason": "not_listed_content"}
LIKELY = {**REASON, "radius": "8"}


def clear_proposed(office: Office, case_id: CaseId, who: User = ANN) -> Proposal:
    office.look(case_id, who)
    return office.reviews.propose(case_id, who, ProposalKind.CLEAR, REASON, "It is a mistake.")


def confirmed(office: Office, content: bytes = b"one") -> CaseId:
    case_id = office.hold(picture(content, [EXACT]))
    office.reviews.take(case_id, ANN)
    office.reviews.confirm(case_id, ANN, Confirmation())
    return case_id


def test_an_exact_match_is_cleared_by_two(office: Office) -> None:
    item = picture(b"one", [EXACT])
    case_id = office.hold(item)
    office.reviews.take(case_id, ANN)
    with pytest.raises(ViewNeededError):
        office.reviews.propose(case_id, ANN, ProposalKind.CLEAR, REASON, "")
    office.reviews.release(case_id, ANN)
    with pytest.raises(NotLockedError):
        office.reviews.propose(case_id, ANN, ProposalKind.CLEAR, REASON, "")
    proposal = clear_proposed(office, case_id)
    assert office.reviews.next_case(ANN, QueueFilter()) is None, "it is left to others"
    with pytest.raises(NotPermittedError):
        office.reviews.approve(proposal.proposal_id, BEN)
    with pytest.raises(ViewNeededError):
        office.reviews.approve(proposal.proposal_id, CYD)
    office.look(case_id, CYD)
    approved = office.reviews.approve(proposal.proposal_id, CYD)
    assert (approved.state, approved.decided_by) == (ProposalState.APPROVED, CYD.user_id)
    assert office.case(case_id).state is CaseState.CLEARED
    decision = office.decided(case_id)
    assert decision.actor == "user:cyd"
    assert decision.details["proposed_by"] == "ann"
    assert office.answer(item).verdict is Verdict.ALLOW
    kinds = office.kinds(case_id)
    assert (
        kinds.index("proposal.made")
        < kinds.index("case.cleared")
        < kinds.index("proposal.approved")
    )
    # An appeal now goes to neither of the two.
    office.later(days=1)
    office.appeal(office.receipt(case_id))
    for who in (ANN, CYD):
        assert office.reviews.dossier(case_id, who).why_not == "decided_before"


def test_nobody_approves_what_they_proposed(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    proposal = clear_proposed(office, case_id, CYD)
    for action in (office.reviews.approve, office.reviews.refuse):
        with pytest.raises(SamePersonError):
            action(proposal.proposal_id, CYD)
    with pytest.raises(SamePersonError):
        office.reviews.withdraw(proposal.proposal_id, DEE)
    assert office.reviews.withdraw(proposal.proposal_id, CYD).state is ProposalState.WITHDRAWN
    with pytest.raises(ProposalError):
        office.reviews.approve(proposal.proposal_id, DEE)
    assert office.is_open(case_id)


def test_a_proposal_is_refused_and_expires(office: Office) -> None:
    one, two = (office.hold(picture(c, [EXACT])) for c in (b"one", b"two"))
    first, second = clear_proposed(office, one), clear_proposed(office, two)
    waiting = {p.proposal_id for p in office.reviews.proposals(ProposalState.OPEN)}
    assert waiting == {first.proposal_id, second.proposal_id}
    assert office.reviews.refuse(first.proposal_id, CYD).state is ProposalState.REFUSED
    assert office.reviews.expire_due() == 0
    office.later(days=8)
    office.look(two, CYD)
    with pytest.raises(ProposalError):
        office.reviews.approve(second.proposal_id, CYD)
    assert office.reviews.expire_due() == 1
    assert office.reviews.expire_due() == 0
    states = {p.proposal_id: p.state for p in office.reviews.proposals()}
    assert states[second.proposal_id] is ProposalState.EXPIRED
    assert office.kinds(two).count("proposal.expired") == 1


@pytest.mark.parametrize("change", ["ground", "decided"])
def test_a_proposal_whose_case_has_changed_is_void(office: Office, change: str) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    proposal = clear_proposed(office, case_id)
    office.look(case_id, CYD)
    if change == "ground":
        office.hold(picture(b"one", [EXACT, match("e2")]))
    else:
        office.reviews.confirm(case_id, CYD, Confirmation())
    with pytest.raises(ProposalError):
        office.reviews.approve(proposal.proposal_id, CYD)
    [kept] = office.reviews.proposals()
    assert kept.state is ProposalState.EXPIRED
    assert office.case(case_id).state is not CaseState.CLEARED


def test_the_same_bytes_again_change_nothing_of_a_proposal(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    proposal = clear_proposed(office, case_id)
    office.hold(picture(b"one", [EXACT], uploader="u-2"))
    office.look(case_id, CYD)
    assert office.reviews.approve(proposal.proposal_id, CYD).state is ProposalState.APPROVED


def test_nobody_else_may_work_on_what_is_cleared(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    proposal = clear_proposed(office, case_id)
    office.look(case_id, CYD)
    office.reviews.release(case_id, CYD)
    office.reviews.take(case_id, BEN)
    with pytest.raises(LockedError):
        office.reviews.approve(proposal.proposal_id, CYD)
    office.reviews.release(case_id, BEN)
    office.reviews.approve(proposal.proposal_id, CYD)


def test_the_same_is_proposed_once(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    clear_proposed(office, case_id)
    office.look(case_id, BEN)
    with pytest.raises(ProposalError):
        office.reviews.propose(case_id, BEN, ProposalKind.CLEAR, REASON, "")


@pytest.mark.parametrize(
    ("kind", "details"),
    [
        (ProposalKind.CLEAR, {}),
        (ProposalKind.CLEAR, {"reason": "because"}),
        (ProposalKind.CLEAR, {**REASON, "more": "x"}),
        (ProposalKind.CLEAR_SIMILAR, REASON),
        (ProposalKind.CLEAR_SIMILAR, {**REASON, "radius": "-1"}),
        (ProposalKind.CLEAR_SIMILAR, {**REASON, "radius": "9"}),
        (ProposalKind.EXPORT, {"recipient": "somebody's words"}),
        (ProposalKind.EXPORT, {}),
    ],
)
def test_details_that_are_none(office: Office, kind: ProposalKind, details: dict[str, str]) -> None:
    case_id = office.hold(picture(b"one"))
    who = OLE if kind is ProposalKind.EXPORT else ANN
    if who is ANN:
        office.look(case_id, ANN)
    with pytest.raises(ProposalDetailsError):
        office.reviews.propose(case_id, who, kind, details, "")
    assert office.reviews.proposals() == []


def test_who_may_propose_what(office: Office) -> None:
    case_id = confirmed(office)
    with pytest.raises(NotPermittedError):
        office.reviews.propose(case_id, ANN, ProposalKind.EXPORT, {"recipient": "age1x"}, "")
    with pytest.raises(NotPermittedError):
        office.reviews.propose(case_id, OLE, ProposalKind.PURGE, {}, "")
    export = office.reviews.propose(case_id, OLE, ProposalKind.EXPORT, {"recipient": "age1x"}, "")
    approved = office.reviews.approve(export.proposal_id, CYD)
    assert approved.details["recipient"] == "age1x"
    assert office.case(case_id).state is CaseState.CONFIRMED


# Clearing by likeness


def similar(office: Office) -> Proposal:
    case_id = office.hold(picture(b"one"))
    office.look(case_id, ANN)
    return office.reviews.propose(case_id, ANN, ProposalKind.CLEAR_SIMILAR, LIKELY, "")


def approved(office: Office, proposal: Proposal) -> None:
    office.look(proposal.case_id, CYD)
    office.reviews.approve(proposal.proposal_id, CYD)


def counted(office: Office) -> int:
    with office.records.read() as transaction:
        return sum(transaction.cases.counts().values())


def test_what_is_very_near_is_let_go_and_not_recorded(office: Office) -> None:
    waiting = office.hold(picture(b"before", pdq=flipped(1)))
    approved(office, similar(office))
    for bits in (0, 1, 8):
        assert office.answer(picture(b"near %d" % bits, pdq=flipped(bits))).verdict is (
            Verdict.ALLOW
        )
        # The slow path says the same.
        item = picture(b"near %d" % bits, pdq=flipped(bits))
        assert office.house.recorder.record(item).verdict is Verdict.ALLOW
    assert counted(office) == 2
    assert office.is_open(waiting), "what waits already is a person's to decide"
    assert office.answer(picture(b"far", pdq=flipped(9))).verdict is Verdict.HOLD


@pytest.mark.parametrize(
    "item",
    [
        {"matches": [EXACT]},
        {"matches": [NEAR, EXACT]},
        {"matches": [NEAR, match("e1", name="partner", tier="suspected")]},
        {"matches": [match("e2", exact=False)]},
        {"matches": [NEAR, match("e2", exact=False)]},
        {"matches": [match(name="other", exact=False)]},
        {"quality": 49},
        {"service": FORUM},
    ],
)
def test_what_is_never_let_go(office: Office, item: dict[str, object]) -> None:
    approved(office, similar(office))
    other = picture(b"other", **item)  # type: ignore[arg-type]
    assert office.answer(other).verdict is not Verdict.ALLOW
    other = picture(b"and another", **item)  # type: ignore[arg-type]
    assert office.house.recorder.record(other).verdict is not Verdict.ALLOW


def test_an_undoing_ends_the_likeness(office: Office) -> None:
    proposal = similar(office)
    approved(office, proposal)
    assert office.answer(picture(b"near")).verdict is Verdict.ALLOW
    undo = office.reviews.propose(proposal.case_id, ANN, ProposalKind.UNDO, {}, "")
    with pytest.raises(SamePersonError):
        office.reviews.approve(undo.proposal_id, CYD)
    office.reviews.approve(undo.proposal_id, DEE)
    assert office.is_open(proposal.case_id)
    assert office.case(proposal.case_id).cleared == frozenset()
    assert office.answer(picture(b"near")).verdict is Verdict.HOLD


@pytest.mark.parametrize("by", ["flag", "appeal", "ground"])
def test_what_is_in_doubt_lets_nothing_go(office: Office, by: str) -> None:
    proposal = similar(office)
    approved(office, proposal)
    if by == "flag":
        office.flag(picture(b"one"))
    elif by == "appeal":
        office.appeal(office.receipt(proposal.case_id))
    else:
        office.hold(picture(b"one", [match("e2", exact=False)]))
    assert office.answer(picture(b"near")).verdict is Verdict.HOLD


@pytest.mark.parametrize("matches", [[EXACT], [NEAR, EXACT]])
def test_an_exact_match_is_not_cleared_by_likeness(office: Office, matches: list[object]) -> None:
    case_id = office.hold(picture(b"one", matches))  # type: ignore[arg-type]
    office.look(case_id, ANN)
    with pytest.raises(ProposalDetailsError):
        office.reviews.propose(case_id, ANN, ProposalKind.CLEAR_SIMILAR, LIKELY, "")


# Undoing


def test_an_undoing_is_a_new_event(office: Office) -> None:
    case_id = confirmed(office)
    webhook_told(office)
    decision = office.decided(case_id)
    undo = office.reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "A slip.")
    assert undo.details["decision"] == decision.decision_id
    office.reviews.approve(undo.proposal_id, CYD)
    case = office.case(case_id)
    assert (case.state, case.attention) == (CaseState.OPEN, Attention.UNDONE)
    kept = office.reviews.dossier(case_id, BEN).decisions
    assert decision in kept
    assert sum(d.reasons == ("undone",) for d in kept) == 1
    assert office.kinds(case_id)[-2:] == ["case.undone", "proposal.approved"]
    # Whoever made the slip may put it right.
    office.reviews.take(case_id, ANN)
    office.reviews.confirm(case_id, ANN, Confirmation())


def webhook_told(office: Office) -> None:
    """A webhook of the shop, so that changes are told."""
    with office.records.write() as transaction:
        transaction.accounts.add_service(Service(ServiceId("shop"), "shop", office.clock.now()))
        transaction.outbox.add_webhook(
            Webhook(
                WebhookId("w"), ServiceId("shop"), "https://shop.example/", b"s", office.clock.now()
            )
        )


def told(office: Office) -> list[str]:
    """Verdicts that webhooks were told of."""
    with office.records.write() as transaction:
        now = office.clock.now()
        messages = transaction.outbox.claim(now, now + dt.timedelta(minutes=1), 50)
    return [json.loads(message.body)["verdict"] for message in messages]


def test_receipts_say_again_what_policy_said(office: Office) -> None:
    webhook_told(office)
    item = picture(b"one")
    case_id = office.hold(item)
    office.look(case_id, ANN)
    office.reviews.clear(case_id, ANN, Clearing(ClearReason.OTHER))
    undo = office.reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "")
    office.reviews.approve(undo.proposal_id, CYD)
    receipt = office.receipt(case_id)
    status = office.house.receipts.status(ServiceId("shop"), receipt)
    assert status.verdict is Verdict.HOLD
    assert sorted(told(office)) == ["allow", "hold"]


def test_nobody_approves_that_their_own_decision_is_undone(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    office.reviews.take(case_id, CYD)
    office.reviews.confirm(case_id, CYD, Confirmation())
    undo = office.reviews.propose(case_id, BEN, ProposalKind.UNDO, {}, "")
    with pytest.raises(SamePersonError):
        office.reviews.approve(undo.proposal_id, CYD)
    office.reviews.approve(undo.proposal_id, DEE)


def test_what_was_reported_is_not_undone(office: Office) -> None:
    case_id = confirmed(office)
    undo = office.reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "")
    office.reported.add(case_id)
    with pytest.raises(TransitionError):
        office.reviews.approve(undo.proposal_id, CYD)
    with pytest.raises(TransitionError):
        office.reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "")
    assert office.case(case_id).state is CaseState.CONFIRMED


def test_only_a_decision_that_stands_is_undone(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    with pytest.raises(ProposalError):
        office.reviews.propose(case_id, ANN, ProposalKind.UNDO, {}, "")
    other = confirmed(office, b"other")
    with pytest.raises(ProposalError):
        office.reviews.propose(other, ANN, ProposalKind.UNDO, {"decision": "another"}, "")


# Destroying, and legal holds


def test_destroying_needs_two_and_leaves_a_key_that_exists(office: Office) -> None:
    case_id = confirmed(office)
    before, evidence = office.case(case_id), office.evidence(case_id)
    purge = office.reviews.propose(case_id, ANN, ProposalKind.PURGE, {}, "")
    office.reviews.approve(purge.proposal_id, CYD)
    after = office.case(case_id)
    assert after.purged == office.clock.now()
    assert (after.key_name, after.recipient) != (before.key_name, before.recipient)
    with pytest.raises(ObjectMissingError), office.house.keys.open(before.key_name):
        pass
    assert evidence.object_name not in list(office.house.objects.names())
    assert office.house.open_key(after.key_name).recipient == after.recipient
    draft = next(e.draft for e in office.events(case_id) if e.draft.kind == "case.purged")
    assert draft.data["evidence"] == (evidence.evidence_id,)
    assert office.kinds(case_id)[-1] == "evidence.destroyed"
    [kept] = office.reviews.proposals(ProposalState.APPROVED)
    assert not {"objects", "key"} & set(kept.details)
    # The same bytes again are kept anew, and can be opened.
    office.hold(picture(b"one", [EXACT]))
    again = office.evidence(case_id)
    assert office.house.original(office.case(case_id).key_name, again.object_name) == b"one"


def test_a_kill_in_between_is_made_good(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    case_id = confirmed(office)
    before, evidence = office.case(case_id), office.evidence(case_id)
    purge = office.reviews.propose(case_id, ANN, ProposalKind.PURGE, {}, "")

    def away(name: str) -> bool:
        raise VaultError

    with monkeypatch.context() as broken:
        broken.setattr(office.house.vault, "delete", away)
        office.reviews.approve(purge.proposal_id, CYD)
        with pytest.raises(VaultError):
            office.reviews.expire_due()
    # The database is ahead: nothing names what is about to be destroyed, and it is still there.
    assert office.reviews.dossier(case_id, ANN).evidence == []
    assert evidence.object_name in list(office.house.objects.names())
    assert office.house.open_key(office.case(case_id).key_name).recipient.startswith("age1")
    assert "evidence.destroyed" not in office.kinds(case_id)
    office.reviews.expire_due()
    assert evidence.object_name not in list(office.house.objects.names())
    assert before.key_name not in list(office.house.keys.names())
    assert office.kinds(case_id)[-1] == "evidence.destroyed"


def test_intake_that_sealed_to_the_old_key_starts_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case_id = confirmed(office)
    purge = office.reviews.propose(case_id, ANN, ProposalKind.PURGE, {}, "")
    run = office.house.commit.run
    calls = []

    def late(write: object) -> object:
        calls.append(write)
        if len(calls) == 1:
            office.reviews.approve(purge.proposal_id, CYD)
        return run(write)  # type: ignore[arg-type]

    monkeypatch.setattr(office.house.commit, "run", late)
    office.house.recorder.record(picture(b"one", [EXACT]))
    assert len(calls) == 2
    case, evidence = office.case(case_id), office.evidence(case_id)
    assert office.house.original(case.key_name, evidence.object_name) == b"one"


def test_a_hold_forbids_to_destroy(office: Office) -> None:
    case_id = confirmed(office)
    other = confirmed(office, b"other")
    apart = office.hold(submission(b"apart", [EXACT], uploader="u-2"))
    purge = office.reviews.propose(case_id, ANN, ProposalKind.PURGE, {}, "")
    with pytest.raises(NotPermittedError):
        office.reviews.set_hold(ANN, "ref-1", case_id=case_id)
    for reference in ("", "a reference", "x" * 65):
        with pytest.raises(HoldReferenceError):
            office.reviews.set_hold(OLE, reference, case_id=case_id)
    with pytest.raises(HoldReferenceError):
        office.reviews.set_hold(OLE, "ref-1")
    hold = office.reviews.set_hold(OLE, "ref-1", account_of=case_id)
    with pytest.raises(OnHoldError):
        office.reviews.approve(purge.proposal_id, CYD)
    with pytest.raises(OnHoldError):
        office.reviews.propose(other, ANN, ProposalKind.PURGE, {}, "")
    assert office.reviews.dossier(apart, ANN).holds == []
    assert [one.hold_id for one in office.reviews.holds()] == [hold.hold_id]
    office.reviews.lift_hold(hold.hold_id, CYD)
    with pytest.raises(ProposalError):
        office.reviews.lift_hold(hold.hold_id, CYD)
    office.reviews.approve(purge.proposal_id, DEE)
    assert office.reviews.holds() == []
    kinds = office.kinds(case_id)
    assert "hold.set" in kinds
    assert office.case(case_id).purged is not None


def test_an_open_case_is_not_destroyed(office: Office) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    with pytest.raises(TransitionError):
        office.reviews.propose(case_id, ANN, ProposalKind.PURGE, {}, "")


@pytest.mark.parametrize("change", [{"disabled": NOW}, {"roles": frozenset({Role.OFFICER})}])
def test_who_is_gone_is_not_the_first_of_two(office: Office, change: dict[str, object]) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    proposal = clear_proposed(office, case_id)
    office.look(case_id, CYD)
    office.change(ANN, **change)
    with pytest.raises(ProposalError):
        office.reviews.approve(proposal.proposal_id, CYD)
    assert office.is_open(case_id)
    [left] = office.reviews.proposals()
    assert left.state is ProposalState.EXPIRED


@pytest.mark.parametrize("change", [{"disabled": NOW}, {"roles": frozenset({Role.REVIEWER})}])
def test_who_is_gone_meanwhile_is_not_the_second(office: Office, change: dict[str, object]) -> None:
    case_id = office.hold(picture(b"one", [EXACT]))
    proposal = clear_proposed(office, case_id)
    office.look(case_id, CYD)
    office.change(CYD, **change)
    with pytest.raises(NotPermittedError):
        office.reviews.approve(proposal.proposal_id, CYD)
    assert office.is_open(case_id)
    [left] = office.reviews.proposals()
    assert left.state is ProposalState.OPEN, "somebody else may approve it"


def test_an_appeal_after_the_proposal_takes_it_from_who_decided(office: Office) -> None:
    case_id = confirmed(office)
    undo = office.reviews.propose(case_id, BEN, ProposalKind.UNDO, {}, "")
    office.reviews.approve(undo.proposal_id, CYD)
    office.later(minutes=1)
    proposal = clear_proposed(office, case_id)
    office.appeal(office.receipt(case_id))
    office.look(case_id, CYD)
    with pytest.raises(ProposalError):
        office.reviews.approve(proposal.proposal_id, CYD)
    assert office.is_open(case_id)


def test_a_canary_that_ends_by_itself_takes_no_hold(office: Office) -> None:
    case_id = office.hold(replace(picture(b"one", [EXACT]), canary=True))
    for where in ("case_id", "account_of"):
        with pytest.raises(HoldReferenceError):
            office.reviews.set_hold(CYD, "REF-1", **{where: case_id})
    assert office.reviews.holds() == []
