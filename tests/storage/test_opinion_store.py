"""`OpinionStore`: the fake, SQLite and PostgreSQL keep the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from safehold.hashing.model import SignalType
from safehold.ids import CaseId, EntryId, ListName
from safehold.lists.opinions.model import Opinion, OpinionState, Stance

T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def opinion(n: int, **more: Any) -> Opinion:
    made = Opinion(
        f"o{n}",
        "ncmec",
        ListName("partner"),
        EntryId(f"e{n}"),
        CaseId(f"c{n}"),
        SignalType.PDQ,
        Stance.AFFIRMATIVE,
        T0 + n * HOUR,
        T0 + (n + 1) * HOUR,
    )
    return replace(made, **more)


def test_one_opinion_for_each_entry_of_a_case(records: Any) -> None:
    with records.write() as transaction:
        store = transaction.opinions
        assert store.put(opinion(1))
        assert not store.put(opinion(1, opinion_id="again"))
        # Another stance takes the place of one that waits.
        assert store.put(opinion(1, opinion_id="other", stance=Stance.NEGATIVE))
        assert [one.opinion_id for one in store.list()] == ["other"]
        assert store.put(opinion(1, opinion_id="more", exchange="there"))
    for state, same, other in (
        (OpinionState.SENT, False, True),
        (OpinionState.DEAD, True, True),
        (OpinionState.DROPPED, True, True),
    ):
        with records.write() as transaction:
            store = transaction.opinions
            [claimed] = [
                one
                for one in store.claim(T0 + 9 * HOUR, T0 + 10 * HOUR, 9)
                if one.exchange == "ncmec"
            ]
            assert store.write(replace(claimed, state=state, due=T0), T0 + 10 * HOUR)
            assert store.put(replace(claimed, due=T0)) is same
            store.put(replace(claimed, state=state, due=T0))
            turned = Stance.NEGATIVE if claimed.stance is Stance.AFFIRMATIVE else Stance.AFFIRMATIVE
            assert store.put(replace(claimed, stance=turned, due=T0)) is other


def test_what_is_due_is_claimed_once(records: Any) -> None:
    with records.write() as transaction:
        for n in range(4):
            assert transaction.opinions.put(opinion(n))
    until = T0 + 20 * HOUR
    with records.write() as transaction:
        store = transaction.opinions
        assert [o.opinion_id for o in store.claim(T0 + 3 * HOUR, until, 2)] == ["o0", "o1"]
        [third] = store.claim(T0 + 3 * HOUR, until, 2)
        assert (third.opinion_id, third.due) == ("o2", until)
        assert store.claim(T0 + 3 * HOUR, until, 2) == []
        sent = replace(third, state=OpinionState.SENT, due=T0 + 4 * HOUR)
        assert not store.write(sent, T0)
        assert store.write(sent, until)
        # It waits no more.
        assert not store.write(sent, until)
        assert store.list(OpinionState.SENT) == [sent]
        assert [o.opinion_id for o in store.list(limit=2)] == ["o3", "o2"]
        assert (store.find("o2"), store.find("none")) == (sent, None)
    with records.write() as transaction:
        store = transaction.opinions
        # What a process left that was killed comes again.
        assert [o.opinion_id for o in store.claim(until, until + HOUR, 9)] == ["o0", "o1", "o3"]
        assert store.forget(T0 + 4 * HOUR, 9) == 0
        assert store.forget(T0 + 5 * HOUR, 9) == 1
        assert store.find("o2") is None


def test_decisions_are_read_by_one_process(records: Any) -> None:
    with records.write() as transaction:
        store = transaction.opinions
        assert store.mark() is None
        assert store.move(None, 7)
        assert not store.move(None, 8)
        assert not store.move(6, 8)
        assert store.move(7, 9)
        assert store.mark() == 9
