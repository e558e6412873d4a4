"""A custodian over stores in memory, with one officer, and a case with an original."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from safehold.audit.model import EventDraft
from safehold.audit.note import NoteKey, sign_checkpoint
from safehold.clock import FixedClock
from safehold.custodian.interface import Access
from safehold.custodian.local import LocalCustodian
from safehold.custodian.parts import CustodianParts
from safehold.custodian.signing import CheckpointSigner, new_checkpoint_key
from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.officers import OfficersFile
from safehold.vault.sealing import Identity
from safehold.vault.vault import Vault
from tests.vault.stores import descriptor_of

NOW = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
KEY = "c" * 32
OBJECT = "d" * 32
ORIGINAL = b"the original's bytes\n" * 200_000
ACCESS = Access(KEY, "case1", "user:reviewer", "canary")


@dataclass
class Room:
    """A custodian and all that it works with."""

    folder: Path
    parts: CustodianParts
    custodian: LocalCustodian
    vault: Vault
    recipient: str
    named: Identity
    events: list[EventDraft] = field(default_factory=list)

    def holding(self, *identities: Identity) -> LocalCustodian:
        """The custodian as other identities would start it."""
        signer = CheckpointSigner(self.folder, identities)
        return LocalCustodian(replace(self.parts, identities=identities, signer=signer))

    def note_text(self, seq: int, digest: bytes = bytes(32)) -> bytes:
        """The text of a checkpoint."""
        key = NoteKey("test", bytes(32))
        made = sign_checkpoint(b"abcd", (seq, digest), NOW, key, lambda text: bytes(64))
        return (made.note.partition("\n\n")[0] + "\n").encode()


@pytest.fixture
def officer() -> Identity:
    return Identity.generate()


@pytest.fixture
def room(tmp_path: Path, officer: Identity) -> Room:
    officers = OfficersFile(tmp_path / "officers.txt")
    officers.add("anna", officer.recipient)
    named = Identity.generate()
    recipients = OfficersFile(tmp_path / "recipients.txt")
    recipients.add("authority", named.recipient)
    new_checkpoint_key(tmp_path, "test", officers.recipients())
    objects, keys = MemoryBlobs(), MemoryBlobs()
    vault = Vault(objects, keys)
    recipient = vault.new_case_key(KEY, officers.recipients())
    with descriptor_of(ORIGINAL) as descriptor:
        vault.store(OBJECT, recipient, descriptor, hashlib.sha256(ORIGINAL).digest())
    events: list[EventDraft] = []
    parts = CustodianParts(
        identities=[officer],
        objects=objects,
        keys=keys,
        officers=officers,
        recipients=recipients,
        signer=CheckpointSigner(tmp_path, [officer]),
        audit=events.append,
        clock=FixedClock(NOW),
    )
    return Room(tmp_path, parts, LocalCustodian(parts), vault, recipient, named, events)
