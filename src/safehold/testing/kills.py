"""Kills of a running service, and whether all that it answered is there afterwards.

`Callers` send drawn pictures of which some are listed, and note each answer; `check` then looks
for every hold and block of them: its case, its verdict, and its bytes, which it decrypts with the
officer's identity from the files of the vault, without the code that wrote them.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from safehold.accounts.keys import KeyTerms
from safehold.audit.model import Checkpoint
from safehold.audit.verify import verify
from safehold.cases.model import CaseFilter
from safehold.cases.workflow import present_verdict
from safehold.clock import FixedClock
from safehold.hashing.exact import exact_digests
from safehold.ids import ServiceId
from safehold.lists.model import Tier
from safehold.policy.model import Verdict
from safehold.runtime.service import ServiceRuntime
from safehold.testing.pictures import draw_any
from safehold.vault.sealing import Identity
from safehold.vault.verify import PENDING_AGE, FindingKind, Verifier

SERVICE = "shop"
VERDICTS = {200: Verdict.ALLOW, 423: Verdict.HOLD, 451: Verdict.BLOCK}
_ORPHANS = (FindingKind.ORPHAN, FindingKind.KEY_ORPHAN)
_PAUSE = 0.02


class Items:
    """Pictures by number, none like another: in turn allowed, held and blocked."""

    def __init__(self, size: tuple[int, int] = (320, 240)) -> None:
        drawings = []
        for seed in range(3):
            out = io.BytesIO()
            draw_any(seed, size).save(out, "JPEG", quality=85)
            drawings.append(out.getvalue())
        self._drawings = drawings

    def content(self, number: int) -> bytes:
        """The bytes of an item: a drawing with its number as a comment (ITU T.81, B.2.4.5)."""
        drawing, text = self._drawings[number % 3], b"item %012d" % number
        return b"".join(
            (drawing[:2], b"\xff\xfe", struct.pack(">H", len(text) + 2), text, drawing[2:])
        )

    @staticmethod
    def wanted(number: int) -> Verdict:
        """What an item must be answered with while its file can be read."""
        return (Verdict.ALLOW, Verdict.HOLD, Verdict.BLOCK)[number % 3]

    def lists(self, folder: Path, count: int) -> Iterator[tuple[str, Path, Tier]]:
        """Files of lists, by which the first `count` items have their verdicts."""
        rows: dict[Tier, list[str]] = {Tier.SUSPECTED: [], Tier.CONFIRMED: []}
        for number in range(count):
            if number % 3:
                exact = exact_digests(self.content(number))
                tier = Tier.SUSPECTED if number % 3 == 1 else Tier.CONFIRMED
                row = (exact.md5, exact.sha1, exact.sha256)
                rows[tier].append(",".join(digest.hex() for digest in row) + f",n{number}\n")
        for tier, lines in rows.items():
            file = folder / f"{tier.value}.csv"
            file.write_text("md5,sha1,sha256,id\n" + "".join(lines))
            yield tier.value, file, tier


@dataclass(frozen=True, slots=True)
class House:
    """A home that is ready for a server.

    Attributes:
        service: whose API key `key` is.
        officer: who opens evidence.
    """

    service: ServiceId
    key: str = field(repr=False)
    officer: Identity = field(repr=False)


def prepare(runtime: ServiceRuntime, items: Items, folder: Path, count: int) -> House:
    """Set up an empty home: an officer, a service with a key, lists of the first items."""
    officer = Identity.generate()
    runtime.home.prepare()
    runtime.officers.add("officer", officer.recipient)
    for name, file, tier in items.lists(folder, count):
        runtime.lists.add(name, file, tier=tier)
    service = runtime.accounts.add_service(SERVICE)
    _, key = runtime.accounts.add_key(SERVICE, KeyTerms(per_minute=0))
    return House(service.service_id, key, officer)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that a caller has."""

    number: int
    status: int
    receipt: str


@dataclass(slots=True)
class Heard:
    """What callers have heard.

    Attributes:
        given: verdicts.
        problems: other answers: number and status.
        silent: numbers of items whose answer did not come.
    """

    given: list[Given] = field(default_factory=list)
    problems: list[tuple[int, int]] = field(default_factory=list)
    silent: list[int] = field(default_factory=list)


