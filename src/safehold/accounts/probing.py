"""Noticing an end user who feels for where the matching ends. I/O-free.

Whoever edits a picture that was held, a little more each time, until one is allowed, sends many
pictures that differ in their bytes and are near one another. Rules:

1. Contents of one end user of one service count for `window_minutes` after they were last sent.
   The same bytes again are the same content.
2. Two contents are near where their PDQ hashes differ in at most `distance` bits. (Hashes of
   unrelated pictures differ in about 128 of 256.)
3. The alarm is raised when at least `distinct` contents are near one of them, itself included,
   and at least one of these was held or blocked.
4. Once raised for an end user, it is quiet about that user for `window_minutes`.
5. Memory is bounded: the oldest contents of a user go first, allowed ones before others, and
   the users not seen for longest go before others.

Each server process watches what it sees itself. It is a hint for people, and never a verdict.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from dataclasses import dataclass, field

from safehold.ids import ServiceId

PDQ_BYTES = 32


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """Settings of the watch.

    Attributes:
        window_minutes: for how long a content counts, and how long it is quiet after an alarm.
        distinct: contents near one another that raise an alarm.
        distance: bits in which the PDQ hashes of near contents may differ.
        contents_of_user: contents of one end user that are remembered.
        contents: contents that are remembered in all; each takes about 400 bytes.
    """

    window_minutes: float = 60.0
    distinct: int = 6
    distance: int = 60
    contents_of_user: int = 64
    contents: int = 50_000

    def __post_init__(self) -> None:
        if not 2 <= self.distinct <= self.contents_of_user <= self.contents:
            raise ValueError("an alarm needs two contents, and room to remember them")


@dataclass(frozen=True, slots=True)
class Probe:
    """One item that was checked.

    Attributes:
        service_id: who asked.
        uploader: keyed pseudonym of the end user (16 bytes).
        content: keyed digest of the bytes (16 bytes).
        pdq: PDQ hash (32 bytes), or None where there is none, or its quality is too low to
            compare it: flat pictures are all near one another.
        allowed: whether the verdict was allow.
    """

    service_id: ServiceId
    uploader: bytes
    content: bytes
    pdq: bytes | None
    allowed: bool


@dataclass(slots=True)
class _Content:
    bits: int
    held: bool
    at: dt.datetime


@dataclass(slots=True)
class _User:
    # The longest ago sent first.
    contents: OrderedDict[bytes, _Content] = field(default_factory=OrderedDict)
    quiet_until: dt.datetime | None = None


class ProbeWatch:
    """Remembers what end users sent of late. For one thread at a time."""

    def __init__(self, options: ProbeOptions | None = None) -> None:
        self._options = options or ProbeOptions()
        self._window = dt.timedelta(minutes=self._options.window_minutes)
        self._users: OrderedDict[tuple[ServiceId, bytes], _User] = OrderedDict()
        self._total = 0

    @property
    def remembered(self) -> int:
        """Contents that are remembered now."""
        return self._total

    def note(self, probe: Probe, now: dt.datetime) -> bool:
        """Remember an item. Returns whether the alarm is to be raised now."""
        if probe.pdq is None:
            return False
        if len(probe.pdq) != PDQ_BYTES:
            raise ValueError("a PDQ hash has 32 bytes")
        place = (probe.service_id, probe.uploader)
        user = self._users.setdefault(place, _User())
        self._users.move_to_end(place)
        before = len(user.contents)
        self._expire(user, now)
        content = self._put(user, probe, int.from_bytes(probe.pdq, "big"), now)
        self._total += len(user.contents) - before
        self._make_room()
        if user.quiet_until is not None and now < user.quiet_until:
            return False
        if not self._probes(user, content):
            return False
        user.quiet_until = now + self._window
        return True

    def _expire(self, user: _User, now: dt.datetime) -> None:
        while user.contents:
            oldest = next(iter(user.contents))
            if now - user.contents[oldest].at <= self._window:
                break
            del user.contents[oldest]

    def _put(self, user: _User, probe: Probe, bits: int, now: dt.datetime) -> _Content:
        contents = user.contents
        content = contents.get(probe.content)
        if content is None:
            if len(contents) >= self._options.contents_of_user:
                allowed = (name for name, one in contents.items() if not one.held)
                del contents[next(allowed, None) or next(iter(contents))]
            content = contents[probe.content] = _Content(bits, False, now)
        content.held |= not probe.allowed
        content.at = now
        contents.move_to_end(probe.content)
        return content

    def _make_room(self) -> None:
        """Forget the users not seen for longest."""
        while self._total > self._options.contents:
            _, gone = self._users.popitem(last=False)
            self._total -= len(gone.contents)

    def _probes(self, user: _User, newest: _Content) -> bool:
        """Rule 3, where only what is near the newest content can have changed."""
        contents = list(user.contents.values())
        if len(contents) < self._options.distinct or not any(one.held for one in contents):
            return False
        return any(self._is_centre(centre, contents) for centre in self._near(newest, contents))

    def _is_centre(self, centre: _Content, contents: list[_Content]) -> bool:
        near = self._near(centre, contents)
        return len(near) >= self._options.distinct and any(one.held for one in near)

    def _near(self, centre: _Content, contents: list[_Content]) -> list[_Content]:
        distance = self._options.distance
        return [one for one in contents if (one.bits ^ centre.bits).bit_count() <= distance]
