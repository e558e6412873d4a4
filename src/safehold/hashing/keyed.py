"""Keyed digests: what stands in stores and snapshots in place of md5, sha1 and sha256.

A keyed digest is BLAKE2b (RFC 7693) with a 32-byte key, cut to 16 bytes, over the digest, with
the signal type as personalisation. Who holds a copy of a list without the key learns nothing
about which files are on it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from safehold.hashing.model import SignalType

KEY_BYTES = 32
KEYED_BYTES = 16


@dataclass(frozen=True, slots=True)
class DigestKey:
    """The key of a home. Its representation never shows it."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError("a digest key has 32 bytes")

    def keyed(self, signal: SignalType, digest: bytes) -> bytes:
        """The 16-byte keyed form of an exact digest."""
        person = signal.value.encode("ascii")
        return hashlib.blake2b(
            digest, digest_size=KEYED_BYTES, key=self.secret, person=person
        ).digest()

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for another purpose, which tells nothing of this one or of others.

        It is BLAKE2b with this key over the purpose, personalised `derive`.
        """
        return hashlib.blake2b(
            purpose.encode("utf-8"), digest_size=KEY_BYTES, key=self.secret, person=b"derive"
        ).digest()

    def fingerprint(self) -> bytes:
        """8 bytes that tell two keys apart and reveal neither."""
        return hashlib.blake2b(b"", digest_size=8, key=self.secret, person=b"fingerprint").digest()
