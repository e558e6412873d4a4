"""The conformance suite of `AccountStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import time

import pytest
import sqlalchemy as sa

from safehold.accounts.model import (
    DEFAULT_SCOPES,
    ApiKey,
    RememberedAnswer,
    Scope,
    Service,
    ServiceExistsError,
    Usage,
)
from safehold.cases.records import Records
from safehold.ids import KeyId, ServiceId
from safehold.storage.engine import DatabaseError
from safehold.storage.schema_accounts import api_keys, services

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
ONE, OTHER = ServiceId("service-1"), ServiceId("service-2")


@pytest.fixture
def both(records: Records) -> Records:
    """Records with two services."""
    with records.write() as transaction:
        transaction.accounts.add_service(Service(ONE, "one", T0))
        transaction.accounts.add_service(Service(OTHER, "other", T0))
    return records


def api_key(key_id: str, service_id: ServiceId = ONE, minutes: int = 0) -> ApiKey:
    return ApiKey(
        key_id=KeyId(key_id),
        service_id=service_id,
        label="some label",
        secret_hash=bytes(range(32)),
        scopes=DEFAULT_SCOPES,
        hold_status=423,
        per_minute=None,
        created=T0 + minutes * MINUTE,
    )


def answer(n: int, minutes: int = 0) -> RememberedAnswer:
    return RememberedAnswer(bytes([n]) * 16, 423, b'{"n":%d}' % n, T0 + minutes * MINUTE)


def test_services_are_listed_by_name(records: Records) -> None:
    names = ["b", "a.b", "a-b", "ab", "a_b", "1"]
    with records.write() as transaction:
        for n, name in enumerate(names):
            service = Service(ServiceId(f"id-{n}"), name, T0, demo=n == 3)
            transaction.accounts.add_service(service)
    with records.read() as transaction:
        accounts = transaction.accounts
        assert [service.name for service in accounts.services()] == sorted(names)
        expected = Service(ServiceId("id-3"), "ab", T0, demo=True)
        assert accounts.service(ServiceId("id-3")) == expected
        assert accounts.service_named("ab") == expected
        assert accounts.service(ServiceId("ab")) is None
        assert accounts.service_named("id-3") is None


def test_a_name_is_taken_once(both: Records) -> None:
    with both.write() as transaction:
        with pytest.raises(ServiceExistsError):
            transaction.accounts.add_service(Service(ServiceId("new"), "one", T0 + MINUTE))
        # The transaction goes on.
        transaction.accounts.add_service(Service(ServiceId("new"), "third", T0))
    with both.read() as transaction:
        assert transaction.accounts.service_named("one") == Service(ONE, "one", T0)
        assert len(transaction.accounts.services()) == 3


def test_two_that_add_the_same_name_at_once(records: Records) -> None:
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def add(n: int) -> None:
        together.wait()
        try:
            with records.write() as transaction:
                transaction.accounts.add_service(Service(ServiceId(f"id-{n}"), "same", T0))
        except ServiceExistsError:
            outcomes.append("exists")
        else:
            outcomes.append(f"id-{n}")

    threads = [threading.Thread(target=add, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = set(outcomes) - {"exists"}
    assert sorted(outcomes) == ["exists", "exists", "exists", winner]
    with records.read() as transaction:
        assert [s.service_id for s in transaction.accounts.services()] == [winner]


def test_a_service_is_disabled_and_enabled(both: Records) -> None:
    with both.write() as transaction:
        transaction.accounts.disable_service(ONE, T0 + MINUTE)
        transaction.accounts.disable_service(ServiceId("none"), T0)
    with both.read() as transaction:
        assert transaction.accounts.service(ONE) == Service(ONE, "one", T0, T0 + MINUTE)
        assert transaction.accounts.service(OTHER) == Service(OTHER, "other", T0)
    with both.write() as transaction:
        transaction.accounts.disable_service(ONE, None)
    with both.read() as transaction:
        assert transaction.accounts.service(ONE) == Service(ONE, "one", T0)


def test_what_fails_is_undone(both: Records) -> None:
    with pytest.raises(ZeroDivisionError), both.write() as transaction:
        transaction.accounts.add_service(Service(ServiceId("new"), "new", T0))
        transaction.accounts.add_key(api_key("k"))
        transaction.accounts.remember(ONE, b"k" * 16, answer(1))
        transaction.accounts.add_usage("server", [Usage(b"s" * 16, 1, 1)])
        raise ZeroDivisionError
    with both.read() as transaction:
        accounts = transaction.accounts
        assert accounts.service_named("new") is None
        assert accounts.key(KeyId("k")) is None
        assert accounts.remembered(ONE, b"k" * 16) is None
        assert list(accounts.usage_of_others("x", 0)) == []


def test_keys_come_back_as_they_were(both: Records) -> None:
    plain = api_key("a")
    full = dataclasses.replace(
        plain,
        key_id=KeyId("b"),
        label="",
        scopes=frozenset(Scope),
        hold_status=409,
        per_minute=7,
        expires=T0 + 2 * MINUTE,
        revoked=T0 + 3 * MINUTE,
    )
    with both.write() as transaction:
        transaction.accounts.add_key(plain)
        transaction.accounts.add_key(full)
    with both.read() as transaction:
        assert transaction.accounts.key(KeyId("a")) == plain
        assert transaction.accounts.key(KeyId("b")) == full
        assert transaction.accounts.key(KeyId("c")) is None


def test_keys_of_a_service_stand_in_order_and_apart(both: Records) -> None:
    keys = [api_key("c"), api_key("a", minutes=2), api_key("b", OTHER), api_key("b2", minutes=2)]
    with both.write() as transaction:
        for key in keys:
            transaction.accounts.add_key(key)
    with both.read() as transaction:
        accounts = transaction.accounts
        assert [key.key_id for key in accounts.keys(ONE)] == ["c", "a", "b2"]
        assert [key.key_id for key in accounts.keys(OTHER)] == ["b"]
        assert list(accounts.keys(ServiceId("none"))) == []


def test_the_first_revocation_stays(both: Records) -> None:
    with both.write() as transaction:
        transaction.accounts.add_key(api_key("a"))
        transaction.accounts.add_key(api_key("b"))
    with both.write() as transaction:
        assert transaction.accounts.revoke_key(KeyId("a"), T0 + MINUTE)
        assert transaction.accounts.revoke_key(KeyId("a"), T0 + 2 * MINUTE)
        assert not transaction.accounts.revoke_key(KeyId("none"), T0)
    with both.read() as transaction:
        revoked = {key.key_id: key.revoked for key in transaction.accounts.keys(ONE)}
    assert revoked == {"a": T0 + MINUTE, "b": None}


def test_a_key_needs_its_service(records: Records) -> None:
    with pytest.raises(DatabaseError), records.write() as transaction:
        transaction.accounts.add_key(api_key("a", ServiceId("none")))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize(
    "wrong", [{"hold_status": 200}, {"hold_status": 302}, {"secret_hash": b"short"}]
)
def test_the_database_refuses_what_no_key_may_have(
    request: pytest.FixtureRequest, kind: str, wrong: dict[str, object]
) -> None:
    engine: sa.Engine = request.getfixturevalue(kind)
    key = dataclasses.asdict(api_key("x", ServiceId("checked"))) | {"scopes": "screen"}
    with engine.connect() as connection:
        row = {"service_id": "checked", "name": "checked", "created": T0}
        connection.execute(services.insert(), row)
        connection.execute(api_keys.insert(), key)
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(api_keys.insert(), key | {"key_id": "y"} | wrong)


def test_an_answer_is_remembered_once_and_by_service(both: Records) -> None:
    key = b"k" * 16
    with both.write() as transaction:
        assert transaction.accounts.remember(ONE, key, answer(1)) is None
    with both.write() as transaction:
        assert transaction.accounts.remember(ONE, key, answer(2)) == answer(1)
        assert transaction.accounts.remembered(OTHER, key) is None
        assert transaction.accounts.remember(OTHER, key, answer(3)) is None
        # Within one transaction too.
        assert transaction.accounts.remember(OTHER, key, answer(4)) == answer(3)
    with both.read() as transaction:
        assert transaction.accounts.remembered(ONE, key) == answer(1)
        assert transaction.accounts.remembered(OTHER, key) == answer(3)
        assert transaction.accounts.remembered(ONE, b"x" * 16) is None


@pytest.mark.parametrize("fails", [False, True])
def test_another_that_remembers_at_the_same_time_is_waited_for(both: Records, fails: bool) -> None:
    key, begun = b"k" * 16, threading.Event()
    seen: list[RememberedAnswer | None] = []

    def second() -> None:
        assert begun.wait(10)
        with both.write() as transaction:
            seen.append(transaction.accounts.remember(ONE, key, answer(2)))

    thread = threading.Thread(target=second)
    thread.start()
    try:
        with both.write() as transaction:
            assert transaction.accounts.remember(ONE, key, answer(1)) is None
            begun.set()
            time.sleep(0.2)
            assert seen == []
            if fails:
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    thread.join()
    assert seen == [None if fails else answer(1)]
    with both.read() as transaction:
        assert transaction.accounts.remembered(ONE, key) == answer(2 if fails else 1)


def test_answers_are_forgotten_the_oldest_first(both: Records) -> None:
    with both.write() as transaction:
        for n in (3, 0, 2, 1, 4):
            transaction.accounts.remember((ONE, OTHER)[n % 2], bytes([n]) * 16, answer(n, n))
    with both.write() as transaction:
        assert transaction.accounts.forget_answers(T0 + 3 * MINUTE, 2) == 2
    with both.read() as transaction:
        left = [
            n
            for n in range(5)
            if transaction.accounts.remembered((ONE, OTHER)[n % 2], bytes([n]) * 16)
        ]
    assert left == [2, 3, 4]
    with both.write() as transaction:
        assert transaction.accounts.forget_answers(T0 + 3 * MINUTE, 100) == 1
        assert transaction.accounts.forget_answers(T0 + 3 * MINUTE, 100) == 0


def test_usage_is_set_and_summed_over_the_others(records: Records) -> None:
    a, b = b"a" * 16, b"b" * 16
    with records.write() as transaction:
        transaction.accounts.add_usage("s1", [Usage(a, 10, 1), Usage(a, 11, 2), Usage(b, 11, 3)])
        transaction.accounts.add_usage("s2", [Usage(a, 11, 10)])
        transaction.accounts.add_usage("s3", [])
    with records.write() as transaction:
        transaction.accounts.add_usage("s1", [Usage(a, 11, 5)])
    with records.read() as transaction:
        accounts = transaction.accounts
        everything = [Usage(a, 10, 1), Usage(a, 11, 15), Usage(b, 11, 3)]
        assert list(accounts.usage_of_others("s3", 0)) == everything
        assert list(accounts.usage_of_others("s3", 11)) == everything[1:]
        assert list(accounts.usage_of_others("s1", 0)) == [Usage(a, 11, 10)]
        assert list(accounts.usage_of_others("s2", 11)) == [Usage(a, 11, 5), Usage(b, 11, 3)]
    with records.write() as transaction:
        transaction.accounts.forget_usage(11)
    with records.read() as transaction:
        assert list(transaction.accounts.usage_of_others("s3", 0)) == everything[1:]
