"""Secrets of users at rest: ChaCha20-Poly1305 (RFC 8439) under a key of the home.

A sealed secret is 12 bytes of nonce and the ciphertext with its tag. It is bound to a purpose and
to whose it is, so that one cannot be put in the place of another.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

NONCE_BYTES = 12


class Sealer:
    """Seals short secrets.

    Args:
        key: 32 bytes.
        random_bytes: where nonces come from.
    """

    def __init__(
        self, key: bytes, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._random_bytes = random_bytes

    def seal(self, secret: bytes, purpose: str, owner: bytes) -> bytes:
        """A secret as it is kept."""
        nonce = self._random_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, _bound_to(purpose, owner))

    def open(self, sealed: bytes, purpose: str, owner: bytes) -> bytes | None:
        """A secret again; None where key, purpose or owner are others, or it was changed."""
        if len(sealed) <= NONCE_BYTES:
            return None
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, _bound_to(purpose, owner))
        except InvalidTag:
            return None


def _bound_to(purpose: str, owner: bytes) -> bytes:
    return f"safehold user {purpose} v1\0".encode() + owner
