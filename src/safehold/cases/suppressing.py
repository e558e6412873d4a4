"""Suppressions as they follow from cases.

A suppression stands as long as its case stands cleared. A person's clearing of a false positive
makes one for each entry that the bytes matched, in the same transaction; an undoing, a flag, an
appeal, or another ground that opens the case again ends them, and the next clearing makes them
anew. One that is ended by itself is a ground again: the same bytes are held when next they come.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace

from safehold.audit.model import EventDraft
from safehold.cases.model import Case, DecisionRecord
from safehold.cases.records import Records, Transaction
from safehold.clock import Clock
from safehold.ids import EntryId, IdMaker, ListName, SuppressionId, UserId
from safehold.lists.trust.model import Pair, Suppression, UnknownSuppressionError
from safehold.lists.trust.rules import EXACT

UNREADABLE = "unreadable"
"""The reason of a clearing that says nothing of what the item shows."""

_EXACT = frozenset(signal.value for signal in EXACT)
_USER = "user:"
_PAGE = 1_000


def suppress(transaction: Transaction, case: Case, decision: DecisionRecord, ids: IdMaker) -> None:
    """Write the suppressions of a case that a person has just cleared as a false positive."""
    people = _people(decision)
    if case.canary or not people or decision.details.get("reason") == UNREADABLE:
        return
    exact = _exact_pairs(transaction.cases.decisions(case.case_id))
    added = [
        Suppression(
            suppression_id=SuppressionId(ids()),
            service_id=case.service_id,
            list_name=ListName(name),
            entry_id=EntryId(entry),
            content=case.content,
            exact=(name, entry) in exact,
            made=decision.at,
            made_by=people,
            case_id=case.case_id,
        )
        for name, entry in sorted(case.cleared)
        if name
    ]
    if added:
        transaction.suppressions.add(added)
        _tell(transaction, "suppression.made", case, (decision.at, decision.actor), len(added))


def end_suppressions(transaction: Transaction, case: Case, at: dt.datetime, by: str) -> None:
    """End the suppressions of a case that does not stand cleared any more."""
    if count := transaction.suppressions.end_of_case(case.case_id, at, by):
        _tell(transaction, "suppression.ended", case, (at, by), count)


class Suppressions:
    """Shows suppressions, and ends them one by one."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def standing(self) -> Sequence[Suppression]:
        """Those that stand, by id."""
        with self._records.read() as transaction:
            return all_standing(transaction)

    def end(self, suppression_id: SuppressionId, by: str) -> Suppression:
        """End one. What it suppressed is a ground again, so the same bytes are held once more.

        Raises:
            UnknownSuppressionError: none of that id stands.
        """
        with self._records.write() as transaction:
            transaction.audit.lock()  # before any case
            now = self._clock.now()
            ended = transaction.suppressions.end(suppression_id, now, by)
            if ended is None:
                raise UnknownSuppressionError
            case = transaction.cases.find(ended.case_id, lock=True)
            if case is not None:
                pair = (str(ended.list_name), str(ended.entry_id))
                transaction.cases.update(replace(case, cleared=case.cleared - {pair}, updated=now))
            data = {"suppression": suppression_id, "list": str(ended.list_name)}
            event = EventDraft("suppression.ended", now, by, ended.service_id, ended.case_id, data)
            transaction.audit.append([event])
            return ended


def all_standing(transaction: Transaction) -> Sequence[Suppression]:
    """All suppressions that stand, by id."""
    found: list[Suppression] = []
    while page := transaction.suppressions.standing(
        found[-1].suppression_id if found else "", _PAGE
    ):
        found.extend(page)
    return found


def read_changes(records: Records, since: int | None) -> tuple[int, Sequence[Suppression]]:
    """What became of suppressions since a number; see `safehold.lists.trust.view.ReadChanges`."""
    with records.read() as transaction:
        last = transaction.suppressions.last()
        if since is None or last < since:
            return last, all_standing(transaction)
        return last, transaction.suppressions.changed(since) if last > since else ()


def _exact_pairs(decisions: Iterable[DecisionRecord]) -> frozenset[Pair]:
    """The entries that policy found by an exact digest in the bytes of a case."""
    return frozenset(
        (str(match["list_name"]), str(match["entry_id"]))
        for decision in decisions
        if decision.actor == "policy"
        for match in decision.details.get("matches", ())
        if match.get("signal") in _EXACT
    )


def _people(decision: DecisionRecord) -> tuple[UserId, ...]:
    """Who made a decision, the second person first."""
    named = [decision.actor.removeprefix(_USER)] if decision.actor.startswith(_USER) else []
    first = decision.details.get("proposed_by")
    return tuple(UserId(str(one)) for one in [*named, *([first] if first else [])])


def _tell(
    transaction: Transaction, kind: str, case: Case, when: tuple[dt.datetime, str], count: int
) -> None:
    at, by = when
    event = EventDraft(kind, at, by, case.service_id, case.case_id, {"count": count})
    transaction.audit.append([event])
