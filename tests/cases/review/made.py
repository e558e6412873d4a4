"""Cases, decisions, views and people as the tests of review need them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from safehold.cases.model import (
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Queue,
    Statement,
    StatementKind,
)
from safehold.cases.review.model import View
from safehold.ids import (
    CaseId,
    DecisionId,
    EvidenceId,
    ServiceId,
    StatementId,
    UserId,
    ViewId,
)
from safehold.policy.model import Verdict
from safehold.users.model import Preferences, User
from safehold.users.roles import Role

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
SHOP = ServiceId("shop")


def user(name: str, *roles: Role, preferences: Preferences | None = None) -> User:
    """Somebody whose id is their name; a reviewer unless other roles are given."""
    chosen = frozenset(roles or (Role.REVIEWER,))
    return User(UserId(name), name, chosen, NOW, preferences=preferences or Preferences())


def case(**fields: object) -> Case:
    made = Case(
        case_id=CaseId("c"),
        service_id=SHOP,
        content=bytes(16),
        state=CaseState.OPEN,
        queue=Queue.MATCHES,
        verdict=Verdict.HOLD,
        surface="public",
        opened=NOW,
        updated=NOW,
        recipient="age1",
        key_name="k",
        pdq=bytes(32),
        pdq_quality=90,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def evidence(name: str = "e", created: dt.datetime = NOW) -> Evidence:
    return Evidence(EvidenceId(name), CaseId("c"), name, 1, 2, bytes(32), b"", created)


def view(viewer: str = "ann", opened: dt.datetime = NOW, **fields: object) -> View:
    made = View(
        view_id=ViewId("v"),
        case_id=CaseId("c"),
        evidence_id=EvidenceId("e"),
        user_id=UserId(viewer),
        session=b"",
        opened=opened,
        until=opened + dt.timedelta(seconds=20),
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def found(signal: str, *, tier: str = "confirmed", **fields: object) -> dict[str, Any]:
    """A match as decisions keep it."""
    made: dict[str, Any] = {
        "list_name": "partner",
        "tier": tier,
        "entry_id": "e1",
        "classification": "",
        "signal": signal,
        "distance": 12 if signal == "pdq" else 0,
        "conflict": False,
    }
    return made | fields


def by_policy(*reasons: str, matches: Iterable[dict[str, Any]] = ()) -> DecisionRecord:
    listed = list(matches)
    grounds = [[m["list_name"], m["entry_id"]] for m in listed]
    grounds += [["", reason] for reason in reasons if not reason.startswith("similar_")]
    return DecisionRecord(
        DecisionId("p"),
        CaseId("c"),
        None,
        NOW,
        "policy",
        Verdict.HOLD,
        tuple(sorted(reasons)),
        {"matches": listed, "grounds": grounds},
    )


def by_person(who: str, said: str, at: dt.datetime = NOW, **details: Any) -> DecisionRecord:
    return DecisionRecord(
        DecisionId(f"{who}-{said}"),
        CaseId("c"),
        None,
        at,
        f"user:{who}",
        Verdict.BLOCK if said == "confirmed" else Verdict.ALLOW,
        (said,),
        details,
    )


def appeal(at: dt.datetime) -> Statement:
    kind = StatementKind.APPEAL
    return Statement(StatementId("s"), CaseId("c"), SHOP, kind, at, None, "", "r", b"")
