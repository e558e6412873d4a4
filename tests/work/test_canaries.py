"""Canaries through servers that do as they must, and through servers that do not."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from safehold.cases.model import CaseFilter
from safehold.clock import FixedClock
from safehold.custodian.interface import Checked, CustodianAwayError
from safehold.fleet.model import CanaryResult, Server
from safehold.ids import CaseId, IdMaker, ServerId
from safehold.outbox.alarms import AlarmOptions, messages_for_alarm
from safehold.outbox.model import Alarm, AlarmCode, Message
from safehold.policy.model import Verdict
from safehold.storage.engine import DatabaseError
from safehold.vault.interface import VaultError
from safehold.work.alarms import Alarms
from safehold.work.canary.door import DoorOptions
from safehold.work.canary.model import CANARY_LIST, CanaryParts, Machine, Pace, is_due
from safehold.work.canary.picture import PURPOSE, draw_canary
from safehold.work.canary.run import Canaries
from safehold.work.jobs.canary import GRACE_SECONDS, SendCanaries
from tests.work.recording import Recording
from tests.work.standin import (
    API_KEY,
    KEY,
    Behaviour,
    OfficersCustodian,
    StandIn,
    Store,
    standing_in,
)

AT = dt.datetime(2026, 5, 6, 12, tzinfo=dt.UTC)
NOTHING = (0, 0, 0)


@dataclass
class Site:
    """One home, and one process that sends canaries."""

    store: Store
    clock: FixedClock
    custodian: OfficersCustodian
    log: Recording
    raised: list[tuple[str, str]]
    alarms: Alarms
    slept: list[float]

    def canaries(self, seed: int = 1, **changed: object) -> Canaries:
        """What one process sends with."""
        parts = CanaryParts(
            records=self.store.records,
            names=self.store.names,
            cases=self.store.cases,
            vault=self.store.vault,
            custodian=self.custodian,
            lists=self.store.lists,
            secret=KEY.derive(PURPOSE),
            clock=self.clock,
        )
        ticks = itertools.count(step=0.01)
        source = random.Random(seed)
        machine = Machine(lambda: next(ticks), self.slept.append, source.randbytes)
        options: dict[str, object] = {"api_key": API_KEY, "seconds": 5.0, **changed}
        door = DoorOptions(**options)  # type: ignore[arg-type]
        return Canaries(parts, door, 1.0, self.alarms, self.log, machine)

    def runs(self, name: str, server: StandIn | str, *, lists: bool = True) -> None:
        """A server says that it runs, and which lists it has."""
        address = server if isinstance(server, str) else server.address
        opened = tuple((str(i.name), i.version) for i in self.store.lists.show()) if lists else ()
        now = self.clock.now()
        with self.store.records.write() as transaction:
            transaction.fleet.seen(Server(ServerId(name), address, "1", now, now, opened))

    def send(self, canaries: Canaries | None = None) -> list[str]:
        """Send through all servers; the codes."""
        sending = canaries or self.canaries()
        return [result.code for result in sending.send(sending.servers())]

    def kept(self, name: str) -> CanaryResult | None:
        with self.store.records.read() as transaction:
            return transaction.fleet.canary(ServerId(name))


@pytest.fixture(autouse=True)
def drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listed picture is the same in all tests."""
    monkeypatch.setattr("safehold.work.canary.run.draw_canary", drawn)


drawn = functools.cache(draw_canary)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    clock = FixedClock(AT)
    store = Store(clock, tmp_path)
    raised: list[tuple[str, str]] = []
    ids = IdMaker(clock)

    def messages(alarm: Alarm) -> Sequence[Message]:
        raised.append((alarm.code, alarm.subject))
        return messages_for_alarm(alarm, AlarmOptions(), ids, clock.now())

    alarms = Alarms(store.records, messages, clock)
    return Site(store, clock, OfficersCustodian(store), Recording(), raised, alarms, [])


@pytest.fixture
def server(site: Site) -> Iterator[StandIn]:
    """A server that has the canaries' list open."""
    site.canaries().send(())
    with standing_in(site.store) as made:
        site.runs("s1", made)
        yield made


def test_a_good_server(site: Site, server: StandIn) -> None:
    assert site.send() == ["ok"]
    result = site.kept("s1")
    assert result is not None
    assert (result.code, result.at) == ("ok", AT)
    assert result.seconds > 0
    assert [call for call, _ in server.calls] == ["POST", "GET"] * 3
    assert list(server.receipts.values()) == [Verdict.BLOCK, Verdict.HOLD, Verdict.ALLOW]
    assert site.store.everything() == NOTHING
    assert site.raised == []
    assert [access.reason for access in site.custodian.asked] == ["canary"] * 2
    # The audit log says that they were there, and that they ended.
    with site.store.records.read() as transaction:
        kinds = [event.draft.kind for event in transaction.audit.events()]
    assert kinds == ["canary.purged"] * 2


