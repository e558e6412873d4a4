"""Opening what is sealed of releases, for an officer who has traced a file.

Whoever asks names a trace, and nothing that is to be opened: which releases are opened, and for
whom, the custodian takes from the audit event of that trace, and what is sealed of them from the
ledger. So the officers' identities open no bytes that a caller chose, and nobody is told of a
release without an event that says so.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from safehold.audit.model import Detail, EventDraft, EventFilter
from safehold.cases.review.refusals import NotPermittedError
from safehold.clock import Clock
from safehold.custodian.interface import RequestError, TraceRefusedError, check_purpose
from safehold.ids import UserId
from safehold.ledger.model import Release
from safehold.ledger.sealed import from_json
from safehold.ledger.tracing import TRACED, TraceRecords, TraceTransaction, may_trace
from safehold.vault.interface import VaultError
from safehold.vault.sealing import Identity, Writer, unseal

TOLD = "custodian.traced"
REASON = "trace"
_PERSON = "user:"
_ID_LENGTH = 64


@dataclass(frozen=True, slots=True)
class ReleaseParts:
    """What opening releases works with.

    Attributes:
        records: people, the ledger and the audit log.
        identities: of officers.
        audit: appends an event; it is on the disk when this returns.
        clock: the present moment.
        open_for: how long after a trace what it found is opened.
    """

    records: TraceRecords
    identities: Sequence[Identity] = field(repr=False)
    audit: Callable[[EventDraft], None]
    clock: Clock
    open_for: dt.timedelta


class Releases:
    """A `parts.ReleaseDesk`. Safe to use from several threads."""

    def __init__(self, parts: ReleaseParts) -> None:
        self._parts = parts

    def open(self, actor: str, trace_id: str, output: Writer) -> int:
        """See `Custodian.open_releases`."""
        check_purpose(actor, REASON)
        if not actor.startswith(_PERSON) or not 0 < len(trace_id) <= _ID_LENGTH:
            raise RequestError("The call does not name a person and a trace.")
        with self._parts.records.read() as transaction:
            if not may_trace(transaction.users.user(UserId(actor.removeprefix(_PERSON)))):
                raise NotPermittedError
            found = self._traced(transaction, actor, trace_id)
            rows = transaction.ledger.releases(found)
        told = {str(row.release_id): self._opened(row) for row in rows}
        content = json.dumps({"releases": told}, ensure_ascii=False).encode("utf-8", "replace")
        now = self._parts.clock.now()
        opened = sum("error" not in one for one in told.values())
        data: dict[str, Detail] = {"reason": REASON, "releases": len(rows), "opened": opened}
        self._parts.audit(EventDraft(TOLD, now, actor, subject=trace_id, data=data))
        output.write(content)
        return len(content)

    def _traced(self, transaction: TraceTransaction, actor: str, trace_id: str) -> tuple[str, ...]:
        """The releases that a trace of this person has found. Raises `TraceRefusedError`."""
        since = self._parts.clock.now() - self._parts.open_for
        wanted = EventFilter(kind=TRACED, actor=actor, subject=trace_id, since=since, limit=2)
        events = [one.draft for one in transaction.audit.search(wanted)]
        if len(events) != 1 or events[0].kind != TRACED:
            raise TraceRefusedError
        found = events[0].data.get("releases")
        if not isinstance(found, tuple):
            raise TraceRefusedError
        return found

    def _opened(self, row: Release) -> dict[str, Any]:
        """What is sealed of a release, or the code of why it cannot be opened."""
        try:
            return {"told": from_json(unseal(self._parts.identities, row.sealed))}
        except VaultError as error:
            return {"error": error.code}
