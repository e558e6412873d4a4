"""Documents beside evidence: under keys of their own, which the vault's verification knows."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from safehold.cases.names import KeyedNames
from safehold.cli.evidence import key_names, sealed_items
from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.ids import IdMaker, ReportId
from safehold.reporting.keeping import Keeper
from safehold.reporting.model import DocumentKind, KeptDocument
from safehold.testing.blob_store import MemoryBlobs
from safehold.testing.records import MemoryRecords
from safehold.vault.interface import VaultError
from safehold.vault.sealing import Identity, unseal
from safehold.vault.vault import Vault
from safehold.vault.verify import Finding, FindingKind, Verifier
from tests.storage.held import T0, case
from tests.storage.reviewed import put

CONTENT = b"<reportDoneResponse/>" * 5_000


class Cupboard:
    """A vault, its officer, and a keeper."""

    def __init__(self, objects: MemoryBlobs | None = None) -> None:
        self.clock = FixedClock(T0)
        self.objects = objects or MemoryBlobs(self.clock)
        self.keys = MemoryBlobs(self.clock)
        self.officer = Identity.generate()
        self.keeper = Keeper(
            Vault(self.objects, self.keys),
            lambda: [self.officer.recipient],
            KeyedNames(DigestKey(bytes(32))),
            IdMaker(self.clock),
            self.clock,
        )

    def keep(self, content: bytes = CONTENT) -> KeptDocument:
        return self.keeper.keep(content, DocumentKind.RECEIPT, case(1), ReportId("r"))

    def read(self, kept: KeptDocument) -> bytes:
        with self.keys.open(kept.key_name) as stream:
            secret = unseal([self.officer], stream.read())
        with self.objects.open(kept.object_name) as stream:
            return unseal([Identity.parse(secret.decode().strip())], stream.read())


@pytest.mark.parametrize("content", [CONTENT, b"", b"x"])
def test_a_document_has_a_key_of_its_own(content: bytes) -> None:
    cupboard = Cupboard()
    kept, other = cupboard.keep(content), cupboard.keep(content)
    assert cupboard.read(kept) == content
    assert kept.size == len(content)
    assert (kept.case_id, kept.service_id) == (case(1).case_id, case(1).service_id)
    assert (kept.report_id, kept.kind, kept.created) == ("r", DocumentKind.RECEIPT, T0)
    names = {kept.key_name, other.key_name, kept.object_name, other.object_name}
    assert len(names) == 4
    assert case(1).key_name not in names
    assert kept.recipient not in (other.recipient, case(1).recipient)


def test_what_cannot_be_written_leaves_no_key() -> None:
    class Full(MemoryBlobs):
        def put(self, *_: Any, **__: Any) -> Any:
            raise VaultError

    cupboard = Cupboard(Full(FixedClock(T0)))
    with pytest.raises(VaultError):
        cupboard.keep()
    assert list(cupboard.keys.names()) == []


def test_the_vault_is_verified_with_its_documents() -> None:
    cupboard, records = Cupboard(), MemoryRecords()
    kept, lost = cupboard.keep(), cupboard.keep()
    there = cupboard.keeper._vault.new_case_key(case(1).key_name * 4, [cupboard.officer.recipient])
    put(records, dataclasses.replace(case(1), key_name=case(1).key_name * 4, recipient=there))
    with records.write() as transaction:
        transaction.reports.add_document(kept)
    cupboard.clock.advance(dt.timedelta(days=1))

    def findings() -> list[Finding]:
        with records.read() as transaction:
            verifier = Verifier(cupboard.objects, cupboard.keys, cupboard.clock)
            return list(verifier.run(sealed_items(transaction), key_names(transaction)))

    # What no record names is told, and nothing of what one names.
    assert findings() == [
        Finding(FindingKind.ORPHAN, lost.object_name),
        Finding(FindingKind.KEY_ORPHAN, lost.key_name),
    ]
    with records.write() as transaction:
        transaction.reports.add_document(lost)
    assert findings() == []
    cupboard.objects.delete(kept.object_name)
    cupboard.keys.delete(lost.key_name)
    assert findings() == [
        Finding(FindingKind.MISSING, kept.object_name, kept.document_id),
        Finding(FindingKind.KEY_MISSING, lost.key_name),
    ]
