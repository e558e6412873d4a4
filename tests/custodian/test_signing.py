"""Only checkpoints are signed, and each further on than the last."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safehold.audit.chain import End, link
from safehold.audit.chain import leads as chain_leads
from safehold.audit.note import CheckpointVerifier, NoteKey, sign_checkpoint
from safehold.custodian.interface import CheckpointRefusedError, CustodianError
from safehold.custodian.signing import (
    CheckpointKeyError,
    CheckpointSigner,
    StatementRefusedError,
    last_signed,
    new_checkpoint_key,
)
from safehold.errors import UsageError
from safehold.vault.sealing import Identity, KeyMismatchError, unseal
from tests.audit.logs import chain, draft, end, relinked
from tests.custodian.conftest import NOW, Room


def test_a_signed_checkpoint_verifies(room: Room) -> None:
    key = room.custodian.public_key()
    made = sign_checkpoint(b"abcd", (7, b"h" * 32), NOW, key, room.custodian.sign)
    assert CheckpointVerifier(b"abcd", [key])(made)
    assert not CheckpointVerifier(b"abcd", [NoteKey(key.name, bytes(32))])(made)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"anything else",
        b"\xff\xfe\n",
        b"safehold audit log/61626364\n7\nbad base64\n2026-03-04T12:00:00.000000Z\n",
        b"another origin/61626364\n7\n" + b"A" * 43 + b"=\n2026-03-04T12:00:00.000000Z\n",
        b"x" * 5000,
    ],
)
def test_nothing_else_is_signed(room: Room, text: bytes) -> None:
    with pytest.raises(CheckpointRefusedError):
        room.custodian.sign(text)


@pytest.mark.parametrize("change", [b"x\n", b"\n", b"\n\n", b"\n-\n", b"\nmore\n"])
def test_nor_a_checkpoint_with_something_added(room: Room, change: bytes) -> None:
    text = room.note_text(3)
    assert len(room.custodian.sign(text)) == 64
    for other in (text + change, change + text, text[:-1], text.replace(b"\n", b"\r\n")):
        with pytest.raises(CheckpointRefusedError):
            room.custodian.sign(other)


def test_a_log_only_grows(room: Room) -> None:
    sign = room.custodian.sign
    first = sign(room.note_text(5, b"a" * 32))
    assert sign(room.note_text(5, b"a" * 32)) == first
    for seq, digest in ((4, b"a" * 32), (5, b"b" * 32), (0, bytes(32))):
        with pytest.raises(CheckpointRefusedError):
            sign(room.note_text(seq, digest))
    sign(room.note_text(6, b"c" * 32))


def test_it_remembers_over_a_restart(room: Room, officer: Identity) -> None:
    room.custodian.sign(room.note_text(5))
    again = room.holding(officer)
    with pytest.raises(CheckpointRefusedError):
        again.sign(room.note_text(4))
    again.sign(room.note_text(6))
    with pytest.raises(CheckpointRefusedError):
        room.custodian.sign(room.note_text(5))
    (room.folder / "checkpoint.last").write_text("{damaged", encoding="ascii")
    with pytest.raises(CustodianError):
        again.sign(room.note_text(7))


def test_a_log_is_signed_only_where_it_goes_on_from_what_was_signed(
    room: Room, officer: Identity
) -> None:
    log = chain(30)

    def leads(start: End, end: End) -> bool:
        return chain_leads(iter(log[start[0] :]), start, end)

    signer = CheckpointSigner(room.folder, [officer], leads)
    signer.sign(room.note_text(*end(log[:10])))
    assert last_signed(room.folder, b"abcd") == end(log[:10])
    assert last_signed(room.folder, b"none") is None
    signer.sign(room.note_text(*end(log[:20])))
    # Somebody writes the whole log anew, and it grows.
    log[:] = relinked([*log[:4], link(log[3].hash, 5, draft(99)), *log[5:]], 5)
    for rewritten in (log, log[:25]):
        with pytest.raises(CheckpointRefusedError):
            signer.sign(room.note_text(*end(rewritten)))
    # And so do those who keep the one event that was signed as it stands.
    log[:] = [*log[:19], chain(30)[19], *log[20:]]
    with pytest.raises(CheckpointRefusedError):
        signer.sign(room.note_text(*end(log)))
    log[:] = chain(30)
    signer.sign(room.note_text(*end(log)))
    assert last_signed(room.folder, b"abcd") == end(log)


def test_what_was_signed_is_on_the_disk_first(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(CustodianError):
        room.custodian.sign(room.note_text(5))
    monkeypatch.undo()
    room.custodian.sign(room.note_text(4))


def test_the_key_on_the_disk(room: Room, officer: Identity) -> None:
    wrapped = (room.folder / "checkpoint.key.age").read_bytes()
    assert unseal([officer], wrapped).startswith(b"-----BEGIN PRIVATE KEY-----\n")
    for name in ("checkpoint.key.age", "checkpoint.pub"):
        assert stat.S_IMODE((room.folder / name).stat().st_mode) == 0o600
    text = (room.folder / "checkpoint.pub").read_text(encoding="ascii")
    assert NoteKey.parse(text) == room.custodian.public_key()
    with pytest.raises(UsageError):
        new_checkpoint_key(room.folder, "again", [officer.recipient])
    with pytest.raises(KeyMismatchError):
        CheckpointSigner(room.folder, [Identity.generate()])


def test_making_the_key_can_be_done_again_after_a_crash(tmp_path: Path, officer: Identity) -> None:
    (tmp_path / "checkpoint.key.age").write_bytes(b"half of an earlier one")
    key = new_checkpoint_key(tmp_path, "test", [officer.recipient])
    assert CheckpointSigner(tmp_path, [officer]).key == key


def test_keys_that_cannot_be_used(room: Room, officer: Identity, tmp_path: Path) -> None:
    with pytest.raises(CheckpointKeyError):
        CheckpointSigner(tmp_path / "nowhere", [officer])
    public = room.folder / "checkpoint.pub"
    public.write_text(f"{NoteKey('test', bytes(32))}\n", encoding="ascii")
    with pytest.raises(CheckpointKeyError, match="differ"):
        CheckpointSigner(room.folder, [officer])
    public.write_bytes(b"\xff")
    with pytest.raises(CheckpointKeyError):
        CheckpointSigner(room.folder, [officer])


def test_statements_are_signed_and_nothing_that_could_be_taken_for_one(
    room: Room, officer: Identity
) -> None:
    signer = CheckpointSigner(room.folder, [officer])
    text = b"safehold statement 1 package\nanything\n"
    public = Ed25519PublicKey.from_public_bytes(signer.key.public)
    public.verify(signer.sign_statement(text), text)
    for other in (
        b"",
        text[:-1],
        b"\n" + text,
        b"safehold statement 2 package\n",
        b"safehold statement 1 \n",
        b"safehold statement 1 Package\n",
        room.note_text(3),
        text + b"x" * 70_000 + b"\n",
    ):
        with pytest.raises(StatementRefusedError):
            signer.sign_statement(other)
    # Nor is a statement a checkpoint.
    with pytest.raises(CheckpointRefusedError):
        signer.sign(text)
