"""A ledger in memory, with two services, an officer's key and people."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from safehold.accounts.model import Service
from safehold.cases.names import KeyedNames
from safehold.clock import FixedClock
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import ExactDigests, VariantDigests
from safehold.ids import IdMaker, ServiceId, UserId
from safehold.ledger.model import LedgerOptions, Making, NewRelease, Release
from safehold.ledger.sealed import from_json
from safehold.ledger.service import LedgerParts, LedgerService
from safehold.ledger.tracing import Tracing, TracingParts
from safehold.testing.records import MemoryRecords
from safehold.users.model import User
from safehold.users.roles import Role
from safehold.vault.sealing import Identity, seal, unseal

T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
STUDIO, ATELIER = ServiceId("s-studio"), ServiceId("s-atelier")
TOLD = {
    "account": "ann@mail.example",
    "address": "198.51.100.7",
    "models": [{"name": "landscapes-v2.safetensors", "digest": "ab" * 16}],
    "seed": "4711",
    "job": "job-17",
}
WORDS = "a lighthouse at dusk\na teapot"


def exact(content: bytes) -> ExactDigests:
    """The exact digests of some bytes."""
    return ExactDigests(bytes(16), bytes(20), hashlib.sha256(content).digest(), len(content))


def variant(*hashes: bytes, name: str = "as_stored", quality: int = 90) -> VariantDigests:
    """A variant: hashes of its first orientations; the others are far from everything."""
    far = tuple(hashlib.sha256(f"{name} {n}".encode()).digest() for n in range(8))
    return VariantDigests(name, quality, (*hashes, *far[len(hashes) :]))


def new(content: bytes, pdq: bytes | None = None) -> NewRelease:
    """A picture that is about to leave."""
    return NewRelease(hashlib.sha256(content).digest(), pdq, 90 if pdq is not None else None)


@dataclass
class Room:
    """All that a ledger works with."""

    options: LedgerOptions = field(default_factory=LedgerOptions)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    clock: FixedClock = field(default_factory=lambda: FixedClock(T0))
    officer: Identity = field(default_factory=Identity.generate)
    sealings: int = 0

    def __post_init__(self) -> None:
        self.names = KeyedNames(DigestKey(bytes(range(32))))
        self.ids = IdMaker(self.clock)
        self.ledger = LedgerService(
            LedgerParts(self.records, self._seal, self.names, self.ids, self.clock, self.options)
        )
        self.tracing = Tracing(TracingParts(self.records, self.ledger, self.ids, self.clock))
        with self.records.write() as transaction:
            for service in (STUDIO, ATELIER):
                transaction.accounts.add_service(Service(service, service[2:], T0))
            for role in Role:
                user = User(UserId(f"u-{role}"), role.value, frozenset({role}), T0)
                transaction.users.add(user)

    def _seal(self, content: bytes) -> bytes:
        self.sealings += 1
        return seal([self.officer.recipient], content)

    def add(self, *releases: NewRelease, service: ServiceId = STUDIO, **making: Any) -> None:
        """Pictures leave."""
        given: dict[str, Any] = {"at": self.clock.now(), "told": TOLD, "words": WORDS} | making
        self.ledger.add(Making(service, b"a" * 16, "openai", **given), releases)

    def rows(self) -> Sequence[Release]:
        """All releases, the newest first."""
        with self.records.read() as transaction:
            return transaction.ledger.releases(list(transaction.ledger.rows))

    def opened(self, release: Release) -> dict[str, Any]:
        """What is sealed of a release."""
        return from_json(unseal([self.officer], release.sealed))

    def events(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Kind, actor and data of all audit events."""
        with self.records.read() as transaction:
            drafts = [event.draft for event in transaction.audit.events()]
        return [(one.kind, one.actor, dict(one.data)) for one in drafts]
