"""Setting aside entries that match too much, and saying so.

Nothing is released by that: what the entry has held stays held, as one group of the queue, until
somebody decides. Servers stop to match the entry with their next look at the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from safehold.audit.model import Detail, EventDraft
from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.ids import EntryId, ListName
from safehold.intake.parts import AlarmMessages
from safehold.lists.interface import ListStore
from safehold.lists.trust.floods import FloodOptions, SetAside, different
from safehold.lists.trust.quarantine import active_entry, has_exact, put_aside
from safehold.outbox.model import Alarm, AlarmCode
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing

MOST_HITS = 5_000
"""Hits of one entry that are looked at; by then it is one picture, or set aside."""
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
        with parts.records.read() as transaction:
            smallest = parts.smallest
            busy = transaction.hits.busy(since, smallest) if smallest is not None else ()
            asides = transaction.hits.asides()
        self._keep(asides, stop)
        aside = {(one.list_name, one.entry_id) for one in asides}
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
        count = different(hits, self._parts.options, bound)
        return count > bound and self._set_aside(name, entry_id, count, bound)

    def _set_aside(self, name: ListName, entry_id: EntryId, count: int, bound: int) -> bool:
        """First the word of it, then the entry: `_keep` does what a killed process left."""
        parts, now = self._parts, self._parts.clock.now()
        entry = active_entry(parts.lists, name, entry_id)
        if entry is None or (has_exact(entry) and entry.pdq is None):
            return False  # it is gone, or matches by its exact digests alone
        aside = SetAside(parts.ids(), name, entry_id, now, count, bound)
        if has_exact(entry):
            aside = replace(aside, pdq=entry.pdq, pdq_quality=entry.pdq_quality)
        told: dict[str, Detail] = {"aside": aside.aside_id, "items": count, "bound": bound}
        event = EventDraft("list.entry_quarantined", now, "system", subject=str(name), data=told)
        alarm = Alarm(AlarmCode.LIST_FLOODED, now, str(name))
        with parts.records.write() as transaction:
            if not transaction.hits.set_aside(aside):
                return False  # another process was first
            transaction.audit.append([event])
            transaction.outbox.add(parts.messages(alarm))
        put_aside(parts.lists, entry, name, now)
        return True

    def _keep(self, asides: Sequence[SetAside], stop: Stop) -> None:
        """Keep aside what its source has named again, or what a killed process only noted."""
        parts = self._parts
        for aside in asides:
            if stop():
                return
            entry = active_entry(parts.lists, aside.list_name, aside.entry_id)
            if entry is not None:
                put_aside(parts.lists, entry, aside.list_name, parts.clock.now())

    def _forget(self, before: dt.datetime, stop: Stop) -> int:
        total = 0
        while not stop():
            with self._parts.records.write() as transaction:
                gone = transaction.hits.forget(before, FORGET_AT_ONCE)
            total += gone
            if gone < FORGET_AT_ONCE:
                break
        return total
