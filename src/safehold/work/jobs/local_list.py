"""What people confirm becomes an entry of the house's own list.

For each case that people decided since the last run the list is brought to how the case stands now:
a confirmed one has an entry (its id is the case's) with the exact digests that were kept of its
bytes, and the PDQ hash of its picture as an import would take it; one whose confirmation was undone
or overturned has it withdrawn. An appeal alone changes nothing: somebody decides first.

Decisions are found in the audit log, whose order is that in which they were committed. How far it
was read is written in the same step as the entries, so a process that is killed makes no
difference, and of two at once one is overtaken. Cases of canaries and of trial services have no
entries, and a list that something else filled is left alone.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from safehold.cases.model import Case, CaseState, DecisionRecord
from safehold.cases.records import Records, Transaction
from safehold.cases.review.rules import QUALITY_FLOOR
from safehold.clock import Clock
from safehold.errors import UsageError
from safehold.ids import CaseId, EntryId, ListName
from safehold.lists.entry_rows import unfit_pdq
from safehold.lists.interface import ImportPlan, ListStore
from safehold.lists.model import EntryDraft, EntryState, Tier, UnknownListError
from safehold.lists.sync.interface import SyncStore
from safehold.lists.sync.model import SyncOvertakenError, SyncState
from safehold.work.decided import EVENTS, KINDS, is_real, last_decision
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing

SOURCE = "cases"
"""The source of the list, and the name of its synchronisation."""

_CONFIRMED = CaseState.CONFIRMED.value


class LocalListTakenError(UsageError):
    """The list for what people confirm was filled from elsewhere."""

    code = "local_list_taken"
    default_message = "The list of the setting review.local_list was made from another source."
    default_hint = "Give it a list of its own: a name that no list has yet."


@dataclass(frozen=True, slots=True)
class LocalListParts:
    """What the list is made from.

    Attributes:
        name: the list.
        records: cases and the audit log.
        lists, syncs: where entries, and how far they were brought, are kept.
        quality_floor: smallest PDQ quality that an import takes.
        clock: the present moment.
        tell: told of each step that changed something, with the list and counts.
    """

    name: ListName
    records: Records
    lists: ListStore
    syncs: SyncStore
    quality_floor: int
    clock: Clock
    tell: Callable[[str, Mapping[str, int]], None]


class LocalList:
    """Brings the list up to date with what people have decided."""

    name = "local-list"

    def __init__(self, parts: LocalListParts, timing: Timing) -> None:
        self.timing = timing
        self._parts = parts

    def run(self, stop: Stop) -> Outcome:
        """Go on from where the last run ended."""
        counts: Counter[str] = Counter()
        try:
            while self._step(counts) and not stop():
                pass
        except SyncOvertakenError:
            return Outcome(OK, counts)
        return Outcome(OK, counts)

    def _step(self, counts: Counter[str]) -> bool:
        """Read some events and write what follows; whether there are more."""
        parts = self._parts
        state = parts.syncs.find(parts.name, SOURCE) or SyncState(parts.name, SOURCE)
        known = self._check_owner()
        with parts.records.read() as transaction:
            head, _ = transaction.audit.head()
            read = int(state.cursor or 0)
            if read == head:
                return False
            # A log that is shorter than what was read is another one: all is read anew.
            after = read if read < head else 0
            events = list(itertools.islice(transaction.audit.events(after), EVENTS))
            decided = dict.fromkeys(e.draft.subject for e in events if e.draft.kind in KINDS)
            drafts = [
                draft
                for subject in decided
                if (draft := self._draft(transaction, CaseId(subject), known=known)) is not None
            ]
        last, now = events[-1].seq, parts.clock.now()
        step = SyncState(parts.name, SOURCE, state.number + 1, str(last), ended=now, good=now)
        if drafts:
            with parts.lists.importing(parts.name) as session:
                session.stage(drafts)
                outcome = session.apply(ImportPlan(now, Tier.LOCAL, SOURCE, sync=step))
            changed = {"added": outcome.added, "updated": outcome.updated}
            if any(changed.values()):
                parts.tell(parts.name, changed)
            counts.update(changed)
        else:
            parts.syncs.save(step)
        return last < head

    def _check_owner(self) -> bool:
        """Whether there is a list. Raises `LocalListTakenError` where it is another's."""
        try:
            info = self._parts.lists.get(self._parts.name)
        except UnknownListError:
            return False
        if info.source != SOURCE:
            raise LocalListTakenError
        return True

    def _draft(
        self, transaction: Transaction, case_id: CaseId, *, known: bool
    ) -> EntryDraft | None:
        """What the list is to say of a case; None where that is nothing, or nothing new."""
        case = transaction.cases.find(case_id)
        if case is None or not is_real(transaction, case):
            return None
        decision = last_decision(transaction.cases.decisions(case_id))
        if decision is not None and _CONFIRMED in decision.reasons:
            return self._entry(transaction, case, decision)
        there = self._parts.lists.entry(self._parts.name, EntryId(case_id)) if known else None
        if there is None or there.state in (EntryState.WITHDRAWN, EntryState.NEGATIVE):
            return None
        return EntryDraft(EntryId(case_id), state=EntryState.WITHDRAWN)

    def _entry(
        self, transaction: Transaction, case: Case, decision: DecisionRecord
    ) -> EntryDraft | None:
        exact = transaction.cases.digests(case.case_id)
        floor = max(QUALITY_FLOOR, self._parts.quality_floor)
        picture, quality = case.pdq, case.pdq_quality or 0
        if unfit_pdq(picture, quality, floor) is not None:
            picture = None
        if exact is None and picture is None:
            return None
        return EntryDraft(
            EntryId(case.case_id),
            classification=str(decision.details.get("classification", "")) or None,
            md5=exact.md5 if exact is not None else None,
            sha1=exact.sha1 if exact is not None else None,
            sha256=exact.sha256 if exact is not None else None,
            pdq=picture,
            pdq_quality=quality if picture is not None else None,
        )
