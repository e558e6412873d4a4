"""The one step by which a person's decision is written, whoever asks for it.

Case, decision, audit event and webhooks are written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import Case, CaseState, DecisionRecord
from safehold.cases.notify import ReceiptMessages, tell_change
from safehold.cases.records import Transaction
from safehold.cases.suppressing import end_suppressions, suppress
from safehold.cases.workflow import present_verdict
from safehold.clock import Clock
from safehold.ids import DecisionId, IdMaker

UNDONE = "undone"
"""Reason of the record that says that a decision does not stand any more."""

_KINDS = {CaseState.CONFIRMED: "case.confirmed", CaseState.CLEARED: "case.cleared"}
_TOLD = ("classification", "annotations", "reason", "viewed", "group", "proposed_by", "undone")
"""Which details stand in the audit event too."""


class Settler:
    """Writes what a person has decided.

    Args:
        ids, clock: new ids, the present moment.
        receipt_messages: webhooks of a receipt.
    """

    def __init__(self, ids: IdMaker, clock: Clock, receipt_messages: ReceiptMessages) -> None:
        self._ids = ids
        self._clock = clock
        self._receipt_messages = receipt_messages

    def settle(
        self,
        transaction: Transaction,
        before: Case,
        after: Case,
        actor: str,
        details: Mapping[str, Any] | None = None,
    ) -> DecisionRecord:
        """Write the case as it is after a decision; the transaction holds the audit log.

        A case that is confirmed, or whose decision is undone, vouches for nothing that is like
        it: its clearing by likeness ends, and so do the suppressions of its matches. One that a
        person has cleared makes them.

        Args:
            transaction: in which all is written.
            before: the case as it was.
            after: the case as it is now.
            actor: who decides, as the audit log names it.
            details: of the decision: codes and ids.
        """
        details = dict(details or {})
        # So that an undoing takes back what this cleared, and nothing that was cleared before.
        if added := after.cleared - before.cleared:
            details["cleared"] = sorted([name, ground] for name, ground in added)
        transaction.cases.update(after)
        if after.state is not CaseState.CLEARED:
            transaction.reviews.end_likeness(after.case_id, after.updated)
            end_suppressions(transaction, after, after.updated, actor)
        decision = DecisionRecord(
            decision_id=DecisionId(self._ids()),
            case_id=after.case_id,
            occurrence_id=None,
            at=after.updated,
            actor=actor,
            verdict=present_verdict(after),
            reasons=(UNDONE if after.state is CaseState.OPEN else after.state.value,),
            details=details,
        )
        transaction.cases.add_decision(decision)
        if after.state is CaseState.CLEARED:
            suppress(transaction, after, decision, self._ids)
        told: dict[str, Detail] = {"decision": decision.decision_id}
        for name in _TOLD:
            if value := details.get(name):
                told[name] = value if isinstance(value, str) else tuple(value)
        kind = _KINDS.get(after.state, "case.undone")
        transaction.audit.append(
            [EventDraft(kind, self._clock.now(), actor, after.service_id, after.case_id, told)]
        )
        tell_change(transaction, before, after, after.updated, self._receipt_messages)
        return decision
