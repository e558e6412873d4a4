"""Verification of an audit log against itself and against signed checkpoints. I/O-free.

Rules, in the order in which they are applied; the first that fails is the log's problem:

1. Event n has number n, its `previous` is the hash of event n - 1 (`GENESIS` for n = 1), and its
   hash is that of its bytes. Where it is not so:
   a. the genuine event n is found elsewhere in the log: **reordered** at n;
   b. the number is larger: **missing** at n;
   c. the event is sound by itself but follows another than event n - 1, and no checkpoint
      vouches for that: **altered** at n - 1, whose hash was made anew;
   d. else: **altered** at n.
2. Where a checkpoint with a right signature stands at n, event n has its hash; else
   **checkpoint_mismatch** at n: somebody altered an event up to n and made all hashes after it
   anew.
3. The log goes on to the number of its head; else **truncated** at the first absent number. It
   does not go on beyond (**altered** there), and its last hash is the head's (else **altered**).
4. No checkpoint with a right signature is beyond the end; else **truncated**: the head was cut
   back too.

A checkpoint whose signature is wrong vouches for nothing, and is a problem of its own
(**bad_signature**), beside the log's.

Each problem says `since`: the last number that an agreeing checkpoint vouches for. Who can write
to the database can make hashes, not signatures, so what was altered lies after `since`.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from safehold.audit.chain import End, UnreadableEventError, link
from safehold.audit.model import GENESIS, Checkpoint, Event


class ProblemKind(enum.StrEnum):
    """What is wrong with a log. Stable codes."""

    ALTERED = "altered"
    MISSING = "missing"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    CHECKPOINT_MISMATCH = "checkpoint_mismatch"
    BAD_SIGNATURE = "bad_signature"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    Attributes:
        kind: what it is.
        seq: number of the event, or of the checkpoint.
        since: number of the last event that an agreeing checkpoint vouches for; 0 for none.
    """

    kind: ProblemKind
    seq: int
    since: int


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What verification found.

    Attributes:
        events: events from the beginning that are sound.
        checkpoints: checkpoints that agree with them.
        since: number of the last event that one of those vouches for.
        problems: by number: at most one of the log, and each checkpoint with a wrong signature.
    """

    events: int
    checkpoints: int
    since: int
    problems: tuple[Problem, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(
    events: Iterable[Event],
    head: End,
    checkpoints: Iterable[Checkpoint],
    verify_signature: Callable[[Checkpoint], bool],
    remembered: End | None = None,
) -> AuditReport:
    """Verify a log, event by event, in bounded memory.

    Args:
        events: all events, in the order of the store. `UnreadableEventError` while they are
            read counts as an altered event.
        head: the store's `head()`, of the same moment as `events`.
        checkpoints: those of the store, and those that were kept elsewhere.
        verify_signature: whether a checkpoint is genuine (`note.CheckpointVerifier`).
        remembered: the last place that was signed, as who signs remembers it; it counts as a
            checkpoint, since who can write to the database can remove those that stand there.
    """
    walk = _Walk(checkpoints, verify_signature)
    if remembered is not None:
        walk.remember(*remembered)
    problem = walk.check_checkpoints() or walk.over(iter(events)) or walk.check_end(head)
    problems = walk.unsigned if problem is None else [*walk.unsigned, problem]
    return AuditReport(
        events=walk.seq,
        checkpoints=walk.agreeing,
        since=walk.since,
        problems=tuple(sorted(problems, key=lambda p: p.seq)),
    )


class _Walk:
    """Where verification stands: after `seq` sound events, the last with hash `hash`."""

    def __init__(
        self, checkpoints: Iterable[Checkpoint], verify_signature: Callable[[Checkpoint], bool]
    ) -> None:
        self.seq = 0
        self.hash = GENESIS
        self.since = 0
        self.agreeing = 0
        self.unsigned: list[Problem] = []
        self._signed: dict[int, list[bytes]] = defaultdict(list)
        for checkpoint in checkpoints:
            if verify_signature(checkpoint):
                self._signed[checkpoint.seq].append(checkpoint.hash)
            else:
                self.unsigned.append(Problem(ProblemKind.BAD_SIGNATURE, checkpoint.seq, 0))

    def remember(self, seq: int, digest: bytes) -> None:
        """A place that was signed, if no checkpoint says so."""
        if digest not in self._signed[seq]:
            self._signed[seq].append(digest)

    def over(self, events: Iterator[Event]) -> Problem | None:
        """Rules 1 and 2."""
        while True:
            try:
                event = next(events, None)
            except UnreadableEventError as error:
                missing = error.seq > self.seq + 1
                return self._next_is(ProblemKind.MISSING if missing else ProblemKind.ALTERED)
            if event is None:
                return None
            if not self._follows(event):
                return self._explain(event, events)
            self.seq, self.hash = event.seq, event.hash
            if problem := self.check_checkpoints():
                # The event is sound by itself alone.
                self.seq -= 1
                return problem

    def check_checkpoints(self) -> Problem | None:
        """Rule 2 for where the walk stands."""
        hashes = self._signed.pop(self.seq, [])
        if any(digest != self.hash for digest in hashes):
            return Problem(ProblemKind.CHECKPOINT_MISMATCH, self.seq, self.since)
        if hashes:
            self.agreeing += len(hashes)
            self.since = self.seq
        return None

    def check_end(self, head: tuple[int, bytes]) -> Problem | None:
        """Rules 3 and 4."""
        seq, digest = head
        if self.seq < max(seq, *self._signed, 0):
            return self._next_is(ProblemKind.TRUNCATED)
        if self.seq > seq:
            return Problem(ProblemKind.ALTERED, seq + 1, self.since)
        if self.hash != digest:
            return Problem(ProblemKind.ALTERED, self.seq, self.since)
        return None

    def _next_is(self, kind: ProblemKind) -> Problem:
        return Problem(kind, self.seq + 1, self.since)

    def _follows(self, event: Event) -> bool:
        sound = event.seq == self.seq + 1 and event.previous == self.hash
        return sound and _hash(event.previous, event.seq, event) == event.hash

    def _explain(self, event: Event, rest: Iterator[Event]) -> Problem:
        """What is wrong with an event that does not follow."""
        place = self.seq + 1
        in_place = event.seq == place
        if in_place and _hash(self.hash, place, event) == event.hash:
            # Only `previous` is another.
            return self._next_is(ProblemKind.ALTERED)
        if self._is_elsewhere(place, event, rest):
            return self._next_is(ProblemKind.REORDERED)
        if event.seq > place:
            return self._next_is(ProblemKind.MISSING)
        if not in_place:
            return self._next_is(ProblemKind.REORDERED)
        relinked = _hash(event.previous, place, event) == event.hash
        if relinked and event.previous != self.hash and self.seq > self.since:
            self.seq -= 1
            return self._next_is(ProblemKind.ALTERED)
        return self._next_is(ProblemKind.ALTERED)

    def _is_elsewhere(self, place: int, found: Event, rest: Iterator[Event]) -> bool:
        """Whether the event that belongs here, or its content, stands at another place."""
        if found.seq != place and _hash(self.hash, place, found) == found.hash:
            return True
        try:
            return any(_hash(self.hash, place, e) in (e.hash, found.hash) for e in rest)
        except UnreadableEventError:
            return False


def _hash(previous: bytes, seq: int, event: Event) -> bytes | None:
    """The hash of an event's content at some place; None for what no event can hold."""
    try:
        return link(previous, seq, event.draft).hash
    except (ValueError, TypeError):  # SQLite takes a text where bytes belong
        return None
