"""A simulated Arachnid Shield, version 1. It knows what it is told, which is drawn by code."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from safehold.lists.exchanges.model import Credentials
from safehold.testing.exchanges.door import Asked
from safehold.testing.remote.waiting import WaitingDoor

CREDENTIALS = Credentials(user="house", password="word")
_PROOF = "Basic " + base64.b64encode(b"house:word").decode("ascii")


class ArachnidDoor(WaitingDoor):
    """Compares PDQ hashes within 31 bits, and pictures by SHA-1.

    Attributes:
        hashes: classification by PDQ hash.
        pictures: classification by the SHA-1 of a picture.
        near_pictures: likewise, of pictures that it finds alike.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hashes: dict[bytes, str] = {}
        self.pictures: dict[bytes, str] = {}
        self.near_pictures: dict[bytes, str] = {}

    def knows(self, asked: Asked) -> bool:
        """Whether the caller may ask."""
        return asked.headers.get("authorization") == _PROOF

    def told(self, asked: Asked) -> object | None:
        """What is known of hashes, or of a picture."""
        if asked.method == "POST" and asked.path == "/v1/pdq":
            hashes = json.loads(asked.body)["hashes"]
            return {"scanned_hashes": {text: self._of_hash(text) for text in hashes}}
        if asked.method == "POST" and asked.path == "/v1/media":
            return self._of_picture(asked.body)
        return None

    def _of_hash(self, text: str) -> dict[str, Any]:
        pdq = int.from_bytes(base64.b64decode(text, validate=True), "big")
        for known, classification in self.hashes.items():
            if (pdq ^ int.from_bytes(known, "big")).bit_count() <= 31:
                details = {"sha256_hex": hashlib.sha256(known).hexdigest(), "timestamp": 0}
                return _said(classification, "near", near_match_details=details)
        return _said("no-known-match", None, near_match_details=None)

    def _of_picture(self, data: bytes) -> dict[str, Any]:
        digest = hashlib.sha1(data, usedforsecurity=False).digest()
        more = {"sha256_hex": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
        if digest in self.pictures:
            return _said(self.pictures[digest], "exact", near_match_details=None, **more)
        if digest in self.near_pictures:
            details = [{"sha256_hex": hashlib.sha256(digest).hexdigest()}]
            return _said(self.near_pictures[digest], "near", near_match_details=details, **more)
        return _said("no-known-match", None, near_match_details=None, **more)


def _said(classification: str, match_type: str | None, **more: object) -> dict[str, Any]:
    return {"classification": classification, "match_type": match_type, **more}
