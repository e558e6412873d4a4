"""The conformance suite of `UserStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time

import pytest
import sqlalchemy as sa

from safehold.cases.records import Records
from safehold.ids import UserId
from safehold.storage.engine import DatabaseError
from safehold.storage.schema_users import sessions, sign_in_failures, users
from safehold.users.model import Passkey, Preferences, Session, Stage, User, UserExistsError
from safehold.users.roles import Role

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ONE, OTHER, NOBODY = UserId("user-1"), UserId("user-2"), UserId("nobody")
SUBJECT = bytes(range(16))


def plain(user_id: UserId, name: str) -> User:
    return User(user_id, name, frozenset({Role.REVIEWER}), T0)


def passkey(number: int, user_id: UserId = ONE, minutes: int = 0) -> Passkey:
    return Passkey(bytes([number]) * 20, user_id, b"key", 3, "a word", T0 + minutes * MINUTE)


def session(number: int, user_id: UserId = ONE, minutes: int = 0) -> Session:
    begun = T0 + minutes * MINUTE
    return Session(
        token_hash=bytes([number]) * 32,
        user_id=user_id,
        stage=Stage.FACTOR,
        created=begun,
        seen=begun,
        expires=begun + 10 * MINUTE,
        client=bytes(16),
    )


@pytest.fixture
def both(records: Records) -> Records:
    """Records with two users."""
    with records.write() as transaction:
        transaction.users.add(plain(ONE, "one"))
        transaction.users.add(plain(OTHER, "other"))
    return records


def test_users_come_back_as_they_were(records: Records) -> None:
    full = User(
        user_id=ONE,
        name="alex",
        roles=frozenset({Role.APPROVER, Role.OFFICER}),
        created=T0,
        disabled=T0 + MINUTE,
        password="$argon2id$something",
        totp=b"\x00sealed\xff",
        totp_step=2**40,
        setup=bytes(range(32)),
        setup_until=T0 + 2 * MINUTE,
        failures=7,
        locked_until=T0 + 3 * MINUTE,
        oidc="https://id.example 24",
        preferences=Preferences("fr", False, False, 300, 20, 5, 10, 15),
    )
    with records.write() as transaction:
        transaction.users.add(full)
        transaction.users.add(plain(OTHER, "bo"))
    with records.read() as transaction:
        found = transaction.users
        assert found.user(ONE) == found.user_named("alex") == full
        assert found.user_with_setup(bytes(range(32))) == full
        assert found.user_with_oidc("https://id.example 24") == full
        assert found.user(OTHER) == plain(OTHER, "bo")
        assert found.user(NOBODY) is None
        assert found.user_named(ONE) is None
        assert found.user_with_setup(bytes(32)) is None
        assert found.user_with_oidc("") is None, "no subject is nobody's"


def test_users_stand_in_the_order_of_their_names(records: Records) -> None:
    names = ["b", "a.b", "a-b", "ab", "a_b", "1"]
    with records.write() as transaction:
        for number, name in enumerate(names):
            transaction.users.add(plain(UserId(f"id-{number}"), name))
    with records.read() as transaction:
        assert [user.name for user in transaction.users.users()] == sorted(names)


def test_a_name_is_taken_once(both: Records) -> None:
    with both.write() as transaction:
        with pytest.raises(UserExistsError):
            transaction.users.add(plain(NOBODY, "one"))
        # The transaction goes on.
        transaction.users.add(plain(NOBODY, "third"))
    with both.read() as transaction:
        assert [user.user_id for user in transaction.users.users()] == [ONE, OTHER, NOBODY]


def test_all_that_can_change_is_written_and_the_rest_stays(both: Records) -> None:
    changed = User(
        user_id=ONE,
        name="another",
        roles=frozenset({Role.AUDITOR}),
        created=T0 + MINUTE,
        password="hash",
        totp=b"sealed",
        totp_step=5,
        failures=2,
        oidc="issuer subject",
        preferences=Preferences(side=100),
    )
    with both.write() as transaction:
        transaction.users.update(changed)
        transaction.users.update(dataclasses.replace(changed, user_id=NOBODY))
    with both.read() as transaction:
        kept = dataclasses.replace(changed, name="one", created=T0)
        assert transaction.users.user(ONE) == kept
        assert transaction.users.user(OTHER) == plain(OTHER, "other")
        assert transaction.users.user(NOBODY) is None
    with both.write() as transaction:
        transaction.users.update(plain(ONE, "one"))
    with both.read() as transaction:
        assert transaction.users.user(ONE) == plain(ONE, "one"), "what is None again is None"


@pytest.mark.parametrize("change", [{"oidc": "issuer subject"}, {"setup": bytes(range(32))}])
def test_a_subject_and_a_code_belong_to_one_user(both: Records, change: dict[str, object]) -> None:
    with both.write() as transaction:
        transaction.users.update(dataclasses.replace(plain(ONE, "one"), **change))  # type: ignore[arg-type]
    with pytest.raises(DatabaseError), both.write() as transaction:
        transaction.users.update(dataclasses.replace(plain(OTHER, "other"), **change))  # type: ignore[arg-type]


def test_a_user_that_is_held_is_waited_for(both: Records) -> None:
    begun, steps = threading.Event(), []

    def second() -> None:
        assert begun.wait(10)
        with both.write() as transaction:
            user = transaction.users.user(ONE, lock=True)
            assert user is not None
            steps.append(user.totp_step)

    thread = threading.Thread(target=second)
    thread.start()
    with both.write() as transaction:
        user = transaction.users.user_named("one", lock=True)
        assert user is not None
        begun.set()
        time.sleep(0.2)
        transaction.users.update(dataclasses.replace(user, totp_step=9))
    thread.join()
    assert steps == [9]


def test_passkeys(both: Records) -> None:
    with both.write() as transaction:
        for each in (passkey(3), passkey(1, minutes=1), passkey(2, OTHER), passkey(2 + 7)):
            transaction.users.add_passkey(each)
        transaction.users.count_passkey(bytes([3]) * 20, 2**32 - 1)
    with both.write() as transaction:
        assert not transaction.users.remove_passkey(ONE, passkey(2).credential_id), "another's"
        assert transaction.users.remove_passkey(ONE, passkey(9).credential_id)
        assert not transaction.users.remove_passkey(ONE, passkey(9).credential_id)
    with both.read() as transaction:
        counted = dataclasses.replace(passkey(3), sign_count=2**32 - 1)
        assert list(transaction.users.passkeys(ONE)) == [counted, passkey(1, minutes=1)]
        assert list(transaction.users.passkeys(OTHER)) == [passkey(2, OTHER)]
        assert list(transaction.users.passkeys(NOBODY)) == []
    for wrong in (passkey(1), passkey(1, OTHER), passkey(5, NOBODY)):
        with pytest.raises(DatabaseError), both.write() as transaction:
            transaction.users.add_passkey(wrong)


def test_sessions_begin_change_and_end(both: Records) -> None:
    with both.write() as transaction:
        for each in (session(1), session(2, minutes=2), session(3, OTHER), session(4, minutes=2)):
            transaction.users.add_session(each)
    changed = dataclasses.replace(
        session(2, minutes=2),
        stage=Stage.FULL,
        seen=T0 + 3 * MINUTE,
        expires=T0 + 9 * MINUTE,
        challenge=b"\x00sealed",
    )
    with both.write() as transaction:
        moved = dataclasses.replace(changed, user_id=OTHER, client=bytes([1] * 16))
        transaction.users.update_session(moved)
        transaction.users.update_session(session(7))
    with both.read() as transaction:
        found = transaction.users
        assert found.session(changed.token_hash) == changed, "whose it is does not change"
        assert found.session(session(7).token_hash) is None
        assert list(found.sessions(ONE)) == [changed, session(4, minutes=2), session(1)]
    with both.write() as transaction:
        transaction.users.end_session(session(4).token_hash)
        transaction.users.end_session(session(4).token_hash)
        assert transaction.users.end_sessions(ONE, but=session(1).token_hash) == 1
        assert transaction.users.end_sessions(NOBODY) == 0
    with both.read() as transaction:
        assert list(transaction.users.sessions(ONE)) == [session(1)]
        assert list(transaction.users.sessions(OTHER)) == [session(3, OTHER)]
    with both.write() as transaction:
        assert transaction.users.end_sessions(ONE) == 1
    with pytest.raises(DatabaseError), both.write() as transaction:
        transaction.users.add_session(session(5, NOBODY))


def test_expired_sessions_are_forgotten_the_oldest_first(both: Records) -> None:
    with both.write() as transaction:
        for number in (3, 0, 2, 1):
            transaction.users.add_session(session(number, minutes=number))
    until = T0 + 12 * MINUTE
    with both.write() as transaction:
        assert transaction.users.forget_sessions(until, 1) == 1
        assert transaction.users.session(session(0).token_hash) is None
        assert transaction.users.forget_sessions(until, 9) == 1
        assert transaction.users.forget_sessions(until, 9) == 0, "the moment itself is not before"
    with both.read() as transaction:
        left = [each.token_hash[0] for each in transaction.users.sessions(ONE)]
    assert left == [3, 2]


def test_failures_are_counted_by_subject_and_time(records: Records) -> None:
    other = bytes(16)
    with records.write() as transaction:
        for minutes in (0, 5, 5, 9):
            transaction.users.add_failure(SUBJECT, T0 + minutes * MINUTE)
        transaction.users.add_failure(other, T0 + MINUTE)
    with records.read() as transaction:
        counts = [transaction.users.failures(SUBJECT, T0 + n * MINUTE) for n in (0, 1, 5, 6, 10)]
        assert counts == [4, 3, 3, 1, 0]
        assert transaction.users.last_failure(SUBJECT) == T0 + 9 * MINUTE
        assert transaction.users.last_failure(other) == T0 + MINUTE
        assert transaction.users.last_failure(bytes([9] * 16)) is None
    with records.write() as transaction:
        assert transaction.users.forget_failures(T0 + 5 * MINUTE, 1) == 1
        assert transaction.users.failures(SUBJECT, T0) == 3, "the oldest goes first"
        assert transaction.users.forget_failures(T0 + 5 * MINUTE, 9) == 1
        assert transaction.users.failures(SUBJECT, T0) == 3
        assert transaction.users.failures(other, T0) == 0


def test_what_fails_is_undone(both: Records) -> None:
    with pytest.raises(ZeroDivisionError), both.write() as transaction:
        transaction.users.add(plain(NOBODY, "new"))
        transaction.users.add_passkey(passkey(1))
        transaction.users.add_session(session(1))
        transaction.users.add_failure(SUBJECT, T0)
        transaction.users.update(dataclasses.replace(plain(ONE, "one"), failures=3))
        raise ZeroDivisionError
    with both.read() as transaction:
        assert transaction.users.user_named("new") is None
        assert list(transaction.users.passkeys(ONE)) == []
        assert transaction.users.session(session(1).token_hash) is None
        assert transaction.users.failures(SUBJECT, T0) == 0
        assert transaction.users.user(ONE) == plain(ONE, "one")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_database_refuses_what_cannot_be(request: pytest.FixtureRequest, kind: str) -> None:
    engine: sa.Engine = request.getfixturevalue(kind)
    user = dataclasses.asdict(plain(UserId("checked"), "checked"))
    user |= {"roles": "reviewer", "oidc": None, "preferences": {}}
    row = dataclasses.asdict(session(1, UserId("checked"))) | {"stage": "full"}
    wrong = [
        (users, user | {"user_id": "x", "name": "x", "roles": ""}),
        (users, user | {"user_id": "x", "name": "x", "setup": b"short"}),
        (sessions, row | {"token_hash": b"short"}),
        (sessions, row | {"stage": "more"}),
        (sign_in_failures, {"subject": b"an address in the clear", "at": T0}),
    ]
    for table, values in wrong:
        with engine.connect() as connection:
            connection.execute(users.insert(), user)
            with pytest.raises(sa.exc.IntegrityError):
                connection.execute(table.insert(), values)
