"""People's work on cases, for tests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from safehold.cases.model import Case, DecisionRecord
from safehold.cases.records import Records
from safehold.cases.review.model import (
    CaseLock,
    Proposal,
    ProposalKind,
    ProposalState,
    View,
)
from safehold.ids import (
    DecisionId,
    EvidenceId,
    ProposalId,
    UserId,
    ViewId,
)
from safehold.policy.model import Verdict
from tests.storage.held import HOUR, T0

ANN, BEN = UserId("ann"), UserId("ben")


def lock(of: Case, user: UserId, since: dt.datetime = T0, hours: float = 1) -> CaseLock:
    return CaseLock(of.case_id, user, since, since + hours * HOUR)


def view(n: int, of: Case, **fields: Any) -> View:
    values: dict[str, Any] = {
        "view_id": ViewId(f"view{n}"),
        "case_id": of.case_id,
        "evidence_id": EvidenceId("evidence"),
        "user_id": ANN,
        "session": b"s" * 16,
        "opened": T0 + n * HOUR,
        "until": T0 + (n + 1) * HOUR,
    }
    return View(**values | fields)


def proposal(n: int, of: Case, **fields: Any) -> Proposal:
    values: dict[str, Any] = {
        "proposal_id": ProposalId(f"proposal{n}"),
        "case_id": of.case_id,
        "service_id": of.service_id,
        "kind": ProposalKind.CLEAR,
        "state": ProposalState.OPEN,
        "proposed_by": ANN,
        "proposed_at": T0 + n * HOUR,
        "until": T0 + 100 * HOUR,
        "details": {"reason": "other"},
    }
    return Proposal(**values | fields)


def decided(n: int, of: Case, actor: str, at: dt.datetime, **fields: Any) -> DecisionRecord:
    values: dict[str, Any] = {
        "decision_id": DecisionId(f"decision{n:04d}"),
        "case_id": of.case_id,
        "occurrence_id": None,
        "at": at,
        "actor": actor,
        "verdict": Verdict.ALLOW,
        "reasons": ("cleared",),
    }
    return DecisionRecord(**values | fields)


def put(records: Records, *cases: Case) -> None:
    with records.write() as transaction:
        for one in cases:
            assert transaction.cases.add(one)
