"""What review needs, joined by the composition root."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safehold.cases.destruction import Ground
from safehold.cases.model import Case
from safehold.cases.names import KeyedNames
from safehold.cases.notify import ReceiptMessages
from safehold.cases.records import Records, Transaction
from safehold.cases.review.model import ReviewOptions
from safehold.clock import Clock
from safehold.ids import CaseId, DocumentId, IdMaker
from safehold.vault.vault import Vault


def never_reported(transaction: Transaction, case_id: CaseId) -> bool:
    """No report of the case was sent."""
    return False


def nothing_keeps(
    transaction: Transaction, case: Case, ground: Ground, document: DocumentId
) -> None:
    """Nothing asks that evidence be kept."""


@dataclass(frozen=True, slots=True)
class ReviewParts:
    """Stores, keys and settings of review.

    Attributes:
        records: cases, people's work on them, audit log and outbox.
        vault: original bytes and wrapped keys; nothing is opened here.
        officers: gives the officers' recipients, to whom a fresh case key is wrapped.
        receipt_messages: webhooks of a receipt.
        ids, clock: new ids, the present moment.
        options: bounds and choices.
        names: keyed names, of which a fresh case key gets one.
        reported: whether a report of a case was sent; then its decision is not undone any more.
        keeps: raises `RetentionError` where a case's evidence must still be kept, on that ground
            and with that document of an authority.
        key_backups: how long backups of the key store are kept.
    """

    records: Records
    vault: Vault
    officers: Callable[[], Sequence[str]]
    receipt_messages: ReceiptMessages
    ids: IdMaker
    clock: Clock
    options: ReviewOptions
    names: KeyedNames
    reported: Callable[[Transaction, CaseId], bool] = never_reported
    keeps: Callable[[Transaction, Case, Ground, DocumentId], None] = nothing_keeps
    key_backups: dt.timedelta = dt.timedelta(days=14)
