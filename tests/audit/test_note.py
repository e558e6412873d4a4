"""Checkpoints as signed notes."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from safehold.audit.model import GENESIS
from safehold.audit.note import (
    CheckpointVerifier,
    NoteError,
    NoteKey,
    read_checkpoint,
    read_checkpoints,
    sign_checkpoint,
)
from tests.audit.logs import KEY, LOG_ID, PRIVATE, T0, chain, checkpoint

EVENTS = chain(5)
VERIFY = CheckpointVerifier(LOG_ID, [KEY])


def test_a_checkpoint_is_the_note_of_the_format() -> None:
    made = checkpoint(EVENTS, 5)
    text, signature = made.note.split("\n\n")
    assert text.split("\n") == [
        "safehold audit log/0a1b2c3d",
        "5",
        base64.b64encode(EVENTS[-1].hash).decode(),
        "2026-01-02T03:04:05.678901Z",
    ]
    dash, name, encoded = signature.rstrip("\n").split(" ")
    assert (dash, name) == ("—", "safehold.example/audit")
    material = base64.b64decode(encoded)
    public = PRIVATE.public_key().public_bytes_raw()
    assert material[:4] == hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    PRIVATE.public_key().verify(material[4:], f"{text}\n".encode())
    assert (made.seq, made.hash, made.at) == (5, EVENTS[-1].hash, T0)


def test_it_comes_back_and_is_genuine() -> None:
    for seq in (0, 1, 5):
        made = checkpoint(EVENTS, seq)
        assert read_checkpoint(made.note) == made
        assert VERIFY(made)
    assert checkpoint(EVENTS, 0).hash == GENESIS


@pytest.mark.parametrize(
    "text",
    [
        # Keys that are public and widely used: of Go's checksum database, and of the example
        # of golang.org/x/mod/sumdb/note.
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_keys_of_other_implementations_are_read(text: str) -> None:
    assert str(NoteKey.parse(text)) == text


@given(st.data())
def test_no_changed_note_is_genuine(data: st.DataObject) -> None:
    made = checkpoint(EVENTS, 5)
    raw = bytearray(made.note.encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    note = raw.decode(errors="replace")
    try:
        changed = read_checkpoint(note)
    except NoteError:
        return
    assert not VERIFY(changed)
    assert not VERIFY(dataclasses.replace(made, note=note))


@pytest.mark.parametrize(
    "change", [{"seq": 4}, {"hash": bytes(32)}, {"at": T0 + dt.timedelta(seconds=1)}]
)
def test_a_checkpoint_must_say_what_its_note_says(change: dict[str, object]) -> None:
    assert not VERIFY(dataclasses.replace(checkpoint(EVENTS, 5), **change))  # type: ignore[arg-type]


def test_of_another_log_or_key() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    other_key = NoteKey(KEY.name, other.public_key().public_bytes_raw())
    made = checkpoint(EVENTS, 5)
    assert not CheckpointVerifier(b"\0\0\0\0", [KEY])(made)
    assert not CheckpointVerifier(LOG_ID, [other_key])(made)
    assert CheckpointVerifier(LOG_ID, [other_key, KEY])(made)
    forged = sign_checkpoint(LOG_ID, (5, EVENTS[-1].hash), T0, KEY, other.sign)
    assert not VERIFY(forged)


def test_lines_of_other_keys_are_passed_over() -> None:
    made = checkpoint(EVENTS, 5)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    witness = NoteKey("witness.example", other.public_key().public_bytes_raw())
    line = sign_checkpoint(LOG_ID, (5, EVENTS[-1].hash), T0, witness, other.sign).note.splitlines()[
        -1
    ]
    both = read_checkpoint(f"{made.note}{line}\n")
    assert VERIFY(both)
    assert CheckpointVerifier(LOG_ID, [KEY, witness])(both)
    wrong = read_checkpoint(f"{made.note}{line[:-6]}AAAA==\n")
    assert not CheckpointVerifier(LOG_ID, [KEY, witness])(wrong)
    assert not VERIFY(read_checkpoint(made.note.split("\n\n")[0] + f"\n\n{line}\n"))


def test_keys_come_back() -> None:
    assert NoteKey.parse(str(KEY)) == KEY
    name, key_id, encoded = str(KEY).split("+", 2)
    assert (name, key_id) == (KEY.name, KEY.key_id.hex())
    for text in (
        "",
        name,
        f"{name}+00000000+{encoded}",
        f"{name}+{key_id}+AAAA",
        f"{name}+{key_id}",
    ):
        with pytest.raises(NoteError):
            NoteKey.parse(text)
    for name in ("", "a b", "a+b"):
        with pytest.raises(NoteError):
            NoteKey(name, KEY.public)


def test_a_file_of_anchored_notes() -> None:
    made = [checkpoint(EVENTS, seq) for seq in (1, 3, 5)]
    assert read_checkpoints("".join(c.note for c in made)) == made
    assert read_checkpoints("\n\n".join(c.note for c in made) + "\n\n") == made
    assert read_checkpoints("\n") == []
    for text in ("something else\n", made[0].note[:-30] + "\n\nx", made[0].note.split("\n\n")[0]):
        with pytest.raises(NoteError):
            read_checkpoints(text)


def test_what_cannot_be_signed() -> None:
    with pytest.raises(ValueError, match="4 bytes"):
        sign_checkpoint(b"", (0, GENESIS), T0, KEY, PRIVATE.sign)
    with pytest.raises(ValueError, match="32"):
        sign_checkpoint(LOG_ID, (0, b""), T0, KEY, PRIVATE.sign)
