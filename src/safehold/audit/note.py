"""Checkpoints as signed notes (C2SP signed-note, Ed25519), which can be kept anywhere outside.

    safehold audit log/0a1b2c3d
    1234
    <base64 of the hash of event 1234>
    2026-01-02T03:04:05.678901Z

    — safehold.example/audit <base64 of key id (4 bytes) and signature (64 bytes)>

The signature is over the text up to and with the line end before the empty line. The key id is
the first 4 bytes of SHA-256(name || 0x0A || 0x01 || public key). I/O-free; whoever holds the
private key gives a callable that signs.

Source: https://c2sp.org/signed-note
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from safehold.audit.chain import MAX_INTEGER, time_from, time_text
from safehold.audit.model import AuditError, Checkpoint

Signer = Callable[[bytes], bytes]
"""Signs with Ed25519 (RFC 8032): the message to 64 bytes."""

ORIGIN = "safehold audit log/"
LOG_ID_BYTES = 4

_ED25519 = b"\x01"
_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_HASH_BYTES = 32
_DASH = "\N{EM DASH} "
_ORIGIN_LINE = re.compile(rf"{ORIGIN}[0-9a-f]{{{2 * LOG_ID_BYTES}}}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,15}")
_NAME = re.compile(r"[^\s+]{1,200}")
_SIGNATURES = re.compile(rf"(?:{_DASH}[^\s+]{{1,200}} [A-Za-z0-9+/]+={{0,2}}\n)+")


class NoteError(AuditError):
    """A text that is no checkpoint of an audit log, or a key that cannot be read."""

    code = "audit_note"
    default_message = "That is no signed checkpoint of an audit log."
    default_hint = "A checkpoint is kept exactly as it was given out, line ends included."


@dataclass(frozen=True, slots=True)
class NoteKey:
    """The public half of a key that signs checkpoints.

    Attributes:
        name: its name, without white space and `+`.
        public: 32 bytes.
        key_id: 4 bytes, made of the two.
    """

    name: str
    public: bytes
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != _KEY_BYTES:
            raise NoteError("That is no key that signs checkpoints.")
        hashed = hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public)
        object.__setattr__(self, "key_id", hashed.digest()[:_KEY_ID_BYTES])

    def __str__(self) -> str:
        """The key as other tools read it: `name+key id in hex+base64(0x01 || public key)`."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(_ED25519 + self.public)}"

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """The key that `str` wrote.

        Raises:
            NoteError: it is no such text.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        material = _decoded(encoded, len(_ED25519) + _KEY_BYTES)
        key = cls(name, material[len(_ED25519) :])
        if material[: len(_ED25519)] != _ED25519 or key.key_id.hex() != key_id:
            raise NoteError("That is no key that signs checkpoints.")
        return key


def sign_checkpoint(
    log_id: bytes, end: tuple[int, bytes], at: dt.datetime, key: NoteKey, sign: Signer
) -> Checkpoint:
    """Sign how long a log is and how it ends.

    Args:
        log_id: 4 bytes that tell this log from others; they stay when keys change.
        end: the log's `head()`.
        at: the present moment.
        key: the public half of the key that signs.
        sign: the private half.
    """
    if len(log_id) != LOG_ID_BYTES or len(end[1]) != _HASH_BYTES:
        raise ValueError("a log's id has 4 bytes and a hash 32")
    seq, digest = end
    text = f"{ORIGIN}{log_id.hex()}\n{seq}\n{_base64(digest)}\n{time_text(at)}\n"
    signature = _base64(key.key_id + sign(text.encode()))
    note = f"{text}\n{_DASH}{key.name} {signature}\n"
    return Checkpoint(seq, digest, at, note)


def read_checkpoint(note: str) -> Checkpoint:
    """What a note says. Whether the signature is right, `CheckpointVerifier` tells.

    Raises:
        NoteError: it is no such note.
    """
    text, separator, signatures = note.partition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) != 4 or not _SIGNATURES.fullmatch(signatures):
        raise NoteError
    origin, number, encoded, moment = lines
    if not _ORIGIN_LINE.fullmatch(origin) or not _NUMBER.fullmatch(number):
        raise NoteError
    if int(number) > MAX_INTEGER:
        raise NoteError
    try:
        at = time_from(moment)
    except ValueError:
        raise NoteError from None
    return Checkpoint(int(number), _decoded(encoded, _HASH_BYTES), at, note)


def read_checkpoints(text: str) -> list[Checkpoint]:
    """All checkpoints of a file in which notes stand one after another.

    Raises:
        NoteError: something in the file is no such note.
    """
    notes: list[list[str]] = []
    for line in text.splitlines(keepends=True):
        if _ORIGIN_LINE.fullmatch(line.rstrip("\n")):
            notes.append([])
        elif not notes:
            if line.strip():
                raise NoteError
            continue
        notes[-1].append(line)
    return [read_checkpoint("".join(lines).rstrip("\n") + "\n") for lines in notes]


class CheckpointVerifier:
    """Tells whether a checkpoint is one that a known key signed for this log.

    Args:
        log_id: the log's id.
        keys: the keys that signed for it, past ones included.
    """

    def __init__(self, log_id: bytes, keys: Iterable[NoteKey]) -> None:
        self._origin = f"{ORIGIN}{log_id.hex()}\n"
        self._keys = {(key.name, key.key_id): key for key in keys}

    def __call__(self, checkpoint: Checkpoint) -> bool:
        """Whether one of the keys signed it, and it says what its note says."""
        try:
            said = read_checkpoint(checkpoint.note)
        except NoteError:
            return False
        if said != checkpoint or not checkpoint.note.startswith(self._origin):
            return False
        text, _, signatures = checkpoint.note.partition("\n\n")
        # Lines of unknown keys may stand beside; a known key's signature must be right.
        checked = [self._check(line, f"{text}\n".encode()) for line in signatures.splitlines()]
        return True in checked and False not in checked

    def _check(self, line: str, signed: bytes) -> bool | None:
        """Whether a line's signature is right; None where its key is not known."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        try:
            material = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        key = self._keys.get((name, material[:_KEY_ID_BYTES]))
        if key is None or not line.startswith(_DASH):
            return None
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(material[_KEY_ID_BYTES:], signed)
        except InvalidSignature:
            return False
        return True


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str, length: int) -> bytes:
    """So many bytes of standard base 64, in the one form that it is written in."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError from None
    if len(data) != length or _base64(data) != text:
        raise NoteError
    return data
