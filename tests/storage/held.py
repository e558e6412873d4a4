"""Cases and what belongs to them, for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from safehold.audit.model import EventDraft
from safehold.cases.model import (
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
from safehold.ids import (
    CaseId,
    DecisionId,
    EvidenceId,
    OccurrenceId,
    ServiceId,
    StatementId,
)
from safehold.policy.model import Verdict

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
ONE, OTHER = ServiceId("one"), ServiceId("other")


def content(n: int) -> bytes:
    return n.to_bytes(16, "big")


def case(n: int, **fields: Any) -> Case:
    values: dict[str, Any] = {
        "case_id": CaseId(f"case{n:06d}"),
        "service_id": ONE,
        "content": content(n),
        "state": CaseState.OPEN,
        "queue": Queue.MATCHES,
        "verdict": Verdict.HOLD,
        "surface": "public",
        "opened": T0,
        "updated": T0,
        "recipient": "age1example",
        "key_name": f"key{n:06d}",
    }
    return Case(**values | fields)


def occurrence(n: int, of: Case, **fields: Any) -> Occurrence:
    values: dict[str, Any] = {
        "occurrence_id": OccurrenceId(f"occurrence{n:06d}"),
        "case_id": of.case_id,
        "service_id": of.service_id,
        "kind": OccurrenceKind.UPLOAD,
        "at": T0,
        "surface": "public",
        "uploader": b"u" * 16,
        "receipt": f"receipt{n}",
        "sealed_context": b"\0sealed\xff",
    }
    return Occurrence(**values | fields)


def evidence(n: int, of: Case, **fields: Any) -> Evidence:
    values: dict[str, Any] = {
        "evidence_id": EvidenceId(f"evidence{n:06d}"),
        "case_id": of.case_id,
        "object_name": f"object{n}",
        "size": 100_000,
        "sealed_size": 100_200,
        "sealed_sha256": bytes([n % 256]) * 32,
        "sealed_manifest": b"\0manifest\xff",
        "created": T0,
    }
    return Evidence(**values | fields)


def decision(n: int, of: Case, **fields: Any) -> DecisionRecord:
    values: dict[str, Any] = {
        "decision_id": DecisionId(f"decision{n:06d}"),
        "case_id": of.case_id,
        "occurrence_id": None,
        "at": T0,
        "actor": "policy",
        "verdict": Verdict.HOLD,
        "reasons": ("exact_confirmed", "stale_list"),
        "details": {
            "matches": [{"list": "some", "distance": 3}],
            "scores": {"a": 0.5},
            "none": None,
        },
    }
    return DecisionRecord(**values | fields)


def statement(n: int, of: Case, **fields: Any) -> Statement:
    values: dict[str, Any] = {
        "statement_id": StatementId(f"statement{n:06d}"),
        "case_id": of.case_id,
        "service_id": of.service_id,
        "kind": StatementKind.FLAG,
        "at": T0,
        "author": None,
        "reason": "spam",
        "receipt": f"receipt{n}",
        "sealed_text": b"\0text\xff",
    }
    return Statement(**values | fields)


def event(n: int, subject: str = "") -> EventDraft:
    return EventDraft(
        "case.opened", T0 + n * HOUR, "policy", ONE, subject, {"n": n, "reasons": ("a", "b")}
    )
