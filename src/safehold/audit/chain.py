"""The hash chain: which bytes of an event are hashed. `docs/formats/audit.md` has them exactly.

    canonical(event) = RFC 8785 JSON of {actor, at, data, kind, seq, service, subject}
    hash(event)      = SHA-256(hash of the event before, 32 bytes || canonical(event))

I/O-free. An event that cannot be written in one way alone (a moment without a zone, a number
that JSON does not carry exactly, text with control characters) is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping

from safehold.audit.model import AuditError, Detail, Event, EventDraft

End = tuple[int, bytes]
"""A place in a log: the number and the hash of an event; 0 and `GENESIS` before the first."""

MAX_TEXT = 256
"""Characters of any text in an event: ids and codes are short, what people write is not."""

MAX_INTEGER = 2**53 - 1
"""The largest number that every reader of JSON takes exactly (RFC 8785, appendix D)."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class UnreadableEventError(AuditError):
    """A stored event that no appending can have written.

    Attributes:
        seq: its number.
    """

    def __init__(self, seq: int) -> None:
        super().__init__()
        self.seq = seq


def time_text(at: dt.datetime) -> str:
    """A moment as it is hashed: RFC 3339 in UTC, always with six digits of a second's fraction.

    Raises:
        ValueError: it has no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    moment = at.astimezone(dt.UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"


def time_from(text: str) -> dt.datetime:
    """The moment that `time_text` wrote.

    Raises:
        ValueError: it is no such text.
    """
    at = dt.datetime.fromisoformat(text)
    if time_text(at) != text:
        raise ValueError("not the canonical form of a moment")
    return at


def data_text(data: Mapping[str, Detail]) -> str:
    """An event's data as canonical JSON (RFC 8785).

    Raises:
        ValueError: a key, text or number that an event may not hold.
    """
    for key, value in data.items():
        if not _KEY.fullmatch(key):
            raise ValueError("a key of an event's data is not a short lower-case name")
        _check_detail(value)
    return _json(dict(data))


def data_from(text: str) -> dict[str, Detail]:
    """The data that `data_text` wrote.

    Raises:
        ValueError: it is no such text.
    """
    parsed = json.loads(text)
    if not isinstance(parsed, dict):
        raise ValueError("an event's data is an object")
    data = {k: tuple(v) if isinstance(v, list) else v for k, v in parsed.items()}
    if data_text(data) != text:
        raise ValueError("not the canonical form of data")
    return data


def canonical(seq: int, draft: EventDraft) -> bytes:
    """The bytes of an event that are hashed after the hash of the event before.

    Raises:
        ValueError: the event holds what it may not hold.
    """
    for text in (draft.kind, draft.actor, draft.service, draft.subject):
        _check_text(text)
    if not 0 < seq <= MAX_INTEGER:
        raise ValueError("an event's number is out of range")
    # The keys of RFC 8785 stand in the order of their letters.
    return (
        f'{{"actor":{_json(draft.actor)},"at":"{time_text(draft.at)}"'
        f',"data":{data_text(draft.data)},"kind":{_json(draft.kind)},"seq":{seq}'
        f',"service":{_json(draft.service)},"subject":{_json(draft.subject)}}}'
    ).encode()


def link(previous: bytes, seq: int, draft: EventDraft) -> Event:
    """The event that follows the one whose hash is `previous`.

    Raises:
        ValueError: the event holds what it may not hold.
    """
    digest = hashlib.sha256(previous + canonical(seq, draft)).digest()
    return Event(seq, draft, previous, digest)


def extend(seq: int, previous: bytes, drafts: Iterable[EventDraft]) -> Iterator[Event]:
    """The events that follow the one with number `seq` and hash `previous`, in order."""
    for draft in drafts:
        seq += 1
        event = link(previous, seq, draft)
        previous = event.hash
        yield event


def leads(events: Iterable[Event], start: End, end: End) -> bool:
    """Whether events lead from one place of a log to another, each following from the last.

    Args:
        events: those with larger numbers than `start`, in order; not more are read than needed.
            `UnreadableEventError` while they are read means that they do not.
        start: number and hash of the event before the first.
        end: number and hash of the last.
    """
    seq, previous = start
    try:
        for event in events if seq < end[0] else ():
            seq += 1
            made = link(previous, seq, event.draft)
            if (event.seq, event.previous, event.hash) != (seq, previous, made.hash):
                return False
            previous = event.hash
            if seq == end[0]:
                break
    except (UnreadableEventError, ValueError):
        return False
    return (seq, previous) == end


def _json(value: object) -> str:
    # Python writes text, integers, truth values and lists as RFC 8785 wants them; the order of
    # keys is the same as long as they are ASCII.
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _check_detail(value: object) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, tuple):
        for text in value:
            _check_text(text)
    elif not isinstance(value, int) or abs(value) > MAX_INTEGER:
        raise ValueError("an event's data holds text, whole numbers, truth values, lists of text")


def _check_text(text: object) -> None:
    if not isinstance(text, str) or len(text) > MAX_TEXT or _UNSAFE.search(text):
        raise ValueError("a text of an event is too long, or holds control characters")
