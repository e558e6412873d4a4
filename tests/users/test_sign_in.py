"""Signing in: the steps, and what somebody tries who is not who they say."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import re
import threading
from collections.abc import Callable
from functools import partial

import pytest

from safehold.users.model import (
    ConfirmError,
    PasswordError,
    SessionError,
    SignInError,
    SignInWaitError,
    Stage,
    User,
)
from safehold.users.passwords import PasswordOptions, Passwords
from safehold.users.roles import Role
from tests.users.house import ADDRESS, CHEAP, HERE, OPTIONS, PASSWORD, REVIEWER, T0, THERE, House


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def alex(house: House) -> User:
    return house.add()


def said(call: Callable[[], object]) -> tuple[str, str, str, object]:
    """All that an answer tells."""
    try:
        call()
    except SignInError as error:
        return error.code, error.message, error.hint, getattr(error, "seconds", None)
    return "", "", "", None


# The way in


def test_the_way_from_a_code_to_a_full_session(house: House) -> None:
    user, code = house.users.add("alex", REVIEWER, "operator")
    token = house.sign_in.setup(code, HERE, ADDRESS)
    found, session = house.sign_in.session(token, HERE)
    assert (found.user_id, session.stage) == (user.user_id, Stage.SETUP)
    house.sign_in.set_password(token, HERE, PASSWORD)
    full = house.enrol(token, user)
    assert house.sign_in.session(full, HERE)[1].stage is Stage.FULL
    house.sign_in.sign_out(full)
    house.wait(seconds=30)
    first = house.first(user)
    assert house.sign_in.session(first, HERE)[1].stage is Stage.FACTOR
    again = house.sign_in.totp(first, HERE, house.code(user))
    assert house.sign_in.session(again, HERE)[1].stage is Stage.FULL
    assert len({code, token, full, first, again}) == 5
    assert house.kinds(user) == [
        "added", "setup_begun", "password_set", "factor_added", "signed_in", "signed_out",
        "signed_in",
    ]  # fmt: skip


def test_the_log_has_ids_and_codes_alone(house: House, alex: User) -> None:
    said(lambda: house.first(alex, "something else entirely"))
    house.enter(alex)
    words = repr(house.told())
    for secret in ("alex", ADDRESS, PASSWORD, "something else"):
        assert secret not in words
    assert ("user.sign_in_failed", "system", {"why": "password", "failures": 1}) in house.told(alex)
    assert ("user.signed_in", f"user:{alex.user_id}", {"factor": "totp"}) in house.told(alex)


def test_what_is_stored_opens_nothing(house: House, alex: User) -> None:
    token = house.enter(alex)
    (session,) = house.sessions(alex)
    assert session.token_hash == hashlib.sha256(token.encode()).digest()
    stored = repr(dataclasses.astuple(house.changed(alex)))
    assert PASSWORD not in stored
    assert repr(house.secrets[alex.user_id]) not in stored
    assert "argon2" not in repr(house.changed(alex)), "a log never shows a hash"
    for wrong in (session.token_hash.hex(), "", "x" * 500, token[:-1], token + "x", "\udcff", "é"):
        with pytest.raises(SessionError):
            house.sign_in.session(wrong, HERE)


# Set-up codes


def test_a_code_sets_up_once_and_not_after_its_time(house: House) -> None:
    user, code = house.users.add("alex", REVIEWER, "operator")
    house.set_up(user, code)
    with pytest.raises(SignInError):
        house.sign_in.setup(code, HERE, ADDRESS)
    late = house.users.reset(user.user_id, "operator")
    house.wait(hours=OPTIONS.setup_hours)
    with pytest.raises(SignInError):
        house.sign_in.setup(late, HERE, ADDRESS)


def test_a_code_is_taken_as_people_type_it(house: House) -> None:
    _, code = house.users.add("alex", REVIEWER, "operator")
    typed = f"  {code.upper().replace('-', ' ').replace('0', 'O').replace('1', 'l')} "
    assert house.sign_in.setup(typed, HERE, ADDRESS)


@pytest.mark.parametrize("code", ["", "x", "u" * 28, "1" * 28, "\0" * 28, "é" * 28, "1" * 10**6])
def test_what_is_no_code_is_refused(house: House, alex: User, code: str) -> None:
    with pytest.raises(SignInError):
        house.sign_in.setup(code, HERE, ADDRESS)


def test_who_broke_off_goes_on_with_the_same_code(house: House) -> None:
    user, code = house.users.add("alex", REVIEWER, "operator")
    first = house.sign_in.setup(code, HERE, ADDRESS)
    house.sign_in.set_password(first, HERE, "a kettle that was forgotten")
    house.wait(hours=2)
    token = house.sign_in.setup(code, THERE, ADDRESS)
    house.sign_in.sign_out(token)
    house.set_up(user, code)
    assert house.changed(user).setup is None
    assert [session.stage for session in house.sessions(user)] == [Stage.FULL]
    house.wait(seconds=30)
    assert house.enter(user)


def test_two_that_use_a_code_at_once(house: House) -> None:
    """The last goes on; two never set up one account side by side."""
    user, code = house.users.add("alex", REVIEWER, "operator")
    at_once(4, lambda _: house.sign_in.setup(code, HERE, ADDRESS))
    assert len(house.sessions(user)) == 1


def test_a_disabled_user_does_not_set_up(house: House) -> None:
    user, code = house.users.add("alex", REVIEWER, "operator")
    house.users.disable(user.user_id, "operator")
    with pytest.raises(SignInError):
        house.sign_in.setup(code, HERE, ADDRESS)


def test_a_password_alone_enrols_no_factor(house: House) -> None:
    """Somebody who broke off while setting up needs the code: the password is not enough."""
    user, code = house.users.add("alex", REVIEWER, "operator")
    token = house.sign_in.setup(code, HERE, ADDRESS)
    with pytest.raises(PasswordError):
        house.sign_in.begin_totp(token, HERE)
    house.sign_in.set_password(token, HERE, PASSWORD)
    house.sign_in.sign_out(token)
    with pytest.raises(SignInError):
        house.first(user)


# Second factors


def test_a_code_of_the_app_is_taken_once(house: House, alex: User) -> None:
    code = house.code(alex)
    house.sign_in.totp(house.first(alex), HERE, code)
    token = house.first(alex)
    with pytest.raises(SignInError):
        house.sign_in.totp(token, HERE, code)
    # One that is older than the last is no better.
    with pytest.raises(SignInError):
        house.sign_in.totp(token, HERE, house.code(alex, -1))
    house.sign_in.totp(token, HERE, house.code(alex, 1))


def test_the_code_that_enrolled_an_app_signs_nobody_in(house: House) -> None:
    user, code = house.users.add("alex", REVIEWER, "operator")
    house.set_up(user, code)
    with pytest.raises(SignInError):
        house.sign_in.totp(house.first(user), HERE, house.code(user))


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_codes_are_taken_one_step_around(house: House, alex: User, steps: int, taken: bool) -> None:
    house.wait(minutes=5)
    token = house.first(alex)
    if taken:
        assert house.sign_in.totp(token, HERE, house.code(alex, steps))
    else:
        with pytest.raises(SignInError):
            house.sign_in.totp(token, HERE, house.code(alex, steps))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\0" * 6, "-12345"])
def test_what_is_no_code_of_an_app_is_refused(house: House, alex: User, code: str) -> None:
    with pytest.raises(SignInError):
        house.sign_in.totp(house.first(alex), HERE, code)


def test_of_two_that_use_a_code_at_once_one_comes_in(house: House, alex: User) -> None:
    tokens = [house.first(alex) for _ in range(4)]
    code = house.code(alex)
    outcomes = at_once(4, lambda n: house.sign_in.totp(tokens[n], HERE, code))
    assert sorted(map(bool, outcomes)) == [False, False, False, True]


def test_a_secret_belongs_to_its_user(house: House, alex: User) -> None:
    """A sealed secret that is copied into another's row is none there."""
    bo = house.add("bo")
    house.change(bo, totp=house.changed(alex).totp, totp_step=0)
    with pytest.raises(SignInError):
        house.sign_in.totp(house.first(bo), HERE, house.code(alex))


