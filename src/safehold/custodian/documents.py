"""Documents that are kept beside evidence, and longer: each under a key of its own."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from safehold.audit.model import Detail, EventDraft
from safehold.clock import Clock
from safehold.custodian.asking import case_of, check_may, report_of
from safehold.custodian.interface import Access, RequestError
from safehold.custodian.opening import Opening
from safehold.ids import DocumentId, ReportId
from safehold.reporting.keeping import Keeper
from safehold.reporting.model import DocumentKind, KeptDocument
from safehold.reporting.records import ReportRecords, ReportTransaction
from safehold.users.roles import Permission
from safehold.vault.interface import ObjectMissingError
from safehold.vault.sealing import DamagedError, Writer

_WRITERS: Mapping[DocumentKind, tuple[Permission, ...]] = MappingProxyType(
    {
        DocumentKind.ACKNOWLEDGEMENT: (Permission.REPORTS_PREPARE,),
        DocumentKind.DESTRUCTION_REQUEST: (Permission.CASES_DECIDE, Permission.CASES_HOLD),
    }
)
"""Who hands in what. Receipts are the custodian's own."""

_READERS: Mapping[DocumentKind, tuple[Permission, ...]] = MappingProxyType(
    {
        DocumentKind.RECEIPT: (Permission.REPORTS_READ,),
        DocumentKind.ACKNOWLEDGEMENT: (Permission.REPORTS_READ,),
        DocumentKind.DESTRUCTION_REQUEST: (Permission.REPORTS_READ, Permission.CASES_DECIDE),
    }
)


@dataclass(frozen=True, slots=True)
class DocumentParts:
    """What the desk of documents works with.

    Attributes:
        records: the unit of work.
        keeper: seals documents into the vault.
        opening: opens them again.
        clock: the present moment.
    """

    records: ReportRecords
    keeper: Keeper
    opening: Opening
    clock: Clock


class Documents:
    """A `parts.DocumentDesk`. Safe to use from several threads."""

    def __init__(self, parts: DocumentParts) -> None:
        self._parts = parts

    def keep(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        """See `Custodian.keep_document`.

        Raises:
            RequestError: there is no such kind, or nobody may hand it in.
            NotPermittedError: who asks may not.
            UnknownCaseError, UnknownReportError: there is no such case or report of it.
        """
        wanted = _kind(kind)
        if wanted not in _WRITERS:
            raise RequestError("Nobody hands in a document of this kind.")
        with self._parts.records.read() as transaction:
            case = case_of(transaction, access)
            if report_id:
                report_of(transaction, access, report_id)
            check_may(transaction, access.actor, *_WRITERS[wanted])
        named = ReportId(report_id) if report_id else None
        kept = self._parts.keeper.keep(content, wanted, case, named)
        self.add(kept, access.actor)
        return kept.document_id

    def add(self, kept: KeptDocument, actor: str) -> None:
        """Write that a document is in the vault, with its event."""
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            transaction.reports.add_document(kept)
            transaction.audit.append([self._event("document.kept", kept, actor)])

    def read(self, access: Access, document_id: str, output: Writer) -> int:
        """See `Custodian.read_document`.

        Raises:
            ObjectMissingError: the case has no such document.
            NotPermittedError: who asks may not read it.
            DamagedError: it is not what was kept.
        """
        parts = self._parts
        with parts.records.read() as transaction:
            kept = self._find(transaction, access, document_id)
            check_may(transaction, access.actor, *_READERS[kept.kind])
        with parts.records.write() as transaction:
            event = self._event("document.read", kept, access.actor, reason=access.reason)
            transaction.audit.append([event])
        content = io.BytesIO()
        parts.opening.stream(kept.key_name, kept.object_name, content)
        if len(content.getvalue()) != kept.size:
            raise DamagedError
        output.write(content.getvalue())
        return kept.size

    def _find(
        self, transaction: ReportTransaction, access: Access, document_id: str
    ) -> KeptDocument:
        case = case_of(transaction, access)
        kept = transaction.reports.document(DocumentId(document_id))
        if kept is None or kept.case_id != case.case_id:
            raise ObjectMissingError("The case has no such document.")
        return kept

    def _event(self, kind: str, kept: KeptDocument, actor: str, **more: Detail) -> EventDraft:
        data: dict[str, Detail] = {"document": kept.document_id, "kind": kept.kind.value, **more}
        if kept.report_id is not None:
            data["report"] = kept.report_id
        now = self._parts.clock.now()
        return EventDraft(kind, now, actor, kept.service_id, kept.case_id, data)


def _kind(text: str) -> DocumentKind:
    try:
        return DocumentKind(text)
    except ValueError:
        raise RequestError("There is no such kind of document.") from None
