"""An entry that matches too much, behind a whole server: it is set aside, and nothing released."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from safehold.lists.interface import ImportPlan, ListStore
from safehold.lists.model import Entry, EntryDraft, EntryState, Tier
from safehold.lists.options import ListOptions
from safehold.lists.trust.floods import SetAside
from safehold.lists.trust.quarantine import put_aside
from safehold.work.jobs.floods import SetFloodsAside, release
from safehold.work.schedule import Timing
from safehold.work.setting_aside import flood_parts
from tests.server.site import Answer, Site, opened, running

NAME = ListName("bad")
RNG = random.Random(77)
ENTRY, OTHER = RNG.randbytes(32), RNG.randbytes(32)
BOUND = 12
DAY = dt.timedelta(days=1)


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


def now(site: Site, entry: str) -> Entry:
    found = site.runtime.list_store.entry(NAME, EntryId(entry))
    assert found is not None
    return found


def put(site: Site, entry: str, source: str = "file", **fields: Any) -> None:
    with site.runtime.list_store.importing(NAME) as session:
        session.stage([EntryDraft(EntryId(entry))._replace(**fields)])
        session.apply(ImportPlan(site.runtime.clock.now(), source=source))


def flood(site: Site, pdq: bytes, who: str) -> None:
    for n in range(30):
        assert ask(site, turned(pdq, 31), f"{who}-{n}").status == 423


def asides(site: Site) -> dict[str, str]:
    """What is set aside: ids by entries."""
    with site.runtime.records.read() as transaction:
        return {str(one.entry_id): one.aside_id for one in transaction.hits.asides(NAME)}


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
    assert (now(site, "floods").is_aside, now(site, "stands").is_aside) == (True, False)
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
    put(site, "floods", "exchange", pdq=ENTRY, pdq_quality=91)
    assert now(site, "floods").is_aside


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
    assert not now(site, "floods").is_aside


def test_the_very_file_is_found_though_its_entry_flooded(site: Site) -> None:
    runtime = site.runtime
    pdq, sha256 = RNG.randbytes(32), RNG.randbytes(32)
    keyed = runtime.digest_key.keyed(SignalType.SHA256, sha256)
    put(site, "both", pdq=pdq, pdq_quality=90)
    until(site, pdq, 423)
    flood(site, pdq, "somebody")
    assert look(site)["set_aside"] == 1
    until(site, pdq, 200)
    # Its source gives the very file's digest too: it is matched by that, and by that alone.
    put(site, "both", sha256=keyed, pdq=pdq, pdq_quality=90)
    assert look(site)["set_aside"] == 0
    until_asked(site, sha256)
    assert ask(site, turned(pdq, 9), "other").status == 200
    home = str(runtime.settings.home)
    CliRunner().invoke(app, ["list", "release", asides(site)["both"], "--home", home])
    until(site, pdq, 423)


def until_asked(site: Site, sha256: bytes) -> None:
    for _ in range(200):
        if ask(site, RNG.randbytes(32), "who", sha256.hex()).status == 423:
            return
    raise AssertionError("the server never got to know")


def test_a_process_that_is_killed_between_is_made_good(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, pdq = site.runtime, RNG.randbytes(32)
    put(site, "killed", pdq=pdq, pdq_quality=90)
    until(site, pdq, 423)
    flood(site, pdq, "anybody")

    class Killed(Exception):  # noqa: N818 - a process that ends here
        pass

    def killed(*_: object) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("safehold.work.jobs.floods.put_aside", killed)
        with pytest.raises(Killed):
            look(site)
    assert not now(site, "killed").is_aside
    assert look(site)["set_aside"] == 0
    assert now(site, "killed").is_aside
    # And where it was killed between the word of a release and the list.
    with runtime.records.write() as transaction:
        assert transaction.hits.release(asides(site)["killed"], runtime.clock.now())
    assert look(site)["set_aside"] == 0
    assert not now(site, "killed").is_aside


def test_a_release_at_the_same_moment_stands(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, pdq = site.runtime, RNG.randbytes(32)
    put(site, "at-once", pdq=pdq, pdq_quality=90)
    until(site, pdq, 423)
    flood(site, pdq, "one")

    def released_before(lists: ListStore, aside: SetAside, at: dt.datetime) -> bool:
        """A person releases it when it is noted, and not yet carried out."""
        assert release(runtime.records, runtime.list_store, aside, at)
        return put_aside(lists, aside, at)

    with monkeypatch.context() as patch:
        patch.setattr("safehold.work.jobs.floods.put_aside", released_before)
        assert look(site)["set_aside"] == 1
    assert not now(site, "at-once").is_aside
    assert "at-once" not in asides(site)


def test_another_hash_of_the_source_counts_at_once_and_ends_it(site: Site) -> None:
    runtime, pdq, better = site.runtime, RNG.randbytes(32), RNG.randbytes(32)
    put(site, "mended", pdq=pdq, pdq_quality=90)
    until(site, pdq, 423)
    flood(site, pdq, "two")
    assert look(site)["set_aside"] == 1
    until(site, pdq, 200)
    put(site, "mended", "exchange", pdq=better, pdq_quality=80)
    until(site, better, 423)
    assert "mended" in asides(site)
    look(site)
    assert "mended" not in asides(site)
    assert (now(site, "mended").pdq, now(site, "mended").aside) == (better, None)
    # Withdrawn, it stays aside: it may come back with the same hash.
    flood(site, better, "three")
    assert look(site)["set_aside"] == 1
    put(site, "mended", state=EntryState.WITHDRAWN, pdq=better)
    look(site)
    assert "mended" in asides(site)
    home = str(runtime.settings.home)
    CliRunner().invoke(app, ["list", "release", asides(site)["mended"], "--home", home])
    assert now(site, "mended").state is EntryState.WITHDRAWN


def test_what_a_person_confirmed_is_not_set_aside(site: Site) -> None:
    runtime, pdq = site.runtime, RNG.randbytes(32)
    put(site, "good", pdq=pdq, pdq_quality=90)
    until(site, pdq, 423)
    flood(site, pdq, "four")
    with runtime.records.write() as transaction:
        hit, *_ = transaction.hits.hits(NAME, EntryId("good"), runtime.clock.now() - DAY, 1)
        case = transaction.cases.find(hit.case_id, lock=True)
        assert case is not None
        transaction.cases.update(replace(case, state=CaseState.CONFIRMED))
    assert look(site)["set_aside"] == 0
    assert "good" not in asides(site)


def test_settings_may_switch_it_off(tmp_path: Path) -> None:
    with opened(tmp_path, lists={"bad": ListOptions(flood_items=0)}) as made:
        parts = flood_parts(made.runtime)
        assert (parts.bound(NAME), parts.bound(ListName("other")), parts.smallest) == (0, 50, 50)
        off = Settings(home=tmp_path, flood={"items": 0})  # type: ignore[arg-type]
        assert off.flood.items == 0
