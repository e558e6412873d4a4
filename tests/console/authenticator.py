"""An authenticator in software: real attestations (of the form "none") and assertions.

Web Authentication Level 3, sections 6.1 (authenticator data), 6.5 (attested credential data) and
8.7 (attestation "none"); keys as COSE (RFC 9053, section 2.1: ES256).
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.console.conftest import ORIGIN

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One key with one credential."""

    def __init__(self, credential_id: bytes = b"a credential for tests") -> None:
        self.credential_id = credential_id
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0

    def create(self, options: dict[str, Any], origin: str = ORIGIN) -> dict[str, Any]:
        """What a browser sends after `navigator.credentials.create`."""
        client = self._client("webauthn.create", options, origin)
        public = self._key.public_key().public_numbers()
        cose = cbor2.dumps(
            {
                1: 2,
                3: -7,
                -1: 1,
                -2: public.x.to_bytes(32, "big"),
                -3: public.y.to_bytes(32, "big"),
            }
        )
        length = len(self.credential_id).to_bytes(2, "big")
        attested = bytes(16) + length + self.credential_id + cose
        data = self._data(options["rp"]["id"], _PRESENT | _VERIFIED | _ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._named(
            {
                "clientDataJSON": _text(client),
                "attestationObject": _text(attestation),
                "transports": ["usb"],
            }
        )

    def get(self, options: dict[str, Any], origin: str = ORIGIN) -> dict[str, Any]:
        """What a browser sends after `navigator.credentials.get`."""
        client = self._client("webauthn.get", options, origin)
        data = self._data(options["rpId"], _PRESENT | _VERIFIED)
        signed = data + hashlib.sha256(client).digest()
        return self._named(
            {
                "clientDataJSON": _text(client),
                "authenticatorData": _text(data),
                "signature": _text(self._key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            }
        )

    def _named(self, response: dict[str, Any]) -> dict[str, Any]:
        name = _text(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }

    def _client(self, kind: str, options: dict[str, Any], origin: str) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": origin}
        return json.dumps(said | {"crossOrigin": False}).encode()

    def _data(self, rp_id: str, flags: int) -> bytes:
        self._count += 1
        return (
            hashlib.sha256(rp_id.encode()).digest()
            + bytes([flags])
            + self._count.to_bytes(4, "big")
        )


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
