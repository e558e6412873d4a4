"""Keyed names: what stands in place of bytes, persons and objects, and tells nothing of them.

Each is BLAKE2b (RFC 7693) with a key of its own, derived from the home's digest key. Names of
bytes and persons are keyed by service too: the same user of two services are two people, and
nobody can tell that two services hold the same bytes.
"""

from __future__ import annotations

import base64
import hashlib

from safehold.hashing.keyed import DigestKey
from safehold.ids import CaseId, EvidenceId, ServiceId

NAME_BYTES = 16
_OBJECT_BYTES = 20


class KeyedNames:
    """Makes keyed names of one home."""

    def __init__(self, key: DigestKey) -> None:
        self._content = key.derive("safehold content")
        self._person = key.derive("safehold person")
        self._request = key.derive("safehold request")
        self._budget = key.derive("safehold budget")
        self._object = key.derive("safehold object")
        self._case_key = key.derive("safehold case key")
        self._sent = key.derive("safehold sent file")

    def content(self, service: ServiceId, sha256: bytes) -> bytes:
        """16 bytes for the bytes of an item within a service."""
        return _keyed(self._content, service, sha256)

    def person(self, service: ServiceId, text: str) -> bytes | None:
        """A pseudonym of 16 bytes for a person within a service; None for an empty text."""
        return _keyed(self._person, service, text.encode("utf-8")) if text else None

    def request(self, service: ServiceId, *parts: bytes) -> bytes:
        """16 bytes for a call or an idempotency key, of which each part counts."""
        framed = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return _keyed(self._request, service, framed)

    def budget(self, service: ServiceId, subject: str) -> bytes:
        """16 bytes for what a budget is for."""
        return _keyed(self._budget, service, subject.encode("utf-8"))

    def sent(self, md5: bytes) -> bytes:
        """16 bytes for the MD5 by which an authority confirms a file."""
        return hashlib.blake2b(md5, digest_size=NAME_BYTES, key=self._sent).digest()

    def object(self, evidence: EvidenceId) -> str:
        """The name of an object in the vault: 32 letters and digits."""
        return _letters(self._object, evidence)

    def case_key(self, case: CaseId) -> str:
        """The name of a case's wrapped key in the key store: 32 letters and digits."""
        return _letters(self._case_key, case)


def _keyed(key: bytes, service: str, content: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=NAME_BYTES, key=key)
    named = service.encode("utf-8")
    digest.update(len(named).to_bytes(2, "big") + named + content)
    return digest.digest()


def _letters(key: bytes, text: str) -> str:
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=_OBJECT_BYTES, key=key).digest()
    return base64.b32encode(digest).decode("ascii").lower()
