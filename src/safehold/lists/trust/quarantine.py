"""Setting entries aside in a list, and letting them match again.

An entry that has exact digests loses its PDQ hash alone: the very file is found all the same. One
that has nothing but its hash is quarantined.
"""

from __future__ import annotations

import datetime as dt

from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportPlan, ListStore
from safehold.lists.model import Entry, EntryDraft, EntryState, UnknownListError
from safehold.lists.trust.floods import SetAside


def active_entry(lists: ListStore, name: ListName, entry_id: EntryId) -> Entry | None:
    """An entry that takes part in matching; None where there is none."""
    try:
        entry = lists.entry(name, entry_id)
    except UnknownListError:
        return None
    return entry if entry is not None and entry.state is EntryState.ACTIVE else None


def has_exact(entry: Entry) -> bool:
    """Whether an entry can be matched without its PDQ hash."""
    return any(digest is not None for digest in (entry.md5, entry.sha1, entry.sha256))


def put_aside(lists: ListStore, entry: Entry, name: ListName, at: dt.datetime) -> bool:
    """Have an active entry match by likeness no more; whether anything changed by it."""
    if not has_exact(entry):
        names, aside = [entry.entry_id], EntryState.QUARANTINED
        return bool(lists.set_state(name, names, aside, at, EntryState.ACTIVE))
    if entry.pdq is None:
        return False
    _put(lists, name, _exact(entry), at)
    return True


def let_match(lists: ListStore, aside: SetAside, at: dt.datetime) -> None:
    """Have an entry match again that was set aside; nothing where it is gone meanwhile."""
    if aside.pdq is None:
        try:
            names = [aside.entry_id]
            lists.set_state(aside.list_name, names, EntryState.ACTIVE, at, EntryState.QUARANTINED)
        except UnknownListError:
            return
    else:
        entry = active_entry(lists, aside.list_name, aside.entry_id)
        if entry is not None and entry.pdq is None:
            whole = _exact(entry)._replace(pdq=aside.pdq, pdq_quality=aside.pdq_quality)
            _put(lists, aside.list_name, whole, at)


def _exact(entry: Entry) -> EntryDraft:
    return EntryDraft(entry.entry_id, md5=entry.md5, sha1=entry.sha1, sha256=entry.sha256)


def _put(lists: ListStore, name: ListName, draft: EntryDraft, at: dt.datetime) -> None:
    with lists.importing(name) as session:
        session.stage([draft])
        session.apply(ImportPlan(at))
