"""An authenticator in software, after the W3C's Web Authentication: for tests of passkeys."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import encode_cbor

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def plain(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")


class Authenticator:
    """One credential, on one device, in a browser at an origin.

    Attributes:
        count: of signatures; 0 and standing still where the device does not count.
    """

    def __init__(self, number: int = 1, origin: str = "https://review.example") -> None:
        self.origin = origin
        self.rp_id = "review.example"
        self.credential_id = bytes([number]) * 32
        self.count = 0
        self.counts = True
        self._key = ec.derive_private_key(number + 1000, ec.SECP256R1())

    def create(self, options: str, **changes: Any) -> str:
        """What `navigator.credentials.create` gives."""
        asked = json.loads(options)
        assert asked["rp"]["id"] == self.rp_id
        public = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32)}
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id
        data = self._data(ATTESTED) + attested + encode_cbor(key)
        response = {
            "clientDataJSON": plain(self._client("webauthn.create", asked, changes)),
            "attestationObject": plain(
                encode_cbor({"fmt": "none", "attStmt": {}, "authData": data})
            ),
        }
        return self._answer(response)

    def get(self, options: str, **changes: Any) -> str:
        """What `navigator.credentials.get` gives."""
        asked = json.loads(options)
        client = self._client("webauthn.get", asked, changes)
        data = self._data(0)
        signed = data + hashlib.sha256(client).digest()
        response = {
            "clientDataJSON": plain(client),
            "authenticatorData": plain(data),
            "signature": plain(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": None,
        }
        return self._answer(response)

    def _data(self, flags: int) -> bytes:
        self.count += self.counts
        rp = hashlib.sha256(self.rp_id.encode()).digest()
        return rp + bytes([PRESENT | VERIFIED | flags]) + struct.pack(">I", self.count)

    def _client(self, kind: str, asked: Any, changes: dict[str, Any]) -> bytes:
        data = {"type": kind, "challenge": asked["challenge"], "origin": self.origin}
        return json.dumps(data | {"crossOrigin": False} | changes).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        name = plain(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
