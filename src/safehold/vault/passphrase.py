"""Encryption of an officer's identity to a passphrase: an age file with one scrypt recipient.

pyrage chooses the work factor by how fast the machine is at that moment, which on a fast machine
takes 1 GiB of memory, to encrypt and then each time the file is opened. Here it is fixed, as the
`age` command does it: 2^18, 256 MiB. Opening is pyrage's, as with every other age file.

Source: https://c2sp.org/age (the scrypt recipient type, the header's MAC, the payload).
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable

WORK_FACTOR = 18
"""Base-2 logarithm of scrypt's N, as the `age` command has it."""

MAX_CONTENT_BYTES = 64 * 1024
"""One chunk of age's payload. An identity has about 150 bytes."""

_VERSION = "age-encryption.org/v1"
_LABEL = b"age-encryption.org/v1/scrypt"
_BLOCK_SIZE = 8
_LAST_CHUNK = bytes(11) + b"\x01"


def encrypt(
    content: bytes,
    passphrase: str,
    work_factor: int = WORK_FACTOR,
    random_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> bytes:
    """An age file that a passphrase opens.

    Args:
        content: 1 to `MAX_CONTENT_BYTES` bytes.
        passphrase: of the officer.
        work_factor: base-2 logarithm of N; less than `WORK_FACTOR` in tests only.
        random_bytes: gives so many bytes of good randomness.
    """
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    if not 0 < len(content) <= MAX_CONTENT_BYTES:
        raise ValueError("the content does not fit one chunk")
    file_key = random_bytes(16)
    salt = random_bytes(16)
    nonce = random_bytes(16)
    kdf = Scrypt(salt=_LABEL + salt, length=32, n=1 << work_factor, r=_BLOCK_SIZE, p=1)
    wrap_key = kdf.derive(passphrase.encode("utf-8"))
    # The nonce of zeros is safe: a wrap key encrypts this one file key.
    body = ChaCha20Poly1305(wrap_key).encrypt(bytes(12), file_key, None)
    header = f"{_VERSION}\n-> scrypt {_base64(salt)} {work_factor}\n{_base64(body)}\n---".encode()
    mac = hmac.digest(_derive(file_key, b"", b"header"), header, "sha256")
    payload_key = _derive(file_key, nonce, b"payload")
    payload = ChaCha20Poly1305(payload_key).encrypt(_LAST_CHUNK, content, None)
    return header + f" {_base64(mac)}\n".encode() + nonce + payload


def _derive(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869), 32 bytes."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii").rstrip("=")
