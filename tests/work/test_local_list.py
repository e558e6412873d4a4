"""What people confirm becomes an entry of the house's list, exactly once, and goes with it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safehold.accounts.model import Service
from safehold.cases import workflow
from safehold.cases.model import Case, CaseFilter
from safehold.cases.review.model import ReviewOptions
from safehold.cases.settling import Settler
from safehold.config.doors import ServerOptions, WorkOptions
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, IdMaker, ListName, ServiceId
from safehold.lists.interface import ImportPlan, ListStore
from safehold.lists.model import Entry, EntryDraft, EntryState, Tier
from safehold.lists.sync.interface import SyncStore
from safehold.lists.sync.model import SyncOvertakenError
from safehold.outbox.webhooks import ReceiptMessages
from safehold.runtime.service import ServiceRuntime
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.storage.sync_store import SqlSyncStore
from safehold.testing.list_store import MemoryListStore
from safehold.testing.records import MemoryRecords
from safehold.work.compose import work_jobs
from safehold.work.jobs import local_list as job
from safehold.work.jobs.local_list import LocalList, LocalListParts, LocalListTakenError
from safehold.work.ports import Quiet
from safehold.work.schedule import Timing
from tests.intake.house import KEY, NOW, SHOP, House, match, submission
from tests.intake.test_lowering import appeal
from tests.server.site import HELD, Site, jpeg, opened, running
from tests.service.house import examined

LOCAL = ListName("local")
TIMING = Timing(60.0, 0.0, 1.0)
MINUTE = dt.timedelta(minutes=1)


class Bench:
    """A house whose confirmed cases go to a list."""

    def __init__(self, house: House, lists: ListStore, syncs: SyncStore) -> None:
        self.house = house
        self.lists, self.syncs = lists, syncs
        house.parts = replace(house.parts, list_key=KEY)
        self.recorder = type(house.recorder)(house.parts)
        self.told: list[Mapping[str, int]] = []
        with house.records.write() as transaction:
            for service, demo in (("shop", False), ("trial", True)):
                transaction.accounts.add_service(_service(service, demo=demo))

    @property
    def job(self) -> LocalList:
        house = self.house
        parts = LocalListParts(
            LOCAL,
            house.records,
            self.lists,
            self.syncs,
            50,
            house.clock,
            lambda _, counts: self.told.append(counts),
        )
        return LocalList(parts, TIMING)

    def run(self) -> Mapping[str, int]:
        self.house.clock.advance(MINUTE)
        return self.job.run(lambda: False).counts

    def held(self, content: bytes, **changes: Any) -> Case:
        """A case that is held; `changes` are of its picture and the like."""
        self.house.clock.advance(MINUTE)
        service = changes.pop("service", SHOP)
        item = submission(content, [match(tier="suspected")], service=service)
        self.recorder.record(replace(item, received=self.house.clock.now()))
        name = self.house.names.content(service, item.sha256)
        with self.house.records.write() as transaction:
            case = transaction.cases.find_content(service, name, lock=True)
            assert case is not None
            case = replace(case, **changes)
            transaction.cases.update(case)
        return case

    def confirm(self, case: Case) -> None:
        self.house.clock.advance(MINUTE)
        self.house.cases.confirm(case.case_id, "user:ann")

    def undo(self, case: Case) -> None:
        self.house.clock.advance(MINUTE)
        settler = Settler(
            IdMaker(self.house.clock), self.house.clock, ReceiptMessages(IdMaker(self.house.clock))
        )
        with self.house.records.write() as transaction:
            before = transaction.cases.find(case.case_id, lock=True)
            assert before is not None
            after = workflow.undo(before, frozenset(), self.house.clock.now())
            settler.settle(transaction, before, after, "user:bob")

    def entry(self, case: Case) -> Entry | None:
        return self.lists.entry(LOCAL, EntryId(case.case_id))


def _service(name: str, *, demo: bool) -> Service:
    return Service(ServiceId(name), name, NOW, demo=demo)


@pytest.fixture(params=["memory", "sqlite"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "memory":
        house, lists = House(MemoryRecords()), MemoryListStore()
        yield Bench(house, lists, lists.syncs)
        house.commit.close()
        return
    engine = sqlite_engine(tmp_path / "records.db")
    migrate(engine)
    house = House(SqlRecords(engine))
    yield Bench(house, SqlListStore(engine), SqlSyncStore(engine))
    house.commit.close()
    engine.dispose()


PDQ = bytes(range(100, 132))


def test_a_confirmed_case_is_an_entry_as_an_import_would_make_it(bench: Bench) -> None:
    good = bench.held(b"x", pdq=PDQ, pdq_quality=90)
    plain = bench.held(b"y", pdq=PDQ, pdq_quality=49)
    flat = bench.held(b"z", pdq=bytes(32), pdq_quality=90)
    waiting = bench.held(b"w", pdq=PDQ, pdq_quality=90)
    for case in (good, plain, flat):
        bench.confirm(case)
    assert bench.run() == {"added": 3, "updated": 0}
    exact = submission(b"x").screened.examination.exact
    assert exact is not None
    assert bench.entry(good) == Entry(
        EntryId(good.case_id),
        md5=KEY.keyed(SignalType.MD5, exact.md5),
        sha1=KEY.keyed(SignalType.SHA1, exact.sha1),
        sha256=KEY.keyed(SignalType.SHA256, exact.sha256),
        pdq=PDQ,
        pdq_quality=90,
    )
    for case in (plain, flat):
        entry = bench.entry(case)
        assert entry is not None and entry.pdq is None and entry.sha256 is not None
    assert bench.entry(waiting) is None
    info = bench.lists.get(LOCAL)
    assert (info.tier, info.source) == (Tier.LOCAL, "cases")
    assert bench.told == [{"added": 3, "updated": 0}]
    assert bench.run() == {}
    assert bench.lists.get(LOCAL).version == info.version
    # A list that was removed is made anew, from the very beginning.
    bench.lists.remove(LOCAL, bench.house.clock.now())
    assert bench.run() == {"added": 3, "updated": 0}


def test_what_is_undone_or_overturned_is_withdrawn_and_an_appeal_alone_is_not(
    bench: Bench,
) -> None:
    case = bench.held(b"x", pdq=PDQ, pdq_quality=90)
    bench.confirm(case)
    bench.run()

    def state() -> EntryState:
        entry = bench.entry(case)
        assert entry is not None
        return entry.state

    with bench.house.records.read() as transaction:
        [occurrence] = transaction.cases.occurrences(case.case_id)
    appeal(bench.house, occurrence.receipt)
    bench.run()
    assert state() is EntryState.ACTIVE, "nobody has decided yet"
    bench.house.clock.advance(MINUTE)
    bench.house.cases.clear(case.case_id, "user:bob")
    bench.run()
    assert state() is EntryState.WITHDRAWN
    bench.undo(case)
    bench.run()
    bench.confirm(case)
    bench.run()
    assert state() is EntryState.ACTIVE
    entry = bench.entry(case)
    assert entry is not None and entry.pdq == PDQ and entry.sha256 is not None
    bench.undo(case)
    bench.run()
    assert state() is EntryState.WITHDRAWN
    # What was set aside here is withdrawn with its case, and comes back no other way.
    bench.confirm(case)
    bench.run()
    bench.lists.set_state(
        LOCAL, [EntryId(case.case_id)], EntryState.QUARANTINED, bench.house.clock.now()
    )
    bench.undo(case)
    bench.run()
    assert state() is EntryState.WITHDRAWN


def test_canaries_and_trials_have_no_entries(bench: Bench) -> None:
    canary = bench.held(b"x", pdq=PDQ, pdq_quality=90, canary=True)
    trial = bench.held(b"x", pdq=PDQ, pdq_quality=90, service=ServiceId("trial"))
    for case in (canary, trial):
        bench.confirm(case)
    assert bench.run() == {}
    assert bench.lists.lists() == ()


def test_a_list_of_another_source_is_left_alone(bench: Bench) -> None:
    with bench.lists.importing(LOCAL) as session:
        session.stage([EntryDraft(EntryId("e"), pdq=PDQ)])
        session.apply(ImportPlan(bench.house.clock.now()))
    bench.confirm(bench.held(b"x", pdq=PDQ, pdq_quality=90))
    with pytest.raises(LocalListTakenError):
        bench.run()
    assert bench.lists.get(LOCAL).active == 1


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_run_that_is_killed_makes_no_difference(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Ended at each step, before or after it is written, and begun again: the list is the same."""
    monkeypatch.setattr(job, "EVENTS", 1)
    cases = [bench.held(bytes([n]), pdq=PDQ[n:] + PDQ[:n], pdq_quality=90) for n in range(5)]
    for case in cases:
        bench.confirm(case)
    bench.undo(cases[0])
    importing = bench.lists.importing
    begun: list[ListName] = []

    @contextmanager
    def killed(name: ListName) -> Iterator[Any]:
        begun.append(name)
        ends = len(begun) % 2 == 1
        with importing(name) as session:
            if ends and where == "before":
                raise ZeroDivisionError
            yield session
        if ends:
            raise ZeroDivisionError

    monkeypatch.setattr(bench.lists, "importing", killed)
    ended = 0
    while True:
        try:
            bench.run()
            break
        except ZeroDivisionError:
            ended += 1
    assert ended == {"before": 4, "after": 2}[where]
    states = {case.case_id: entry.state for case in cases if (entry := bench.entry(case))}
    active = {case.case_id for case in cases[1:]}
    assert {case for case, state in states.items() if state is EntryState.ACTIVE} == active
    state = bench.syncs.find(LOCAL, "cases")
    with bench.house.records.read() as transaction:
        assert state is not None and state.cursor == str(transaction.audit.head()[0])


