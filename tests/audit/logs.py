"""Audit logs for tests."""

from __future__ import annotations

import datetime as dt

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safehold.audit.chain import extend
from safehold.audit.model import GENESIS, Checkpoint, Event, EventDraft
from safehold.audit.note import NoteKey, sign_checkpoint

T0 = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
LOG_ID = bytes.fromhex("0a1b2c3d")
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = NoteKey("safehold.example/audit", PRIVATE.public_key().public_bytes_raw())


def draft(n: int) -> EventDraft:
    return EventDraft(
        kind="case.opened",
        at=T0 + dt.timedelta(seconds=n),
        actor="policy",
        service="s1",
        subject=f"c{n}",
        data={"reasons": ("exact", "stale"), "count": n, "canary": n % 2 == 0},
    )


def chain(length: int) -> list[Event]:
    return list(extend(0, GENESIS, map(draft, range(length))))


def relinked(events: list[Event], start: int) -> list[Event]:
    """The events from index `start` on with numbers and hashes made anew."""
    previous = events[start - 1].hash if start else GENESIS
    return events[:start] + list(extend(start, previous, (e.draft for e in events[start:])))


def end(events: list[Event]) -> tuple[int, bytes]:
    return (events[-1].seq, events[-1].hash) if events else (0, GENESIS)


def checkpoint(events: list[Event], seq: int) -> Checkpoint:
    return sign_checkpoint(LOG_ID, end(events[:seq]), T0, KEY, PRIVATE.sign)
