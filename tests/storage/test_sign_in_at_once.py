"""Signing in over each of the stores: of two that use the same at once, one comes in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from safehold.cases.records import Records
from safehold.users.model import SessionError, SignInError
from safehold.users.roles import Role
from safehold.users.service import LastAdminError
from tests.users.house import ADDRESS, HERE, OPTIONS, PASSWORD, REVIEWER, House

THREADS = 4


def at_once(call: Callable[[int], object]) -> list[str]:
    """How several threads fare that call together: codes of errors, `in` for none."""
    outcomes: list[str] = []
    together = threading.Barrier(THREADS)

    def run(number: int) -> None:
        together.wait(10)
        try:
            call(number)
            outcomes.append("in")
        except (SignInError, SessionError) as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_a_set_up_code_sets_up_once(records: Records) -> None:
    house = House(records=records)
    user, code = house.users.add("alex", REVIEWER, "operator")
    assert at_once(lambda _: house.sign_in.setup(code, HERE, ADDRESS)) == ["in"] * THREADS
    assert len(house.sessions(user)) == 1
    outcomes = at_once(lambda _: house.set_up(user, code))
    assert outcomes.count("in") <= 1
    if "in" not in outcomes:
        house.set_up(user, code)
    assert len(house.sessions(user)) == 1
    assert house.changed(user).setup is None


def test_a_code_of_an_app_is_taken_once(records: Records) -> None:
    house = House(records=records)
    alex = house.add()
    tokens = [house.first(alex) for _ in range(THREADS)]
    code = house.code(alex)
    outcomes = at_once(lambda number: house.sign_in.totp(tokens[number], HERE, code))
    assert outcomes == ["in", "sign_in", "sign_in", "sign_in"]


def test_one_token_rises_once(records: Records) -> None:
    house = House(records=records)
    alex = house.add()
    token, code = house.first(alex), house.code(alex)
    outcomes = at_once(lambda _: house.sign_in.totp(token, HERE, code))
    assert outcomes == ["in", "session", "session", "session"]
    assert len(house.sessions(alex)) == 1
    assert house.changed(alex).failures == 0


def guess(house: House, name: str, _: int) -> None:
    house.sign_in.password(name, "a guess", HERE, ADDRESS)


def test_guesses_that_come_together_are_all_counted(records: Records) -> None:
    house = House(records=records)
    alex = house.add()
    for name in ("alex", "nobody"):
        for _ in range(2):
            outcomes = at_once(partial(guess, house, name))
        waits = 2 * THREADS - OPTIONS.free_failures
        assert outcomes == ["sign_in"] * (THREADS - waits) + ["sign_in_wait"] * waits
    assert house.changed(alex).failures == OPTIONS.free_failures


def test_ending_all_sessions_leaves_none_that_was_just_rising(records: Records) -> None:
    """Whatever comes first, a disabled user has no session in the end."""
    house = House(records=records)
    alex = house.add()
    token, code = house.first(alex), house.code(alex)

    def race(number: int) -> None:
        if number == 0:
            house.users.disable(alex.user_id, "operator")
        else:
            house.sign_in.totp(token, HERE, code)

    at_once(race)
    assert house.sessions(alex) == []


def test_admins_who_let_one_another_go_leave_one(records: Records) -> None:
    house = House(records=records)
    admins = [house.add(f"admin-{number}", frozenset({Role.ADMIN})) for number in range(THREADS)]

    def race(number: int) -> None:
        after, by = admins[(number + 1) % THREADS], f"user:{admins[number].user_id}"
        try:
            if number % 2:
                house.users.set_roles(after.user_id, frozenset({Role.AUDITOR}), by)
            else:
                house.users.disable(after.user_id, by)
        except LastAdminError:
            raise SessionError from None

    assert at_once(race) == ["in"] * (THREADS - 1) + ["session"]
    left = [user for user in house.users.users() if Role.ADMIN in user.roles]
    assert [user.disabled is None for user in left].count(True) == 1


def test_the_whole_way_over_each_store(records: Records) -> None:
    house = House(records=records)
    alex = house.add()
    token = house.enter(alex)
    house.wait(minutes=2)
    assert house.sign_in.session(token, HERE)[1].seen == house.clock.now()
    renewed = house.sign_in.change_password(token, HERE, PASSWORD, "another kettle by the door")
    house.users.reset(alex.user_id, "operator")
    try:
        house.sign_in.session(renewed, HERE)
    except SessionError:
        return
    raise AssertionError("a session outlived the reset")
