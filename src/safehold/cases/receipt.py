"""Receipts: opaque texts that a caller keeps, all of one length and look.

A receipt is sealed (ChaCha20-Poly1305, RFC 8439, a random nonce, the service as associated data)
and holds the keyed name of the item's bytes and the moment of the answer. So an allowed item
costs no record, its receipt tells nothing, one service cannot use another's, and what a receipt
stands for *now* is found by the name of the bytes.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from safehold.cases.names import NAME_BYTES
from safehold.errors import SafeholdError
from safehold.hashing.keyed import DigestKey
from safehold.ids import ServiceId

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_NONCE_BYTES = 12
_TAG_BYTES = 16
_VERSION = b"\x01"
_TIME_BYTES = 6
_SEALED_BYTES = _NONCE_BYTES + len(_VERSION) + NAME_BYTES + _TIME_BYTES + _TAG_BYTES
RECEIPT_LENGTH = -(-_SEALED_BYTES * 8 // 6)
"""Characters of a receipt."""


class UnknownReceiptError(SafeholdError):
    """A text that is no receipt of this service."""

    code = "receipt_unknown"
    default_message = "There is no such receipt."


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt holds.

    Attributes:
        content: keyed name (16 bytes) of the item's bytes within the service.
        at: when the answer was given, to the millisecond.
    """

    content: bytes
    at: dt.datetime


class ReceiptSealer:
    """Makes and opens receipts of one home."""

    def __init__(
        self, key: DigestKey, random_bytes: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self._cipher = ChaCha20Poly1305(key.derive("safehold receipt"))
        self._random_bytes = random_bytes

    def seal(self, service: ServiceId, receipt: Receipt) -> str:
        """The receipt as a text of letters, digits, `-` and `_`."""
        milliseconds = (receipt.at - _EPOCH) // _MILLISECOND
        plain = _VERSION + receipt.content + milliseconds.to_bytes(_TIME_BYTES, "big")
        nonce = self._random_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, service.encode("utf-8"))
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")

    def open(self, service: ServiceId, text: str) -> Receipt:
        """Read a receipt. Raises `UnknownReceiptError`, also for another service's."""
        if len(text) != RECEIPT_LENGTH or not text.isascii():
            raise UnknownReceiptError
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            plain = self._cipher.decrypt(nonce, body, service.encode("utf-8"))
        except (binascii.Error, InvalidTag) as error:
            raise UnknownReceiptError from error
        if plain[:1] != _VERSION:
            raise UnknownReceiptError
        content = plain[1 : 1 + NAME_BYTES]
        milliseconds = int.from_bytes(plain[1 + NAME_BYTES :], "big")
        return Receipt(content, _EPOCH + milliseconds * _MILLISECOND)
