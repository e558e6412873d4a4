"""Reports, journals and kept documents as rows, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from safehold.ids import CaseId, DocumentId, EvidenceId, ReportId, ServiceId, UserId
from safehold.reporting.model import (
    AuthorityCode,
    DocumentKind,
    Environment,
    KeptDocument,
    Relevance,
    Report,
    ReportFile,
    ReportState,
    ReportStep,
    StepKind,
    StepPhase,
    Trouble,
)

_FIXED = frozenset(
    {"report_id", "case_id", "service_id", "uploader", "authority", "created", "created_by"}
)
"""What never changes of a report."""


def _fields(record: Report | ReportStep | KeptDocument) -> dict[str, Any]:
    """A record whose fields are the columns of its table."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}


def of_report(report: Report) -> dict[str, Any]:
    """The row of a report; its files are rows of their own."""
    values = _fields(report)
    del values["files"]
    for name in ("authority", "environment", "state", "trouble"):
        values[name] = values[name].value
    return values


def of_report_changes(report: Report) -> dict[str, Any]:
    """What can change of a report."""
    return {name: value for name, value in of_report(report).items() if name not in _FIXED}


def of_files(report: Report) -> list[dict[str, Any]]:
    """The rows of a report's files."""
    return [
        {
            "report_id": report.report_id,
            "place": place,
            "case_id": file.case_id,
            "evidence_id": file.evidence_id,
            "relevance": file.relevance.value,
        }
        for place, file in enumerate(report.files)
    ]


def report(row: sa.Row[Any], files: Iterable[sa.Row[Any]]) -> Report:
    """A report from its rows."""
    return Report(
        report_id=ReportId(row.report_id),
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        uploader=row.uploader,
        authority=AuthorityCode(row.authority),
        environment=Environment(row.environment),
        state=ReportState(row.state),
        created=row.created,
        updated=row.updated,
        created_by=UserId(row.created_by),
        trouble=Trouble(row.trouble),
        attempt=row.attempt,
        files=tuple(
            ReportFile(
                CaseId(file.case_id), EvidenceId(file.evidence_id), Relevance(file.relevance)
            )
            for file in files
        ),
        sealed_details=row.sealed_details,
        sealed_documents=row.sealed_documents,
        digest=row.digest,
        prepared_by=None if row.prepared_by is None else UserId(row.prepared_by),
        prepared_at=row.prepared_at,
        approved_by=None if row.approved_by is None else UserId(row.approved_by),
        approved_at=row.approved_at,
        remote_id=row.remote_id,
        filed_at=row.filed_at,
    )


def of_step(step: ReportStep) -> dict[str, Any]:
    """The row of an entry of a journal."""
    return _fields(step) | {"kind": step.kind.value, "phase": step.phase.value}


def step(row: sa.Row[Any]) -> ReportStep:
    """An entry of a journal from its row."""
    return ReportStep(
        report_id=ReportId(row.report_id),
        attempt=row.attempt,
        number=row.number,
        kind=StepKind(row.kind),
        file=row.file,
        phase=StepPhase(row.phase),
        at=row.at,
        code=row.code,
        status=row.status,
        remote_report=row.remote_report,
        remote_file=row.remote_file,
        md5=row.md5,
        request_id=row.request_id,
        document_id=None if row.document_id is None else DocumentId(row.document_id),
    )


def of_document(document: KeptDocument) -> dict[str, Any]:
    """The row of a kept document."""
    return _fields(document) | {"kind": document.kind.value}


def document(row: sa.Row[Any]) -> KeptDocument:
    """A kept document from its row."""
    return KeptDocument(
        document_id=DocumentId(row.document_id),
        case_id=CaseId(row.case_id),
        service_id=ServiceId(row.service_id),
        report_id=None if row.report_id is None else ReportId(row.report_id),
        kind=DocumentKind(row.kind),
        object_name=row.object_name,
        key_name=row.key_name,
        recipient=row.recipient,
        size=row.size,
        sealed_size=row.sealed_size,
        sealed_sha256=row.sealed_sha256,
        created=row.created,
    )