def test_likenesses_and_unlisted_pictures_are_new_each_time(site: Site, server: StandIn) -> None:
    canaries = site.canaries()
    assert site.send(canaries) == site.send(canaries) == ["ok"]
    likeness, unlisted = server.screened[1::3], server.screened[2::3]
    assert likeness[0] != likeness[1]
    assert unlisted[0] != unlisted[1]


WRONG: dict[str, tuple[Behaviour, str]] = {
    "allows everything": (Behaviour(verdict=lambda right: Verdict.ALLOW), "wrong_verdict"),
    "holds everything": (Behaviour(verdict=lambda right: Verdict.HOLD), "wrong_verdict"),
    "blocks everything": (Behaviour(verdict=lambda right: Verdict.BLOCK), "wrong_verdict"),
    "finds exact bytes alone": (
        Behaviour(verdict=lambda right: Verdict.ALLOW if right is Verdict.HOLD else right),
        "wrong_verdict",
    ),
    "finds likenesses alone": (
        Behaviour(verdict=lambda right: Verdict.HOLD if right is Verdict.BLOCK else right),
        "wrong_verdict",
    ),
    "holds with a 200": (
        Behaviour(status=lambda verdict, status: 200),
        "bad_answer",
    ),
    "blocks with a 423": (
        Behaviour(status=lambda verdict, status: 423 if status == 451 else status),
        "bad_answer",
    ),
    "is overloaded": (Behaviour(status=lambda verdict, status: 503), "refused"),
    "redirects": (Behaviour(status=lambda verdict, status: 302), "refused"),
    "says why": (
        Behaviour(body=lambda verdict, body: body[:-1] + b', "reason": "x"}'),
        "bad_answer",
    ),
    "answers in another language": (Behaviour(body=lambda verdict, body: b"<html>"), "bad_answer"),
    "answers with a list": (Behaviour(body=lambda verdict, body: b"[]"), "bad_answer"),
    "answers without end": (Behaviour(body=lambda verdict, body: body * 10_000), "bad_answer"),
    "has a receipt that is none": (
        Behaviour(body=lambda verdict, body: b'{"verdict":"%s","receipt":7}' % verdict.encode()),
        "bad_answer",
    ),
    "has receipts that say otherwise": (
        Behaviour(receipt=lambda verdict: Verdict.ALLOW),
        "wrong_receipt",
    ),
    "opens no case": (Behaviour(keep=False), "no_case"),
    "takes canaries for uploads": (Behaviour(canary=False), "not_flagged"),
    "hangs up": (Behaviour(hang_up=True), "no_answer"),
    "is slow": (Behaviour(delay=0.5), "no_answer"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_server_that_is_wrong(site: Site, server: StandIn, fault: str) -> None:
    server.behaviour, code = WRONG[fault]
    seconds = 0.2 if server.behaviour.delay else 5.0
    assert site.send(site.canaries(seconds=seconds)) == [code]
    result = site.kept("s1")
    assert result is not None
    assert result.code == code
    assert site.raised == [(AlarmCode.CANARY_FAILED, "s1")]
    # Whatever was wrong, nothing is left over but what is no canary's.
    if fault == "takes canaries for uploads":
        assert site.store.everything() == (2, 2, 2)
    elif fault != "is slow":
        assert site.store.everything() == NOTHING
    told = str(site.log.lines)
    assert API_KEY not in told
    assert server.address not in told


def test_what_a_slow_server_kept_after_the_canary_was_over_is_swept(
    site: Site, server: StandIn
) -> None:
    server.behaviour = Behaviour(delay=0.4)
    assert site.send(site.canaries(seconds=0.2)) == ["no_answer"]
    until = time.monotonic() + 10
    while site.store.everything() != (2, 2, 2) and time.monotonic() < until:
        time.sleep(0.01)
    assert site.store.everything() == (2, 2, 2)
    server.behaviour = Behaviour()
    site.clock.advance(dt.timedelta(minutes=61))
    site.runs("s1", server)
    assert site.send() == ["ok"]
    assert site.store.everything() == NOTHING


def test_no_connection(site: Site) -> None:
    site.runs("s1", "http://127.0.0.1:9", lists=False)
    assert site.send() == ["no_answer"]


def test_a_wrong_key(site: Site, server: StandIn) -> None:
    assert site.send(site.canaries(api_key="sfh_another")) == ["refused"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CustodianAwayError(), "custodian_away"),
        (ConnectionRefusedError(), "custodian_away"),
        (VaultError(), "not_decryptable"),
    ],
)
def test_evidence_that_nobody_opens(
    site: Site, server: StandIn, error: Exception, code: str
) -> None:
    site.custodian.error = error
    assert site.send() == [code]
    assert site.store.everything() == NOTHING


