"""Lists that change under servers that judge: nothing fails, and two servers agree."""

from __future__ import annotations

import datetime as dt
import io
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from safehold.clock import FixedClock
from safehold.engine.lists import ListWatch
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import ExactDigests, VariantDigests
from safehold.ids import EntryId, ListName
from safehold.lists import service
from safehold.lists.growth import GrowthOptions
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, EntryState, Tier
from safehold.lists.service import ListService, layers_of, version_of
from safehold.matching.interface import OpenList
from safehold.matching.match import Matcher
from safehold.policy.model import PolicyOptions, Verdict
from safehold.runtime.log import json_log
from safehold.screening import Examination, Screening
from safehold.storage.engine import sqlite_engine
from safehold.storage.list_store import SqlListStore
from safehold.storage.migrate import migrate

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
NAME = ListName("a")
COUNT = 200
CHANGES = 50
HASHES = np.random.default_rng(8).integers(0, 256, (COUNT + CHANGES, 32), dtype=np.uint8)


def item(n: int) -> Examination:
    exact = ExactDigests(n.to_bytes(16, "big"), n.to_bytes(20, "big"), n.to_bytes(32, "big"), 9)
    variant = VariantDigests("as_stored", 100, (HASHES[n].tobytes(),) * 8)
    return Examination(exact, "png", 9, 9, 1, (variant,))


def screening(opened: Sequence[OpenList]) -> Screening:
    return Screening(Matcher(opened), 50, PolicyOptions())


class Site:
    """A store, and two servers' lists over it."""

    def __init__(self, folder: Path) -> None:
        self.engine = sqlite_engine(folder / "lists.sqlite")
        migrate(self.engine)
        self.clock = FixedClock(AT)
        self.store = SqlListStore(self.engine)
        growth = GrowthOptions(max_changes=60, compact_changes=1_000)
        self.services = [
            ListService(self.store, folder / "snapshots", KEY, self.clock, growth=growth)
            for _ in range(3)
        ]
        self.watches = [ListWatch(s, screening, json_log(io.StringIO())) for s in self.services[:2]]

    def put(self, *drafts: EntryDraft) -> None:
        self.clock.advance(dt.timedelta(seconds=1))
        with self.store.importing(NAME) as session:
            session.stage(drafts)
            session.apply(ImportPlan(self.clock.now(), Tier.SUSPECTED))

    def found(self, watch: ListWatch) -> set[int]:
        with watch.using() as lists:
            judged = lists.screening.judge([item(n) for n in range(len(HASHES))])
        return {n for n, one in enumerate(judged) if one.decision.verdict is Verdict.HOLD}


def draft(n: int, state: EntryState | None = None) -> EntryDraft:
    return EntryDraft(EntryId(f"e{n:04d}"), None, state, pdq=HASHES[n].tobytes(), pdq_quality=90)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(service, "SMALL_LIST", 0)
    monkeypatch.setattr("safehold.lists.growth.SMALLEST", 20)
    made = Site(tmp_path)
    made.put(*(draft(n) for n in range(COUNT)))
    yield made
    for watch in made.watches:
        watch.close()
    made.engine.dispose()


def test_nothing_fails_while_a_list_changes_and_is_compacted(site: Site) -> None:
    for watch in site.watches:
        assert watch.refresh()
    stop, wrong, asked = threading.Event(), [], 0
    always = set(range(CHANGES, COUNT))

    def ask() -> None:
        nonlocal asked
        while not stop.is_set():
            for watch in site.watches:
                found = site.found(watch)
                asked += 1
                if not always <= found:
                    wrong.append(always - found)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    now = set(range(COUNT))
    bases, compacted = set(), 0
    try:
        for n in range(CHANGES):
            # One comes and one goes; what was gone comes back now and then.
            site.put(draft(COUNT + n), draft(n, EntryState.WITHDRAWN), draft(n // 2))
            now = (now | {COUNT + n, n // 2}) - {n}
            compacted += site.services[2].compact(NAME)
            for watch in site.watches:
                assert watch.refresh()
                assert site.found(watch) == now
                assert watch.current is not None
                assert watch.current.versions == {"a": n + 2}
                with watch.using():
                    generation = watch._generation
                    assert generation is not None
                    bases.add(version_of(layers_of(generation.snapshots["a"])[0]))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert asked > 0
    assert 2 <= compacted <= 12
    # The new snapshots were moved over to, though not each of them.
    assert len(bases) > 1


def test_a_list_that_was_only_confirmed_is_younger(site: Site) -> None:
    watch = site.watches[0]
    watch.refresh()
    assert watch.current is not None
    before, moment = watch.current, AT + dt.timedelta(days=9)
    site.store.confirm(NAME, moment)
    assert watch.refresh()
    assert watch.current.updated == {"a": moment}
    assert watch.current.versions == before.versions
    assert not watch.refresh()


def test_tiers_follow_without_a_new_snapshot(site: Site) -> None:
    watch = site.watches[0]
    watch.refresh()
    assert len(site.found(watch)) == COUNT
    site.services[2].set_tier(NAME, Tier.OBSERVE)
    assert watch.refresh()
    assert not site.found(watch)