class Callers:
    """Threads that send items, one after the other, until they are told to end.

    What got no verdict before is sent first, with the idempotency key that it had.

    Args:
        port, key: where to send, and as whom.
        items: what to send.
        first: number of the first new item.
        again: numbers of items that are sent once more.
    """

    def __init__(
        self, port: int, key: str, items: Items, first: int, again: Iterable[int] = ()
    ) -> None:
        self.heard = Heard()
        self._port = port
        self._key = key
        self._items = items
        self._next = first
        self._again = list(again)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def next_number(self) -> int:
        """The number after that of the last new item."""
        return self._next

    def start(self, count: int) -> None:
        """Start so many callers."""
        for number in range(count):
            thread = threading.Thread(target=self._run, name=f"caller-{number}")
            thread.start()
            self._threads.append(thread)

    def end(self) -> Heard:
        """Have them finish the call that each has under way; what all of them heard."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.heard.silent += self._again
        return self.heard

    def _take(self) -> int:
        with self._lock:
            if self._again:
                return self._again.pop()
            self._next += 1
            return self._next - 1

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._ended.is_set():
            number = self._take()
            try:
                self._call(connection, number)
            except (OSError, http.client.HTTPException, ValueError):
                # An answer that came in part was not given.
                connection.close()
                with self._lock:
                    self.heard.silent.append(number)
                self._ended.wait(_PAUSE)
        connection.close()

    def _call(self, connection: http.client.HTTPConnection, number: int) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Safehold-Uploader": f"u{number % 97}"}
        if number % 2:
            headers["Idempotency-Key"] = f"item-{number}"
        connection.request("POST", "/v1/screen", self._items.content(number), headers)
        answer = connection.getresponse()
        status, body = answer.status, answer.read()
        if status in VERDICTS:
            given = Given(number, status, str(json.loads(body)["receipt"]))
            with self._lock:
                self.heard.given.append(given)
            return
        with self._lock:
            self.heard.problems.append((number, status))
        self._ended.wait(_PAUSE)


def wrong_answers(heard: Heard) -> list[str]:
    """Answers that must never be given: listed bytes that are allowed, whatever was broken."""
    return [
        f"item {one.number} is listed and was allowed"
        for one in heard.given
        if VERDICTS[one.status] is Verdict.ALLOW and Items.wanted(one.number) is not Verdict.ALLOW
    ]


@dataclass(slots=True)
class Report:
    """What a check found.

    Attributes:
        wrong: in words, what is not as it must be.
        opened: pieces of evidence that were decrypted to the bytes that were sent.
        cases, orphans: how many there are; orphans are objects and keys that no record names.
    """

    wrong: list[str] = field(default_factory=list)
    opened: int = 0
    cases: int = 0
    orphans: int = 0


def check(runtime: ServiceRuntime, house: House, items: Items, given: Sequence[Given]) -> Report:
    """Look for all that was answered with a hold or a block, and at everything as a whole."""
    report = Report()
    with runtime.records.read() as transaction:
        for one in given:
            if VERDICTS[one.status] is not Verdict.ALLOW:
                content = items.content(one.number)
                sha256 = hashlib.sha256(content).digest()
                name = runtime.names.content(house.service, sha256)
                case = transaction.cases.find_content(house.service, name)
                if case is None:
                    report.wrong.append(f"item {one.number} was answered and has no case")
                    continue
                if present_verdict(case) is not VERDICTS[one.status]:
                    report.wrong.append(f"item {one.number} has another verdict than was given")
                evidence = transaction.cases.evidence(case.case_id)
                kept = [_opened(runtime, house, case.key_name, e.object_name) for e in evidence]
                if kept != [content]:
                    report.wrong.append(f"item {one.number} cannot be decrypted to what was sent")
                else:
                    report.opened += 1
            status = runtime.receipts.status(house.service, one.receipt)
            if status.verdict is not VERDICTS[one.status]:
                report.wrong.append(f"the receipt of item {one.number} says another verdict")
        audit = verify(transaction.audit.events(), transaction.audit.head(), [], _never)
        if not audit.whole:
            report.wrong.append(f"the audit log is not whole: {audit.problems}")
        after = None
        while page := transaction.cases.list(CaseFilter(after=after, limit=500)):
            after = page[-1].case_id
            report.cases += len(page)
            for case in page:
                if not (
                    transaction.cases.evidence(case.case_id)
                    and transaction.cases.occurrences(case.case_id)
                    and transaction.cases.decisions(case.case_id)
                ):
                    report.wrong.append("a case lacks evidence, an occurrence or a decision")
        # By a clock that runs ahead, so that young orphans are counted too.
        verifier = Verifier(
            runtime.objects, runtime.keys, FixedClock(runtime.clock.now() + 2 * PENDING_AGE)
        )
        for found in verifier.run(transaction.cases.all_evidence(), transaction.cases.key_names()):
            if found.kind in _ORPHANS:
                report.orphans += 1
            else:
                report.wrong.append(f"the vault: {found.kind.value}")
    return report


def _opened(runtime: ServiceRuntime, house: House, key_name: str, object_name: str) -> bytes:
    """Evidence in the clear, by the public format alone: two age files (docs/formats/vault.md)."""
    home = runtime.home
    wrapped = (home.keys / key_name[:2] / key_name).read_bytes()
    sealed = (home.vault / object_name[:2] / object_name).read_bytes()
    officer = pyrage.x25519.Identity.from_str(house.officer.secret)
    secret = pyrage.decrypt(wrapped, [officer]).decode("ascii").strip()
    return bytes(pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(secret)]))


def _never(checkpoint: Checkpoint) -> bool:
    """There is no custodian here, so there are no checkpoints either."""
    raise AssertionError("a checkpoint that nobody signed")