def test_a_secret_is_enrolled_where_it_was_begun_and_in_time(house: House, alex: User) -> None:
    token = house.enter(alex)
    house.wait(seconds=30)
    other = house.enter(alex)
    begun = house.secrets[alex.user_id]
    with pytest.raises(SignInError):
        house.sign_in.confirm_totp(other, HERE, house.code(alex, 1))
    house.sign_in.begin_totp(token, HERE)
    with pytest.raises(SignInError):
        house.sign_in.confirm_totp(token, HERE, house.code(alex, 1))
    token = house.enrol(token, alex)
    assert house.secrets[alex.user_id] != begun
    enrolment = house.sign_in.begin_totp(token, HERE)
    assert enrolment.secret
    house.wait(minutes=OPTIONS.sign_in_minutes)
    with pytest.raises(SignInError):
        house.sign_in.confirm_totp(token, HERE, "000000")


def test_the_drawing_of_a_secret_has_no_style_and_no_script(house: House, alex: User) -> None:
    enrolment = house.sign_in.begin_totp(house.enter(alex), HERE)
    assert enrolment.svg.startswith("<svg")
    assert not re.search(r"style|script|href|\son\w+=|<\?", enrolment.svg)
    assert enrolment.uri.startswith("otpauth://totp/Safehold:alex?secret=")
    assert enrolment.secret not in repr(enrolment)


