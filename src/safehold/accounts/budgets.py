"""How often a key or an end user may ask: counters that processes share. I/O-free.

Rules

1. A subject (a key, or an end user of a service) has a count for each minute of the clock. A
   call is allowed while `previous * (1 - f) + present + cost <= limit`, where `f` is how much of
   the present minute has passed. So no minute of the clock has more than `limit`, nor has any
   row of n minutes more than n times that; a span of 60 seconds across two minutes has less
   than twice `limit`.
2. A call that spends from several budgets spends from all of them or from none.
3. At most `subjects` are counted in each minute. Where there are more, the one with the
   smallest count gives way, and its count becomes the floor, from which every subject that is
   not counted starts in that minute. No count is ever too small, so nobody gains by flooding
   the counters with invented ids; with room for 100,000 the floor stays at a few calls unless
   millions of calls come in one minute. (The idea is Space-Saving's: Metwally, Agrawal and
   El Abbadi, ICDT 2005.)
4. Processes share counts through the database: `export` tells what one has used, `absorb` takes
   in what all others have. Between two exchanges each may allow what the others do not know of
   yet: with an exchange each second, what one second brings.
"""

from __future__ import annotations

import datetime as dt
import enum
import heapq
import itertools
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from safehold.accounts.model import Usage

WINDOW_SECONDS: Final = 60
"""Length of a window. Windows are numbered from 1970 on."""

DEFAULT_SUBJECTS: Final = 100_000
"""Subjects that are counted apart in one window, unless the settings say otherwise."""

MOST_EXPORTED: Final = 10_000
"""Counts that one exchange tells other processes at most."""

Charge = tuple[bytes, int]
"""What one call takes from one budget: its subject, a keyed digest (16 bytes) of whose budget it
is and for which calls, and its limit a minute; 0 is without bound, and then nothing is counted."""


class Call(enum.StrEnum):
    """Calls that have budgets of their own."""

    SCREEN = "screen"
    DIGESTS = "digests"
    FLAGS = "flags"
    APPEALS = "appeals"


@dataclass(frozen=True, slots=True)
class BudgetOptions:
    """How often may be asked, in calls a minute; 0 is without bound.

    Attributes:
        key_per_minute: items that one key may have checked, and flags and appeals it may hand in
            (each by itself), unless the key has a budget of its own.
        user_per_minute: items that one end user of a service may have checked, unless the
            surface says otherwise.
        digests_key_per_minute: digests that one key may have checked without the bytes. A key's
            own budget can make this smaller, never larger.
        digests_user_per_minute: the same for one end user.
        flags_user_per_minute: flags from one end user.
        appeals_user_per_minute: appeals from one end user.
        subjects: keys and end users that are counted apart in one minute.
    """

    key_per_minute: int = 6_000
    user_per_minute: int = 120
    digests_key_per_minute: int = 600
    digests_user_per_minute: int = 20
    flags_user_per_minute: int = 20
    appeals_user_per_minute: int = 5
    subjects: int = DEFAULT_SUBJECTS

    def __post_init__(self) -> None:
        limits = (
            self.key_per_minute,
            self.user_per_minute,
            self.digests_key_per_minute,
            self.digests_user_per_minute,
            self.flags_user_per_minute,
            self.appeals_user_per_minute,
        )
        if min(limits) < 0 or self.subjects < 1:
            raise ValueError("budgets are not negative, and at least one subject is counted")

    def of_key(self, call: Call, own: int | None) -> int:
        """The limit of a key, given the budget of its own (`ApiKey.per_minute`)."""
        if call is not Call.DIGESTS:
            return self.key_per_minute if own is None else own
        bounds = [bound for bound in (self.digests_key_per_minute, own) if bound]
        return min(bounds, default=0)

    def of_user(self, call: Call, surface: int = -1) -> int:
        """The limit of an end user, given the surface's (-1: the surface has none of its own)."""
        if call is Call.SCREEN:
            return self.user_per_minute if surface < 0 else surface
        return {
            Call.DIGESTS: self.digests_user_per_minute,
            Call.FLAGS: self.flags_user_per_minute,
            Call.APPEALS: self.appeals_user_per_minute,
        }[call]


