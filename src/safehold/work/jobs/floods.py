"""Setting aside entries that match too much, and saying so.

Nothing is released by that: what the entry has held stays held, as one group of the queue, until
somebody decides. Servers stop to match the entry with their next look at the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import CaseState
from safehold.cases.records import Records, Transaction
from safehold.clock import Clock
from safehold.ids import EntryId, ListName
from safehold.intake.parts import AlarmMessages
from safehold.lists.interface import ListStore
from safehold.lists.model import EntryState, UnknownListError
from safehold.lists.trust.floods import FloodOptions, Hit, SetAside, different
from safehold.lists.trust.quarantine import Standing, let_match, put_aside, standing
from safehold.outbox.model import Alarm, AlarmCode
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing

MOST_HITS = 5_000
"""Hits of one entry that are looked at; by then it is one picture, or set aside."""
SETTLED_AFTER = dt.timedelta(days=1)
"""For how long what was released is looked at once more."""
FORGET_AT_ONCE = 1_000
"""Hits that one transaction forgets."""


@dataclass(frozen=True, slots=True)
class FloodParts:
    """What entries are set aside with.

    Attributes:
        records: hits, alarms and the audit log.
        lists: entries.
        ids: makes ids.
        clock: the present moment.
        messages: from an alarm to its messages.
        options: when an entry is set aside.
        bound: how many different items an entry of a list may match; 0 for any number.
        smallest: the smallest of all bounds; None to set nothing aside.
    """

    records: Records
    lists: ListStore
    ids: Callable[[], str]
    clock: Clock
    messages: AlarmMessages
    options: FloodOptions
    bound: Callable[[ListName], int]
    smallest: int | None


class SetFloodsAside:
    """Sets entries aside that flood, and forgets hits that no longer count."""

    name = "floods"

    def __init__(self, parts: FloodParts, timing: Timing) -> None:
        """Take the parts, and how often it is done."""
        self.timing = timing
        self._parts = parts

    def run(self, stop: Stop) -> Outcome:
        """Look at entries that matched much, then forget."""
        parts = self._parts
        since = parts.clock.now() - dt.timedelta(hours=parts.options.hours)
        self._settle(stop)
        with parts.records.read() as transaction:
            smallest = parts.smallest
            busy = transaction.hits.busy(since, smallest) if smallest is not None else ()
            aside = {(one.list_name, one.entry_id) for one in transaction.hits.asides()}
        done = 0
        for name, entry_id in busy:
            if stop():
                break
            if (name, entry_id) not in aside:
                done += self._look(name, entry_id, since)
        forgotten = self._forget(since, stop)
        return Outcome(counts={"set_aside": done, "forgotten": forgotten})

    def _look(self, name: ListName, entry_id: EntryId, since: dt.datetime) -> bool:
        bound = self._parts.bound(name)
        if not bound:
            return False
        with self._parts.records.read() as transaction:
            released = transaction.hits.last_released(name, entry_id)
            first = since if released is None else max(since, released)
            hits = transaction.hits.hits(name, entry_id, first, MOST_HITS)
            counted = different(hits, self._parts.options, bound)
            if not counted.is_flood(self._parts.options, bound) or _is_confirmed(transaction, hits):
                return False
        return self._set_aside(name, entry_id, counted.different, bound)

    def _set_aside(self, name: ListName, entry_id: EntryId, count: int, bound: int) -> bool:
        """First the word of it, then the list: `_settle` does what a killed process left."""
        parts, now = self._parts, self._parts.clock.now()
        try:
            entry = parts.lists.entry(name, entry_id)
        except UnknownListError:
            return False
        if entry is None or entry.state is not EntryState.ACTIVE or entry.pdq is None:
            return False  # it is gone, or matches by its exact digests alone
        aside = SetAside(parts.ids(), name, entry_id, now, count, bound, entry.pdq)
        told: dict[str, Detail] = {"aside": aside.aside_id, "items": count, "bound": bound}
        event = EventDraft("list.entry_quarantined", now, "system", subject=str(name), data=told)
        alarm = Alarm(AlarmCode.LIST_FLOODED, now, str(name))
        with parts.records.write() as transaction:
            if not transaction.hits.set_aside(aside):
                return False  # another process was first
            transaction.audit.append([event])
            transaction.outbox.add(parts.messages(alarm))
        self._carry_out(aside)
        return True

    def _settle(self, stop: Stop) -> None:
        """Have lists follow what is noted: whatever was killed, or said at the same time."""
        parts = self._parts
        with parts.records.read() as transaction:
            asides = transaction.hits.asides()
            released = transaction.hits.released(parts.clock.now() - SETTLED_AFTER)
        there = {(one.list_name, one.entry_id) for one in asides}
        for one in released:
            if (one.list_name, one.entry_id) not in there and not stop():
                let_match(parts.lists, one, parts.clock.now())
        for one in asides:
            if stop():
                return
            found = standing(parts.lists, one)
            if found is Standing.MATCHED:
                self._carry_out(one)
            elif found is Standing.GONE:
                self._end(one)

    def _carry_out(self, aside: SetAside) -> None:
        """Set a hash aside in its list, unless somebody released it meanwhile."""
        parts = self._parts
        put_aside(parts.lists, aside, parts.clock.now())
        with parts.records.read() as transaction:
            noted = transaction.hits.aside(aside.aside_id)
        if noted is None or noted.released is not None:
            let_match(parts.lists, aside, parts.clock.now())

    def _end(self, aside: SetAside) -> None:
        """Note that a hash is aside no more: the entry has another, or is gone."""
        release(self._parts.records, self._parts.lists, aside, self._parts.clock.now())

    def _forget(self, before: dt.datetime, stop: Stop) -> int:
        total = 0
        while not stop():
            with self._parts.records.write() as transaction:
                gone = transaction.hits.forget(before, FORGET_AT_ONCE)
            total += gone
            if gone < FORGET_AT_ONCE:
                break
        return total


def release(records: Records, lists: ListStore, aside: SetAside, at: dt.datetime) -> bool:
    """Have an entry be matched by its hash again; False if another was first.

    First the word of it, then the list: the job does what a killed process left.
    """
    told: dict[str, Detail] = {"aside": aside.aside_id}
    subject = str(aside.list_name)
    event = EventDraft("list.entry_released", at, "system", subject=subject, data=told)
    with records.write() as transaction:
        if not transaction.hits.release(aside.aside_id, at):
            return False
        transaction.audit.append([event])
    let_match(lists, aside, at)
    return True


def _is_confirmed(transaction: Transaction, hits: Sequence[Hit]) -> bool:
    """Whether a person has confirmed one of some items."""
    for case_id in {hit.case_id for hit in hits}:
        case = transaction.cases.find(case_id)
        if case is not None and case.state is CaseState.CONFIRMED:
            return True
    return False