def test_of_two_at_once_one_is_overtaken(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    case = bench.held(b"x", pdq=PDQ, pdq_quality=90)
    bench.confirm(case)
    other, importing = bench.job, bench.lists.importing
    overtaken: list[bool] = []

    @contextmanager
    def late(name: ListName) -> Iterator[Any]:
        monkeypatch.setattr(bench.lists, "importing", importing)
        other.run(lambda: False)
        try:
            with importing(name) as session:
                yield session
        except SyncOvertakenError:
            overtaken.append(True)
            raise

    monkeypatch.setattr(bench.lists, "importing", late)
    assert bench.job.run(lambda: False).code == "ok"
    assert overtaken == [True]
    assert bench.told == [{"added": 1, "updated": 0}]
    assert bench.lists.get(LOCAL).version == 1


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("local")
    review, server = ReviewOptions(local_list="local"), ServerOptions(list_refresh_seconds=0.1)
    work = WorkOptions(canary_minutes=0)
    with opened(folder, review=review, server=server, work=work) as made, running(made):
        yield made


def _carry_over(runtime: ServiceRuntime) -> None:
    [found] = [one for one in work_jobs(runtime, Quiet()) if one.name == "local-list"]
    assert found.run(lambda: False).code == "ok"


def test_a_server_finds_an_edit_of_a_confirmed_picture(site: Site) -> None:
    runtime = site.runtime
    edit = jpeg(2, quality=50)
    assert site.screen(HELD).json["verdict"] == "hold"
    assert site.screen(edit, key="forum").json["verdict"] == "allow"
    [case] = runtime.cases.list(CaseFilter())
    runtime.cases.confirm(case.case_id, "user:ann")
    _carry_over(runtime)
    until = time.monotonic() + 20
    while site.screen(edit, key="forum").json["verdict"] != "hold":
        assert time.monotonic() < until
        time.sleep(0.05)
    forum = runtime.service_id("forum")
    [found] = runtime.cases.list(CaseFilter(service_id=forum))
    with runtime.records.read() as transaction:
        [decision] = transaction.cases.decisions(found.case_id)
    assert decision.reasons == ("similar_local",)
    [listed] = decision.details["matches"]
    assert (listed["list_name"], listed["entry_id"]) == ("local", case.case_id)
    # The very bytes, in another service: an exact match with a local list, which holds.
    assert site.screen(HELD, key="forum").json["verdict"] == "hold"
    [entry] = [i for i in runtime.lists.show() if i.name == "local"]
    assert entry.counts[SignalType.SHA256] == entry.counts[SignalType.PDQ] == 1
    assert examined(HELD).variants[0].pdq[0] == case.pdq