def test_evidence_that_is_not_what_was_sent(
    site: Site, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(*_: object) -> Checked:
        return Checked(bytes(32), 5)

    monkeypatch.setattr(site.custodian, "check", other)
    assert site.send() == ["not_decryptable"]


def test_a_purge_that_leaves_something(
    site: Site, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def only_the_case(case_id: CaseId) -> None:
        with site.store.records.write() as transaction:
            transaction.cases.delete(case_id)

    monkeypatch.setattr(site.store.cases, "purge_canary", only_the_case)
    assert site.send() == ["not_purged"]
    assert site.store.everything() == NOTHING, "what was left is removed all the same"


def test_a_vault_that_removes_nothing(
    site: Site, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(name: str) -> bool:
        raise VaultError

    monkeypatch.setattr(site.store.vault, "delete", fails)
    assert site.send() == ["not_purged"]
    assert {line["code"] for line in site.log.events("canary_purge")} == {"vault"}


# Several at once


def test_another_run_that_purges_the_same_bytes_is_no_failure(site: Site, server: StandIn) -> None:
    """The other run ends the case between this one's upload and its look at the evidence."""

    def other_run(case_id: CaseId) -> None:
        site.custodian.before = lambda case_id: None
        site.store.cases.purge_canary(case_id)

    site.custodian.before = other_run
    assert site.send() == ["ok"]
    exact = [content for content in server.screened if content[:4] == b"\x89PNG"][:2]
    assert exact[0] != exact[1], "the second attempt takes other bytes"
    assert site.store.everything() == NOTHING


def test_the_same_failure_twice_is_one(site: Site, server: StandIn) -> None:
    def always(case_id: CaseId) -> None:
        site.store.cases.purge_canary(case_id)

    site.custodian.before = always
    assert site.send() == ["not_decryptable"]


def test_two_processes_at_once_do_not_disturb_one_another(site: Site, server: StandIn) -> None:
    codes: list[str] = []
    ready = threading.Barrier(2)

    def one(seed: int) -> None:
        canaries = site.canaries(seed)
        ready.wait()
        for _ in range(3):
            codes.extend(site.send(canaries))

    threads = [threading.Thread(target=one, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == ["ok"] * 6
    assert site.store.everything() == NOTHING


def test_every_server_is_asked_and_one_that_fails_hides_no_other(
    site: Site, server: StandIn
) -> None:
    site.runs("s2", "http://127.0.0.1:9")
    with standing_in(site.store) as third:
        site.runs("s3", third)
        assert site.send() == ["ok", "no_answer", "ok"]
    assert site.raised == [(AlarmCode.CANARY_FAILED, "s2")]


# Servers that come and go


def test_a_server_without_the_list_is_waited_for(site: Site, server: StandIn) -> None:
    site.runs("s1", server, lists=False)
    canaries = site.canaries()
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            site.runs("s1", server)

    canaries._machine = Machine(
        itertools.count(step=0.01).__next__, nap, random.Random(1).randbytes
    )
    assert site.send(canaries) == ["ok"]
    assert len(naps) == 3


def test_a_server_that_never_opens_the_list_is_asked_all_the_same(
    site: Site, server: StandIn
) -> None:
    site.runs("s1", server, lists=False)
    assert site.send() == ["ok"]
    assert site.slept


def test_a_server_that_ended_meanwhile_has_not_failed(site: Site, server: StandIn) -> None:
    def ends(content: bytes, verdict: Verdict) -> None:
        with site.store.records.write() as transaction:
            transaction.fleet.gone(ServerId("s1"))

    server.behaviour = Behaviour(after=ends, status=lambda verdict, status: 503)
    assert site.send() == []
    assert (site.kept("s1"), site.raised) == (None, [])


def test_servers_that_were_not_seen_for_long_are_not_asked(site: Site, server: StandIn) -> None:
    site.clock.advance(dt.timedelta(seconds=31))
    assert site.send() == []


def test_a_list_that_was_removed_is_made_again(site: Site, server: StandIn) -> None:
    canaries = site.canaries()
    assert site.send(canaries) == ["ok"]
    site.store.lists.remove(CANARY_LIST)
    canaries.send(())
    site.runs("s1", server)
    assert site.send(canaries) == ["ok"]


def test_a_home_without_the_service(site: Site, server: StandIn) -> None:
    site.store.records = type(site.store.records)()
    site.alarms._records = site.store.records
    site.runs("s1", server)
    assert site.send() == ["no_service"]


def test_a_lost_database_is_said(site: Site, server: StandIn) -> None:
    canaries = site.canaries()
    servers = canaries.servers()
    site.store.records.broken = True
    with pytest.raises(DatabaseError):
        canaries.send(servers)


# What was left over


def test_what_was_left_over_is_swept_and_nothing_else(site: Site, server: StandIn) -> None:
    picture = draw_canary(KEY.derive(PURPOSE))
    site.store.keep(picture.files[29], Verdict.BLOCK)
    site.store.keep(picture.files[30], Verdict.BLOCK, canary=False)
    site.clock.advance(dt.timedelta(minutes=61))
    site.store.keep(picture.files[31], Verdict.BLOCK)
    site.runs("s1", server)
    assert site.send() == ["ok"]
    assert site.log.events("canary_left_over") == [{"cases": 1}]
    with site.store.records.read() as transaction:
        left = transaction.cases.list(CaseFilter(canaries=True))
    assert sorted(case.canary for case in left) == [False, True]


# The job


def pace() -> Pace:
    return Pace(dt.timedelta(hours=1), dt.timedelta(minutes=5))


def test_when_a_server_needs_a_canary() -> None:
    def result(minutes: float, code: str) -> CanaryResult:
        return CanaryResult(ServerId("s"), AT - dt.timedelta(minutes=minutes), code, 1.0)

    assert is_due(None, AT, pace())
    assert not is_due(result(59, "ok"), AT, pace())
    assert is_due(result(60, "ok"), AT, pace())
    assert not is_due(result(4, "no_answer"), AT, pace())
    assert is_due(result(5, "no_answer"), AT, pace())
    assert is_due(result(-5, "ok"), AT, pace()), "a clock that was set back"
    quick = Pace(dt.timedelta(minutes=1), dt.timedelta(minutes=5))
    assert is_due(result(1, "no_answer"), AT, quick)


def job(site: Site, expected: int, monotonic: Callable[[], float]) -> SendCanaries:
    return SendCanaries(
        site.canaries(),
        site.store.records,
        site.clock,
        pace(),
        (expected, site.alarms),
        monotonic,
    )


def go_on() -> bool:
    return False


def test_each_server_gets_one_in_its_period(site: Site, server: StandIn) -> None:
    sending = job(site, 1, lambda: 0.0)
    assert sending.run(go_on).counts == {"good": 1, "bad": 0}
    assert sending.run(go_on).counts == {"good": 0, "bad": 0}
    # Another process finds what this one did.
    assert job(site, 1, lambda: 0.0).run(go_on).counts == {"good": 0, "bad": 0}
    with standing_in(site.store, Behaviour(hang_up=True)) as new:
        site.runs("s2", new)
        assert sending.run(go_on).counts == {"good": 0, "bad": 1}
        site.clock.advance(dt.timedelta(minutes=5))
        site.runs("s1", server)
        site.runs("s2", new)
        new.behaviour = Behaviour()
        assert sending.run(go_on).counts == {"good": 1, "bad": 0}
    assert sending.timing.period == 60


def test_too_few_servers_are_alarmed_when_that_lasts(site: Site) -> None:
    now = [0.0]
    sending = job(site, 1, lambda: now[0])
    assert sending.run(go_on).code == "ok"
    now[0] = GRACE_SECONDS - 1
    assert (sending.run(go_on).code, site.raised) == ("ok", [])
    now[0] = GRACE_SECONDS
    assert sending.run(go_on).code == "no_server"
    assert site.raised == [(AlarmCode.CANARY_FAILED, "")]
    assert job(site, 0, lambda: 1e9).run(go_on).code == "ok", "where none are expected"


def test_the_end_of_the_process_comes_between_servers(site: Site, server: StandIn) -> None:
    site.runs("s2", server)
    asked = iter([False, True])
    outcome = job(site, 1, lambda: 0.0).run(lambda: next(asked))
    assert outcome.counts == {"good": 1, "bad": 0}
