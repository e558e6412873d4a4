"""What recording needs, joined by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safehold.cases.commit import GroupCommit
from safehold.cases.names import KeyedNames
from safehold.cases.notify import ReceiptMessages
from safehold.cases.receipt import Receipt, ReceiptSealer
from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.hashing.keyed import DigestKey
from safehold.ids import IdMaker, ServiceId
from safehold.intake.model import IntakeOptions, Submission
from safehold.outbox.model import Alarm, Message
from safehold.vault.vault import Vault

AlarmMessages = Callable[[Alarm], Sequence[Message]]
"""From an alarm to the messages that say so."""


@dataclass(frozen=True, slots=True)
class IntakeParts:
    """Stores, keys and settings of recording.

    Attributes:
        records: cases, accounts, audit log and outbox.
        commit: writes to them in groups.
        vault: original bytes and wrapped keys.
        officers: gives the officers' recipients, to whom each case's key is wrapped.
        names: keyed names.
        receipts: makes and opens receipts.
        ids, clock: new ids, the present moment.
        alarms: messages of an alarm.
        receipt_messages: webhooks of a receipt.
        room: free bytes in the vault, None where it does not say.
        software: version that decisions name.
        options: bounds.
        list_key: the key of lists, where keyed digests of what is kept may come to be an entry of
            a list of the house; None where they may not.
    """

    records: Records
    commit: GroupCommit
    vault: Vault
    officers: Callable[[], Sequence[str]]
    names: KeyedNames
    receipts: ReceiptSealer
    ids: IdMaker
    clock: Clock
    alarms: AlarmMessages
    receipt_messages: ReceiptMessages
    room: Callable[[], int | None]
    software: str
    options: IntakeOptions
    list_key: DigestKey | None = None

    def content(self, submission: Submission) -> bytes:
        """The keyed name of an item's bytes within its service."""
        if submission.earlier is not None:
            return submission.earlier.content
        return self.names.content(submission.service_id, submission.sha256)

    def receipt(self, submission: Submission) -> str:
        """The receipt of an item: a new one, or that which it got earlier."""
        if submission.earlier is not None:
            return submission.earlier.receipt
        return self.new_receipt(submission.service_id, self.content(submission))

    def new_receipt(self, service: ServiceId, content: bytes) -> str:
        """A receipt of now for some bytes."""
        return self.receipts.seal(service, Receipt(content, self.clock.now()))
