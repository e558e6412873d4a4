"""Legal holds: nothing of a case, or of an account's cases, is destroyed while one stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from safehold.audit.model import EventDraft
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.desk import Desk, require
from safehold.cases.review.model import LegalHold, ProposalError
from safehold.cases.review.refusals import HoldReferenceError
from safehold.ids import CaseId, HoldId
from safehold.users.model import User
from safehold.users.roles import Permission

_REFERENCE = re.compile(r"[A-Za-z0-9._:/-]{1,64}")


class Holding:
    """Sets and lifts legal holds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def set(
        self, user: User, reference: str, case_id: CaseId | None, account_of: CaseId | None
    ) -> LegalHold:
        """Set a hold. See `service.ReviewService.set_hold`."""
        require(user, Permission.CASES_HOLD)
        about = case_id or account_of
        if about is None or (case_id and account_of) or not _REFERENCE.fullmatch(reference):
            raise HoldReferenceError
        with self._desk.changes() as transaction:
            case = self._desk.case(transaction, about)
            if case.canary:  # it is the house's own, and ends by itself
                raise HoldReferenceError
            uploaders: list[bytes | None] = [None]
            if account_of is not None:
                found = transaction.cases.occurrences(about)
                uploaders = list(dict.fromkeys(o.uploader for o in found if o.uploader))
            holds = [
                LegalHold(
                    hold_id=HoldId(self._desk.parts.ids()),
                    service_id=case.service_id,
                    case_id=case_id,
                    uploader=uploader,
                    reference=reference,
                    set_by=user.user_id,
                    set_at=self._desk.now(),
                )
                for uploader in uploaders
            ]
            if not holds:
                raise HoldReferenceError("No uploader of this case is known.")
            for hold in holds:
                transaction.reviews.add_hold(hold)
                self._tell(transaction, "hold.set", hold, user, about)
            return holds[0]

    def lift(self, hold_id: HoldId, user: User) -> LegalHold:
        """Lift a hold. See `service.ReviewService.lift_hold`."""
        require(user, Permission.CASES_HOLD)
        with self._desk.changes() as transaction:
            hold = transaction.reviews.hold(hold_id)
            if hold is None or hold.lifted_at is not None:
                raise ProposalError("There is no such hold any more.")
            lifted = replace(hold, lifted_by=user.user_id, lifted_at=self._desk.now())
            transaction.reviews.update_hold(lifted)
            self._tell(transaction, "hold.lifted", lifted, user, lifted.case_id)
            return lifted

    def standing(self) -> Sequence[LegalHold]:
        """Holds that stand, the newest first."""
        with self._desk.parts.records.read() as transaction:
            return transaction.reviews.holds()

    def _tell(
        self,
        transaction: Transaction,
        kind: str,
        hold: LegalHold,
        user: User,
        subject: CaseId | None,
    ) -> None:
        on = "case" if hold.case_id is not None else "account"
        data = {"hold": hold.hold_id, "on": on, "reference": hold.reference}
        event = EventDraft(
            kind,
            self._desk.now(),
            rules.actor(user.user_id),
            hold.service_id,
            subject or "",
            data,
        )
        transaction.audit.append([event])
