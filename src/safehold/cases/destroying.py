"""The one step by which a case's evidence is destroyed, whoever asks for it.

The order of writing:

1. A fresh key for the case is put into the key store, under a name of its own. A kill here leaves
   a key that no record names, and nothing else.
2. One transaction: the evidence's rows go, the case gets the fresh key in place of the old one,
   and a destruction is written with the names of what is to be destroyed. Whoever seals something
   for the case from now on seals it to a key that is there; intake that sealed to the old one
   starts again. A kill before the commit leaves everything as it was.
3. The objects and the old key are destroyed, and then it is written that they are. A kill here
   leaves it unwritten, and `finish_all` goes on.

So no record ever names a key that is lost, nothing is destroyed that a record still names, and
what was to be destroyed is. What was sealed before (context, statements, notes, what a report
says) stays where it was, and nobody can open it any more once the backups of the key store are
gone: the destruction says when that is.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from safehold.audit.model import Detail, EventDraft
from safehold.cases.destruction import Destruction, Ground
from safehold.cases.model import Case, Evidence
from safehold.cases.names import KeyedNames
from safehold.cases.records import Records, Transaction
from safehold.clock import Clock
from safehold.ids import CaseId, DestructionId, DocumentId, IdMaker
from safehold.vault.interface import VaultError
from safehold.vault.vault import Vault

BATCH = 100
"""Destructions that are gone on with in one go."""

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Plan:
    """Why evidence is destroyed, and who wants it.

    Attributes:
        ground: why.
        requested_by, approved_by: actors of the audit log; `system` where nobody had to be asked.
        document_id: the authority's document, or None.
        reference: the authority's reference, a code, or empty.
    """

    ground: Ground
    requested_by: str = SYSTEM
    approved_by: str = SYSTEM
    document_id: DocumentId | None = None
    reference: str = ""


@dataclass(frozen=True, slots=True)
class DestroyerParts:
    """What destroying works with.

    Attributes:
        records: cases, destructions and audit log.
        vault: original bytes and wrapped keys.
        names: keyed names, of which the fresh key gets one.
        ids, clock: new ids, the present moment.
        officers: gives the officers' recipients, to whom the fresh key is wrapped.
        key_backups: how long backups of the key store are kept.
    """

    records: Records
    vault: Vault
    names: KeyedNames
    ids: IdMaker
    clock: Clock
    officers: Callable[[], Sequence[str]]
    key_backups: dt.timedelta


class Destroyer:
    """Destroys evidence, so that a kill at any moment does no harm."""

    def __init__(self, parts: DestroyerParts) -> None:
        self._parts = parts

    def begin(
        self, transaction: Transaction, case: Case, evidence: Sequence[Evidence], plan: Plan
    ) -> Destruction:
        """Write that evidence is to be destroyed (steps 1, 2).

        Args:
            transaction: holds the audit log and the case.
            case: as it is now.
            evidence: all of it.
            plan: why.
        """
        parts, now = self._parts, self._parts.clock.now()
        key_name = parts.names.case_key(CaseId(parts.ids()))
        recipient = parts.vault.new_case_key(key_name, parts.officers())
        transaction.cases.remove_evidence(case.case_id)
        after = replace(case, recipient=recipient, key_name=key_name, purged=now, updated=now)
        transaction.cases.update(after)
        destruction = Destruction(
            destruction_id=DestructionId(parts.ids()),
            case_id=case.case_id,
            service_id=case.service_id,
            ground=plan.ground,
            begun=now,
            requested_by=plan.requested_by,
            approved_by=plan.approved_by,
            evidence=tuple(item.evidence_id for item in evidence),
            document_id=plan.document_id,
            reference=plan.reference,
            objects=tuple(item.object_name for item in evidence),
            key_name=case.key_name,
        )
        transaction.destructions.add(destruction)
        data: dict[str, Detail] = {
            "evidence": destruction.evidence,
            "destruction": destruction.destruction_id,
            "ground": plan.ground.value,
            # The log cannot be rewritten unseen, the row could: it says what must be gone, too.
            "key": case.key_name,
        }
        self._tell(transaction, "case.purged", destruction, plan.approved_by, data)
        return destruction

    def finish_now(self, destruction_id: DestructionId) -> None:
        """Destroy what a destruction names; where that fails, `finish_all` does it later."""
        with contextlib.suppress(VaultError, OSError):
            self.finish(destruction_id)

    def finish(self, destruction_id: DestructionId) -> None:
        """Destroy what a destruction names (step 3); what is gone already is no failure.

        Raises:
            VaultError: a store cannot be used just now.
        """
        with self._parts.records.read() as transaction:
            found = transaction.destructions.find(destruction_id)
        if found is None or found.destroyed is not None:
            return
        for name in found.objects:
            self._parts.vault.delete(name)
        if found.key_name:
            self._parts.vault.shred(found.key_name)
        self._tell_end(destruction_id)

    def finish_all(self) -> int:
        """Go on with what was begun (step 3); how many are finished now.

        Raises:
            VaultError, OSError: something cannot be destroyed just now; all else is finished.
        """
        finished, failure = 0, None
        while True:
            before = finished
            with self._parts.records.read() as transaction:
                left = transaction.destructions.unfinished(BATCH)
            for destruction in left:
                try:
                    self.finish(destruction.destruction_id)
                    finished += 1
                except (VaultError, OSError) as error:
                    failure = failure or error
            if len(left) < BATCH or finished == before:
                break
        if failure is not None:
            raise failure
        return finished

    def _tell_end(self, destruction_id: DestructionId) -> None:
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            found = transaction.destructions.find(destruction_id, lock=True)
            if found is None or found.destroyed is not None:
                return
            now = self._parts.clock.now()
            done = replace(found, destroyed=now, copies_until=now + self._parts.key_backups)
            transaction.destructions.update(done)
            data: dict[str, Detail] = {"destruction": destruction_id}
            self._tell(transaction, "evidence.destroyed", done, SYSTEM, data)

    def _tell(
        self,
        transaction: Transaction,
        kind: str,
        destruction: Destruction,
        actor: str,
        data: dict[str, Detail],
    ) -> None:
        now = self._parts.clock.now()
        event = EventDraft(kind, now, actor, destruction.service_id, destruction.case_id, data)
        transaction.audit.append([event])
