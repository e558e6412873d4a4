"""Rules of passwords, set-up codes, one-time codes, roles and sealed secrets."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.users.codes import LENGTH, code_hash, make_code
from safehold.users.model import PasswordError, SignInWaitError
from safehold.users.passwords import (
    _COMMON,
    LONGEST,
    SHORTEST,
    PasswordOptions,
    Passwords,
    check_password,
    normalised,
)
from safehold.users.roles import APART, GRANTS, Permission, Role, RolesError, check_roles
from safehold.users.roles import permissions as permissions_of
from safehold.users.sealing import Sealer
from safehold.users.totp import code_at, matching_step, step_at
from tests.users.house import CHEAP

# RFC 6238, appendix B (SHA-1), the last six of the eight digits.
RFC_SECRET = b"12345678901234567890"
RFC_CODES = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(
    "password",
    [
        "", "short", "elevenchars", "a" * 257, "x" * 10**6, "password1234", "PassWord1234",
        "aaaaaaaaaaaaaaaa", "abababababab", "alexandra-r12", "12alexandra-r",
        "alexandra-ralexandra-r",
        "ｐａｓｓｗｏｒｄ１２３４",  # noqa: RUF001 - full-width letters are the same ones
    ],
)  # fmt: skip
def test_passwords_that_are_not_taken(password: str) -> None:
    with pytest.raises(PasswordError) as caught:
        check_password(password, "alexandra-r")
    assert password not in caught.value.message or not password


@pytest.mark.parametrize(
    "password",
    [
        "twelve chars",
        "x9" * 3 + "y" * 250,
        "un château fort",
        "日本語のパスワードは長い",
        "a b c d e f g",
    ],
)
def test_passwords_that_are_taken(password: str) -> None:
    if len(password) <= LONGEST and len(set(password)) >= 5:
        check_password(password, "a")
    else:
        with pytest.raises(PasswordError):
            check_password(password, "a")


def test_common_passwords_are_such_as_would_be_taken_else() -> None:
    for common in _COMMON:
        assert common == common.casefold()
        assert SHORTEST <= len(common) <= LONGEST
        with pytest.raises(PasswordError):
            check_password(common.upper(), "somebody")


@settings(deadline=None, max_examples=30)
@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_the_password_and_no_other_is_verified(one: str, other: str) -> None:
    passwords = Passwords(CHEAP)
    stored = passwords.hash(one)
    assert passwords.verify(stored, one)
    assert passwords.verify(stored, other) is (normalised(one) == normalised(other))
    assert passwords.verify(stored, unicodedata.normalize("NFD", one))
    assert not passwords.verify("", one)


def test_hashes_are_argon2id_with_the_parameters_of_rfc_9106() -> None:
    passwords = Passwords()
    stored = passwords.hash("a kettle beside the window")
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.verify(stored, "a kettle beside the window")
    assert not passwords.is_outdated(stored)
    assert passwords.is_outdated(Passwords(CHEAP).hash("x"))
    assert not passwords.verify("not a hash", "x")


def test_only_so_many_passwords_are_hashed_at_once() -> None:
    options = PasswordOptions(1, 64, 1, at_once=1, wait_seconds=0.05)
    passwords = Passwords(options)
    with passwords._turn(), pytest.raises(SignInWaitError) as caught:
        passwords.verify("", "x")
    assert caught.value.seconds > 0
    assert not passwords.verify("", "x"), "the turn is given back"


def test_nobodys_password_takes_as_long() -> None:
    """Both do the same work; the clock is only looked at for something gross."""
    passwords = Passwords(PasswordOptions(passes=2, memory_kib=16 * 1024, lanes=1))
    stored = passwords.hash("a kettle beside the window")

    def fastest(of: str) -> float:
        times = []
        for _ in range(5):
            begun = time.thread_time()
            passwords.verify(of, "a wrong guess")
            times.append(time.thread_time() - begun)
        return min(times)

    assert 0.4 < fastest("") / fastest(stored) < 2.5


@given(st.binary(min_size=LENGTH, max_size=LENGTH))
def test_set_up_codes_are_read_as_they_are_typed(content: bytes) -> None:
    code = make_code(lambda count: content[:count])
    assert len(code.replace("-", "")) == LENGTH
    hashed = code_hash(code)
    assert hashed is not None
    assert len(hashed) == 32
    for typed in (code.upper(), code.replace("-", ""), f" {code}\n", code.replace("0", "O")):
        assert code_hash(typed) == hashed
    assert code_hash(code[:-1]) is None
    assert code_hash(code + "0") is None


def test_set_up_codes_are_evenly_random() -> None:
    seen = {make_code(secrets.token_bytes) for _ in range(200)}
    assert len(seen) == 200
    assert len({letter for code in seen for letter in code}) == 33
    assert LENGTH * 5 >= 128


@given(st.text(max_size=120))
def test_anything_may_be_typed_for_a_code(text: str) -> None:
    found = code_hash(text)
    assert found is None or len(found) == 32


@pytest.mark.parametrize(("second", "code"), RFC_CODES)
def test_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    now = dt.datetime.fromtimestamp(second, dt.UTC)
    assert code_at(RFC_SECRET, step_at(now)) == code
    assert matching_step(RFC_SECRET, f" {code[:3]} {code[3:]}", now, 0) == second // 30
    assert matching_step(RFC_SECRET, code, now, second // 30) is None


@given(st.integers(0, 2**32), st.integers(-5, 5), st.integers(-3, 3))
def test_a_step_is_taken_once_and_near(second: int, away: int, last: int) -> None:
    now = dt.datetime.fromtimestamp(second + 1000, dt.UTC)
    step = step_at(now) + away
    found = matching_step(RFC_SECRET, code_at(RFC_SECRET, step), now, step_at(now) + last)
    if found is not None:
        assert found > step_at(now) + last
        assert abs(found - step_at(now)) <= 1
    elif abs(away) <= 1:
        assert step <= step_at(now) + last


@given(st.sets(st.sampled_from(Role)))
def test_reviewing_and_running_the_house_are_apart(roles: set[Role]) -> None:
    chosen = frozenset(roles)
    mixed = bool(chosen & APART) and bool(chosen - APART)
    if mixed or not chosen:
        with pytest.raises(RolesError):
            check_roles(chosen)
    else:
        assert check_roles(chosen) == chosen
        granted = permissions_of(chosen)
        sees = Permission.EVIDENCE_VIEW in granted or Permission.EVIDENCE_EXPORT in granted
        runs = Permission.USERS_MANAGE in granted or Permission.AUDIT_READ in granted
        assert not (sees and runs)
        assert Permission.SIGNED_IN in granted


def test_every_permission_is_somebodys() -> None:
    assert frozenset[Permission]().union(*GRANTS.values()) == set(Permission)
    assert set(GRANTS) == set(Role)


@given(st.binary(max_size=64), st.text("abc", max_size=3), st.binary(max_size=8))
def test_sealed_secrets_are_bound_to_purpose_and_owner(
    secret: bytes, purpose: str, owner: bytes
) -> None:
    sealer = Sealer(bytes(32))
    sealed = sealer.seal(secret, purpose, owner)
    assert sealer.open(sealed, purpose, owner) == secret
    assert sealer.open(sealed, purpose + "x", owner) is None
    assert sealer.open(sealed, purpose, owner + b"x") is None
    assert Sealer(bytes([1]) * 32).open(sealed, purpose, owner) is None
    assert sealer.open(sealed[:-1], purpose, owner) is None
    assert sealer.open(b"", purpose, owner) is None


def test_passwords_are_verified_in_several_threads() -> None:
    passwords = Passwords(PasswordOptions(1, 64, 1, at_once=2))
    stored = passwords.hash("a kettle beside the window")
    found: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(passwords.verify(stored, "a kettle beside the window"))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 8
