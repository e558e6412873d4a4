"""Signatures of webhooks, as Standard Webhooks 1.0.0 lays them down (standardwebhooks.com).

A secret is `whsec_` and the base64 of 32 random bytes. What is signed is the message's id, the
attempt's time in seconds and the body, joined by full stops; a signature is `v1,` and the base64
of HMAC-SHA256. `webhook-signature` may hold several, parted by spaces.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
from collections.abc import Callable, Mapping

from safehold.errors import SafeholdError

SECRET_PREFIX = "whsec_"  # noqa: S105 - a mark, no secret
SECRET_BYTES = 32
"""Of a secret that is made here."""
SHORTEST_SECRET = 24
LONGEST_SECRET = 64
"""Bytes of secrets that are taken (the specification's bounds)."""
VERSION = "v1"
TOLERANCE = dt.timedelta(minutes=5)
"""How far the time of an attempt may lie from the receiver's."""

ID_HEADER = "webhook-id"
TIME_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"


class WebhookSecretError(SafeholdError):
    """A text that is no signing secret, or a sealed secret that cannot be opened."""

    code = "webhook_secret"
    default_message = "The signing secret of a webhook cannot be used."
    default_hint = "It is 'whsec_' and the base64 of 24 to 64 bytes."


class WebhookSignatureError(SafeholdError):
    """A request that was not signed with the secret, or not just now."""

    code = "webhook_signature"
    default_message = "The signature of a webhook is missing, wrong, or too old."


def make_secret(random_bytes: Callable[[int], bytes]) -> str:
    """A new secret."""
    return SECRET_PREFIX + base64.b64encode(random_bytes(SECRET_BYTES)).decode("ascii")


def secret_bytes(text: str) -> bytes:
    """The bytes of a secret. Raises `WebhookSecretError`."""
    try:
        found = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise WebhookSecretError from None
    if not text.startswith(SECRET_PREFIX) or not SHORTEST_SECRET <= len(found) <= LONGEST_SECRET:
        raise WebhookSecretError
    return found


def signed_headers(secret: str, message_id: str, at: dt.datetime, body: bytes) -> dict[str, str]:
    """The three headers of one attempt at `at`. Raises `WebhookSecretError`."""
    seconds = str(int(at.timestamp()))
    return {
        ID_HEADER: message_id,
        TIME_HEADER: seconds,
        SIGNATURE_HEADER: _signature(secret_bytes(secret), message_id, seconds, body),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> str:
    """Check a request that was received; for receivers and tests.

    Args:
        secret: the webhook's secret.
        headers: the request's, with lower-case names.
        body: the request's body, byte for byte.
        now: the receiver's time.

    Returns:
        The message's id, under which a receiver knows repetitions.

    Raises:
        WebhookSignatureError: whatever is wrong with it; it is not said what.
    """
    key = secret_bytes(secret)
    message_id = headers.get(ID_HEADER, "")
    seconds = headers.get(TIME_HEADER, "")
    if not message_id or not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        raise WebhookSignatureError
    expected = _signature(key, message_id, seconds, body).encode("ascii")
    given = headers.get(SIGNATURE_HEADER, "").encode("utf-8", "replace").split(b" ")
    # All are compared, so that time tells nothing of which one fits.
    right = [hmac.compare_digest(expected, signature) for signature in given]
    if not any(right) or abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise WebhookSignatureError
    return message_id


def _signature(key: bytes, message_id: str, seconds: str, body: bytes) -> str:
    signed = b".".join((message_id.encode("utf-8"), seconds.encode("ascii"), body))
    digest = hmac.digest(key, signed, hashlib.sha256)
    return f"{VERSION},{base64.b64encode(digest).decode('ascii')}"
