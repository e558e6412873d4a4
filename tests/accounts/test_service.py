"""Adding services and keys, and refusing them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from safehold.accounts.keys import HoldStatusError, KeyTerms, parse_key, secret_fits
from safehold.accounts.model import (
    CANARY_SERVICE,
    Scope,
    ServiceExistsError,
    ServiceNameError,
    UnknownKeyError,
    UnknownServiceError,
)
from safehold.accounts.service import AccountService
from safehold.audit.model import EventDraft
from safehold.clock import FixedClock
from safehold.ids import IdMaker, KeyId
from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.testing.records import MemoryRecords

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def accounts(records: MemoryRecords, clock: FixedClock) -> AccountService:
    return AccountService(records, clock, IdMaker(clock))


def events(records: MemoryRecords) -> list[EventDraft]:
    with records.read() as transaction:
        return [event.draft for event in transaction.audit.events()]


def test_a_service_and_its_key(records: MemoryRecords, accounts: AccountService) -> None:
    service = accounts.add_service("some-app", actor="user:1")
    assert list(accounts.services()) == [service]
    terms = KeyTerms("the web shop", frozenset({Scope.SCREEN, Scope.DIGESTS}), 409, 9)
    key, text = accounts.add_key("some-app", terms)
    assert list(accounts.keys("some-app")) == [key]
    key_id, secret = parse_key(text)
    assert key_id == key.key_id
    assert secret_fits(key, secret)
    assert events(records) == [
        EventDraft("service.added", T0, "user:1", service.service_id, service.service_id),
        EventDraft(
            "key.added",
            T0,
            "system",
            service.service_id,
            key.key_id,
            {"scopes": ("digests", "screen"), "hold_status": 409},
        ),
    ]


def test_a_trial_is_one_for_good(records: MemoryRecords, accounts: AccountService) -> None:
    trial = accounts.add_service("trial", demo=True)
    accounts.disable("trial")
    accounts.enable("trial")
    assert trial.demo
    assert [service.demo for service in accounts.services()] == [True]
    assert events(records)[0].data == {"demo": True}


def test_two_keys_differ(accounts: AccountService) -> None:
    accounts.add_service("app")
    (one, first), (other, second) = (accounts.add_key("app", KeyTerms()) for _ in range(2))
    assert one.key_id != other.key_id
    assert parse_key(first)[1] != parse_key(second)[1]


@pytest.mark.parametrize("name", ["", "Name", "a b", "x" * 65, "-a", CANARY_SERVICE, "safehold.x"])
def test_names_that_no_service_can_have(
    records: MemoryRecords, accounts: AccountService, name: str
) -> None:
    with pytest.raises(ServiceNameError):
        accounts.add_service(name)
    assert events(records) == []


def test_a_name_is_taken_once(records: MemoryRecords, accounts: AccountService) -> None:
    accounts.add_service("app")
    with pytest.raises(ServiceExistsError):
        accounts.add_service("app")
    assert [event.kind for event in events(records)] == ["service.added"]


def test_what_is_not_there(records: MemoryRecords, accounts: AccountService) -> None:
    for call in (
        lambda: accounts.add_key("none", KeyTerms()),
        lambda: accounts.keys("none"),
        lambda: accounts.disable("none"),
        lambda: accounts.enable("none"),
    ):
        with pytest.raises(UnknownServiceError):
            call()
    with pytest.raises(UnknownKeyError):
        accounts.revoke(KeyId("none"))
    assert events(records) == []


def test_terms_that_no_key_can_have_change_nothing(
    records: MemoryRecords, accounts: AccountService
) -> None:
    accounts.add_service("app")
    with pytest.raises(HoldStatusError):
        accounts.add_key("app", KeyTerms(hold_status=200))
    assert list(accounts.keys("app")) == []
    assert [event.kind for event in events(records)] == ["service.added"]


def test_a_key_is_revoked_once(
    records: MemoryRecords, accounts: AccountService, clock: FixedClock
) -> None:
    accounts.add_service("app")
    key, _ = accounts.add_key("app", KeyTerms())
    clock.advance(MINUTE)
    accounts.revoke(key.key_id, actor="user:1")
    clock.advance(MINUTE)
    accounts.revoke(key.key_id, actor="user:2")
    assert list(accounts.keys("app")) == [dataclasses.replace(key, revoked=T0 + MINUTE)]
    assert events(records)[2:] == [
        EventDraft("key.revoked", T0 + MINUTE, "user:1", key.service_id, key.key_id)
    ]


def test_a_service_is_disabled_and_enabled(
    records: MemoryRecords, accounts: AccountService
) -> None:
    service = accounts.add_service("app")
    accounts.enable("app")
    accounts.disable("app")
    accounts.disable("app")
    assert list(accounts.services()) == [dataclasses.replace(service, disabled=T0)]
    accounts.enable("app")
    assert list(accounts.services()) == [service]
    kinds = [event.kind for event in events(records)]
    assert kinds == ["service.added", "service.disabled", "service.enabled"]


def test_only_canaries_get_keys_of_the_canary_service(accounts: AccountService) -> None:
    with pytest.raises(UnknownServiceError):
        accounts.add_key(CANARY_SERVICE, KeyTerms())
    one, _ = accounts.add_canary_key(KeyTerms("work"))
    with pytest.raises(UnknownServiceError):
        accounts.add_key(CANARY_SERVICE, KeyTerms())
    other, _ = accounts.add_canary_key(KeyTerms("work"))
    assert [service.name for service in accounts.services()] == [CANARY_SERVICE]
    assert {key.key_id for key in accounts.keys(CANARY_SERVICE)} == {one.key_id, other.key_id}


def test_nothing_is_written_without_its_event(
    records: MemoryRecords, accounts: AccountService
) -> None:
    records.broken = True
    with pytest.raises(Exception, match="database"):
        accounts.add_service("app")
    records.broken = False
    assert list(accounts.services()) == []
    assert events(records) == []


def test_no_secret_is_on_the_disk(tmp_path: Path, clock: FixedClock) -> None:
    engine = sqlite_engine(tmp_path / "safehold.sqlite")
    migrate(engine)
    accounts = AccountService(SqlRecords(engine), clock, IdMaker(clock))
    accounts.add_service("app")
    _, text = accounts.add_key("app", KeyTerms("a label"))
    key_id, secret = parse_key(text)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert key_id.encode() in written
    assert secret not in written
    assert text.rsplit("_", 1)[1].encode() not in written
    assert b"a label" in written
    with SqlRecords(engine).read() as transaction:
        kinds = [event.draft.kind for event in transaction.audit.events()]
    assert kinds == ["service.added", "key.added"]
    engine.dispose()
