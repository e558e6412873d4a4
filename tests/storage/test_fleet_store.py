"""The conformance suite of `FleetStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from safehold.cases.records import Records
from safehold.fleet.model import CanaryResult, Server
from safehold.ids import ServerId

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


def server(server_id: str, started: int = 0, seen: int = 0) -> Server:
    return Server(
        server_id=ServerId(server_id),
        address=f"http://127.0.0.1/{server_id}",
        version="1.2.3",
        started=T0 + started * MINUTE,
        seen=T0 + seen * MINUTE,
        lists=(("some-list", 3), ("other-list", 12)),
    )


def result(server_id: str, minutes: int = 0, code: str = "ok") -> CanaryResult:
    return CanaryResult(ServerId(server_id), T0 + minutes * MINUTE, code, 0.125)


def test_servers_that_run_are_listed_the_oldest_first(records: Records) -> None:
    with records.write() as transaction:
        for one in (server("c", 1, 9), server("a", 1, 5), server("b", 0, 4)):
            transaction.fleet.seen(one)
    with records.read() as transaction:
        fleet = transaction.fleet
        assert list(fleet.servers(T0)) == [server("b", 0, 4), server("a", 1, 5), server("c", 1, 9)]
        assert list(fleet.servers(T0 + 5 * MINUTE)) == [server("a", 1, 5), server("c", 1, 9)]
        assert list(fleet.servers(T0 + 10 * MINUTE)) == []


def test_a_server_that_is_seen_again_is_one_server(records: Records) -> None:
    later = dataclasses.replace(server("a", 0, 7), lists=(), version="1.2.4")
    with records.write() as transaction:
        transaction.fleet.seen(server("a"))
    with records.write() as transaction:
        transaction.fleet.seen(later)
    with records.read() as transaction:
        assert list(transaction.fleet.servers(T0)) == [later]


def test_what_fails_is_undone(records: Records) -> None:
    with pytest.raises(ZeroDivisionError), records.write() as transaction:
        transaction.fleet.seen(server("a"))
        transaction.fleet.add_canary(result("a"))
        raise ZeroDivisionError
    with records.read() as transaction:
        assert list(transaction.fleet.servers(T0)) == []
        assert transaction.fleet.canary(ServerId("a")) is None


def test_the_last_canary_of_each_server_stays(records: Records) -> None:
    with records.write() as transaction:
        for one in (result("a", 1), result("a", 3, "timeout"), result("a", 2), result("b", 1)):
            transaction.fleet.add_canary(one)
        # Of two at the same moment, the one that was told last.
        transaction.fleet.add_canary(result("b", 1, "held"))
    with records.read() as transaction:
        assert transaction.fleet.canary(ServerId("a")) == result("a", 3, "timeout")
        assert transaction.fleet.canary(ServerId("b")) == result("b", 1, "held")
        assert transaction.fleet.canary(ServerId("c")) is None


def test_a_server_that_ends_takes_its_canary_along(records: Records) -> None:
    with records.write() as transaction:
        for name in ("a", "b"):
            transaction.fleet.seen(server(name))
            transaction.fleet.add_canary(result(name))
    with records.write() as transaction:
        transaction.fleet.gone(ServerId("a"))
        transaction.fleet.gone(ServerId("none"))
    with records.read() as transaction:
        assert list(transaction.fleet.servers(T0)) == [server("b")]
        assert transaction.fleet.canary(ServerId("a")) is None
        assert transaction.fleet.canary(ServerId("b")) == result("b")


def test_servers_that_were_not_seen_for_long_are_forgotten(records: Records) -> None:
    with records.write() as transaction:
        for name, seen in (("dead", 4), ("alive", 5)):
            transaction.fleet.seen(server(name, 0, seen))
            transaction.fleet.add_canary(result(name))
        transaction.fleet.add_canary(result("ended", 4))
        transaction.fleet.add_canary(result("not told yet", 5))
    with records.write() as transaction:
        transaction.fleet.forget(T0 + 5 * MINUTE)
    with records.read() as transaction:
        fleet = transaction.fleet
        assert [one.server_id for one in fleet.servers(T0)] == ["alive"]
        kept = ("dead", "alive", "ended", "not told yet")
        assert [name for name in kept if fleet.canary(ServerId(name))] == ["alive", "not told yet"]
