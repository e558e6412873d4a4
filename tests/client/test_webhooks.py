"""Webhooks are taken only when they are signed, fresh and understood."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.client import ReceiptUpdated, Verdict, WebhookError, verify_webhook

KEY = b"thirty-two bytes, or thereabouts"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
OTHER = "whsec_" + base64.b64encode(b"another").decode()
NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
SAID = {
    "type": "receipt.updated",
    "receipt": "r1",
    "verdict": "allow",
    "at": "2026-05-04T03:02:00Z",
}
BODY = json.dumps(SAID).encode()


def signed(body: bytes = BODY, at: dt.datetime = NOW, key: bytes = KEY) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(key, f"msg_1.{stamp}.".encode() + body, hashlib.sha256)
    return {
        "Webhook-Id": "msg_1",
        "webhook-timestamp": stamp,
        "WEBHOOK-SIGNATURE": "v1," + base64.b64encode(digest).decode(),
    }


def test_a_good_one() -> None:
    found = verify_webhook(SECRET, signed(), BODY, now=NOW)
    at = dt.datetime(2026, 5, 4, 3, 2, tzinfo=dt.UTC)
    assert found == ReceiptUpdated("msg_1", "r1", Verdict.ALLOW, at)


def test_the_published_example() -> None:
    """The signature in the specification's reference libraries."""
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = dt.datetime.fromtimestamp(1614265330, dt.UTC)
    with pytest.raises(WebhookError) as caught:
        verify_webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body, now=now)
    assert caught.value.code == "webhook_malformed"  # signed rightly, and not for us


def test_secrets_while_they_change() -> None:
    assert verify_webhook([OTHER, SECRET], signed(), BODY, now=NOW).receipt == "r1"
    several = signed()
    several["WEBHOOK-SIGNATURE"] = "v1a,AAAA v1,AAAA " + several["WEBHOOK-SIGNATURE"]
    assert verify_webhook(SECRET, several, BODY, now=NOW).receipt == "r1"


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400])
def test_a_replay(seconds: int) -> None:
    headers = signed(at=NOW + dt.timedelta(seconds=seconds))
    with pytest.raises(WebhookError) as caught:
        verify_webhook(SECRET, headers, BODY, now=NOW)
    assert caught.value.code == "webhook_time"


@pytest.mark.parametrize("name", ["Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE"])
@pytest.mark.parametrize("value", [None, "", "x", "v1,", "٣", "1" * 99])
def test_headers_that_are_not_right(name: str, value: str | None) -> None:
    headers = signed()
    del headers[name]
    if value is not None:
        headers[name] = value
    with pytest.raises(WebhookError):
        verify_webhook(SECRET, headers, BODY, now=NOW)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_change_is_seen(place: int, change: int) -> None:
    body = bytearray(BODY)
    body[place] ^= change
    with pytest.raises(WebhookError) as caught:
        verify_webhook(SECRET, signed(), bytes(body), now=NOW)
    assert caught.value.code == "webhook_signature"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 5000,
        b'{"type":"other"}',
        *(json.dumps({**SAID, name: 7}).encode() for name in SAID),
        *(json.dumps({k: v for k, v in SAID.items() if k != name}).encode() for name in SAID),
    ],
)
def test_what_is_not_understood(body: bytes) -> None:
    with pytest.raises(WebhookError):
        verify_webhook(SECRET, signed(body), body, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_?", "abc", base64.b64encode(KEY).decode()])
def test_what_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec"):
        verify_webhook(secret, signed(), BODY, now=NOW)
