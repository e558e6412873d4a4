"""What a caller may ask about a receipt later."""

from __future__ import annotations

import hmac

from safehold.audit.model import EventDraft
from safehold.cases.model import Case, CaseState
from safehold.cases.workflow import present_verdict
from safehold.ids import ServiceId
from safehold.intake.model import BytesDifferError, BytesNotWantedError, ReceiptStatus
from safehold.intake.parts import IntakeParts
from safehold.outbox.model import Alarm, AlarmCode


class Receipts:
    """Reads receipts. Safe to use from threads. Another service's are unknown here."""

    def __init__(self, parts: IntakeParts) -> None:
        self._parts = parts

    def status(self, service: ServiceId, receipt: str) -> ReceiptStatus:
        """What a receipt says now.

        Raises:
            UnknownReceiptError: it is none of this service.
            DatabaseError: the records cannot be read.
        """
        case = self._case(service, self._content(service, receipt))
        if case is None:
            return ReceiptStatus(present_verdict(None))
        wanted = case.state is CaseState.AWAITING_BYTES
        return ReceiptStatus(present_verdict(case), wanted, case.deadline if wanted else None)

    def confirm(self, service: ServiceId, receipt: str, sha256: bytes) -> None:
        """Check that what a caller finally stored is what was checked.

        Raises:
            UnknownReceiptError: it is none of this service.
            BytesDifferError: other bytes were stored; the operator is alarmed.
        """
        content = self._content(service, receipt)
        if self._same(service, content, sha256):
            return
        now = self._parts.clock.now()
        event = EventDraft("receipt.swapped", now, "system", service)
        alarm = Alarm(AlarmCode.SWAPPED, now, service)
        with self._parts.records.write() as transaction:
            transaction.audit.append([event])
            transaction.outbox.add(self._parts.alarms(alarm))
        raise BytesDifferError

    def awaits(self, service: ServiceId, receipt: str, sha256: bytes) -> None:
        """Check that bytes are awaited under a receipt, and that these are they.

        Raises:
            UnknownReceiptError: it is none of this service.
            BytesNotWantedError: none are awaited.
            BytesDifferError: others are.
        """
        content = self._content(service, receipt)
        case = self._case(service, content)
        if case is None or case.state is not CaseState.AWAITING_BYTES:
            raise BytesNotWantedError
        if not self._same(service, content, sha256):
            raise BytesDifferError

    def _content(self, service: ServiceId, receipt: str) -> bytes:
        return self._parts.receipts.open(service, receipt).content

    def _same(self, service: ServiceId, content: bytes, sha256: bytes) -> bool:
        return hmac.compare_digest(content, self._parts.names.content(service, sha256))

    def _case(self, service: ServiceId, content: bytes) -> Case | None:
        with self._parts.records.read() as transaction:
            return transaction.cases.find_content(service, content)
