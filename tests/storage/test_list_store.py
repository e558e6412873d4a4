"""The conformance suite of `ListStore`: the fake, SQLite and PostgreSQL pass it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import traceback
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportOutcome, ImportPlan, ListStore
from safehold.lists.model import Entry, EntryDraft, EntryState, Tier, UnknownListError
from safehold.lists.sync.interface import SyncStore
from safehold.lists.sync.model import (
    ListShrankError,
    SyncCounts,
    SyncOvertakenError,
    SyncState,
)
from safehold.storage.engine import DatabaseError
from safehold.testing.list_store import MemoryListStore

DAY = dt.timedelta(days=1)
T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
NAME = ListName("some-list")
ALL = frozenset(EntryState)
ACTIVE = frozenset({EntryState.ACTIVE})


def exact(n: int) -> bytes:
    return bytes([n]) * 16


def pdq(n: int) -> bytes:
    return bytes([n]) * 32


def draft(entry_id: str, **fields: Any) -> EntryDraft:
    return EntryDraft(EntryId(entry_id))._replace(**fields)


def put(
    store: ListStore, rows: Sequence[EntryDraft], plan: ImportPlan | None = None
) -> ImportOutcome:
    with store.importing(NAME) as session:
        session.stage(rows)
        return session.apply(plan or ImportPlan(T0))


def everything(store: ListStore, states: frozenset[EntryState] = ALL) -> list[Entry]:
    with store.reading(NAME, states) as reading:
        return list(reading.entries)


def test_a_new_list_takes_its_rows(store: ListStore) -> None:
    rows = [
        draft("b", md5=exact(1), classification="A1"),
        draft("a", sha1=exact(2), sha256=exact(3), pdq=pdq(4), pdq_quality=80),
        draft("c", pdq=pdq(5), state=EntryState.WITHDRAWN),
    ]
    outcome = put(store, rows, ImportPlan(T0, tier=Tier.CONFIRMED, source="ncmec"))
    assert (outcome.added, outcome.updated, outcome.unchanged) == (3, 0, 0)
    info = store.get(NAME)
    assert info == outcome.info
    assert (info.name, info.tier, info.source, info.version) == (NAME, "confirmed", "ncmec", 1)
    assert (info.created, info.updated) == (T0, T0)
    assert info.created.utcoffset() == dt.timedelta(0)
    assert (info.active, info.other) == (2, 1)
    counts = {SignalType.MD5: 1, SignalType.SHA1: 1, SignalType.SHA256: 1, SignalType.PDQ: 1}
    assert dict(info.counts) == counts
    assert everything(store) == [
        Entry(EntryId("a"), sha1=exact(2), sha256=exact(3), pdq=pdq(4), pdq_quality=80),
        Entry(EntryId("b"), classification="A1", md5=exact(1)),
        Entry(EntryId("c"), pdq=pdq(5), state=EntryState.WITHDRAWN),
    ]
    assert store.lists() == (info,)


def test_a_list_without_entries_has_version_zero(store: ListStore) -> None:
    info = put(store, []).info
    assert (info.version, info.active, info.other, info.tier) == (0, 0, 0, Tier.SUSPECTED)
    assert everything(store) == []


def test_without_apply_nothing_changes(store: ListStore) -> None:
    with store.importing(NAME) as session:
        session.stage([draft("a", md5=exact(1))])
    assert store.lists() == ()
    put(store, [draft("a", md5=exact(1))])
    with pytest.raises(ZeroDivisionError), store.importing(NAME) as session:
        session.stage([draft("b", md5=exact(2))])
        raise ZeroDivisionError
    assert [e.entry_id for e in everything(store)] == ["a"]
    # What was staged before is not taken over by the next import.
    assert put(store, [draft("c", md5=exact(3))]).added == 1
    assert [e.entry_id for e in everything(store)] == ["a", "c"]


def test_two_imports_at_once_both_count(store: ListStore) -> None:
    with store.importing(NAME) as one, store.importing(NAME) as other:
        one.stage([draft("a", md5=exact(1)), draft("b", md5=exact(1))])
        other.stage([draft("b", md5=exact(2)), draft("c", md5=exact(2))])
        assert one.apply(ImportPlan(T0)).added == 2
        outcome = other.apply(ImportPlan(T0))
    assert (outcome.added, outcome.updated, outcome.info.version) == (1, 1, 2)
    assert [(e.entry_id, e.md5) for e in everything(store)] == [
        ("a", exact(1)),
        ("b", exact(2)),
        ("c", exact(2)),
    ]


def test_the_same_rows_again_change_nothing(store: ListStore) -> None:
    rows = [
        draft("a", md5=exact(1)),
        draft("a", pdq=pdq(2), pdq_quality=60),
        draft("b", sha1=exact(3), classification="B2"),
        draft("b", sha1=exact(4)),
    ]
    first = put(store, rows).info
    outcome = put(store, rows, ImportPlan(T0 + DAY, source="other"))
    assert (outcome.added, outcome.updated, outcome.unchanged) == (0, 0, 2)
    assert outcome.superseded == 1
    assert outcome.info == first == store.get(NAME)


def test_rows_of_one_id_merge_when_they_agree(store: ListStore) -> None:
    with store.importing(NAME) as session:
        session.stage([draft("a", md5=exact(1), classification="A1", state=EntryState.NEGATIVE)])
        session.stage([draft("a", sha1=exact(2))])
        session.stage(
            [draft("a", md5=exact(1), pdq=pdq(3), pdq_quality=70), draft("b", md5=exact(1))]
        )
        session.stage([draft("a", pdq=pdq(3))])
        outcome = session.apply(ImportPlan(T0))
    assert (outcome.added, outcome.superseded) == (2, 0)
    assert everything(store)[0] == Entry(
        EntryId("a"), "A1", EntryState.NEGATIVE, exact(1), exact(2), None, pdq(3), 70
    )


def test_a_later_row_that_contradicts_stands(store: ListStore) -> None:
    outcome = put(
        store,
        [
            draft("a", md5=exact(1), pdq=pdq(2), pdq_quality=70, classification="A1"),
            draft("a", md5=exact(9), pdq=pdq(2)),
            draft("b", pdq=pdq(2), pdq_quality=70),
            draft("b", pdq=pdq(3)),
        ],
    )
    assert outcome.superseded == 2
    assert everything(store) == [
        Entry(EntryId("a"), "A1", md5=exact(9), pdq=pdq(2), pdq_quality=70),
        Entry(EntryId("b"), pdq=pdq(3)),
    ]


def test_an_entry_that_is_there_gets_the_new_digests_only(store: ListStore) -> None:
    put(store, [draft("a", md5=exact(1), pdq=pdq(2), pdq_quality=70, classification="A1")])
    outcome = put(store, [draft("a", sha1=exact(3), pdq=pdq(2))], ImportPlan(T0 + DAY))
    assert (outcome.added, outcome.updated, outcome.info.version) == (0, 1, 2)
    assert outcome.info.updated == T0 + DAY
    assert outcome.info.created == T0
    assert store.entry(NAME, EntryId("a")) == Entry(
        EntryId("a"), "A1", sha1=exact(3), pdq=pdq(2), pdq_quality=70
    )
    put(store, [draft("a", pdq=pdq(4), classification="B1")])
    assert store.entry(NAME, EntryId("a")) == Entry(EntryId("a"), "B1", pdq=pdq(4))


def test_imports_take_nothing_away_unless_they_replace(store: ListStore) -> None:
    put(store, [draft(i, md5=exact(1)) for i in "abcd"])
    store.set_state(NAME, [EntryId("c")], EntryState.NEGATIVE, T0)
    store.set_state(NAME, [EntryId("d")], EntryState.QUARANTINED, T0)
    assert put(store, [draft("e", md5=exact(2))]).withdrawn == 0
    outcome = put(store, [draft("a", md5=exact(1))], ImportPlan(T0, replace=True))
    assert (outcome.withdrawn, outcome.unchanged) == (2, 1)
    assert {e.entry_id: e.state for e in everything(store)} == {
        "a": EntryState.ACTIVE,
        "b": EntryState.WITHDRAWN,
        "c": EntryState.NEGATIVE,
        "d": EntryState.QUARANTINED,
        "e": EntryState.WITHDRAWN,
    }
    assert (outcome.info.active, outcome.info.other) == (1, 4)
    again = put(store, [draft("a", md5=exact(1))], ImportPlan(T0, replace=True))
    assert (again.withdrawn, again.info.version) == (0, outcome.info.version)


@pytest.mark.parametrize(
    ("before", "given", "after"),
    [
        (EntryState.WITHDRAWN, None, EntryState.ACTIVE),
        (EntryState.NEGATIVE, None, EntryState.NEGATIVE),
        (EntryState.QUARANTINED, None, EntryState.QUARANTINED),
        (EntryState.NEGATIVE, EntryState.ACTIVE, EntryState.ACTIVE),
        (EntryState.ACTIVE, EntryState.WITHDRAWN, EntryState.WITHDRAWN),
    ],
)
def test_the_state_after_an_import(
    store: ListStore, before: EntryState, given: EntryState | None, after: EntryState
) -> None:
    put(store, [draft("a", md5=exact(1))])
    store.set_state(NAME, [EntryId("a")], before, T0)
    put(store, [draft("a", md5=exact(1), state=given)])
    entry = store.entry(NAME, EntryId("a"))
    assert entry is not None
    assert entry.state is after


def test_set_state_counts_and_raises_the_version_once(store: ListStore) -> None:
    put(store, [draft(f"{n:04}", md5=exact(n % 256), pdq=pdq(7)) for n in range(1201)])
    ids = [EntryId(f"{n:04}") for n in range(1300)]
    assert store.set_state(NAME, ids, EntryState.QUARANTINED, T0 + DAY) == 1201
    assert store.set_state(NAME, ids, EntryState.QUARANTINED, T0 + 2 * DAY) == 0
    assert store.set_state(NAME, [], EntryState.ACTIVE, T0) == 0
    info = store.get(NAME)
    assert (info.version, info.updated, info.active, info.other) == (2, T0 + DAY, 0, 1201)
    assert info.counts[SignalType.PDQ] == 0
    assert everything(store, frozenset({EntryState.ACTIVE})) == []


def test_a_change_of_tier_is_a_new_version(store: ListStore) -> None:
    put(store, [draft("a", md5=exact(1))])
    assert store.set_tier(NAME, Tier.SUSPECTED, T0 + DAY).version == 1
    info = store.set_tier(NAME, Tier.CONFIRMED, T0 + DAY)
    assert (info.version, info.tier, info.updated) == (2, Tier.CONFIRMED, T0 + DAY)
    kept = put(store, [draft("a", md5=exact(1))]).info
    assert (kept.version, kept.tier) == (2, Tier.CONFIRMED)
    info = put(store, [draft("a", md5=exact(1))], ImportPlan(T0, tier=Tier.OBSERVE)).info
    assert (info.version, info.tier, info.active) == (3, Tier.OBSERVE, 1)


def test_a_removed_list_is_gone_and_its_version_goes_on(store: ListStore) -> None:
    put(store, [draft("a", md5=exact(1))], ImportPlan(T0, tier=Tier.CONFIRMED, source="ncmec"))
    store.remove(NAME, T0)
    assert store.lists() == ()
    for call in (
        lambda: store.get(NAME),
        lambda: store.remove(NAME, T0),
        lambda: store.entry(NAME, EntryId("a")),
        lambda: store.set_tier(NAME, Tier.LOCAL, T0),
        lambda: store.set_state(NAME, [], EntryState.ACTIVE, T0),
        lambda: everything(store),
    ):
        with pytest.raises(UnknownListError):
            call()
    info = put(store, [draft("b", md5=exact(2))], ImportPlan(T0 + DAY)).info
    assert info.version > 2
    assert (info.tier, info.source, info.created) == (Tier.SUSPECTED, "file", T0 + DAY)
    assert [e.entry_id for e in everything(store)] == ["b"]


def test_lists_are_apart_and_by_name(store: ListStore) -> None:
    for name in ("b", "a-", "a.", "a0", "_"):
        with store.importing(ListName(name)) as session:
            session.stage([draft("same", md5=exact(len(name)))])
            session.apply(ImportPlan(T0))
    assert [info.name for info in store.lists()] == sorted(("b", "a-", "a.", "a0", "_"))
    store.remove(ListName("a0"), T0)
    assert store.entry(ListName("b"), EntryId("same")) is not None
    assert store.entry(ListName("b"), EntryId("other")) is None


def test_entries_come_in_the_order_of_code_points(store: ListStore) -> None:
    ids = ["Z", "a", "-1", "10", "9", "\u00e9", "z", "\U0001f600", "\uffee", "k-0", "K_0", "A b"]
    put(store, [draft(i, md5=exact(1)) for i in ids])
    assert [e.entry_id for e in everything(store)] == sorted(ids)


def test_a_reading_stands_still_while_the_list_changes(store: ListStore) -> None:
    put(store, [draft(f"{n:05}", md5=exact(1)) for n in range(12_000)])
    with store.reading(NAME) as reading:
        first = next(reading.entries)
        put(store, [draft("zzz", md5=exact(2)), draft("11999", md5=exact(2))])
        rest = list(reading.entries)
    assert reading.info.version == 1
    assert len([first, *rest]) == 12_000
    assert rest[-1] == Entry(EntryId("11999"), md5=exact(1))


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
def test_a_refused_row_is_not_quoted(store: ListStore) -> None:
    too_short = bytes([0xAB]) * 5
    with pytest.raises(DatabaseError) as caught:
        put(store, [draft("a", md5=too_short), draft("b", pdq=pdq(1))])
    shown = "".join(traceback.format_exception(caught.value))
    assert too_short.hex() not in shown
    assert repr(too_short) not in shown
    assert store.lists() == ()


def changed(store: ListStore, since: int, most: int = 100) -> list[str] | None:
    found = store.changes(NAME, since, most)
    return None if found is None else [entry.entry_id for entry in found.entries]


def test_what_changed_since_a_version(store: ListStore) -> None:
    put(store, [draft("a", md5=exact(1)), draft("b", md5=exact(2)), draft("c", md5=exact(3))])
    put(store, [draft("b", md5=exact(4)), draft("c", md5=exact(3)), draft("d", pdq=pdq(5))])
    store.set_state(NAME, [EntryId("a"), EntryId("x")], EntryState.QUARANTINED, T0)
    assert changed(store, 3) == []
    assert changed(store, 2) == ["a"]
    assert changed(store, 1) == ["a", "b", "d"]
    assert changed(store, 1, most=2) is None
    assert changed(store, 0) == ["a", "b", "c", "d"]
    assert changed(store, 4) is None  # a version that never was
    found = store.changes(NAME, 2, 9)
    assert found is not None
    assert (found.since, found.info) == (2, store.get(NAME))
    assert found.entries == (Entry(EntryId("a"), state=EntryState.QUARANTINED, md5=exact(1)),)
    put(store, [draft("b", md5=exact(4))], ImportPlan(T0, replace=True))
    assert changed(store, 3) == ["c", "d"]
    store.set_tier(NAME, Tier.CONFIRMED, T0)
    assert changed(store, 4) == []
    store.forget_changes(NAME, 3)
    assert changed(store, 2) is None
    assert changed(store, 3) == ["c", "d"]
    store.forget_changes(NAME, 99)
    assert changed(store, 5) == []
    store.remove(NAME, T0)
    put(store, [draft("z", md5=exact(1))])
    assert changed(store, 5) is None
    assert changed(store, 6) == ["z"]
    with pytest.raises(UnknownListError):
        store.changes(ListName("other"), 0, 9)


def test_a_large_change_is_not_told_one_by_one(store: ListStore) -> None:
    store._logged = 3  # type: ignore[attr-defined]
    put(store, [draft(i, md5=exact(1)) for i in "ab"])
    put(store, [draft(i, md5=exact(2)) for i in "abcd"])
    assert changed(store, 1) is None
    assert changed(store, 2) == []
    put(store, [draft("a", md5=exact(3))])
    assert changed(store, 2) == ["a"]
    store.set_state(NAME, [EntryId(i) for i in "abcd"], EntryState.NEGATIVE, T0)
    assert changed(store, 3) is None
    info = store.get(NAME)
    assert (info.active, info.other, info.counts[SignalType.MD5]) == (0, 4, 0)


def test_an_older_word_changes_nothing(store: ListStore) -> None:
    gone = EntryState.WITHDRAWN
    put(store, [draft("a", md5=exact(1), source_at=T0 + DAY)])
    outcome = put(store, [draft("a", state=gone, source_at=T0)])
    assert (outcome.updated, outcome.unchanged, outcome.info.version) == (0, 1, 1)
    # Younger, though it says the same: what lies between is old from now on.
    put(store, [draft("a", md5=exact(1), source_at=T0 + 3 * DAY)])
    assert put(store, [draft("a", state=gone, source_at=T0 + 2 * DAY)]).updated == 0
    assert put(store, [draft("a", state=gone, source_at=T0 + 3 * DAY)]).updated == 1
    assert put(store, [draft("a", md5=exact(1), source_at=T0 + 3 * DAY)]).updated == 0
    assert put(store, [draft("a", md5=exact(1), source_at=T0 + 4 * DAY)]).updated == 1
    # Whoever gives no time is heard.
    assert put(store, [draft("a", state=gone)]).updated == 1
    assert put(store, [draft("a", md5=exact(1), source_at=T0)]).updated == 0


def test_a_source_does_not_change_what_was_found_here(store: ListStore) -> None:
    put(store, [draft("a", md5=exact(1), source_at=T0), draft("b", md5=exact(2), source_at=T0)])
    store.set_state(NAME, [EntryId("a")], EntryState.QUARANTINED, T0)
    store.set_state(NAME, [EntryId("b")], EntryState.NEGATIVE, T0)
    for state in (EntryState.WITHDRAWN, None):
        rows = [draft(i, md5=exact(3), state=state, source_at=T0 + DAY) for i in "ab"]
        put(store, rows)
        states = [e.state for e in everything(store)]
        assert states == [EntryState.QUARANTINED, EntryState.NEGATIVE]


def test_a_source_that_shrinks_changes_nothing(store: ListStore) -> None:
    put(store, [draft(f"{n:02d}", md5=exact(n)) for n in range(40)])
    before = store.get(NAME)
    few = [draft(f"{n:02d}", md5=exact(n)) for n in range(30)]
    with pytest.raises(ListShrankError):
        put(store, few, ImportPlan(T0, replace=True, max_withdrawn_share=0.2))
    assert (store.get(NAME), len(everything(store, ACTIVE))) == (before, 40)
    assert put(store, few, ImportPlan(T0, replace=True, max_withdrawn_share=0.25)).withdrawn == 10
    assert put(store, few[:19], ImportPlan(T0, replace=True)).withdrawn == 11
    assert put(store, few[:1], ImportPlan(T0, replace=True, max_withdrawn_share=0)).withdrawn == 18


def test_a_step_is_written_with_its_rows_or_not_at_all(store: ListStore, syncs: SyncStore) -> None:
    first = SyncState(NAME, "there", 1, "one", began=T0, counts=SyncCounts(1, 2, faults={"x": 3}))
    outcome = put(store, [draft("a", md5=exact(1))], ImportPlan(T0, sync=first))
    first = first.counting(1, 0, 0)
    assert outcome.sync == first == syncs.find(NAME, "there")
    assert syncs.all() == (first,)
    second = dataclasses.replace(first, number=2, cursor="two")
    for state in (first, dataclasses.replace(first, number=3)):
        with pytest.raises(SyncOvertakenError):
            put(store, [draft("b", md5=exact(2))], ImportPlan(T0, sync=state))
        with pytest.raises(SyncOvertakenError):
            syncs.save(state)
    assert [e.entry_id for e in everything(store)] == ["a"]
    assert syncs.find(NAME, "there") == first
    syncs.save(second)
    other = SyncState(NAME, "elsewhere", 1)
    syncs.save(other)
    assert syncs.all() == (other, second)
    syncs.remove(NAME)
    assert syncs.find(NAME, "there") is None


def test_what_filled_a_removed_list_begins_anew(store: ListStore, syncs: SyncStore) -> None:
    first = SyncState(NAME, "there", 1, cursor="page 2", began=T0, good=T0, failures=2, code="x")
    put(store, [draft("a", md5=exact(1))], ImportPlan(T0, sync=first))
    other = SyncState(ListName("other"), "there", 1, cursor="page 3")
    syncs.save(other)
    store.remove(NAME, T0)
    assert syncs.all() == (other, SyncState(NAME, "there", 2))
    # A step that was under way meanwhile would leave out what came before it.
    with pytest.raises(SyncOvertakenError):
        put(
            store,
            [draft("b", md5=exact(2))],
            ImportPlan(T0, sync=dataclasses.replace(first, number=2)),
        )
    with pytest.raises(UnknownListError):
        store.get(NAME)


def test_what_a_source_of_many_pages_has_not_named_is_withdrawn(store: ListStore) -> None:
    put(store, [draft("a", md5=exact(1)), draft("b", md5=exact(2), source_at=T0)])
    put(store, [draft("c", md5=exact(3), source_at=T0 + DAY)])
    put(store, [draft("d", md5=exact(4), state=EntryState.NEGATIVE)])
    last = [draft("e", md5=exact(5), source_at=T0 + DAY)]
    outcome = put(store, last, ImportPlan(T0, withdraw_older=T0 + DAY))
    assert (outcome.added, outcome.withdrawn) == (1, 2)
    assert [e.entry_id for e in everything(store, ACTIVE)] == ["c", "e"]
    assert (outcome.info.active, outcome.info.other) == (2, 3)
    assert changed(store, 3) == ["a", "b", "e"]


def test_a_source_confirms_a_list(store: ListStore) -> None:
    info = put(store, [draft("a", md5=exact(1))]).info
    assert (info.checked, info.confirmed) == (None, T0)
    store.confirm(NAME, T0 + DAY)
    store.confirm(NAME, T0)
    info = store.get(NAME)
    assert (info.version, info.checked, info.confirmed) == (1, T0 + DAY, T0 + DAY)
    put(store, [draft("a", md5=exact(2))], ImportPlan(T0 + 2 * DAY))
    assert store.get(NAME).confirmed == T0 + 2 * DAY


_DIGEST = st.sampled_from([None, exact(1), exact(2)])
_DRAFT = st.builds(
    EntryDraft,
    entry_id=st.sampled_from([EntryId(i) for i in "abc"]),
    classification=st.sampled_from([None, "A1", "B2"]),
    state=st.sampled_from([None, *EntryState]),
    md5=_DIGEST,
    sha1=_DIGEST,
    sha256=_DIGEST,
    pdq=st.sampled_from([None, pdq(1), pdq(2)]),
    pdq_quality=st.sampled_from([None, 10, 90]),
    source_at=st.sampled_from([None, None, T0, T0 + DAY]),
).map(lambda d: d if d.pdq else d._replace(pdq_quality=None))


@pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    imports=st.lists(st.tuples(st.lists(_DRAFT, max_size=6), st.booleans()), min_size=1, max_size=3)
)
def test_sql_does_what_the_fake_does(
    store: ListStore, imports: list[tuple[list[EntryDraft], bool]]
) -> None:
    fake = MemoryListStore()
    offset = 0
    if store.lists():
        offset = store.get(NAME).version + 1
        store.remove(NAME, T0)
    for rows, replace in imports:
        plan = ImportPlan(T0, replace=replace)
        ours, expected = put(store, rows, plan), put(fake, rows, plan)
        assert everything(store) == everything(fake)
        assert ours.info.version == expected.info.version + offset
        assert dict(ours.info.counts) == dict(expected.info.counts)
        assert (ours.info.active, ours.info.other) == (expected.info.active, expected.info.other)
        for field in ("added", "updated", "unchanged", "withdrawn", "superseded"):
            assert getattr(ours, field) == getattr(expected, field), field
        for since in range(expected.info.version + 1):
            told, known = store.changes(NAME, since + offset, 9), fake.changes(NAME, since, 9)
            if since == 0 and offset:
                assert told is None or told.entries == tuple(everything(store))
            else:
                assert told is not None
                assert known is not None
                assert told.entries == known.entries


def test_a_hash_is_set_aside_as_long_as_it_is_the_entrys(store: ListStore) -> None:
    e, other = EntryId("e"), EntryId("other")
    put(store, [draft("e", pdq=pdq(1), sha1=exact(1)), draft("other", pdq=pdq(2))])
    before = store.get(NAME)
    assert not store.set_aside(NAME, e, pdq(2), T0 + DAY)
    assert not store.set_aside(NAME, EntryId("none"), pdq(1), T0 + DAY)
    assert store.set_aside(NAME, e, pdq(1), T0 + DAY)
    assert not store.set_aside(NAME, e, pdq(1), T0 + DAY)
    after = store.get(NAME)
    assert (after.version, after.updated) == (before.version + 1, T0 + DAY)
    # It makes the list no younger: nothing came.
    assert after.confirmed == before.confirmed == T0
    changes = store.changes(NAME, before.version, 10)
    assert changes is not None
    assert [(c.entry_id, c.is_aside, c.sha1) for c in changes.entries] == [("e", True, exact(1))]
    # An import leaves it as it is; another hash counts.
    put(store, [draft("e", pdq=pdq(1), sha1=exact(3))], ImportPlan(T0 + 2 * DAY))
    assert [c.is_aside for c in everything(store)] == [True, False]
    assert store.get(NAME).confirmed == T0 + 2 * DAY
    put(store, [draft("e", pdq=pdq(4))], ImportPlan(T0 + 3 * DAY))
    assert [c.is_aside for c in everything(store)] == [False, False]
    assert store.set_aside(NAME, e, None, T0 + 4 * DAY)
    assert not store.set_aside(NAME, e, None, T0 + 4 * DAY)
    found = store.entry(NAME, e)
    assert found is not None
    assert (found.pdq, found.aside) == (pdq(4), None)
    # What is withdrawn is not set aside, and may be let go.
    assert store.set_aside(NAME, other, pdq(2), T0 + 4 * DAY)
    put(store, [draft("other", state=EntryState.WITHDRAWN, pdq=pdq(2))], ImportPlan(T0 + 5 * DAY))
    assert store.set_aside(NAME, other, None, T0 + 5 * DAY)
    assert not store.set_aside(NAME, other, pdq(2), T0 + 5 * DAY)
    store.remove(NAME, T0 + 6 * DAY)
    for hashed in (None, pdq(4)):
        with pytest.raises(UnknownListError):
            store.set_aside(NAME, e, hashed, T0 + 6 * DAY)
