"""Keeping documents beside evidence, each under a key of its own, so that they outlive it."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence

from safehold.cases.model import Case
from safehold.cases.names import KeyedNames
from safehold.clock import Clock
from safehold.ids import CaseId, DocumentId, EvidenceId, IdMaker, ReportId
from safehold.reporting.model import DocumentKind, KeptDocument
from safehold.vault.interface import VaultError
from safehold.vault.vault import Vault


class Keeper:
    """Seals documents into the vault. Safe to use from several threads.

    Args:
        vault: where they are kept.
        officers: gives the officers' recipients, to whom the keys are wrapped.
        names: names of objects and keys.
        ids, clock: new ids, the present moment.
    """

    def __init__(
        self,
        vault: Vault,
        officers: Callable[[], Sequence[str]],
        names: KeyedNames,
        ids: IdMaker,
        clock: Clock,
    ) -> None:
        self._vault = vault
        self._officers = officers
        self._names = names
        self._ids = ids
        self._clock = clock

    def keep(
        self, content: bytes, kind: DocumentKind, case: Case, report_id: ReportId | None
    ) -> KeptDocument:
        """Write a document to the vault, durably; the row is the caller's to add.

        Where the caller does not add it, `safehold vault verify` finds the object.

        Raises:
            VaultError: it could not be written.
        """
        document_id = DocumentId(self._ids())
        key_name = self._names.case_key(CaseId(document_id))
        recipient = self._vault.new_case_key(key_name, self._officers())
        object_name = self._names.object(EvidenceId(document_id))
        descriptor = os.memfd_create("document", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, content)
            digest = hashlib.sha256(content).digest()
            stored = self._vault.store(object_name, recipient, descriptor, digest)
        except BaseException:
            with contextlib.suppress(VaultError, OSError):
                self._vault.shred(key_name)
            raise
        finally:
            os.close(descriptor)
        return KeptDocument(
            document_id=document_id,
            case_id=case.case_id,
            service_id=case.service_id,
            report_id=report_id,
            kind=kind,
            object_name=object_name,
            key_name=key_name,
            recipient=recipient,
            size=stored.size,
            sealed_size=stored.sealed_size,
            sealed_sha256=stored.sealed_sha256,
            created=self._clock.now(),
        )