# Sessions


def test_each_stage_has_a_token_of_its_own(house: House, alex: User) -> None:
    """One that was planted before, or seen, is worth nothing after."""
    first = house.first(alex)
    full = house.sign_in.totp(first, HERE, house.code(alex))
    with pytest.raises(SessionError):
        house.sign_in.session(first, HERE)
    changed = house.sign_in.change_password(full, HERE, PASSWORD, "another kettle by the door")
    with pytest.raises(SessionError):
        house.sign_in.session(full, HERE)
    enrolled = house.enrol(changed, alex)
    with pytest.raises(SessionError):
        house.sign_in.session(changed, HERE)
    assert house.sign_in.session(enrolled, HERE)[1].stage is Stage.FULL


def test_a_new_token_makes_no_session_longer(house: House, alex: User) -> None:
    token = house.enter(alex)
    ends = house.sign_in.session(token, HERE)[1].expires
    for _ in range(3):
        house.wait(minutes=20)
        token = house.sign_in.confirm(token, HERE, PASSWORD)
        token = house.enrol(token, alex)
    assert house.sign_in.session(token, HERE)[1].expires == ends == ends_of(T0)


def ends_of(begun: dt.datetime) -> dt.datetime:
    return begun + dt.timedelta(hours=OPTIONS.session_hours, seconds=30)


def test_an_open_session_alone_enrols_no_factor(house: House, alex: User) -> None:
    """A stolen one must not become somebody else's for good."""
    token, sign_in = house.enter(alex), house.sign_in
    assert sign_in.begin_totp(token, HERE).secret
    house.wait(minutes=10)
    assert sign_in.session(token, HERE)
    for begin in (sign_in.begin_totp, sign_in.register_options):
        with pytest.raises(ConfirmError):
            begin(token, HERE)
    with pytest.raises(SignInError):
        sign_in.confirm(token, HERE, "a guess")
    with pytest.raises(ConfirmError):
        sign_in.begin_totp(token, HERE)
    assert house.changed(alex).failures == 1

    confirmed = sign_in.confirm(token, HERE, PASSWORD)
    with pytest.raises(SessionError):  # a copy of the token does not ride on it
        sign_in.session(token, HERE)
    assert sign_in.register_options(confirmed, HERE)
    enrolled = house.enrol(confirmed, alex)
    house.wait(minutes=10)
    with pytest.raises(ConfirmError):  # a new token alone shows nobody again
        sign_in.begin_totp(enrolled, HERE)
    assert house.kinds(alex)[-3:] == ["sign_in_failed", "confirmed", "factor_added"]


def test_only_a_full_session_is_confirmed(house: House, alex: User) -> None:
    first = house.first(alex)
    with pytest.raises(SessionError):
        house.sign_in.confirm(first, HERE, PASSWORD)


def test_a_stolen_token_ends_the_session(house: House, alex: User) -> None:
    token = house.enter(alex)
    with pytest.raises(SessionError):
        house.sign_in.session(token, THERE)
    with pytest.raises(SessionError):
        house.sign_in.session(token, HERE)
    assert house.kinds(alex)[-1] == "session_stolen"


