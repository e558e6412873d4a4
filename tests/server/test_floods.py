"""An entry that matches too much, behind a whole server: it is set aside, and nothing released."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from safehold.accounts.budgets import BudgetOptions
from safehold.cases.model import CaseFilter, CaseState, Queue
from safehold.cases.review.model import QueueFilter
from safehold.cli.main import app
from safehold.config import Settings
from safehold.config.doors import ServerOptions
from safehold.errors import UsageError
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportPlan
from safehold.lists.model import Entry, EntryDraft, EntryState, Tier
from safehold.lists.options import ListOptions
from safehold.work.jobs.floods import SetFloodsAside
from safehold.work.schedule import Timing
from safehold.work.setting_aside import flood_parts
from tests.server.site import Answer, Site, opened, running

NAME = ListName("bad")
RNG = random.Random(77)
ENTRY, OTHER = RNG.randbytes(32), RNG.randbytes(32)
BOUND = 12


def turned(pdq: bytes, bits: int) -> bytes:
    value = int.from_bytes(pdq, "big")
    for place in RNG.sample(range(256), bits):
        value ^= 1 << place
    return value.to_bytes(32, "big")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("floods")
    server = ServerOptions(digests_pdq=True, list_refresh_seconds=0.1)
    lists = {"bad": ListOptions(flood_items=BOUND)}
    budgets = BudgetOptions(digests_key_per_minute=0, digests_user_per_minute=0)
    with opened(folder, server=server, lists=lists, budgets=budgets) as made:
        drafts = [EntryDraft(EntryId(n), pdq=p, pdq_quality=90) for n, p in _entries()]
        with made.runtime.list_store.importing(NAME) as session:
            session.stage(drafts)
            session.apply(ImportPlan(made.runtime.clock.now(), Tier.SUSPECTED))
        with running(made):
            yield made


def _entries() -> list[tuple[str, bytes]]:
    return [("floods", ENTRY), ("stands", OTHER)]


def ask(site: Site, pdq: bytes, uploader: str, sha256: str | None = None) -> Answer:
    return site.send_json(
        "/v1/screen/digests",
        {
            "sha256": sha256 or RNG.randbytes(32).hex(),
            "sha1": RNG.randbytes(20).hex(),
            "md5": RNG.randbytes(16).hex(),
            "pdq": {"hash": pdq.hex(), "quality": 90},
            "uploader": uploader,
        },
    )


def look(site: Site) -> dict[str, int]:
    outcome = SetFloodsAside(flood_parts(site.runtime), Timing(60.0)).run(lambda: False)
    return dict(outcome.counts)


def state(site: Site, entry: str) -> EntryState:
    with site.runtime.list_store.reading(NAME, frozenset(EntryState)) as reading:
        return next(e.state for e in reading.entries if e.entry_id == entry)


def until(site: Site, pdq: bytes, status: int) -> None:
    for n in range(200):
        if ask(site, turned(pdq, 9), f"probe-{n}").status == status:
            return
    raise AssertionError("the server never got to know")


def test_a_flood_is_set_aside_and_nothing_is_released(site: Site) -> None:
    runtime = site.runtime
    # A picture that spreads: many edits, of many people.
    spread = [ask(site, turned(OTHER, RNG.randrange(12)), f"user-{n}") for n in range(30)]
    # One person alone, with pictures made for it.
    alone = [ask(site, turned(ENTRY, 31), "one-user") for _ in range(30)]
    assert {a.status for a in spread + alone} == {423}
    assert look(site)["set_aside"] == 0
    # Different pictures of different people.
    held = {}
    for n in range(30):
        sha256 = RNG.randbytes(32).hex()
        held[sha256] = ask(site, turned(ENTRY, 31), f"other-{n}", sha256)
    assert {a.status for a in held.values()} == {423}
    assert look(site)["set_aside"] == 1
    assert (state(site, "floods"), state(site, "stands")) == (
        EntryState.QUARANTINED,
        EntryState.ACTIVE,
    )
    assert look(site)["set_aside"] == 0
    with runtime.records.read() as transaction:
        [aside] = transaction.hits.asides()
        assert (aside.list_name, aside.entry_id, aside.bound) == (NAME, "floods", BOUND)
        events = [event.draft for event in transaction.audit.events_of("bad")]
        assert [(e.kind, e.data["aside"]) for e in events] == [
            ("list.entry_quarantined", aside.aside_id)
        ]
        cases = transaction.cases.list(CaseFilter(limit=1_000))
        assert {c.state for c in cases} == {CaseState.AWAITING_BYTES}
    # The server matches it no more; the other entry as before; what was held is held.
    until(site, ENTRY, 200)
    assert ask(site, turned(OTHER, 5), "somebody").status == 423
    for sha256, answer in list(held.items())[:5]:
        receipt = site.call("GET", f"/v1/receipts/{answer.json['receipt']}")
        assert receipt.json["verdict"] == "hold"
        assert ask(site, turned(ENTRY, 200), "again", sha256).status == 423
    # The cases are one group of the queue, and they alone.
    with runtime.records.read() as transaction:
        group = QueueFilter(
            queue=Queue.MATCHES, aside=aside.aside_id, state=CaseState.AWAITING_BYTES, limit=500
        )
        rows = transaction.reviews.queue(group, runtime.clock.now())
        assert len(rows) >= 60
        assert transaction.reviews.count_queue(group, runtime.clock.now()) == len(rows)
        others = len(transaction.cases.list(CaseFilter(limit=1_000))) - len(rows)
        assert others >= 31
    # Its source names it again, as active: that brings nothing back.
    with runtime.list_store.importing(NAME) as session:
        session.stage([EntryDraft(EntryId("floods"), pdq=ENTRY, pdq_quality=90)])
        session.apply(ImportPlan(runtime.clock.now(), source="exchange"))
    assert state(site, "floods") is EntryState.QUARANTINED


def test_a_person_lets_it_match_again(site: Site) -> None:
    home = str(site.runtime.settings.home)
    runner = CliRunner()
    shown = runner.invoke(app, ["list", "quarantined", "bad", "--json", "--home", home])
    [row] = [json.loads(line) for line in shown.stdout.splitlines()]
    assert (row["list"], row["entry"], row["bound"]) == ("bad", "floods", BOUND)
    assert ENTRY.hex() not in shown.output
    assert not runner.invoke(app, ["list", "quarantined", "none", "--home", home]).exit_code
    done = runner.invoke(app, ["list", "release", row["id"], "--home", home])
    assert done.exit_code == 0, done.output
    again = runner.invoke(app, ["list", "release", row["id"], "--home", home])
    assert isinstance(again.exception, UsageError)
    until(site, ENTRY, 423)
    # What it matched before does not count again.
    assert look(site)["set_aside"] == 0
    assert state(site, "floods") is EntryState.ACTIVE


def test_the_very_file_is_found_though_its_entry_flooded(site: Site) -> None:
    runtime = site.runtime
    pdq, sha256 = RNG.randbytes(32), RNG.randbytes(32)
    keyed = runtime.digest_key.keyed(SignalType.SHA256, sha256)
    draft = EntryDraft(EntryId("both"), sha256=keyed, pdq=pdq, pdq_quality=90)

    def put() -> None:
        with runtime.list_store.importing(NAME) as session:
            session.stage([draft])
            session.apply(ImportPlan(runtime.clock.now()))

    def now() -> Entry:
        found = runtime.list_store.entry(NAME, EntryId("both"))
        assert found is not None
        return found

    put()
    until(site, pdq, 423)
    for n in range(30):
        assert ask(site, turned(pdq, 31), f"somebody-{n}").status == 423
    assert look(site)["set_aside"] == 1
    assert (now().state, now().pdq) == (EntryState.ACTIVE, None)
    until(site, pdq, 200)
    assert ask(site, RNG.randbytes(32), "who", sha256.hex()).status == 423
    # Its source names the hash again.
    put()
    assert now().pdq == pdq
    assert look(site)["set_aside"] == 0
    assert now().pdq is None
    home = str(runtime.settings.home)
    with runtime.records.read() as transaction:
        [aside] = transaction.hits.asides(NAME)
    CliRunner().invoke(app, ["list", "release", aside.aside_id, "--home", home])
    assert (now().pdq, now().pdq_quality) == (pdq, 90)
    until(site, pdq, 423)


def test_a_process_that_is_killed_between_is_made_good(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, pdq = site.runtime, RNG.randbytes(32)
    with runtime.list_store.importing(NAME) as session:
        session.stage([EntryDraft(EntryId("killed"), pdq=pdq, pdq_quality=90)])
        session.apply(ImportPlan(runtime.clock.now()))
    until(site, pdq, 423)
    for n in range(30):
        ask(site, turned(pdq, 31), f"anybody-{n}")

    class Killed(Exception):  # noqa: N818 - a process that ends here
        pass

    def killed(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("safehold.work.jobs.floods.put_aside", killed)
        with pytest.raises(Killed):
            look(site)
    assert state(site, "killed") is EntryState.ACTIVE
    assert look(site)["set_aside"] == 0
    assert state(site, "killed") is EntryState.QUARANTINED


def test_settings_may_switch_it_off(tmp_path: Path) -> None:
    with opened(tmp_path, lists={"bad": ListOptions(flood_items=0)}) as made:
        parts = flood_parts(made.runtime)
        assert (parts.bound(NAME), parts.bound(ListName("other")), parts.smallest) == (0, 50, 50)
        off = Settings(home=tmp_path, flood={"items": 0})  # type: ignore[arg-type]
        assert off.flood.items == 0
