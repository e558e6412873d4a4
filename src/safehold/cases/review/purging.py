"""Destroying a case's evidence as two people have decided; `cases.destroying` has the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from safehold.cases.destroying import Destroyer, DestroyerParts, Plan
from safehold.cases.destruction import Ground
from safehold.cases.model import CaseState
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.desk import Desk, Reading
from safehold.cases.review.model import OnHoldError, Proposal
from safehold.cases.review.refusals import ProposalDetailsError
from safehold.cases.workflow import TransitionError
from safehold.ids import DestructionId, DocumentId
from safehold.users.model import User

_DESTRUCTION = "destruction"


class Purging:
    """Destroys evidence that two people want destroyed."""

    def __init__(self, desk: Desk) -> None:
        parts = desk.parts
        self._desk = desk
        self._destroyer = Destroyer(
            DestroyerParts(
                records=parts.records,
                vault=parts.vault,
                names=parts.names,
                ids=parts.ids,
                clock=parts.clock,
                officers=parts.officers,
                key_backups=parts.key_backups,
            )
        )

    def check(self, transaction: Transaction, reading: Reading, details: Mapping[str, str]) -> None:
        """Whether evidence may be destroyed now, on a ground.

        Raises:
            TransitionError: somebody has to decide the case first.
            OnHoldError: a legal hold stands, which nothing but lifting it overcomes.
            RetentionError: the law asks that it be kept.
            ProposalDetailsError: an authority's document or reference is missing.
        """
        if reading.case.state in (CaseState.OPEN, CaseState.AWAITING_BYTES):
            raise TransitionError
        if transaction.reviews.holds_on(reading.case.case_id):
            raise OnHoldError
        ground = ground_of(details)
        named = bool(details.get("document")), bool(details.get("reference"))
        if named != (ground is Ground.AUTHORITY,) * 2:
            raise ProposalDetailsError
        document = DocumentId(details.get("document", ""))
        self._desk.parts.keeps(transaction, reading.case, ground, document)

    def begin(
        self, transaction: Transaction, reading: Reading, proposal: Proposal, user: User
    ) -> Proposal:
        """Write that evidence is to be destroyed; the proposal with the destruction's id."""
        details = proposal.details
        plan = Plan(
            ground=ground_of(details),
            requested_by=rules.actor(proposal.proposed_by),
            approved_by=rules.actor(user.user_id),
            document_id=DocumentId(details["document"]) if details.get("document") else None,
            reference=details.get("reference", ""),
        )
        begun = self._destroyer.begin(transaction, reading.case, reading.evidence, plan)
        return replace(proposal, details={**details, _DESTRUCTION: begun.destruction_id})

    def finish_now(self, proposal: Proposal) -> None:
        """Destroy what a proposal has begun; where that fails, `finish` does it later."""
        self._destroyer.finish_now(DestructionId(proposal.details[_DESTRUCTION]))

    def finish(self) -> int:
        """Go on with what was begun. Raises `VaultError`."""
        return self._destroyer.finish_all()


def ground_of(details: Mapping[str, str]) -> Ground:
    """Why evidence is to be destroyed; before its time where nothing is said.

    Raises:
        ProposalDetailsError: no person proposes that.
    """
    try:
        ground = Ground(details.get("ground") or Ground.EARLY)
    except ValueError:
        raise ProposalDetailsError from None
    if ground is Ground.CLEARED:
        raise ProposalDetailsError
    return ground