class Budgets:
    """The counters of one process; safe to use from several threads.

    Args:
        subjects: most subjects that are counted in one window (rule 3).
    """

    def __init__(self, subjects: int = DEFAULT_SUBJECTS) -> None:
        self._most = subjects
        self._lock = threading.Lock()
        self._window = 0
        self._present = _Counts(subjects)
        self._previous = _Counts(subjects)
        self._others_present: dict[bytes, int] = {}
        self._others_previous: dict[bytes, int] = {}
        # What is to be told, the longest waiting first.
        self._dirty: dict[tuple[bytes, int], None] = {}

    @property
    def since_window(self) -> int:
        """The first window whose counts still matter; older ones can be forgotten."""
        return self._window - 1

    def spend(self, charges: Sequence[Charge], now: dt.datetime) -> int:
        """Take from several budgets, from all or from none. The same subject twice costs twice.

        Returns:
            0 where it is allowed, and counted; otherwise after how many whole seconds, at least
            one, asking again may help (`Retry-After`).
        """
        wanted: dict[bytes, tuple[int, int]] = {}
        for subject, limit in charges:
            if limit > 0:
                cost, least = wanted.get(subject, (0, limit))
                wanted[subject] = (cost + 1, min(least, limit))
        with self._lock:
            passed = self._move_to(now)
            wait = 0.0
            for subject, (cost, limit) in wanted.items():
                wait = max(wait, self._wait(subject, limit - cost, passed))
            if wait > 0:
                return max(1, math.ceil(wait))
            for subject, (cost, _) in wanted.items():
                gone = self._present.add(subject, cost)
                self._dirty[subject, self._window] = None
                if gone is not None:
                    self._dirty.pop((gone, self._window), None)
        return 0

    def export(self, now: dt.datetime) -> list[Usage]:
        """What was used in each window, where it has changed since it was last `exported`.

        It is `MOST_EXPORTED` counts at a time, so that a flood of ids holds nobody up; the
        others come the next time.
        """
        with self._lock:
            self._move_to(now)
            counts = self._by_window()
            some = itertools.islice(self._dirty, MOST_EXPORTED)
            return [Usage(subject, w, counts[w].get(subject)) for subject, w in some]

    def exported(self, usage: Sequence[Usage]) -> None:
        """What `export` gave is written. (If writing fails, it is given again the next time.)"""
        with self._lock:
            counts = self._by_window()
            for used in usage:
                of_window = counts.get(used.window)
                if of_window is None or of_window.get(used.subject) == used.count:
                    self._dirty.pop((used.subject, used.window), None)

    def absorb(self, usage: Sequence[Usage]) -> None:
        """Take in what all other processes together have used; it replaces what they had."""
        with self._lock:
            self._others_present = self._largest(usage, self._window)
            self._others_previous = self._largest(usage, self._window - 1)

    def _by_window(self) -> dict[int, _Counts]:
        return {self._window: self._present, self._window - 1: self._previous}

    def _largest(self, usage: Sequence[Usage], window: int) -> dict[bytes, int]:
        counts = {used.subject: used.count for used in usage if used.window == window}
        if len(counts) <= self._most:
            return counts
        return dict(heapq.nlargest(self._most, counts.items(), key=lambda item: item[1]))

    def _move_to(self, now: dt.datetime) -> float:
        """Go to the present window; how much of it has passed, from 0 to 1."""
        window, passed = divmod(now.timestamp(), WINDOW_SECONDS)
        steps = int(window) - self._window
        if steps == 0:
            return passed / WINDOW_SECONDS
        if steps == -1:
            # The clock was set back a little: all counts stay, in full.
            return 0.0
        # Two steps or more leave nothing behind; a clock that was set back far leaves all.
        keep = steps < 2
        self._previous = self._present if keep else _Counts(self._most)
        self._others_previous = self._others_present if keep else {}
        self._present, self._others_present = _Counts(self._most), {}
        self._window = int(window)
        before = self._window - 1
        self._dirty = {d: None for d in self._dirty if steps == 1 and d[1] == before}
        return passed / WINDOW_SECONDS

    def _wait(self, subject: bytes, room: int, passed: float) -> float:
        """Seconds until a subject has no more than `room` on its account; 0 where it is so now."""
        previous = self._previous.get(subject) + self._others_previous.get(subject, 0)
        present = self._present.get(subject) + self._others_present.get(subject, 0)
        if present <= room:
            # As soon as `previous * (1 - f) <= room - present`.
            at = _share_passed(previous, room - present)
            return max(0.0, at - passed) * WINDOW_SECONDS
        # Not in this window; in the next one the present counts are the previous ones.
        at = 1.0 + _share_passed(present, max(room, 0))
        return (at - passed) * WINDOW_SECONDS


class _Counts:
    """The counts of one window, of at most `most` subjects (rule 3)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[bytes, int] = {}
        self._floor = 0
        # Counts as they were when a subject entered, the smallest first; made when it is needed.
        self._smallest: list[tuple[int, bytes]] = []

    def get(self, subject: bytes) -> int:
        """The count of a subject: never less than what it has used."""
        return self._counts.get(subject, self._floor)

    def add(self, subject: bytes, cost: int) -> bytes | None:
        """Count for a subject. Returns the subject that gave way to it, if one had to."""
        counts = self._counts
        if subject in counts:
            counts[subject] += cost
            return None
        gone = self._give_way() if len(counts) >= self._most else None
        count = counts[subject] = self._floor + cost
        if self._smallest:
            heapq.heappush(self._smallest, (count, subject))
        return gone

    def _give_way(self) -> bytes:
        """Drop the subject with the smallest count; its count is the floor from now on."""
        heap = self._smallest
        if not heap:
            heap.extend((count, subject) for subject, count in self._counts.items())
            heapq.heapify(heap)
        while True:
            noted, subject = heap[0]
            count = self._counts[subject]
            if count == noted:
                break
            # Counts only grow, so what is noted is never too large.
            heapq.heapreplace(heap, (count, subject))
        heapq.heappop(heap)
        del self._counts[subject]
        self._floor = max(self._floor, count)
        return subject


def _share_passed(previous: int, room: int) -> float:
    """How much of a window must have passed until `previous * (1 - f) <= room`."""
    return 0.0 if previous <= room else 1.0 - room / previous
