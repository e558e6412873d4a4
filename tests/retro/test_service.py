"""Looking back by marks and passes: nothing that came since is missed, whatever happens between."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterator
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.clock import FixedClock
from safehold.hashing.exact import exact_digests
from safehold.hashing.model import SignalType
from safehold.ids import ChunkId, EntryId, IdMaker, ListName
from safehold.lists.building import matched_entries
from safehold.lists.growth import GrowthOptions
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, EntryState, Tier
from safehold.matching.changed import ChangedList
from safehold.matching.interface import OpenList
from safehold.matching.layout import SnapshotMetadata
from safehold.retro import service
from safehold.retro.deciding import Decided, Decider
from safehold.retro.finding import Bounds
from safehold.retro.keeping import sealed_chunk
from safehold.retro.model import ChunkHead, RetroOptions
from safehold.retro.packing import columns_of, unpack
from safehold.retro.sealing import DIGESTS, KeptSealer
from safehold.retro.service import Looked, RetroParts, RetroService
from safehold.retro.tidying import Tidier
from safehold.testing.list_store import MemoryListStore
from safehold.testing.records import MemoryRecords
from tests.retro.kept import KEY, SHOP, T0, item, variant

NAME = ListName("growing")
SECOND = dt.timedelta(seconds=1)


class Rulings:
    """Every list counts everywhere."""

    hidden: frozenset[str] = frozenset()

    def counts(self, service_id: Any, surface: str, name: str) -> bool:
        return surface != "elsewhere"


class House:
    """Kept items, a list, and what looks; candidates are noted instead of decided."""

    def __init__(self, options: RetroOptions | None = None, growth: GrowthOptions | None = None):
        self.clock = FixedClock(T0)
        self.records = MemoryRecords()
        self.lists = MemoryListStore()
        self.ids = IdMaker(self.clock)
        self.sealer = KeptSealer(KEY)
        self.chosen: set[bytes] = set()
        self.flooded = 0
        self.opened = 0
        parts = RetroParts(
            records=self.records,
            lists=self.lists,
            open_lists=lambda names: [self.whole()],
            changed=lambda entries, info: ChangedList(
                entries, SnapshotMetadata(str(NAME), "", T0), KEY
            ),
            decider=cast("Decider", self),
            rulings=cast("Any", Rulings()),
            sealer=self.sealer,
            clock=self.clock,
            bounds=Bounds(31, 50, (options or RetroOptions()).max_hits),
            options=options or RetroOptions(),
            growth=growth or GrowthOptions(),
            threads=1,
        )
        self.retro = RetroService(parts)
        self.tidier = Tidier(
            self.records,
            self.sealer,
            self.ids,
            self.clock,
            RetroOptions(chunk_items=16),
            lambda service_id, surface: 30.0,
        )
        self.put(listed("base"))

    # What a `Decider` does.

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        yield

    def decide(self, chunk_id: ChunkId, chosen: Collection[int]) -> Decided:
        with self.records.read() as transaction:
            chunk = transaction.kept.chunk(chunk_id)
        assert chunk is not None
        columns = unpack(self.sealer.open(chunk_id, DIGESTS, chunk.digests))
        self.chosen |= {columns.sha256[place].tobytes() for place in chosen}
        return Decided(len(chosen), len(chosen))

    def tell_flood(self, name: ListName, entries: int) -> None:
        assert name == NAME
        self.flooded += entries

    # What happens to it.

    def whole(self) -> OpenList:
        self.opened += 1
        with self.lists.reading(NAME, frozenset({EntryState.ACTIVE})) as reading:
            entries = list(matched_entries(reading.entries))
        return ChangedList(entries, SnapshotMetadata(str(NAME), "", T0), KEY)

    def put(self, *drafts: EntryDraft, tier: Tier = Tier.SUSPECTED) -> int:
        """Have entries come, or go; the version of the list then."""
        self.clock.advance(SECOND)
        with self.lists.importing(NAME) as session:
            session.stage(list(drafts))
            session.apply(ImportPlan(self.clock.now(), tier))
        return self.lists.get(NAME).version

    def keep(
        self, *contents: str, version: int, surface: str = "kept", pdq: bytes | None = None
    ) -> None:
        """Keep items that were matched with a version of the list."""
        rng = np.random.default_rng(1)
        variants = [] if pdq is None else [variant(rng, base=pdq)]
        items = [item(content.encode(), variants) for content in contents]
        columns = columns_of(items, KEY)
        versions = {str(NAME): version} if version else {}
        expires = T0 + dt.timedelta(days=3)
        head = ChunkHead(ChunkId(self.ids()), 0, SHOP, surface, expires, len(items), 256, versions)
        chunk = sealed_chunk(head, columns, [one.context for one in items], self.sealer)
        with self.records.write() as transaction:
            transaction.kept.add([chunk])

    def look(self, slices: int = 1_000) -> Looked:
        """Look; the process ends after so many slices."""
        asked = iter(range(slices))
        return self.retro.look(NAME, lambda: next(asked, None) is None)

    def was_chosen(self, content: str) -> bool:
        return KEY.keyed(SignalType.SHA256, exact_digests(content.encode()).sha256) in self.chosen


def listed(content: str, state: EntryState | None = None) -> EntryDraft:
    md5 = KEY.keyed(SignalType.MD5, exact_digests(content.encode()).md5)
    return EntryDraft(EntryId(f"e-{content}"), None, state, md5=md5)


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SLICE_ITEMS", 6)


STEP = st.one_of(
    st.tuples(st.just("put"), st.lists(st.integers(0, 3), min_size=1, max_size=3)),
    st.tuples(st.just("withdraw"), st.lists(st.integers(0, 3), min_size=1, max_size=2)),
    st.tuples(st.just("keep"), st.lists(st.integers(0, 3), min_size=1, max_size=4)),
    st.tuples(st.just("late"), st.lists(st.integers(0, 3), min_size=1, max_size=2)),
    st.tuples(st.just("look"), st.lists(st.integers(0, 5), min_size=1, max_size=1)),
    st.tuples(st.just("pack"), st.just([])),
    st.tuples(st.just("forget changes"), st.just([])),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(STEP, min_size=10, max_size=30))
def test_nothing_that_came_since_is_missed(steps: list[tuple[str, list[int]]]) -> None:
    """Entries come and go, servers are behind, looks break off, chunks are packed."""
    house = House()
    came: dict[str, int] = {}  # the version at which an entry became active
    kept: list[tuple[str, int]] = []
    for kind, numbers in steps:
        names = [str(number) for number in dict.fromkeys(numbers)]
        now = house.lists.get(NAME).version
        if kind == "put":
            before = {name for name in names if name in came}
            version = house.put(*(listed(name) for name in names))
            came |= {name: version for name in names if name not in before}
        elif kind == "withdraw":
            house.put(*(listed(name, EntryState.WITHDRAWN) for name in names))
            for name in names:
                came.pop(name, None)
        elif kind in ("keep", "late"):
            version = now if kind == "keep" else max(1, now - 2)
            house.keep(*names, version=version)
            kept += [(name, version) for name in names]
        elif kind == "look":
            house.look(numbers[0])
        elif kind == "pack":
            house.tidier.pack()
        else:
            house.lists.forget_changes(NAME, max(1, now - 1))
    # The first ends the pass that broke off.
    assert all(house.look().finished for _ in range(2))
    for name, version in kept:
        if name in came and came[name] > version:
            assert house.was_chosen(name), name
    # All was seen: there is nothing left to look at.
    house.chosen.clear()
    again = house.look()
    assert (again.items, house.chosen) == (0, set())


def test_only_what_changed_is_asked_of_what_was_matched_before() -> None:
    house = House()
    first = house.put(listed("a"))
    house.keep("a", "b", version=first)
    assert house.look().items == 0
    house.put(listed("b"))
    assert house.look().candidates == 1
    assert (house.was_chosen("a"), house.was_chosen("b"), house.opened) == (False, True, 0)


def test_of_young_chunks_the_oldest_version_stands_for_all() -> None:
    house = House()
    house.look()
    house.keep("a", version=house.put(listed("x")))
    house.keep("b", version=house.put(listed("a")))
    house.put(listed("c"))
    assert house.look().candidates == 1
    assert house.was_chosen("a")


def test_where_it_is_not_known_what_changed_all_of_the_list_is_asked() -> None:
    house = House()
    first = house.put(listed("a"))
    house.keep("a", "b", version=first)
    house.put(listed("b"))
    house.put(listed("c"))
    house.lists.forget_changes(NAME, first + 1)
    looked = house.look()
    assert (looked.whole, looked.candidates, house.opened > 0) == (True, 2, True)


def test_many_new_entries_are_asked_of_an_index() -> None:
    house = House(RetroOptions(max_entries=2))
    first = house.put()
    house.keep("a", "b", "c", "d", version=first)
    house.put(*(listed(name) for name in "acx"))
    looked = house.look()
    assert (looked.candidates, looked.whole) == (2, False)


def test_a_surface_for_which_a_list_does_not_count_is_passed_over() -> None:
    house = House()
    first = house.put()
    house.keep("a", version=first, surface="elsewhere")
    house.put(listed("a"))
    assert house.look().items == 0


@pytest.mark.parametrize("tier", [Tier.NEGATIVE, Tier.OBSERVE])
def test_lists_that_hold_nothing_are_passed_over(tier: Tier) -> None:
    house = House()
    first = house.put(tier=tier)
    house.keep("a", version=first)
    house.put(listed("a"), tier=tier)
    assert house.look().items == 0


def test_an_entry_near_to_too_much_opens_nothing_but_its_exact_matches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(RetroOptions(max_hits=4))
    first = house.put()
    for number in range(6):
        house.keep(f"{number}", version=first, pdq=bytes(32))
    flat = EntryDraft(EntryId("flat"), pdq=bytes(32), pdq_quality=90)
    house.put(flat, listed("5"))
    # A flood is counted within a slice; here all of it is one.
    monkeypatch.setattr(service, "SLICE_ITEMS", 100)
    looked = house.look()
    assert (looked.flooded, house.flooded) == (1, 1)
    assert [house.was_chosen(f"{number}") for number in range(6)] == [False] * 5 + [True]


def test_a_list_that_is_gone_is_forgotten() -> None:
    house = House()
    first = house.put()
    house.keep("a", version=first)
    house.put(listed("a"))
    house.look()
    assert house.retro.lists() == [NAME]
    house.lists.remove(NAME, house.clock.now())
    assert house.look().finished
    assert house.retro.lists() == []
    with house.records.read() as transaction:
        assert transaction.kept.mark(NAME) is None
    # Under the same name again, it is looked for anew.
    house.chosen.clear()
    house.put(listed("a"))
    assert house.look().candidates == 1
