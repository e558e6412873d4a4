"""What one person proposes and another decides; and exports, once they are approved."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence

from safehold.cases.model import DecisionRecord
from safehold.cases.review import rules
from safehold.cases.review.model import (
    Proposal,
    ProposalError,
    ProposalKind,
    ProposalState,
)
from safehold.console.errors import PageMissingError
from safehold.console.pages import facts, fields
from safehold.console.visit import Reply, Route, Visit
from safehold.custodian.interface import Access
from safehold.ids import ProposalId
from safehold.users.roles import Permission

_DECIDED_SHOWN = 50
_CLEARINGS = frozenset({ProposalKind.CLEAR, ProposalKind.CLEAR_SIMILAR})


def show(visit: Visit) -> Reply:
    """Proposals that wait, and the last that do not."""
    proposals = visit.parts.reviews.proposals()
    decisions = _undone(visit, proposals)
    waiting = [one for one in proposals if _waits(visit, one)]
    return visit.page(
        "approvals.html",
        waiting=[(one, why_not(visit, one, decisions.get(one.proposal_id))) for one in waiting],
        decided=[one for one in proposals if one not in waiting][:_DECIDED_SHOWN],
        people={user.user_id: user.name for user in visit.parts.users.users()},
    )


def show_one(visit: Visit) -> Reply:
    """One proposal, with the facts of its case."""
    proposal = _proposal(visit)
    dossier = visit.parts.reviews.dossier(proposal.case_id, visit.me)
    undone = _decision(dossier.decisions, proposal)
    return visit.page(
        "approval.html",
        proposal=proposal,
        why_not=why_not(visit, proposal, undone),
        needs_look=proposal.kind in _CLEARINGS and not dossier.looked,
        waits=_waits(visit, proposal),
        own=proposal.proposed_by == visit.me.user_id,
        dossier=dossier,
        case=dossier.case,
        matches=[facts.match_fact(match) for match in dossier.matches],
        undone=undone,
        fetches=_may_fetch(visit, proposal),
        people={user.user_id: user.name for user in visit.parts.users.users()},
        services=visit.parts.service_names(),
    )


def why_not(visit: Visit, proposal: Proposal, undone: DecisionRecord | None) -> str:
    """Why the visitor cannot approve a proposal, as a code of `labels`; empty if they can.

    `undone`: the decision that it would undo, or None.
    """
    if not _waits(visit, proposal):
        return "decided"
    if proposal.proposed_by == visit.me.user_id:
        return "own"
    if not visit.may(Permission.APPROVALS_DECIDE):
        return "role"
    if undone is not None and rules.actor(visit.me.user_id) in rules.deciders(undone):
        return "decider"
    return ""


def approve(visit: Visit) -> Reply:
    """Be the second person."""
    fields.sure(visit)
    return _decide(visit, visit.parts.reviews.approve, "approved")


def refuse(visit: Visit) -> Reply:
    """Refuse a proposal."""
    return _decide(visit, visit.parts.reviews.refuse, "refused")


def withdraw(visit: Visit) -> Reply:
    """Take back one's own proposal."""
    return _decide(visit, visit.parts.reviews.withdraw, "withdrawn")


def fetch(visit: Visit) -> Reply:
    """An original of an approved export, as an age file for its named recipient.

    Only who proposed the export can fetch it. The custodian appends its audit event before it
    writes a byte. The file is made whole before any of it is sent: what was written before an
    error is thrown away. What lies on the disk meanwhile is encrypted and has no name.
    """
    proposal = _proposal(visit)
    if not _may_fetch(visit, proposal):
        raise ProposalError
    dossier = visit.parts.reviews.dossier(proposal.case_id, visit.me)
    wanted = visit.path["evidence_id"]
    evidence = next((one for one in dossier.evidence if one.evidence_id == wanted), None)
    if evidence is None:
        raise PageMissingError
    access = Access(
        dossier.case.key_name,
        dossier.case.case_id,
        f"user:{visit.me.user_id}",
        f"proposal:{proposal.proposal_id}",
    )
    recipient = proposal.details["recipient"]
    sealed = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who sends it
    try:
        visit.parts.custodian.export(access, evidence.object_name, recipient, sealed)
        sealed.seek(0)
    except BaseException:
        sealed.close()
        raise
    name = f"{proposal.case_id}-{evidence.evidence_id}.age"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Reply(b"", media_type="application/octet-stream", headers=headers, file=sealed)


def _proposal(visit: Visit) -> Proposal:
    with visit.parts.records.read() as transaction:
        proposal = transaction.reviews.proposal(ProposalId(visit.path["proposal_id"]))
    if proposal is None:
        raise PageMissingError
    return proposal


def _decision(decisions: Sequence[DecisionRecord], proposal: Proposal) -> DecisionRecord | None:
    """The decision that a proposal would undo."""
    if proposal.kind is not ProposalKind.UNDO:
        return None
    wanted = proposal.details.get("decision", "")
    return next((one for one in decisions if one.decision_id == wanted), None)


def _undone(
    visit: Visit, proposals: Sequence[Proposal]
) -> Mapping[ProposalId, DecisionRecord | None]:
    """The decisions that waiting proposals would undo."""
    waiting = [one for one in proposals if one.kind is ProposalKind.UNDO and _waits(visit, one)]
    with visit.parts.records.read() as transaction:
        return {
            one.proposal_id: _decision(transaction.cases.decisions(one.case_id), one)
            for one in waiting
        }


def _waits(visit: Visit, proposal: Proposal) -> bool:
    return proposal.state is ProposalState.OPEN and visit.now < proposal.until


def _may_fetch(visit: Visit, proposal: Proposal) -> bool:
    return (
        proposal.kind is ProposalKind.EXPORT
        and proposal.state is ProposalState.APPROVED
        and proposal.proposed_by == visit.me.user_id
        and visit.may(Permission.EVIDENCE_EXPORT)
    )


def _decide(visit: Visit, act: Callable[..., Proposal], done: str) -> Reply:
    proposal = act(ProposalId(visit.path["proposal_id"]), visit.me)
    return visit.redirect(visit.url("approval", proposal_id=proposal.proposal_id, done=done))


_ONE = "/approvals/{proposal_id}"
ROUTES: tuple[Route, ...] = (
    Route("GET", "/approvals", "approvals", Permission.CASES_READ, show),
    Route("GET", _ONE, "approval", Permission.CASES_READ, show_one),
    Route("POST", f"{_ONE}/approve", "approval_approve", Permission.APPROVALS_DECIDE, approve),
    Route("POST", f"{_ONE}/refuse", "approval_refuse", Permission.APPROVALS_DECIDE, refuse),
    Route("POST", f"{_ONE}/withdraw", "approval_withdraw", Permission.CASES_READ, withdraw),
    Route(
        "POST", f"{_ONE}/files/{{evidence_id}}", "approval_file", Permission.EVIDENCE_EXPORT, fetch
    ),
)