def test_no_step_is_taken_from_another_browser(house: House, alex: User) -> None:
    full = house.enter(alex)
    house.wait(seconds=30)
    first = house.first(alex)
    sign_in = house.sign_in
    steps: list[Callable[[], object]] = [
        lambda: sign_in.totp(first, THERE, house.code(alex)),
        lambda: sign_in.passkey_options(first, THERE),
        lambda: sign_in.passkey(first, THERE, "{}"),
        lambda: sign_in.begin_totp(full, THERE),
        lambda: sign_in.confirm_totp(full, THERE, "000000"),
        lambda: sign_in.register_options(full, THERE),
        lambda: sign_in.register_passkey(full, THERE, "{}", ""),
    ]
    for step in steps:
        with pytest.raises(SessionError):
            step()
    assert house.changed(alex).failures == 0


def test_no_step_is_taken_at_another_stage(house: House, alex: User) -> None:
    full = house.enter(alex)
    house.wait(seconds=30)
    first = house.first(alex)
    bo, code = house.users.add("bo", REVIEWER, "operator")
    setup = house.sign_in.setup(code, HERE, ADDRESS)
    sign_in = house.sign_in
    steps: list[Callable[[], object]] = [
        lambda: sign_in.totp(full, HERE, house.code(alex)),
        lambda: sign_in.totp(setup, HERE, house.code(alex)),
        lambda: sign_in.passkey_options(full, HERE),
        lambda: sign_in.begin_totp(first, HERE),
        lambda: sign_in.register_options(first, HERE),
        lambda: sign_in.set_password(first, HERE, PASSWORD),
        lambda: sign_in.set_password(full, HERE, PASSWORD),
        lambda: sign_in.change_password(first, HERE, PASSWORD, "another kettle by the door"),
        lambda: sign_in.change_password(setup, HERE, "", "another kettle by the door"),
    ]
    for number, step in enumerate(steps):
        with pytest.raises((SessionError, SignInError)):
            step()
        assert house.changed(bo).password == "", number
    assert house.sign_in.session(full, HERE)


def test_a_session_ends_when_it_is_not_used(house: House, alex: User) -> None:
    token = house.enter(alex)
    for _ in range(4):
        house.wait(minutes=OPTIONS.idle_minutes - 1)
        house.sign_in.session(token, HERE)
    house.wait(minutes=OPTIONS.idle_minutes)
    with pytest.raises(SessionError):
        house.sign_in.session(token, HERE)
    assert house.users.sessions(alex.user_id) == ()


def test_a_session_ends_whatever_happens(house: House, alex: User) -> None:
    token = house.enter(alex)
    for _ in range(int(OPTIONS.session_hours * 3) - 1):
        house.wait(minutes=20)
        house.sign_in.session(token, HERE)
    house.wait(minutes=20)
    with pytest.raises(SessionError):
        house.sign_in.session(token, HERE)


def test_the_second_factor_is_waited_for_a_few_minutes(house: House, alex: User) -> None:
    token = house.first(alex)
    house.wait(minutes=OPTIONS.sign_in_minutes)
    with pytest.raises(SessionError):
        house.sign_in.totp(token, HERE, house.code(alex))


def test_use_is_written_once_a_minute(house: House, alex: User) -> None:
    token = house.enter(alex)
    begun = house.sign_in.session(token, HERE)[1].seen
    house.wait(seconds=59)
    assert house.sign_in.session(token, HERE)[1].seen == begun
    house.wait(seconds=1)
    assert house.sign_in.session(token, HERE)[1].seen == begun + dt.timedelta(minutes=1)
    (stored,) = house.sessions(alex)
    assert stored.seen == begun + dt.timedelta(minutes=1)


def test_forms_of_one_session_are_none_of_another(house: House, alex: User) -> None:
    one = house.enter(alex)
    house.wait(seconds=30)
    other = house.enter(alex)
    sign_in = house.sign_in
    assert sign_in.check_csrf(one, sign_in.csrf(one))
    assert sign_in.csrf(one) == sign_in.csrf(one) != one
    for wrong in (sign_in.csrf(other), "", one, sign_in.csrf(one).upper() + "x", "é", "\udcff"):
        assert not sign_in.check_csrf(one, wrong)
    elsewhere = House(keys=dataclasses.replace(house.parts.keys, csrf=bytes(32)))
    assert elsewhere.sign_in.csrf(one) != sign_in.csrf(one), "the token alone does not make it"


def test_signing_out_ends_the_session(house: House, alex: User) -> None:
    token = house.enter(alex)
    house.sign_in.sign_out(token)
    house.sign_in.sign_out(token)
    house.sign_in.sign_out("no token")
    with pytest.raises(SessionError):
        house.sign_in.session(token, HERE)
    assert house.kinds(alex).count("signed_out") == 2  # once after setting up


