"""What happens to a case after it was opened: decisions, deadlines, and the end of canaries.

Decisions here are bare: whoever asks has decided whether they may be made. People's decisions go
through `safehold.cases.review`, which keeps the rules of review and settles in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from safehold.audit.model import EventDraft
from safehold.cases import workflow
from safehold.cases.model import Case, CaseFilter, Ground, UnknownCaseError
from safehold.cases.notify import ReceiptMessages
from safehold.cases.records import Records, Transaction
from safehold.cases.settling import Settler
from safehold.clock import Clock
from safehold.ids import CaseId, IdMaker
from safehold.vault.vault import Vault

_BATCH = 200


class CaseService:
    """Changes cases, with their audit events and webhooks in the same transaction."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        receipt_messages: ReceiptMessages,
        ids: IdMaker,
        clock: Clock,
    ) -> None:
        self._records = records
        self._vault = vault
        self._settler = Settler(ids, clock, receipt_messages)
        self._clock = clock

    def list(self, wanted: CaseFilter) -> Sequence[Case]:
        """Cases in the order of their ids."""
        with self._records.read() as transaction:
            return transaction.cases.list(wanted)

    def confirm(self, case_id: CaseId, actor: str) -> Case:
        """A person confirms what was found.

        Raises:
            UnknownCaseError, TransitionError: there is no such case, or it is not open.
        """
        with self._changes() as transaction:
            before = _find(transaction, case_id)
            after = workflow.confirm(before, self._clock.now())
            self._settler.settle(transaction, before, after, actor)
            return after

    def clear(self, case_id: CaseId, actor: str, cleared: frozenset[Ground] | None = None) -> Case:
        """A person clears a case.

        Args:
            case_id: the case.
            actor: who decides.
            cleared: which grounds; None for all that policy found in these bytes so far.

        Raises:
            UnknownCaseError, TransitionError: there is no such case, or it is not open.
        """
        with self._changes() as transaction:
            before = _find(transaction, case_id)
            if cleared is None:
                cleared = workflow.found_grounds(transaction.cases.decisions(case_id))
            after = workflow.clear(before, cleared, self._clock.now())
            self._settler.settle(transaction, before, after, actor)
            return after

    def expire_due(self) -> int:
        """Expire the cases whose deadline has passed; how many.

        Each is looked at anew under its lock: an upload or a person may just have changed it.
        """
        expired = 0
        while True:
            now = self._clock.now()
            with self._changes() as transaction:
                due = transaction.cases.due(now, _BATCH)
                events = []
                for found in due:
                    case = transaction.cases.find(found.case_id, lock=True)
                    if case is None or not workflow.is_expired(case, now):
                        continue
                    after = workflow.expire(case, now)
                    transaction.cases.update(after)
                    events.append(_event("case.expired", after, "system", self._clock))
                transaction.audit.append(events)
            expired += len(events)
            if len(due) < _BATCH or not events:
                return expired

    def purge_canary(self, case_id: CaseId) -> None:
        """Remove a canary's case, its evidence and its key; the audit log keeps its events.

        Raises:
            UnknownCaseError: there is no such case, or it is no canary's.
        """
        with self._changes() as transaction:
            case = _find(transaction, case_id)
            if not case.canary:
                raise UnknownCaseError
            evidence = transaction.cases.evidence(case_id)
            transaction.cases.delete(case_id)
            transaction.audit.append([_event("canary.purged", case, "system", self._clock)])
        for item in evidence:
            self._vault.delete(item.object_name)
        self._vault.shred(case.key_name)

    @contextmanager
    def _changes(self) -> Iterator[Transaction]:
        """A transaction that changes cases: it holds the audit log before any case."""
        with self._records.write() as transaction:
            transaction.audit.lock()
            yield transaction


def _find(transaction: Transaction, case_id: CaseId) -> Case:
    case = transaction.cases.find(case_id, lock=True)
    if case is None:
        raise UnknownCaseError
    return case


def _event(kind: str, case: Case, actor: str, clock: Clock) -> EventDraft:
    return EventDraft(kind, clock.now(), actor, case.service_id, case.case_id)
