"""From what a source says to the rows of a store. I/O-free."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from safehold.ids import EntryId
from safehold.lists.entry_rows import BadRowError, RowChecker
from safehold.lists.exchanges.model import Statement
from safehold.lists.model import MAX_CLASSIFICATION, MAX_ENTRY_ID, EntryDraft, EntryState
from safehold.lists.rows import COLUMNS, RowFault

_STATE = COLUMNS.index("state")
_NEVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one page.

    Attributes:
        drafts: one for each entry that is named.
        tombstones: how many of them withdraw it.
        faults: statements that could not be taken, by code.
        unusable: PDQ hashes that were not taken of statements that were, by code.
    """

    drafts: tuple[EntryDraft, ...]
    tombstones: int
    faults: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)


def rows_of(
    statements: Sequence[Statement],
    checker: RowChecker,
    default: dt.datetime | None,
    *,
    timed: bool = True,
) -> Rows:
    """What the statements of a page say, each entry once.

    Of several statements of one entry that with the youngest time stands, of equal times a
    withdrawal, and else the last.

    Args:
        statements: in the order of the page.
        checker: checks them, and keys exact digests.
        default: the time of statements that have none; None to leave them without.
        timed: whether the times that statements have count; else all have the default's.
    """
    checker.take_dropped()
    faults: Counter[str] = Counter()
    latest: dict[EntryId, EntryDraft] = {}
    for statement in statements:
        try:
            at = (statement.source_at if timed else None) or default
            draft = _draft(statement, checker, at)
        except BadRowError as error:
            faults[error.fault.value] += 1
            continue
        known = latest.get(draft.entry_id)
        if known is None or not _stands_against(known, draft):
            latest[draft.entry_id] = draft
    withdrawn = sum(draft.state is EntryState.WITHDRAWN for draft in latest.values())
    return Rows(tuple(latest.values()), withdrawn, faults, checker.take_dropped())


def _draft(statement: Statement, checker: RowChecker, at: dt.datetime | None) -> EntryDraft:
    if statement.values[_STATE] != EntryState.WITHDRAWN.value:
        return checker.draft(statement.values)._replace(source_at=at)
    entry_id, classification = statement.values[0].strip(), statement.values[1].strip()
    if not entry_id:
        # Entries without an id of their own are known by their digests.
        values = (*statement.values[:_STATE], "", *statement.values[_STATE + 1 :])
        entry_id = checker.draft(values).entry_id
    if not 0 < len(entry_id) <= MAX_ENTRY_ID or not entry_id.isprintable():
        raise BadRowError(RowFault.ID)
    if len(classification) > MAX_CLASSIFICATION or not classification.isprintable():
        raise BadRowError(RowFault.CLASSIFICATION)
    return EntryDraft(EntryId(entry_id), classification or None, EntryState.WITHDRAWN, source_at=at)


def _stands_against(known: EntryDraft, new: EntryDraft) -> bool:
    before, after = known.source_at or _NEVER, new.source_at or _NEVER
    gone = known.state is EntryState.WITHDRAWN and new.state is not EntryState.WITHDRAWN
    timed = known.source_at is not None and new.source_at is not None
    return before > after or (timed and before == after and gone)
