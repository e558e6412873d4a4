"""A suppression: one entry of a list says nothing of some exact bytes, within one service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from safehold.errors import UsageError
from safehold.ids import CaseId, EntryId, ListName, ServiceId, SuppressionId, UserId

Pair = tuple[str, str]
"""A list and the id of one of its entries."""

Suppressed = Mapping[Pair, bool]
"""Suppressed entries of an item, and of each whether its exact matches are suppressed too."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A match that was cleared as a false positive.

    Attributes:
        suppression_id: its id.
        service_id: in which service it holds.
        list_name, entry_id: the entry that matched.
        content: keyed name (16 bytes) of the exact bytes within the service.
        exact: whether an exact match with the entry was cleared, which takes two people; where
            it is false only matches by likeness are suppressed.
        made: since when.
        made_by: the people who cleared the case.
        case_id: the case that was cleared.
        ended: since when it does not hold any more; None while it stands.
        ended_by: who ended it, as the audit log names actors; empty while it stands.
    """

    suppression_id: SuppressionId
    service_id: ServiceId
    list_name: ListName
    entry_id: EntryId
    content: bytes = field(repr=False)
    exact: bool
    made: dt.datetime
    made_by: tuple[UserId, ...]
    case_id: CaseId
    ended: dt.datetime | None = None
    ended_by: str = ""


class UnknownSuppressionError(UsageError):
    """There is no such suppression, or it has ended."""

    code = "suppression_unknown"
    default_message = "No such suppression stands."
    default_hint = "'safehold list suppressions' shows those that stand."
