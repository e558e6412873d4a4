"""Cases and what belongs to them as rows, and back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from safehold.cases.model import (
    Attention,
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    OccurrenceKind,
    Queue,
    Statement,
    StatementKind,
)
from safehold.cases.urgency import LARGEST
from safehold.ids import (
    CaseId,
    DecisionId,
    EvidenceId,
    OccurrenceId,
    ServiceId,
    StatementId,
)
from safehold.policy.model import Verdict


def of_changes(case: Case) -> dict[str, Any]:
    """What can change of a case."""
    return {
        "state": case.state.value,
        "queue": case.queue.value,
        "verdict": case.verdict.value,
        "updated": case.updated,
        "deadline": case.deadline,
        "cleared": [list(ground) for ground in sorted(case.cleared)],
        "canary": case.canary,
        "pdq": case.pdq,
        "pdq_quality": case.pdq_quality,
        "recipient": case.recipient,
        "key_name": case.key_name,
        "tier": case.tier,
        "calm": LARGEST - case.urgency,
        "attention": case.attention.value,
        "purged": case.purged,
    }


def of_case(case: Case) -> dict[str, Any]:
    """The whole row of a case."""
    return {
        "case_id": case.case_id,
        "service_id": case.service_id,
        "content": case.content,
        "surface": case.surface,
        "opened": case.opened,
        **of_changes(case),
    }


def case(row: sa.Row[Any]) -> Case:
    """A case from its row."""
    return Case(
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        content=row.content,
        state=CaseState(row.state),
        queue=Queue(row.queue),
        verdict=Verdict(row.verdict),
        surface=row.surface,
        opened=row.opened,
        updated=row.updated,
        recipient=row.recipient,
        key_name=row.key_name,
        canary=row.canary,
        deadline=row.deadline,
        cleared=frozenset((name, entry) for name, entry in row.cleared),
        pdq=row.pdq,
        pdq_quality=row.pdq_quality,
        tier=row.tier,
        urgency=LARGEST - row.calm,
        attention=Attention(row.attention),
        purged=row.purged,
    )


def of_occurrence(occurrence: Occurrence) -> dict[str, Any]:
    """The row of an occurrence."""
    return {
        "occurrence_id": occurrence.occurrence_id,
        "case_id": occurrence.case_id,
        "service_id": occurrence.service_id,
        "kind": occurrence.kind.value,
        "at": occurrence.at,
        "surface": occurrence.surface,
        "uploader": occurrence.uploader,
        "receipt": occurrence.receipt,
        "sealed_context": occurrence.sealed_context,
    }


def occurrence(row: sa.Row[Any]) -> Occurrence:
    """An occurrence from its row."""
    return Occurrence(
        occurrence_id=OccurrenceId(row.occurrence_id),
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        kind=OccurrenceKind(row.kind),
        at=row.at,
        surface=row.surface,
        uploader=row.uploader,
        receipt=row.receipt,
        sealed_context=row.sealed_context,
    )


def of_evidence(evidence: Evidence) -> dict[str, Any]:
    """The row of a piece of evidence."""
    return {
        "evidence_id": evidence.evidence_id,
        "case_id": evidence.case_id,
        "object_name": evidence.object_name,
        "size": evidence.size,
        "sealed_size": evidence.sealed_size,
        "sealed_sha256": evidence.sealed_sha256,
        "sealed_manifest": evidence.sealed_manifest,
        "created": evidence.created,
    }


def evidence(row: sa.Row[Any]) -> Evidence:
    """A piece of evidence from its row."""
    return Evidence(
        evidence_id=EvidenceId(row.evidence_id),
        case_id=CaseId(row.case_id),
        object_name=row.object_name,
        size=row.size,
        sealed_size=row.sealed_size,
        sealed_sha256=row.sealed_sha256,
        sealed_manifest=row.sealed_manifest,
        created=row.created,
    )


def of_decision(decision: DecisionRecord) -> dict[str, Any]:
    """The row of a decision."""
    return {
        "decision_id": decision.decision_id,
        "case_id": decision.case_id,
        "occurrence_id": decision.occurrence_id,
        "at": decision.at,
        "actor": decision.actor,
        "verdict": decision.verdict.value,
        "reasons": list(decision.reasons),
        "details": dict(decision.details),
    }


def decision(row: sa.Row[Any]) -> DecisionRecord:
    """A decision from its row."""
    return DecisionRecord(
        decision_id=DecisionId(row.decision_id),
        case_id=CaseId(row.case_id),
        occurrence_id=None if row.occurrence_id is None else OccurrenceId(row.occurrence_id),
        at=row.at,
        actor=row.actor,
        verdict=Verdict(row.verdict),
        reasons=tuple(row.reasons),
        details=row.details,
    )


def of_statement(statement: Statement) -> dict[str, Any]:
    """The row of a statement."""
    return {
        "statement_id": statement.statement_id,
        "case_id": statement.case_id,
        "service_id": statement.service_id,
        "kind": statement.kind.value,
        "at": statement.at,
        "author": statement.author,
        "reason": statement.reason,
        "receipt": statement.receipt,
        "sealed_text": statement.sealed_text,
    }


def statement(row: sa.Row[Any]) -> Statement:
    """A statement from its row."""
    return Statement(
        statement_id=StatementId(row.statement_id),
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        kind=StatementKind(row.kind),
        at=row.at,
        author=row.author,
        reason=row.reason,
        receipt=row.receipt,
        sealed_text=row.sealed_text,
    )
