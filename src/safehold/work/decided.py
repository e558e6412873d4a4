"""What people decided on cases, as jobs find it in the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from safehold.cases.model import Case, CaseState, DecisionRecord
from safehold.cases.records import Transaction
from safehold.cases.settling import UNDONE

KINDS = frozenset({"case.confirmed", "case.cleared", "case.undone"})
"""Events of decisions, and of their undoing."""

EVENTS = 5_000
"""Audit events that one step of a job reads."""

_DECIDED = frozenset({CaseState.CONFIRMED.value, CaseState.CLEARED.value, UNDONE})


def last_decision(decisions: Sequence[DecisionRecord]) -> DecisionRecord | None:
    """The last word of people on a case: a decision, or that one does not stand any more."""
    by_people = (d for d in reversed(decisions) if d.actor.startswith("user:"))
    return next((d for d in by_people if not _DECIDED.isdisjoint(d.reasons)), None)


def is_real(transaction: Transaction, case: Case) -> bool:
    """Whether a case is neither a canary's nor one of a trial service."""
    service = transaction.accounts.service(case.service_id)
    return not case.canary and service is not None and not service.demo
