"""A small house for tests of intake: stores, keys, one officer, and items that were checked."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from safehold.cases.commit import GroupCommit
from safehold.cases.model import OccurrenceKind
from safehold.cases.names import KeyedNames
from safehold.cases.receipt import ReceiptSealer
from safehold.cases.records import Records
from safehold.cases.service import CaseService
from safehold.clock import FixedClock
from safehold.hashing.exact import exact_digests
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, IdMaker, ListName, ServiceId
from safehold.intake.model import Context, Idempotency, IntakeOptions, Submission
from safehold.intake.parts import IntakeParts
from safehold.intake.receipts import Receipts
from safehold.intake.recorder import Recorder
from safehold.intake.statements import Statements
from safehold.matching.match import Match
from safehold.media.model import Fault
from safehold.outbox.alarms import AlarmOptions, messages_for_alarm
from safehold.outbox.webhooks import ReceiptMessages
from safehold.policy.decide import decide
from safehold.policy.model import Observation, PolicyOptions, Verdict
from safehold.screening import Examination, Screened
from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.sealing import Identity, unseal
from safehold.vault.vault import Vault

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
SHOP, FORUM = ServiceId("shop"), ServiceId("forum")
STATUSES = {Verdict.ALLOW: 200, Verdict.HOLD: 423, Verdict.BLOCK: 451}
KEY = DigestKey(bytes(range(32)))
OPENED: list[int] = []
"""Descriptors of items, which the fixture closes after each test."""


@dataclass
class House:
    """Everything that intake needs, over some records."""

    records: Records
    options: IntakeOptions = field(default_factory=IntakeOptions)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    officer: Identity = field(default_factory=Identity.generate)
    objects: MemoryBlobs = field(default_factory=MemoryBlobs)
    keys: MemoryBlobs = field(default_factory=MemoryBlobs)
    free: int | None = None

    def __post_init__(self) -> None:
        self.names = KeyedNames(KEY)
        ids = IdMaker(self.clock)
        self.vault = Vault(self.objects, self.keys)
        self.commit = GroupCommit(self.records)
        alarms = AlarmOptions(webhook_url="https://alarms.example/")
        self.parts = IntakeParts(
            records=self.records,
            commit=self.commit,
            vault=self.vault,
            officers=lambda: [self.officer.recipient],
            names=self.names,
            receipts=ReceiptSealer(KEY),
            ids=ids,
            clock=self.clock,
            alarms=lambda alarm: messages_for_alarm(alarm, alarms, ids, self.clock.now()),
            receipt_messages=ReceiptMessages(ids),
            room=lambda: self.free,
            software="1.2.3",
            options=self.options,
        )
        self.recorder = Recorder(self.parts)
        self.receipts = Receipts(self.parts)
        self.statements = Statements(self.parts)
        self.cases = CaseService(
            self.records, self.vault, self.parts.receipt_messages, ids, self.clock
        )

    def open_key(self, key_name: str) -> Identity:
        """A case's identity, by the officer's key."""
        with self.keys.open(key_name) as stream:
            secret = unseal([self.officer], stream.read())
        return Identity.parse(secret.decode().strip())

    def original(self, key_name: str, object_name: str) -> bytes:
        """Original bytes, by the officer's key."""
        with self.objects.open(object_name) as stream:
            return unseal([self.open_key(key_name)], stream.read())


def match(
    entry: str = "e1", *, name: str = "partner", tier: str = "confirmed", exact: bool = True
) -> Match:
    """A match of one entry."""
    signal = SignalType.SHA256 if exact else SignalType.PDQ
    return Match(
        list_name=ListName(name),
        tier=tier,
        entry_id=EntryId(entry),
        classification="",
        signal=signal,
        distance=0 if exact else 12,
        variant="" if exact else "whole",
        orientation=None,
        conflict=False,
        known_by=frozenset({signal}),
    )


def screened(content: bytes, matches: Iterable[Match] = (), fault: Fault | None = None) -> Screened:
    """What was found in some bytes."""
    observation = Observation(tuple(matches), fault)
    examination = Examination(exact_digests(memoryview(content)), "png", 4, 3, 1, (), fault)
    return Screened(
        examination, observation.matches, decide(observation, PolicyOptions()), observation
    )


def submission(
    content: bytes,
    matches: Iterable[Match] = (),
    fault: Fault | None = None,
    *,
    service: ServiceId = SHOP,
    uploader: str = "u-1",
) -> Submission:
    """An item that was checked; its descriptor is a memory file, open until the test is over."""
    descriptor = os.memfd_create("submitted")
    os.write(descriptor, content)
    OPENED.append(descriptor)
    return Submission(
        service_id=service,
        kind=OccurrenceKind.UPLOAD,
        surface="public",
        context=Context(uploader=uploader, ip="198.51.100.7", port=4711, file_name="a b.png"),
        received=NOW,
        sha256=hashlib.sha256(content).digest(),
        screened=screened(content, matches, fault),
        lists={"partner": 3},
        descriptor=descriptor,
    )


def with_key(item: Submission, key: bytes, request: bytes = b"r" * 16) -> Submission:
    """The same item under an idempotency key."""
    return replace(item, idempotency=Idempotency(key, request, STATUSES))
