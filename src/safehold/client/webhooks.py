"""Webhooks from the screening service: check the signature, then read (Standard Webhooks 1.0)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from safehold.client.errors import WebhookError
from safehold.client.model import Verdict

RECEIPT_UPDATED: Final = "receipt.updated"
RETRO_MATCHED: Final = "retro.matched"
TOLERANCE_SECONDS: Final = 300
"""How far a webhook's time may be from ours, as Standard Webhooks advises; against replays."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a mark, not a secret
MAX_BODY_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ReceiptUpdated:
    """A later decision on a receipt.

    Attributes:
        message: the id of the message, the same whenever it is sent again: do things once.
        receipt: which receipt.
        verdict: its verdict from now on.
        at: when that was decided.
        matched: whether it is an item that was allowed, and that matches what came to a list since
            (`retro.matched`): what is stored of it should be taken down.
        reference: the service's own id of that item, as it gave it; empty otherwise.
    """

    message: str
    receipt: str
    verdict: Verdict
    at: dt.datetime
    matched: bool = False
    reference: str = field(default="", repr=False)


def verify_webhook(
    secrets: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: dt.datetime | None = None,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> ReceiptUpdated:
    """Check that a webhook is ours and fresh, and say what it says.

    Args:
        secrets: the webhook's secret, `whsec_...`; several while it is being changed.
        headers: of the request, in any case of letters.
        body: of the request, byte for byte as it came.
        now: the moment; None for the present one.
        tolerance_seconds: how far the webhook's time may be from it.

    Raises:
        WebhookError: it is not signed by a secret, too old or too new, or not understood. Answer
            400 and do nothing.
        ValueError: a secret is not one.
    """
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    found = {name.lower(): value for name, value in headers.items()}
    message = found.get("webhook-id", "")
    stamp = found.get("webhook-timestamp", "")
    signatures = found.get("webhook-signature", "").split()
    if not message or not signatures or len(body) > MAX_BODY_BYTES:
        raise WebhookError("webhook_malformed")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise WebhookError("webhook_malformed")
    signed = f"{message}.{stamp}.".encode() + body
    if not any(_is_signed(key, signed, signatures) for key in keys):
        raise WebhookError("webhook_signature")
    moment = now or dt.datetime.now(dt.UTC)
    if abs(moment.timestamp() - int(stamp)) > tolerance_seconds:
        raise WebhookError("webhook_time")
    return _read(message, body)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not secret.startswith(SECRET_PREFIX) or not key:
        raise ValueError("a webhook's secret is whsec_ and base64")
    return key


def _is_signed(key: bytes, signed: bytes, signatures: Sequence[str]) -> bool:
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    return any(hmac.compare_digest(expected, given.encode()) for given in signatures)


def _read(message: str, body: bytes) -> ReceiptUpdated:
    try:
        said = json.loads(body)
        matched = said["type"] == RETRO_MATCHED
        reference = said["reference"] if matched else ""
        if not (matched or said["type"] == RECEIPT_UPDATED):
            raise ValueError
        if not isinstance(said["receipt"], str) or not isinstance(reference, str):
            raise ValueError
        moment, verdict = dt.datetime.fromisoformat(said["at"]), Verdict(said["verdict"])
        return ReceiptUpdated(message, said["receipt"], verdict, moment, matched, reference)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise WebhookError("webhook_malformed")
