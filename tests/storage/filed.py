"""Reports and what belongs to them, for tests."""

from __future__ import annotations

from typing import Any

from safehold.cases.model import Case
from safehold.ids import DocumentId, EvidenceId, ReportId, UserId
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
)
from tests.storage.held import HOUR, T0

PERSON = b"u" * 16


def report(n: int, of: Case, **fields: Any) -> Report:
    values: dict[str, Any] = {
        "report_id": ReportId(f"report{n:06d}"),
        "case_id": of.case_id,
        "service_id": of.service_id,
        "uploader": PERSON,
        "authority": AuthorityCode.NCMEC,
        "environment": Environment.PRODUCTION,
        "state": ReportState.DRAFT,
        "created": T0,
        "updated": T0,
        "created_by": UserId("ann"),
        "files": (file(n, of),),
    }
    return Report(**values | fields)


def file(n: int, of: Case, relevance: Relevance = Relevance.REPORTED) -> ReportFile:
    return ReportFile(of.case_id, EvidenceId(f"evidence{n:06d}"), relevance)


def step(number: int, of: Report, **fields: Any) -> ReportStep:
    values: dict[str, Any] = {
        "report_id": of.report_id,
        "attempt": 1,
        "number": number,
        "kind": StepKind.SUBMIT,
        "file": None,
        "phase": StepPhase.STARTED,
        "at": T0 + number * HOUR,
    }
    return ReportStep(**values | fields)


def document(n: int, of: Case, **fields: Any) -> KeptDocument:
    values: dict[str, Any] = {
        "document_id": DocumentId(f"document{n:06d}"),
        "case_id": of.case_id,
        "service_id": of.service_id,
        "report_id": None,
        "kind": DocumentKind.RECEIPT,
        "object_name": f"object{n}",
        "key_name": f"documentkey{n}",
        "recipient": "age1document",
        "size": 1_000,
        "sealed_size": 1_200,
        "sealed_sha256": bytes([n % 256]) * 32,
        "created": T0 + n * HOUR,
    }
    return KeptDocument(**values | fields)
