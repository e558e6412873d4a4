"""Signatures of webhooks."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.outbox.signing import (
    WebhookSecretError,
    WebhookSignatureError,
    make_secret,
    secret_bytes,
    signed_headers,
    verify,
)

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SECRET = make_secret(lambda size: bytes(range(size)))


def test_the_signature_is_what_the_specification_says() -> None:
    headers = signed_headers(SECRET, "message-1", NOW, b'{"a":1}')
    seconds = str(int(NOW.timestamp()))
    signed = b"message-1." + seconds.encode() + b'.{"a":1}'
    digest = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()
    assert headers == {
        "webhook-id": "message-1",
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def test_the_specifications_own_libraries_example() -> None:
    """The vector that the reference implementations are tested with."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    at = dt.datetime.fromtimestamp(1614265330, dt.UTC)
    headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] == expected
    assert verify(secret, headers, body, at) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@given(st.binary(max_size=200), st.integers(-300, 300))
def test_what_was_signed_verifies_within_the_tolerance(body: bytes, drift: int) -> None:
    headers = signed_headers(SECRET, "message-1", NOW, body)
    assert verify(SECRET, headers, body, NOW + dt.timedelta(seconds=drift)) == "message-1"


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_another_body_does_not_verify(body: bytes, other: bytes) -> None:
    headers = signed_headers(SECRET, "message-1", NOW, body)
    if body != other:
        with pytest.raises(WebhookSignatureError):
            verify(SECRET, headers, other, NOW)


@pytest.mark.parametrize("minutes", [-6, 6, 60])
def test_an_old_or_future_attempt_does_not_verify(minutes: int) -> None:
    headers = signed_headers(SECRET, "message-1", NOW, b"{}")
    with pytest.raises(WebhookSignatureError):
        verify(SECRET, headers, b"{}", NOW + dt.timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "message-2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "\u0661"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,\u00e4"},
        {"webhook-signature": "v2,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
    ],
)
def test_changed_headers_do_not_verify(change: dict[str, str]) -> None:
    headers = signed_headers(SECRET, "message-1", NOW, b"{}") | change
    with pytest.raises(WebhookSignatureError):
        verify(SECRET, headers, b"{}", NOW)


def test_missing_headers_do_not_verify() -> None:
    headers = signed_headers(SECRET, "message-1", NOW, b"{}")
    for name in headers:
        with pytest.raises(WebhookSignatureError):
            verify(SECRET, {k: v for k, v in headers.items() if k != name}, b"{}", NOW)


def test_one_of_several_signatures_is_enough() -> None:
    headers = signed_headers(SECRET, "message-1", NOW, b"{}")
    headers["webhook-signature"] = f"v1,AAAA v1a,BBBB {headers['webhook-signature']}"
    assert verify(SECRET, headers, b"{}", NOW) == "message-1"


def test_another_secret_does_not_verify() -> None:
    headers = signed_headers(SECRET, "message-1", NOW, b"{}")
    with pytest.raises(WebhookSignatureError):
        verify(make_secret(bytes), headers, b"{}", NOW)


@pytest.mark.parametrize("text", ["", "whsec_", "abc", "whsec_AAAA", "whsec_!!", SECRET[6:]])
def test_what_is_no_secret_is_refused(text: str) -> None:
    with pytest.raises(WebhookSecretError) as caught:
        secret_bytes(text)
    assert not text or text not in str(caught.value)
