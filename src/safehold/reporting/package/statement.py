"""Signed statements: short texts that the custodian signs with the key of checkpoints.

    safehold statement 1 package
    case: 01hq...
    made: 2026-01-02T03:04:05.678901Z
    <64 hex digits>  manifest-sha256.txt

The first line names the kind. Then come `name: value` lines and, last, the SHA-256 of files, in
the form that `sha256sum -c` reads. The text is ASCII, each line ends with one line feed. The
signature is Ed25519 (RFC 8032) over the text, 64 bytes. I/O-free.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from safehold.errors import SafeholdError

FIRST_LINE = "safehold statement 1 "
KEY_BYTES = 32
SIGNATURE_BYTES = 64

_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410)."""

_KIND = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FIELD = re.compile(r"([a-z][a-z0-9_-]{0,63}): ([\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?)")
_FILE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9][A-Za-z0-9._/-]{0,199})")
_PEM_START, _PEM_END = b"-----BEGIN PUBLIC KEY-----", b"-----END PUBLIC KEY-----"
_MAX_PEM = 1024


class StatementError(SafeholdError):
    """A text that is no statement, or a key that cannot be read."""

    code = "statement"
    default_message = "That is no statement of Safehold's, or no public key."
    default_hint = "Statements and keys are kept exactly as they were given out."


@dataclass(frozen=True, slots=True)
class Statement:
    """What a statement says.

    Attributes:
        kind: `package`, `custody`, `destruction`.
        fields: names and values in order; no name twice.
        files: SHA-256 in hex of files, by their names, in order.
    """

    kind: str
    fields: Mapping[str, str]
    files: Mapping[str, str]


def write(
    kind: str, fields: Sequence[tuple[str, str]], files: Sequence[tuple[str, str]] = ()
) -> bytes:
    """The text of a statement.

    Args:
        kind: lower-case letters, digits and `-`.
        fields: names (lower-case) and values (printable ASCII, not empty), in order.
        files: names, and SHA-256 in hex, in order.

    Raises:
        StatementError: something of it cannot stand in a statement.
    """
    lines = [f"{FIRST_LINE}{kind}"]
    lines += [f"{name}: {value}" for name, value in fields]
    lines += [f"{digest}  {name}" for name, digest in files]
    text = "".join(f"{line}\n" for line in lines)
    said = read(text.encode("ascii", "replace"))
    # What is read again is what was given: no value can bring lines of its own.
    if said != Statement(kind, dict(fields), dict(files)) or len(lines) != text.count("\n"):
        raise StatementError
    return text.encode("ascii")


def read(text: bytes) -> Statement:
    """What a statement says; whether it is genuine, `is_signed` tells.

    Raises:
        StatementError: it is no statement.
    """
    try:
        first, *lines = text.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise StatementError from None
    kind = first.removeprefix(FIRST_LINE)
    if not first.startswith(FIRST_LINE) or not _KIND.fullmatch(kind) or lines[-1:] != [""]:
        raise StatementError
    fields: dict[str, str] = {}
    files: dict[str, str] = {}
    for line in lines[:-1]:
        file = _FILE.fullmatch(line)
        said = None if file else _FIELD.fullmatch(line)
        if file is not None and file[2] not in files:
            files[file[2]] = file[1]
        elif said is not None and not files and said[1] not in fields:
            fields[said[1]] = said[2]
        else:
            raise StatementError
    return Statement(kind, fields, files)


def is_signed(text: bytes, signature: bytes, public: bytes) -> bool:
    """Whether a key signed a text.

    Args:
        text: of the statement.
        signature: 64 bytes.
        public: the Ed25519 key, 32 bytes.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return len(signature) == SIGNATURE_BYTES


def key_pem(public: bytes) -> bytes:
    """An Ed25519 key (32 bytes) as PEM of its SubjectPublicKeyInfo, as OpenSSL reads it."""
    encoded = base64.b64encode(_SPKI + public)
    return b"-----BEGIN PUBLIC KEY-----\n" + encoded + b"\n-----END PUBLIC KEY-----\n"


def read_key_pem(content: bytes) -> bytes:
    """The key (32 bytes) that `key_pem` wrote. Raises `StatementError`."""
    text = content.strip() if len(content) <= _MAX_PEM else b""
    if not text.startswith(_PEM_START) or not text.endswith(_PEM_END):
        raise StatementError
    inner = text[len(_PEM_START) : -len(_PEM_END)]
    try:
        encoded = base64.b64decode(b"".join(inner.split()), validate=True)
    except binascii.Error:
        raise StatementError from None
    public = encoded.removeprefix(_SPKI)
    if not encoded.startswith(_SPKI) or len(public) != KEY_BYTES:
        raise StatementError
    return public


def fingerprint(public: bytes) -> str:
    """SHA-256 in hex of a key's SubjectPublicKeyInfo.

    `openssl pkey -pubin -in key.pem -outform DER | sha256sum` prints the same.
    """
    return hashlib.sha256(_SPKI + public).hexdigest()
