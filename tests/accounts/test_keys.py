"""The text of API keys, and what may be asked of them."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.accounts.keys import (
    KEY_PREFIX,
    REFUSED_HOLD_STATUS,
    Caller,
    HoldStatusError,
    KeyTerms,
    KeyTermsError,
    check_hold_status,
    key_text,
    make_key,
    parse_key,
    secret_fits,
)
from safehold.accounts.model import ApiKeyError, Scope, Service
from safehold.ids import KeyId, ServiceId

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
KEY_ID = KeyId("0123456789abcdefghjkmnpqrs")
SERVICE = ServiceId("service-1")
SECRET = bytes(range(32))
TEXT = key_text(KEY_ID, SECRET)


def test_the_text_of_a_key_is_as_documented() -> None:
    secret = base64.b32encode(SECRET).decode().rstrip("=").lower()
    before = f"sfh_{KEY_ID}_{secret}"
    checksum = base64.b32encode(hashlib.sha256(before.encode()).digest()).decode().lower()[:4]
    assert before + checksum == TEXT
    assert len(secret) == 52
    # It goes into a header and a URL as it is.
    assert set(TEXT) <= set(string.ascii_lowercase + string.digits + "_")


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_as_it_was_written(secret: bytes) -> None:
    assert parse_key(key_text(KEY_ID, secret)) == (KEY_ID, secret)


@given(st.data())
def test_one_wrong_character_is_told_without_a_look_up(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TEXT) - 1))
    letter = data.draw(st.sampled_from(string.printable + "é\u0661"))
    mistyped = TEXT[:place] + letter + TEXT[place + 1 :]
    if mistyped != TEXT:
        with pytest.raises(ApiKeyError):
            parse_key(mistyped)


@given(st.integers(0, len(TEXT) - 2))
def test_two_characters_that_changed_places_are_told(place: int) -> None:
    a, b = TEXT[place], TEXT[place + 1]
    swapped = TEXT[:place] + b + a + TEXT[place + 2 :]
    if a != b:
        with pytest.raises(ApiKeyError):
            parse_key(swapped)


@pytest.mark.parametrize(
    "text",
    ["", "sfh_", TEXT[:-1], TEXT + "a", " " + TEXT, TEXT + "\n", TEXT.upper(), "x" * 100_000],
)
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ApiKeyError):
        parse_key(text)


def test_a_key_has_one_text() -> None:
    # 52 characters hold 260 bits: the last four must be zero.
    before = TEXT[:-4]
    letters = string.ascii_lowercase + "234567"
    last = before[-1]
    other = before[:-1] + letters[letters.index(last) + 1]
    checksum = base64.b32encode(hashlib.sha256(other.encode()).digest()).decode().lower()[:4]
    with pytest.raises(ApiKeyError):
        parse_key(other + checksum)


@pytest.mark.parametrize(
    ("key_id", "secret"), [(KEY_ID, b"short"), (KeyId("short"), SECRET), (KeyId("_" * 26), SECRET)]
)
def test_no_text_of_what_is_no_key(key_id: KeyId, secret: bytes) -> None:
    with pytest.raises(ValueError, match="26 characters"):
        key_text(key_id, secret)


def test_a_made_key_keeps_no_secret() -> None:
    terms = KeyTerms("a label", frozenset({Scope.SCREEN}), 409, 7, T0 + MINUTE)
    key, text = make_key(KEY_ID, SERVICE, terms, T0, SECRET)
    assert text == TEXT
    assert text.startswith(KEY_PREFIX)
    assert key.secret_hash == hashlib.sha256(SECRET).digest()
    assert (key.key_id, key.service_id, key.label, key.created) == (KEY_ID, SERVICE, "a label", T0)
    assert (key.scopes, key.hold_status, key.per_minute) == (frozenset({Scope.SCREEN}), 409, 7)
    assert (key.expires, key.revoked) == (T0 + MINUTE, None)
    assert SECRET not in dataclasses.astuple(key)
    assert "secret" not in repr(key)


def test_digests_are_off_by_default() -> None:
    key, _ = make_key(KEY_ID, SERVICE, KeyTerms(), T0, SECRET)
    assert key.scopes == {Scope.SCREEN, Scope.FLAGS, Scope.APPEALS}
    assert key.hold_status == 423
    caller = Caller(Service(SERVICE, "one", T0), key)
    assert caller.may(Scope.SCREEN)
    assert not caller.may(Scope.DIGESTS)


@pytest.mark.parametrize(
    "terms",
    [
        KeyTerms(scopes=frozenset()),
        KeyTerms(label="x" * 101),
        KeyTerms(label="two\nlines"),
        KeyTerms(per_minute=-1),
        KeyTerms(per_minute=10**9),
        KeyTerms(expires=T0),
    ],
)
def test_terms_that_no_key_can_have(terms: KeyTerms) -> None:
    with pytest.raises(KeyTermsError):
        make_key(KEY_ID, SERVICE, terms, T0, SECRET)


def test_no_hold_looks_like_a_success_or_like_something_else() -> None:
    def fits(status: int) -> bool:
        try:
            return check_hold_status(status) == status
        except HoldStatusError:
            return False

    possible = {status for status in range(-1, 1000) if fits(status)}
    assert possible == set(range(400, 600)) - REFUSED_HOLD_STATUS
    assert {400, 409, 423} <= possible
    assert not {401, 403, 429, 451, 503} & possible
    with pytest.raises(HoldStatusError):
        make_key(KEY_ID, SERVICE, KeyTerms(hold_status=202), T0, SECRET)


def test_only_the_secret_fits() -> None:
    key, _ = make_key(KEY_ID, SERVICE, KeyTerms(), T0, SECRET)
    assert secret_fits(key, SECRET)
    assert not secret_fits(key, SECRET[::-1])
    assert not secret_fits(None, SECRET)


def test_which_callers_count() -> None:
    key, _ = make_key(KEY_ID, SERVICE, KeyTerms(expires=T0 + 5 * MINUTE), T0, SECRET)
    service = Service(SERVICE, "one", T0)
    assert Caller(service, key).usable(T0)
    assert Caller(service, key).usable(T0 + 5 * MINUTE - dt.timedelta(microseconds=1))
    assert not Caller(service, key).usable(T0 + 5 * MINUTE)
    assert not Caller(dataclasses.replace(service, disabled=T0), key).usable(T0)
    # Revoked by a machine whose clock is ahead.
    assert not Caller(service, dataclasses.replace(key, revoked=T0 + MINUTE)).usable(T0)
