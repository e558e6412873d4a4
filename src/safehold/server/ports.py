"""What the app is given: the parts behind the door, joined by the composition root.

All callables of `Door` block and are called in threads, unless it is said otherwise. They raise
subclasses of `SafeholdError`, whose codes `problems` turns into answers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from safehold.accounts.budgets import BudgetOptions, Charge
from safehold.accounts.keys import Caller
from safehold.accounts.probing import Probe
from safehold.cases.names import KeyedNames
from safehold.classifiers.model import ClassifierOptions
from safehold.clock import Clock
from safehold.config.doors import ServerOptions
from safehold.engine.ports import (
    Classifying,
    Keeping,
    ListSource,
    RemoteMatching,
    Suppressing,
    Triage,
)
from safehold.fleet.model import CanaryResult, Server
from safehold.ids import IdMaker, ListName, ServerId, ServiceId
from safehold.intake.model import Answer, Appeal, Flag, ReceiptStatus
from safehold.media.sandbox.interface import Message
from safehold.media.sandbox.pool import WorkerPool
from safehold.outbox.model import Alarm
from safehold.policy.model import PolicyOptions
from safehold.policy.surfaces import Surfaces
from safehold.runtime.log import Log
from safehold.screening import Screening

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList


class Keys(Protocol):
    """Tells who asks. `safehold.accounts.authenticator.Authenticator` is one."""

    def recall(self, text: str) -> Caller | None:
        """From memory, at once; None where `refresh` must be asked. Raises `ApiKeyError`."""
        ...

    def refresh(self, text: str) -> Caller:
        """From the database. Blocks. Raises `ApiKeyError`."""
        ...


class ReceiptReader(Protocol):
    """What may be asked about a receipt. `safehold.intake.receipts.Receipts` is one."""

    def status(self, service: ServiceId, receipt: str) -> ReceiptStatus:
        """What it says now."""
        ...

    def confirm(self, service: ServiceId, receipt: str, sha256: bytes) -> None:
        """Check what was finally stored."""
        ...

    def awaits(self, service: ServiceId, receipt: str, sha256: bytes) -> None:
        """Check that these bytes are awaited."""
        ...


class StatementTaker(Protocol):
    """Flags and appeals. `safehold.intake.statements.Statements` is one."""

    def flag(self, flag: Flag, *, holds: bool = False) -> Answer:
        """Record a flag."""
        ...

    def appeal(self, appeal: Appeal) -> Answer:
        """Record an appeal."""
        ...


def _nothing(*_: Any) -> None:
    return None


def _no_wait(charges: Sequence[Charge], now: dt.datetime) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Door:
    """Everything that is behind the door.

    Attributes:
        keys: tells who asks.
        recorder: answers and records items.
        receipts: what may be asked about receipts.
        statements: flags and appeals.
        unread: the answer to an item of a surface that is switched off; does not block.
        spend: charge budgets, all or none: seconds to wait, 0 where they allow it. Does not
            block.
        exchange_usage: tell other servers what was used here, and learn of theirs.
        watch: note an item of an end user; True where an alarm is due. Does not block.
        alarm: say so.
        seen, gone: this server runs, or has ended.
        canary: the last result of a canary through this server.
        classifiers: asks classifiers; None where there are none.
        matchers: asks remote matchers; None where there are none.
        keeping: keeps digests of what is allowed.
        suppressing: knows the matches that are suppressed; None where nothing is.
    """

    keys: Keys
    recorder: Triage
    receipts: ReceiptReader
    statements: StatementTaker
    unread: Callable[[ServiceId], Answer]
    spend: Callable[[Sequence[Charge], dt.datetime], float] = _no_wait
    exchange_usage: Callable[[], None] = _nothing
    watch: Callable[[Probe, dt.datetime], bool] | None = None
    alarm: Callable[[Alarm], None] = _nothing
    seen: Callable[[Server], None] = _nothing
    gone: Callable[[ServerId], None] = _nothing
    canary: Callable[[ServerId], CanaryResult | None] = _nothing
    classifiers: Classifying | None = None
    matchers: RemoteMatching | None = None
    keeping: Keeping | None = None
    suppressing: Suppressing | None = None


@dataclass(frozen=True, slots=True)
class ServerParts:
    """What the app is made of.

    Attributes:
        door: what is behind it.
        options: bounds and choices.
        budgets: how often may be asked.
        write_threads: items that are recorded at once.
        surfaces: settings of surfaces.
        policy: what decisions rest on where a surface does not say otherwise.
        names: keyed names.
        lists: lists and their snapshots.
        screening: matching and policy over open snapshots.
        pool: makes a pool of workers; called again when one has failed.
        request: what workers are told with each item.
        classifiers: settings of the classifiers that surfaces may name.
        canary_list: the list of canaries, hidden from all but the canary service.
        checks: by code, what must be true for readiness: each is called every few seconds in a
            thread, and has failed where it gives False, raises or does not return.
        notes: codes that readiness tells beside that.
        clock, ids: the present moment, new ids.
        log: where to log.
        software: the version that runs.
    """

    door: Door
    options: ServerOptions
    surfaces: Surfaces
    policy: PolicyOptions
    names: KeyedNames
    lists: ListSource
    screening: Callable[[Sequence[OpenList]], Screening]
    pool: Callable[[], WorkerPool]
    request: Message
    clock: Clock
    ids: IdMaker
    log: Log
    budgets: BudgetOptions = field(default_factory=BudgetOptions)
    write_threads: int = 8
    classifiers: tuple[ClassifierOptions, ...] = ()
    canary_list: ListName | None = None
    checks: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    software: str = ""
