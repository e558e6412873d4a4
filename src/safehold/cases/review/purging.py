"""Destroying a case's evidence before its time, as two people have decided.

The order of writing:

1. A fresh key for the case is put into the key store, under a name of its own. A kill here leaves
   a key that no record names, and nothing else.
2. One transaction: the evidence's rows go, the case gets the fresh key in place of the old one,
   and the proposal keeps the names of what is to be destroyed. Whoever seals something for the
   case from now on seals it to a key that is there; intake that sealed to the old one starts
   again. A kill before the commit leaves everything as it was.
3. The objects and the old key are destroyed, and then their names are struck off the proposal.
   A kill here leaves names on the proposal, by which `finish` goes on.

So no record ever names a key that is lost, nothing is destroyed that a record still names, and
what was to be destroyed is. What was sealed before (context, statements, notes) stays where it
was, and nobody can open it any more once the backups of the key store expire.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

from safehold.audit.model import EventDraft
from safehold.cases.records import Transaction
from safehold.cases.review.desk import Desk, Reading
from safehold.cases.review.model import Proposal, ProposalKind, ProposalState
from safehold.ids import CaseId, ProposalId
from safehold.users.model import User
from safehold.vault.interface import VaultError

_OBJECTS, _KEY = "objects", "key"
_MOST = 10_000


class Purging:
    """Destroys evidence, so that a kill at any moment does no harm."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def begin(
        self, transaction: Transaction, reading: Reading, proposal: Proposal, user: User
    ) -> Proposal:
        """Write that evidence is to be destroyed (steps 1, 2); the proposal with its names."""
        parts = self._desk.parts
        case, now = reading.case, self._desk.now()
        key_name = parts.names.case_key(CaseId(parts.ids()))
        recipient = parts.vault.new_case_key(key_name, parts.officers())
        transaction.cases.remove_evidence(case.case_id)
        after = replace(case, recipient=recipient, key_name=key_name, purged=now, updated=now)
        transaction.cases.update(after)
        ids = tuple(item.evidence_id for item in reading.evidence)
        transaction.audit.append([self._desk.event("case.purged", case, user, evidence=ids)])
        names = " ".join(item.object_name for item in reading.evidence)
        return replace(proposal, details={**proposal.details, _OBJECTS: names, _KEY: case.key_name})

    def finish_now(self, proposal: Proposal) -> None:
        """Destroy what a proposal names; where that fails, `finish` does it later."""
        with contextlib.suppress(VaultError, OSError):
            self._destroy(proposal)

    def finish(self) -> int:
        """Destroy what approved proposals still name (step 3); how many there were.

        Raises:
            VaultError: a store cannot be used just now.
        """
        with self._desk.parts.records.read() as transaction:
            approved = transaction.reviews.proposals(ProposalState.APPROVED, _MOST)
        left = [p for p in approved if p.kind is ProposalKind.PURGE and _KEY in p.details]
        for proposal in left:
            self._destroy(proposal)
        return len(left)

    def _destroy(self, proposal: Proposal) -> None:
        """Destroy objects and key; what is gone already is no failure."""
        vault = self._desk.parts.vault
        for name in proposal.details[_OBJECTS].split():
            vault.delete(name)
        vault.shred(proposal.details[_KEY])
        self._strike_off(proposal.proposal_id)

    def _strike_off(self, proposal_id: ProposalId) -> None:
        with self._desk.changes() as transaction:
            proposal = transaction.reviews.proposal(proposal_id, lock=True)
            if proposal is None or _KEY not in proposal.details:
                return
            kept = {k: v for k, v in proposal.details.items() if k not in (_OBJECTS, _KEY)}
            transaction.reviews.update_proposal(replace(proposal, details=kept))
            data = {"proposal": proposal_id}
            at = self._desk.now()
            event = EventDraft(
                "evidence.destroyed", at, "system", proposal.service_id, proposal.case_id, data
            )
            transaction.audit.append([event])
