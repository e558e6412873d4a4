"""People's work on cases as rows, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from safehold.cases.review.model import (
    CaseLock,
    LegalHold,
    Likeness,
    Note,
    NoteKind,
    Proposal,
    ProposalKind,
    ProposalState,
    View,
)
from safehold.ids import (
    CaseId,
    EvidenceId,
    HoldId,
    NoteId,
    ProposalId,
    ServiceId,
    UserId,
    ViewId,
)


def _fields(record: CaseLock | View | Proposal | Note | LegalHold | Likeness) -> dict[str, Any]:
    """A record whose fields are the columns of its table."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def of_lock(lock: CaseLock) -> dict[str, Any]:
    """The row of a lock."""
    return _fields(lock)


def lock(row: sa.Row[Any]) -> CaseLock:
    """A lock from its row."""
    return CaseLock(CaseId(row.case_id), UserId(row.user_id), row.since, row.until)


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
    """The whole row of a view."""
    return _fields(view) | of_view_changes(view)


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
        blurred=_stills(row.blurred),
        sharp=_stills(row.sharp),
        colour=_stills(row.colour),
        sharp_seconds=row.sharp_seconds,
    )


def _stills(numbers: Iterable[int]) -> frozenset[int]:
    return frozenset(int(number) for number in numbers)


def of_proposal_changes(proposal: Proposal) -> dict[str, Any]:
    """What can change of a proposal."""
    return {
        "state": proposal.state.value,
        "details": dict(proposal.details),
        "decided_by": proposal.decided_by,
        "decided_at": proposal.decided_at,
    }


def of_proposal(proposal: Proposal) -> dict[str, Any]:
    """The whole row of a proposal."""
    return _fields(proposal) | {"kind": proposal.kind.value} | of_proposal_changes(proposal)


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
        decided_by=_user(row.decided_by),
        decided_at=row.decided_at,
    )


def of_note(note: Note) -> dict[str, Any]:
    """The row of a note."""
    return _fields(note) | {"kind": note.kind.value}


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
    return _fields(hold)


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
        lifted_by=_user(row.lifted_by),
        lifted_at=row.lifted_at,
    )


def of_likeness(likeness: Likeness) -> dict[str, Any]:
    """The row of a clearing by likeness."""
    grounds = [list(ground) for ground in sorted(likeness.grounds)]
    return _fields(likeness) | {"grounds": grounds}


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


def _user(user_id: str | None) -> UserId | None:
    return None if user_id is None else UserId(user_id)
