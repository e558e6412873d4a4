"""The audit log: searching it, one event, its verification and its checkpoints.

Reading the log is an event of the log too (`audit.read`): what was asked for stands there before
the answer is shown.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from safehold.audit.model import Detail, EventDraft, EventFilter
from safehold.audit.verify import ProblemKind
from safehold.console.catalog import mark
from safehold.console.errors import PageMissingError
from safehold.console.event_labels import EVENTS
from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission

ROWS = 50
CHECKPOINT_ROWS = 100

_KIND = re.compile(r"[a-z][a-z._]{0,63}")
_ACTOR = re.compile(r"[a-z]{1,16}(:[0-9A-Za-z._-]{1,64})?")
_SUBJECT = re.compile(r"[0-9A-Za-z._:-]{1,64}")

PROBLEMS: Mapping[ProblemKind, str] = MappingProxyType(
    {
        ProblemKind.ALTERED: mark("Event {number} was altered."),
        ProblemKind.MISSING: mark("Event {number} is missing."),
        ProblemKind.REORDERED: mark("Event {number} stands at another place."),
        ProblemKind.TRUNCATED: mark("The log was cut off at event {number}."),
        ProblemKind.CHECKPOINT_MISMATCH: mark(
            "An event up to {number} was altered, and what follows made anew."
        ),
        ProblemKind.BAD_SIGNATURE: mark("The checkpoint at event {number} has a wrong signature."),
    }
)


class _UnusableError(Exception):
    """A field of the search that cannot be used; its name is the argument."""


def audit(visit: Visit) -> Reply:
    """Search, the newest event first."""
    try:
        wanted = _wanted(visit)
    except _UnusableError as error:
        return visit.page("audit.html", events=(), older="", wrong=str(error), **_said(visit))
    _note(visit, "search", _asked(wanted))
    with visit.parts.records.read() as transaction:
        events = transaction.audit.search(wanted)
    more = len(events) > ROWS
    events = events[:ROWS]
    older = ""
    if more:
        fields = ("kind", "actor", "subject", "from", "to")
        query = {name: visit.query.get(name, "") for name in fields}
        older = visit.url("audit", **query, before=events[-1].seq)
    return visit.page("audit.html", events=events, older=older, wrong="", **_said(visit))


def event(visit: Visit) -> Reply:
    """One event with all that it holds."""
    text = visit.path["number"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0
    with visit.parts.records.read() as transaction:
        found = transaction.audit.event(number)
        end, _ = transaction.audit.head()
        checkpoints = transaction.audit.checkpoints() if found is not None else ()
    if found is None:
        raise PageMissingError
    _note(visit, "event", {"event": number})
    signed = next((c for c in checkpoints if c.seq >= number and visit.parts.is_genuine(c)), None)
    return visit.page(
        "audit_event.html",
        event=found,
        **_said(visit),
        signed=signed,
        services=visit.parts.service_names(),
        before=number - 1 if number > 1 else None,
        after=number + 1 if number < end else None,
    )


def verify(visit: Visit) -> Reply:
    """Verify the whole log; what was found, in words."""
    report = visit.parts.verify_audit()
    _note(visit, "verify", {"whole": report.whole, "events": report.events})
    problems = [visit.text(PROBLEMS[p.kind], number=p.seq) for p in report.problems]
    return visit.page("audit_verified.html", report=report, problems=problems)


def checkpoints(visit: Visit) -> Reply:
    """The signed checkpoints, the newest first, each with whether its signature is right."""
    _note(visit, "checkpoints", {})
    with visit.parts.records.read() as transaction:
        kept = list(transaction.audit.checkpoints())
        end, _ = transaction.audit.head()
    newest = kept[::-1][:CHECKPOINT_ROWS]
    return visit.page(
        "audit_checkpoints.html",
        checkpoints=[(c, visit.parts.is_genuine(c)) for c in newest],
        kept=len(kept),
        end=end,
    )


def _wanted(visit: Visit) -> EventFilter:
    """What a search asks for. Raises `_UnusableError`."""
    query = {name: value.strip() for name, value in visit.query.items()}
    kind, subject = query.get("kind", ""), query.get("subject", "")
    if kind and not _KIND.fullmatch(kind):
        raise _UnusableError("kind")
    if subject and not _SUBJECT.fullmatch(subject):
        raise _UnusableError("subject")
    before = query.get("before", "")
    number = int(before) if before.isascii() and before.isdigit() and len(before) <= 15 else 0
    until = _day(query.get("to", ""), "to")
    return EventFilter(
        kind=kind,
        actor=_actor(visit, query.get("actor", "")),
        subject=subject,
        since=_day(query.get("from", ""), "from"),
        until=None if until is None else until + dt.timedelta(days=1),
        before=number,
        limit=ROWS + 1,
    )


def _actor(visit: Visit, text: str) -> str:
    """An actor as the log names it; the name of a user stands for that user."""
    if not text:
        return ""
    known = {name: f"user:{user_id}" for user_id, name in _users(visit).items()}
    if text in known:
        return known[text]
    if not _ACTOR.fullmatch(text):
        raise _UnusableError("actor")
    return text


def _day(text: str, name: str) -> dt.datetime | None:
    """The beginning of a day in UTC."""
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
        if not 1970 <= day.year <= 9000:
            raise ValueError
    except ValueError:
        raise _UnusableError(name) from None
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _asked(wanted: EventFilter) -> dict[str, Detail]:
    """What was asked for, as an event may hold it."""
    fields = {"kind": wanted.kind, "actor": wanted.actor, "subject": wanted.subject}
    return {name: value for name, value in fields.items() if value}


def _note(visit: Visit, what: str, data: Mapping[str, Detail]) -> None:
    actor = f"user:{visit.me.user_id}"
    draft = EventDraft("audit.read", visit.now, actor, data={"what": what, **data})
    with visit.parts.records.write() as transaction:
        transaction.audit.append([draft])


def _users(visit: Visit) -> dict[str, str]:
    return {str(user.user_id): user.name for user in visit.parts.users.users()}


def _said(visit: Visit) -> dict[str, Any]:
    """How events are put into words: `names` of actors, `words` of kinds."""
    return {
        "names": {f"user:{user_id}": name for user_id, name in _users(visit).items()},
        "words": lambda kind: visit.text(EVENTS.get(kind, kind)),
    }


_READ = Permission.AUDIT_READ

ROUTES: tuple[Route, ...] = (
    Route("GET", "/audit", "audit", _READ, audit),
    Route("GET", "/audit/events/{number}", "audit_event", _READ, event),
    Route("POST", "/audit/verify", "audit_verify", _READ, verify),
    Route("GET", "/audit/checkpoints", "audit_checkpoints", _READ, checkpoints),
)
