"""Events of users for the audit log: ids, codes and counts, never a name or what was typed."""

from __future__ import annotations

import datetime as dt

from safehold.audit.model import Detail, EventDraft
from safehold.ids import UserId

SYSTEM = "system"
"""The actor where nobody has shown who they are."""


def user_event(
    kind: str, user_id: UserId, at: dt.datetime, actor: str = "", **data: Detail
) -> EventDraft:
    """An event that happened to a user.

    Args:
        kind: `user.` and what happened.
        user_id: to whom.
        at: when.
        actor: who did it; empty for the user.
        **data: codes and counts.
    """
    return EventDraft(kind, at, actor or f"user:{user_id}", "", user_id, data)
