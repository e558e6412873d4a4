"""Waits after failed sign-ins, for names and for addresses."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.config.house import ConsoleOptions
from safehold.users.lockout import MEMORY, wait_after
from safehold.users.model import SignInError, SignInWaitError, User
from safehold.users.passwords import Passwords
from tests.users.house import ADDRESS, CHEAP, HERE, OPTIONS, PASSWORD, REVIEWER, House

WAITS = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
COUNTS = st.integers(0, 10_000)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def alex(house: House) -> User:
    return house.add()


def outcome(house: House, name: str, password: str, address: str = ADDRESS) -> int:
    """Seconds that are waited for; 0 for a failure that was counted, -1 for a token."""
    try:
        house.sign_in.password(name, password, HERE, address)
    except SignInWaitError as error:
        return error.seconds
    except SignInError:
        return 0
    return -1


def test_the_waits_of_the_settings() -> None:
    free = OPTIONS.free_failures
    found = [wait_after(free + n, OPTIONS).total_seconds() for n in range(len(WAITS))]
    assert found == WAITS
    assert wait_after(free - 1, OPTIONS) == dt.timedelta()


@given(COUNTS, st.integers(0, 50), st.floats(0.1, 60), st.floats(60, 86_400))
def test_waits_double_and_end(failures: int, free: int, first: float, longest: float) -> None:
    options = ConsoleOptions(
        free_failures=free, first_wait_seconds=first, longest_wait_seconds=longest
    )
    wait, before = wait_after(failures + 1, options), wait_after(failures, options)
    assert wait >= before
    assert wait <= dt.timedelta(seconds=longest)
    if before:
        assert abs(wait - min(2 * before, dt.timedelta(seconds=longest))) < dt.timedelta(
            milliseconds=1
        )
    else:
        assert failures < max(free, 1)
        assert wait in (dt.timedelta(), dt.timedelta(seconds=first))


@pytest.mark.parametrize("name", ["alex", "nobody"])
def test_the_wait_doubles_for_somebody_as_for_nobody(house: House, name: str) -> None:
    house.add()
    addresses = (f"192.0.2.{number}" for number in itertools.count())
    for _ in range(OPTIONS.free_failures):
        assert outcome(house, name, "a wrong guess", next(addresses)) == 0
    for wait in WAITS:
        assert outcome(house, name, "a wrong guess", next(addresses)) == wait
        house.wait(seconds=wait - 0.5)
        assert outcome(house, name, "a wrong guess", next(addresses)) == 1
        house.wait(seconds=0.5)
        assert outcome(house, name, "a wrong guess", next(addresses)) == 0


def test_the_right_password_is_refused_during_the_wait(house: House, alex: User) -> None:
    for _ in range(OPTIONS.free_failures):
        outcome(house, "alex", "a wrong guess")
    assert outcome(house, "alex", PASSWORD) == 2
    assert house.changed(alex).failures == OPTIONS.free_failures, "nothing was tried"
    house.wait(seconds=2)
    assert outcome(house, "alex", PASSWORD) == -1


def test_only_a_whole_sign_in_forgives(house: House, alex: User) -> None:
    for _ in range(OPTIONS.free_failures - 1):
        outcome(house, "alex", "a wrong guess")
    token = house.first(alex)
    assert house.changed(alex).failures == OPTIONS.free_failures - 1
    with pytest.raises(SignInError):
        house.sign_in.totp(token, HERE, "000000")
    with pytest.raises(SignInWaitError):
        house.sign_in.totp(token, HERE, house.code(alex))
    house.wait(seconds=30)
    house.sign_in.totp(token, HERE, house.code(alex))
    assert house.changed(alex).failures == 0
    assert house.changed(alex).locked_until is None
    # What was before does not count any more.
    for _ in range(OPTIONS.free_failures):
        assert outcome(house, "alex", "a wrong guess") == 0
    assert outcome(house, "alex", "a wrong guess") == 2


@pytest.mark.parametrize("name", ["alex", "nobody"])
def test_failures_are_forgotten_after_a_day(house: House, name: str) -> None:
    house.add()
    for _ in range(OPTIONS.free_failures):
        outcome(house, name, "a wrong guess")
    house.clock.advance(MEMORY + dt.timedelta(seconds=1))
    for _ in range(OPTIONS.free_failures):
        assert outcome(house, name, "a wrong guess") == 0
    assert outcome(house, name, "a wrong guess") == 2


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5_000)), max_size=25))
def test_nobody_cannot_be_told_from_somebody(steps: list[tuple[bool, float]]) -> None:
    """Whatever is tried and however long is waited, two names are answered alike."""
    house = House()
    house.users.add("alex", REVIEWER, "operator")
    for number, (again, seconds) in enumerate(steps):
        guess = "a wrong guess" if again else "another one"
        address = f"192.0.2.{number}"
        assert outcome(house, "alex", guess, address) == outcome(house, "nobody", guess, address)
        house.wait(seconds=seconds)


def test_an_address_waits_whatever_the_names(house: House, alex: User) -> None:
    few = House(dataclasses.replace(OPTIONS, address_failures=10), house.records)
    few.wait(minutes=1)
    few.secrets = house.secrets
    for number in range(10):
        assert outcome(few, f"name-{number}", "a guess") == 0
    assert outcome(few, "alex", PASSWORD) == OPTIONS.longest_wait_seconds
    with pytest.raises(SignInWaitError):
        few.sign_in.setup("1" * 28, HERE, ADDRESS)
    assert outcome(few, "alex", PASSWORD, "192.0.2.99") == -1
    few.wait(minutes=61)
    assert outcome(few, "alex", PASSWORD) == -1


def test_guessed_set_up_codes_count_for_the_address(house: House) -> None:
    for _ in range(OPTIONS.address_failures):
        with pytest.raises(SignInError) as caught:
            house.sign_in.setup("2" * 28, HERE, ADDRESS)
        assert caught.type is SignInError
    with pytest.raises(SignInWaitError):
        house.sign_in.setup("2" * 28, HERE, ADDRESS)


def test_a_burst_of_guesses_is_no_more_than_one_row(house: House, alex: User) -> None:
    """Guesses that began before the wait did are refused when it has begun, right or wrong."""
    together = threading.Barrier(12)

    class Slow(Passwords):
        def verify(self, stored: str, password: str) -> bool:
            found = super().verify(stored, password)
            together.wait(10)
            return found

    slow = House(records=house.records, passwords=Slow(CHEAP))
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(outcome(slow, "alex", "a wrong guess")))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(0) == OPTIONS.free_failures
    assert found.count(2) == 12 - OPTIONS.free_failures


def test_lock_outs_stand_in_the_log(house: House, alex: User) -> None:
    for _ in range(OPTIONS.free_failures + 3):
        outcome(house, "alex", "a wrong guess")
    assert house.kinds(alex)[-2:] == ["sign_in_failed", "locked"]
    assert house.told(alex)[-1][1:] == ("system", {"seconds": 2})
    assert house.kinds(alex).count("sign_in_failed") == OPTIONS.free_failures