# Passwords


def test_changing_the_password_ends_all_other_sessions(house: House, alex: User) -> None:
    others = []
    for _ in range(2):
        others.append(house.enter(alex))
        house.wait(seconds=30)
    token = house.enter(alex)
    new = house.sign_in.change_password(token, HERE, PASSWORD, "another kettle by the door")
    for other in (*others, token):
        with pytest.raises(SessionError):
            house.sign_in.session(other, HERE)
    assert house.sign_in.session(new, HERE)
    with pytest.raises(SignInError):
        house.first(alex)
    assert house.first(alex, "another kettle by the door")
    changed = [data for kind, _, data in house.told(alex) if kind == "user.password_changed"]
    assert changed == [{"sessions": 2}]


def test_guessing_the_old_password_counts(house: House, alex: User) -> None:
    token = house.enter(alex)
    new = "another kettle by the door"
    for _ in range(OPTIONS.free_failures):
        with pytest.raises(SignInError):
            house.sign_in.change_password(token, HERE, "a wrong guess", new)
    with pytest.raises(SignInWaitError):
        house.sign_in.change_password(token, HERE, PASSWORD, new)
    with pytest.raises(PasswordError):
        house.sign_in.change_password(token, HERE, PASSWORD, "short")


def test_hashes_are_made_anew_when_the_parameters_change(house: House, alex: User) -> None:
    before = house.changed(alex).password
    house.first(alex)
    assert house.changed(alex).password == before
    stronger = PasswordOptions(passes=2, memory_kib=128, lanes=1)
    later = House(records=house.records, passwords=Passwords(stronger))
    later.wait(minutes=1)
    with pytest.raises(SignInError):
        later.first(alex, "a wrong guess")
    assert house.changed(alex).password == before
    later.first(alex)
    after = house.changed(alex).password
    assert "m=128,t=2,p=1" in after
    later.first(alex)
    assert house.changed(alex).password == after


# What answers tell


def test_answers_do_not_tell_who_works_here(house: House, alex: User) -> None:
    gone = house.add("gone")
    house.users.disable(gone.user_id, "operator")
    new, _ = house.users.add("new", REVIEWER, "operator")
    tries = [
        ("alex", "a wrong password"),
        ("gone", PASSWORD),
        ("new", ""),
        ("nobody", PASSWORD),
        ("No Name\0\udcff", PASSWORD),
        ("x" * 5000, "y" * 5000),
    ]
    for _ in range(OPTIONS.free_failures + 3):
        answers = {said(partial(house.sign_in.password, *pair, HERE, ADDRESS)) for pair in tries}
        assert len(answers) == 1, answers
        assert answers.pop()[0]
        house.wait(seconds=1.5)
    assert new.password == ""


def test_nothing_of_a_name_that_nobody_has_is_kept(house: House, alex: User) -> None:
    before = house.told()
    said(lambda: house.sign_in.password("some.person", "a password", HERE, ADDRESS))
    assert house.told() == before
    assert "some.person" not in repr(vars(house.records))


def test_a_password_is_verified_for_nobody_too(house: House, alex: User) -> None:
    verified: list[str] = []

    class Watched(Passwords):
        def verify(self, stored: str, password: str) -> bool:
            verified.append(stored)
            return super().verify(stored, password)

    watched = House(records=house.records, passwords=Watched(CHEAP))
    for name in ("alex", "nobody", "No Name"):
        said(partial(watched.sign_in.password, name, "a wrong guess", HERE, ADDRESS))
    assert [bool(each) for each in verified] == [True, False, False]


def test_roles_open_nothing_before_the_last_step(house: House) -> None:
    """Roles say nothing before the sign-in is complete: the stage does."""
    admin = house.add("root", frozenset({Role.ADMIN}))
    assert house.sign_in.session(house.first(admin), HERE)[1].stage is Stage.FACTOR


def at_once(count: int, call: Callable[[int], str]) -> list[str]:
    """What several threads get that call together; empty for those that are refused."""
    outcomes: list[str] = []
    together = threading.Barrier(count)

    def run(number: int) -> None:
        together.wait(10)
        try:
            outcomes.append(call(number))
        except SignInError:
            outcomes.append("")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == count
    return outcomes
