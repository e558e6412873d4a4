"""What people's work on cases leaves behind, as rows and back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from safehold.cases.review.model import (
    LegalHold,
    Likeness,
    Note,
    NoteKind,
    Proposal,
    ProposalKind,
    ProposalState,
    View,
)
from safehold.ids import CaseId, EvidenceId, HoldId, NoteId, ProposalId, ServiceId, UserId, ViewId


def of_view_changes(view: View) -> dict[str, Any]:
    """What can change of a view."""
    return {
        "ended": view.ended,
        "frames": view.frames,
        "whole": view.whole,
        "blurred": sorted(view.blurred),
        "sharp": sorted(view.sharp),
        "colour": sorted(view.colour),
        "sharp_seconds": view.sharp_seconds,
    }


def of_view(view: View) -> dict[str, Any]:
    """The row of a view."""
    return {
        "view_id": view.view_id,
        "case_id": view.case_id,
        "evidence_id": view.evidence_id,
        "user_id": view.user_id,
        "session": view.session,
        "opened": view.opened,
        "until": view.until,
        **of_view_changes(view),
    }


def view(row: sa.Row[Any]) -> View:
    """A view from its row."""
    return View(
        view_id=ViewId(row.view_id),
        case_id=CaseId(row.case_id),
        evidence_id=EvidenceId(row.evidence_id),
        user_id=UserId(row.user_id),
        session=row.session,
        opened=row.opened,
        until=row.until,
        ended=row.ended,
        frames=row.frames,
        whole=row.whole,
        blurred=frozenset(row.blurred),
        sharp=frozenset(row.sharp),
        colour=frozenset(row.colour),
        sharp_seconds=row.sharp_seconds,
    )


def of_proposal_changes(proposal: Proposal) -> dict[str, Any]:
    """What can change of a proposal."""
    return {
        "state": proposal.state.value,
        "details": dict(proposal.details),
        "decided_by": proposal.decided_by,
        "decided_at": proposal.decided_at,
    }


def of_proposal(proposal: Proposal) -> dict[str, Any]:
    """The row of a proposal."""
    return {
        "proposal_id": proposal.proposal_id,
        "case_id": proposal.case_id,
        "service_id": proposal.service_id,
        "kind": proposal.kind.value,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at,
        "until": proposal.until,
        **of_proposal_changes(proposal),
    }


def proposal(row: sa.Row[Any]) -> Proposal:
    """A proposal from its row."""
    return Proposal(
        proposal_id=ProposalId(row.proposal_id),
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        kind=ProposalKind(row.kind),
        state=ProposalState(row.state),
        proposed_by=UserId(row.proposed_by),
        proposed_at=row.proposed_at,
        until=row.until,
        details=row.details,
        decided_by=None if row.decided_by is None else UserId(row.decided_by),
        decided_at=row.decided_at,
    )


def of_note(note: Note) -> dict[str, Any]:
    """The row of a note."""
    return {
        "note_id": note.note_id,
        "case_id": note.case_id,
        "kind": note.kind.value,
        "user_id": note.user_id,
        "at": note.at,
        "sealed_text": note.sealed_text,
    }


def note(row: sa.Row[Any]) -> Note:
    """A note from its row."""
    return Note(
        note_id=NoteId(row.note_id),
        case_id=CaseId(row.case_id),
        kind=NoteKind(row.kind),
        user_id=UserId(row.user_id),
        at=row.at,
        sealed_text=row.sealed_text,
    )


def of_hold(hold: LegalHold) -> dict[str, Any]:
    """The row of a legal hold."""
    return {
        "hold_id": hold.hold_id,
        "service_id": hold.service_id,
        "case_id": hold.case_id,
        "uploader": hold.uploader,
        "reference": hold.reference,
        "set_by": hold.set_by,
        "set_at": hold.set_at,
        "lifted_by": hold.lifted_by,
        "lifted_at": hold.lifted_at,
    }


def hold(row: sa.Row[Any]) -> LegalHold:
    """A legal hold from its row."""
    return LegalHold(
        hold_id=HoldId(row.hold_id),
        service_id=ServiceId(row.service_id),
        case_id=None if row.case_id is None else CaseId(row.case_id),
        uploader=row.uploader,
        reference=row.reference,
        set_by=UserId(row.set_by),
        set_at=row.set_at,
        lifted_by=None if row.lifted_by is None else UserId(row.lifted_by),
        lifted_at=row.lifted_at,
    )


def of_likeness(likeness: Likeness) -> dict[str, Any]:
    """The row of a clearing by likeness."""
    return {
        "case_id": likeness.case_id,
        "service_id": likeness.service_id,
        "pdq": likeness.pdq,
        "radius": likeness.radius,
        "grounds": [list(ground) for ground in sorted(likeness.grounds)],
        "at": likeness.at,
        "ended": likeness.ended,
    }


def likeness(row: sa.Row[Any]) -> Likeness:
    """A clearing by likeness from its row."""
    return Likeness(
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        pdq=row.pdq,
        radius=row.radius,
        grounds=frozenset((name, entry) for name, entry in row.grounds),
        at=row.at,
        ended=row.ended,
    )
