"""Telling who asks, from memory where possible."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from safehold.accounts.authenticator import Authenticator, AuthenticatorOptions
from safehold.accounts.keys import KeyTerms, key_text, parse_key
from safehold.accounts.model import ApiKeyError
from safehold.accounts.service import AccountService
from safehold.clock import FixedClock
from safehold.ids import IdMaker, KeyId
from safehold.storage.engine import DatabaseError
from safehold.testing.records import MemoryRecords, MemoryTransaction

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


class CountingRecords(MemoryRecords):
    """Records that count how often they are read."""

    reads = 0

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        self.reads += 1
        with super().read() as transaction:
            yield transaction


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def records() -> CountingRecords:
    return CountingRecords()


@pytest.fixture
def accounts(records: CountingRecords, clock: FixedClock) -> AccountService:
    service = AccountService(records, clock, IdMaker(clock))
    service.add_service("app")
    return service


@pytest.fixture
def authenticator(records: CountingRecords, clock: FixedClock) -> Authenticator:
    return Authenticator(records, clock, AuthenticatorOptions(keys=3, unknown_keys=3))


def unknown(n: int) -> str:
    return key_text(KeyId(f"{n:026}"), bytes(32))


def test_a_hot_key_costs_one_look_up(
    records: CountingRecords,
    clock: FixedClock,
    accounts: AccountService,
    authenticator: Authenticator,
) -> None:
    key, text = accounts.add_key("app", KeyTerms())
    records.reads = 0
    assert authenticator.recall(text) is None
    for _ in range(10):
        caller = authenticator.authenticate(text)
        assert (caller.key, caller.service.name) == (key, "app")
    assert records.reads == 1
    assert authenticator.recall(text) == caller
    clock.advance(5 * SECOND)
    assert authenticator.recall(text) is None
    assert authenticator.authenticate(text) == caller
    assert records.reads == 2


def test_a_wrong_secret_of_a_key_in_use_costs_no_look_up(
    records: CountingRecords, accounts: AccountService, authenticator: Authenticator
) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    authenticator.authenticate(text)
    records.reads = 0
    key_id, secret = parse_key(text)
    with pytest.raises(ApiKeyError):
        authenticator.authenticate(key_text(key_id, secret[::-1]))
    assert authenticator.recall(text) is not None
    assert records.reads == 0


def test_a_wrong_secret_comes_first(accounts: AccountService, authenticator: Authenticator) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    key_id, _ = parse_key(text)
    with pytest.raises(ApiKeyError):
        authenticator.authenticate(key_text(key_id, bytes(32)))
    assert authenticator.authenticate(text).key.key_id == key_id


def test_what_is_no_key_costs_no_look_up(
    records: CountingRecords, accounts: AccountService, authenticator: Authenticator
) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    records.reads = 0
    for wrong in ("", "some text", text[:-1], text + "a", "Bearer " + text):
        with pytest.raises(ApiKeyError):
            authenticator.authenticate(wrong)
    assert records.reads == 0


def test_an_unknown_key_is_remembered_for_a_while(
    records: CountingRecords, clock: FixedClock, authenticator: Authenticator
) -> None:
    for reads in (1, 1, 2):
        with pytest.raises(ApiKeyError):
            authenticator.authenticate(unknown(1))
        assert records.reads == reads
        clock.advance(3 * SECOND)


def test_invented_ids_push_no_key_out(
    records: CountingRecords, accounts: AccountService, authenticator: Authenticator
) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    authenticator.authenticate(text)
    for n in range(50):
        with pytest.raises(ApiKeyError):
            authenticator.authenticate(unknown(n))
    records.reads = 0
    assert authenticator.recall(text) is not None
    # Of the unknown ones, only the last are remembered.
    for n in (47, 48, 49, 46):
        with pytest.raises(ApiKeyError):
            authenticator.authenticate(unknown(n))
    assert records.reads == 1


def test_the_keys_used_longest_ago_are_forgotten(
    records: CountingRecords, accounts: AccountService, authenticator: Authenticator
) -> None:
    texts = [accounts.add_key("app", KeyTerms())[1] for _ in range(4)]
    for text in (*texts[:3], texts[0], texts[3]):
        authenticator.authenticate(text)
    assert [authenticator.recall(text) is not None for text in texts] == [True, False, True, True]


def test_a_revoked_key_is_refused_in_time(
    clock: FixedClock, accounts: AccountService, authenticator: Authenticator
) -> None:
    key, text = accounts.add_key("app", KeyTerms())
    authenticator.authenticate(text)
    accounts.revoke(key.key_id)
    clock.advance(5 * SECOND)
    with pytest.raises(ApiKeyError):
        authenticator.authenticate(text)
    # From memory as well.
    with pytest.raises(ApiKeyError):
        authenticator.recall(text)


def test_a_disabled_service_is_refused_in_time_and_comes_back(
    clock: FixedClock, accounts: AccountService, authenticator: Authenticator
) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    authenticator.authenticate(text)
    accounts.disable("app")
    clock.advance(5 * SECOND)
    with pytest.raises(ApiKeyError):
        authenticator.authenticate(text)
    accounts.enable("app")
    clock.advance(5 * SECOND)
    assert authenticator.authenticate(text).service.disabled is None


def test_a_key_expires_at_its_moment(
    clock: FixedClock, accounts: AccountService, authenticator: Authenticator
) -> None:
    _, text = accounts.add_key("app", KeyTerms(expires=T0 + 2 * SECOND))
    clock.advance(SECOND)
    authenticator.authenticate(text)
    clock.advance(SECOND)
    with pytest.raises(ApiKeyError):
        authenticator.recall(text)


def test_a_key_that_was_unknown_may_be_added(
    records: CountingRecords, clock: FixedClock, authenticator: Authenticator
) -> None:
    maker = IdMaker(clock)
    ids = [maker(), maker()]
    coming = iter(ids)

    class Prepared(IdMaker):
        def __call__(self) -> str:
            return next(coming)

    text = key_text(KeyId(ids[1]), bytes(32))
    with pytest.raises(ApiKeyError):
        authenticator.authenticate(text)
    accounts = AccountService(records, clock, Prepared(clock), bytes)
    accounts.add_service("app")
    assert accounts.add_key("app", KeyTerms())[1] == text
    clock.advance(5 * SECOND)
    assert authenticator.authenticate(text).key.key_id == ids[1]


def test_a_clock_that_is_set_back_keeps_nothing_alive(
    clock: FixedClock, accounts: AccountService, authenticator: Authenticator
) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    authenticator.authenticate(text)
    clock.advance(-3600 * SECOND)
    assert authenticator.recall(text) is None


def test_without_the_database_nobody_new_comes_in(
    records: CountingRecords,
    clock: FixedClock,
    accounts: AccountService,
    authenticator: Authenticator,
) -> None:
    _, text = accounts.add_key("app", KeyTerms())
    authenticator.authenticate(text)
    records.broken = True
    authenticator.authenticate(text)
    clock.advance(5 * SECOND)
    with pytest.raises(DatabaseError):
        authenticator.authenticate(text)


def test_many_threads_at_once(accounts: AccountService, authenticator: Authenticator) -> None:
    texts = [accounts.add_key("app", KeyTerms())[1] for _ in range(5)]
    wrong: list[object] = []

    def work(n: int) -> None:
        for i in range(200):
            text = texts[(n + i) % 5]
            if authenticator.authenticate(text).key.key_id != parse_key(text)[0]:
                wrong.append(text)
            try:
                authenticator.authenticate(unknown(i % 7))
                wrong.append(i)
            except ApiKeyError:
                pass

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
