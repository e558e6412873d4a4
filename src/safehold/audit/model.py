"""Audit events and checkpoints. `docs/formats/audit.md` gives the bytes that are hashed.

An event holds ids, codes and counts: never a digest of an item, a name, an address of a person
or text that somebody wrote.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from safehold.errors import SafeholdError

Detail = str | int | bool | tuple[str, ...]
"""What may stand in an event's data."""

GENESIS = bytes(32)
"""The hash that stands before the first event."""


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event before it has its place in the chain.

    Attributes:
        kind: what happened, a stable dotted code (`case.opened`).
        at: when.
        actor: who did it: `policy`, `system`, `service`, `user:ID`, `officer:NAME`.
        service: the service's id, or empty.
        subject: the id of what it happened to (a case, a key), or empty.
        data: further ids and codes.
    """

    kind: str
    at: dt.datetime
    actor: str
    service: str = ""
    subject: str = ""
    data: Mapping[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """An event in the chain.

    Attributes:
        seq: its number, from 1, without gaps.
        draft: what happened.
        previous: hash of the event before (32 bytes; `GENESIS` before the first).
        hash: SHA-256 over `previous` and the event (32 bytes).
    """

    seq: int
    draft: EventDraft
    previous: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are looked for; what is empty, 0 or None is not asked about.

    Attributes:
        kind: how the kind begins (`case.`).
        actor: who did it, exactly.
        subject: what it happened to, exactly.
        since, until: from a moment on, and before another.
        before: only smaller numbers than this, to go on with the next page.
        limit: at most so many.
    """

    kind: str = ""
    actor: str = ""
    subject: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of how long the chain was and how it ended.

    Attributes:
        seq: number of the last event it covers.
        hash: that event's hash.
        at: when it was signed.
        note: the signed note in full, as it can be anchored outside.
    """

    seq: int
    hash: bytes
    at: dt.datetime
    note: str


class AuditError(SafeholdError):
    """The audit log is not what it was."""

    code = "audit"
    default_message = "The audit log is damaged."
    default_hint = "Keep the database as it is, and compare with anchored checkpoints and backups."
