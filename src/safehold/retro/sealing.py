"""Sealing what is kept: nothing of it can be read without the home's key.

ChaCha20-Poly1305 (RFC 8439) under a key derived for this purpose: 12 bytes of nonce, then the
ciphertext with its tag. Bound to the chunk and to which of its two parts it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from safehold.errors import SafeholdError
from safehold.hashing.keyed import DigestKey
from safehold.ids import ChunkId

NONCE_BYTES = 12
DIGESTS = "digests"
CONTEXTS = "contexts"


class KeptDamagedError(SafeholdError):
    """Kept digests that cannot be read: altered, or sealed under another key."""

    code = "kept_damaged"
    default_message = "Kept digests cannot be read."
    default_hint = "Restore the home's keys, or the database, from a backup."


class KeptSealer:
    """Seals the parts of chunks."""

    def __init__(
        self, key: DigestKey, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._cipher = ChaCha20Poly1305(key.derive("safehold kept digests"))
        self._random_bytes = random_bytes

    def seal(self, chunk_id: ChunkId, part: str, content: bytes) -> bytes:
        """A part as it is stored."""
        nonce = self._random_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, content, _bound_to(chunk_id, part))

    def open(self, chunk_id: ChunkId, part: str, sealed: bytes) -> bytes:
        """A part as it was. Raises `KeptDamagedError`."""
        nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, _bound_to(chunk_id, part))
        except (InvalidTag, ValueError) as error:
            raise KeptDamagedError from error


def _bound_to(chunk_id: ChunkId, part: str) -> bytes:
    return f"safehold kept v1\0{part}\0{chunk_id}".encode()
