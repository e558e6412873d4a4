"""The chain of custody: the events of a package's cases, and what vouches for them.

What it proves, and what it does not:

1. Each event's hash covers its content and the hash of the event before. Both stand in its line,
   so nobody can alter a line without changing its hash.
2. Where two lines have adjacent numbers, the second names the hash of the first. Between others
   stand events of other cases, which are not handed out: that these lines stand in one log, and
   that no event of the case is left out, is the custodian's signed word, not a proof.
3. A checkpoint, signed by the same key, names the number and the hash of one event. A line with
   that number must have that hash. Checkpoints that were anchored elsewhere at the time show
   that the log was not written anew later.

I/O-free.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from safehold.audit.chain import canonical, time_text
from safehold.audit.model import GENESIS, Checkpoint, Event
from safehold.audit.verify import AuditReport
from safehold.reporting.package import statement

KIND = "custody"
EVENTS = "events.jsonl"
CHECKPOINTS = "checkpoints.txt"

MAX_LINE = 1 << 20
"""Longest line of events that is read. An event's texts are short."""

MAX_EVENTS = 1_000_000
"""More events than any package has; of further ones nothing is kept."""

_MAX_SUBJECT = 128

_EVENT = re.compile(
    rb'\{"event":(?P<event>\{.*"seq":(?P<seq>[1-9][0-9]{0,15}),"service":"[^"]*",'
    rb'"subject":"(?P<subject>[^"]*)"\}),'
    rb'"hash":"(?P<hash>[0-9a-f]{64})","previous":"(?P<previous>[0-9a-f]{64})"\}'
)


def event_line(event: Event) -> bytes:
    """An event in one line of JSON: `event`, exactly as it is hashed, `hash` and `previous`.

    SHA-256 over the 32 bytes of `previous` and the bytes of `event` is `hash`
    (`docs/formats/audit.md`).
    """
    content = canonical(event.seq, event.draft)
    after = f',"hash":"{event.hash.hex()}","previous":"{event.previous.hex()}"}}\n'
    return b'{"event":' + content + after.encode("ascii")


def covering(events: Sequence[Event], checkpoints: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """For each event the first checkpoint at or after it, by number."""
    known = sorted(checkpoints, key=lambda one: one.seq)
    found: dict[int, Checkpoint] = {}
    place = 0
    for event in sorted(events, key=lambda one: one.seq):
        while place < len(known) and known[place].seq < event.seq:
            place += 1
        if place < len(known):
            found.setdefault(known[place].seq, known[place])
    return tuple(found.values())


def checkpoints_text(checkpoints: Sequence[Checkpoint]) -> bytes:
    """Signed notes one after another, as `safehold audit verify --anchored` reads them."""
    return "\n".join(one.note for one in checkpoints).encode("utf-8")


@dataclass(frozen=True, slots=True)
class Vouched:
    """What the custodian vouches for.

    Attributes:
        log_id: of the audit log (4 bytes).
        cases: ids of the cases whose events stand in the package.
        at: when it verified the log.
        report: what verification found; the log is whole.
        checkpoint: the last one that covers the events.
    """

    log_id: bytes
    cases: tuple[str, ...]
    at: dt.datetime
    report: AuditReport
    checkpoint: Checkpoint


def custody_statement(vouched: Vouched, count: int, events: bytes, checkpoints: bytes) -> bytes:
    """The custodian's statement about the events in a package.

    Args:
        vouched: what it vouches for.
        count: how many events there are.
        events: SHA-256 of `events.jsonl` (32 bytes).
        checkpoints: content of `checkpoints.txt`.
    """
    last = vouched.checkpoint
    fields = [
        ("log", vouched.log_id.hex()),
        *((f"case-{number}", case) for number, case in enumerate(vouched.cases, 1)),
        ("events", str(count)),
        ("verified-at", time_text(vouched.at)),
        ("verified-from", "1"),
        ("verified-to", str(vouched.report.events)),
        ("checkpoint", str(last.seq)),
        ("checkpoint-hash", last.hash.hex()),
        ("says", "these are all events of the cases in the log up to the checkpoint"),
    ]
    files = [(EVENTS, events.hex()), (CHECKPOINTS, hashlib.sha256(checkpoints).hexdigest())]
    return statement.write(KIND, fields, files)


@dataclass(slots=True)
class EventsCheck:
    """Reads `events.jsonl` as it comes, and keeps hashes alone.

    Attributes:
        count: how many events were read.
        faults: codes of what is wrong, without doubles.
        subjects: the cases that they are about.
        hashes: by number, of events that are sound.
    """

    count: int = 0
    faults: list[str] = field(default_factory=list)
    subjects: set[str] = field(default_factory=set)
    hashes: dict[int, bytes] = field(default_factory=dict)
    _pending: bytes = b""
    _last: int = 0

    def write(self, content: bytes) -> None:
        """Take the next bytes."""
        *lines, pending = (self._pending + content).split(b"\n")
        if len(pending) > MAX_LINE:
            self._fault("event_unreadable")
            pending = b""
        self._pending = pending
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """There is nothing more."""
        if self._pending:
            self._fault("event_unreadable")

    def _line(self, line: bytes) -> None:
        self.count += 1
        found = _EVENT.fullmatch(line)
        if found is None or self.count > MAX_EVENTS or len(found["subject"]) > _MAX_SUBJECT:
            self._fault("event_unreadable")
            return
        seq, said = int(found["seq"]), bytes.fromhex(found["hash"].decode("ascii"))
        previous = bytes.fromhex(found["previous"].decode("ascii"))
        if hashlib.sha256(previous + found["event"]).digest() != said:
            self._fault("event_altered")
            return
        if seq <= self._last:
            self._fault("event_order")
        before = self.hashes.get(seq - 1, GENESIS if seq == 1 else None)
        if before is not None and before != previous:
            self._fault("event_chain")
        self._last = max(seq, self._last)
        self.hashes[seq] = said
        self.subjects.add(found["subject"].decode("utf-8", "replace"))

    def _fault(self, code: str) -> None:
        if code not in self.faults:
            self.faults.append(code)


def signer_name(note: str) -> str:
    """Name of the key that made the first signature of a signed note, as the note says."""
    signatures = note.partition("\n\n")[2]
    return signatures.partition("\n")[0].removeprefix("\N{EM DASH} ").partition(" ")[0]
