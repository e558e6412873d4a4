"""Accounts whose calls are refused again and again: counting, telling, slowing, stopping.

The rules (`standing_of` and `is_due` are I/O-free):

1. Every refusal of an account counts but those for standing alone, or nobody would ever be let in
   again. What could not be checked is no refusal.
2. With `alert` refusals within `hours`, and with each doubling of that number, the operator is
   alarmed and the service's webhooks are told.
3. With `slow` of them each further call waits; with `stop` all are refused until `stop_hours`
   after the last refusal. Both are off until an operator switches them on.
4. Counts are read from the ledger, so that several gates count together and a new start forgets
   nothing. What was read is believed for two seconds.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from safehold.audit.model import EventDraft
from safehold.clock import Clock
from safehold.gate.model import Account, RepeatOptions, Stage
from safehold.gate.ports import Standing
from safehold.ids import ServiceId
from safehold.ledger.interface import LedgerTransaction
from safehold.ledger.model import Refusal
from safehold.outbox.interface import OutboxStore
from safehold.outbox.model import Alarm, AlarmCode, Message, Webhook
from safehold.outbox.signing import WebhookSecretError
from safehold.outbox.webhooks import messages_for

GENERATION_REPEATED: Final = "generation.repeated"
"""The type of the webhook."""
BELIEVED_SECONDS: Final = 2.0
_REMEMBERED: Final = 10_000
_TOKEN_CONTEXT: Final = b"safehold account v1\0"


class RepeatTransaction(LedgerTransaction, Protocol):
    """A unit of work with the ledger and the outbox."""

    @property
    def outbox(self) -> OutboxStore:
        """Messages and webhooks."""
        ...


class RepeatRecords(Protocol):
    """Opens units of work."""

    def read(self) -> AbstractContextManager[RepeatTransaction]:
        """A unit of work that reads."""
        ...

    def write(self) -> AbstractContextManager[RepeatTransaction]:
        """A unit of work that is durable once it is left."""
        ...


@dataclass(frozen=True, slots=True)
class RepeatParts:
    """What counting is joined from.

    Attributes:
        records: ledger, outbox and audit log.
        service_id: whose accounts they are.
        options: from how many refusals on what is done.
        clock: the present moment.
        ids: makes ids.
        alarms: the messages of an alarm.
        secret: opens a webhook's signing secret.
    """

    records: RepeatRecords
    service_id: ServiceId
    options: RepeatOptions
    clock: Clock
    ids: Callable[[], str]
    alarms: Callable[[Alarm], Sequence[Message]]
    secret: Callable[[Webhook], str]


class Repeats:
    """Counts refusals. Safe to use from threads; blocks."""

    def __init__(self, parts: RepeatParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[dt.datetime, Standing]] = OrderedDict()

    def standing(self, account: Account) -> Standing:
        """How an account stands now. Raises `DatabaseError`."""
        options, now = self._parts.options, self._parts.clock.now()
        if not (options.slow or options.stop):
            return Standing()
        with self._lock:
            known = self._known.get(account.pseudonym)
        if known is not None and now < known[0]:
            return known[1]
        with self._parts.records.read() as transaction:
            refusals = transaction.ledger.refusals(
                self._parts.service_id, account.pseudonym, now - _looked_at(options)
            )
        standing = standing_of(refusals, options, now)
        with self._lock:
            self._known[account.pseudonym] = (
                now + dt.timedelta(seconds=BELIEVED_SECONDS),
                standing,
            )
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return standing

    def note(self, account: Account, stage: Stage) -> None:
        """Record a refusal, and tell of it where it is one too many. Raises `DatabaseError`."""
        if stage is Stage.STANDING:
            return
        parts, now = self._parts, self._parts.clock.now()
        with parts.records.write() as transaction:
            refusal = Refusal(parts.service_id, now, account.pseudonym, stage.value)
            transaction.ledger.add_refusal(refusal)
            since = now - dt.timedelta(hours=parts.options.hours)
            count = len(transaction.ledger.refusals(parts.service_id, account.pseudonym, since))
            if is_due(count, parts.options):
                self._tell(transaction, account, count, now)
        with self._lock:
            self._known.pop(account.pseudonym, None)

    def _tell(
        self, transaction: RepeatTransaction, account: Account, count: int, now: dt.datetime
    ) -> None:
        parts = self._parts
        messages = [*parts.alarms(Alarm(AlarmCode.GENERATION_REPEATED, now, parts.service_id))]
        for webhook in transaction.outbox.webhooks(parts.service_id):
            try:
                token = account_token(parts.secret(webhook), account.name)
            except WebhookSecretError:
                continue  # what waits for it cannot be signed either, and the operator is told so
            body = repeated_body(token, count, now)
            messages += messages_for([webhook], body, now, parts.ids)
        transaction.outbox.add(messages)
        event = EventDraft(
            kind="generation.repeated",
            at=now,
            actor="gate",
            service=parts.service_id,
            subject=parts.service_id,
            data={"count": count},
        )
        transaction.audit.append([event])


def standing_of(
    refusals: Sequence[dt.datetime], options: RepeatOptions, now: dt.datetime
) -> Standing:
    """How an account stands by its refusals."""
    window = dt.timedelta(hours=options.hours)
    recent = sum(now - window <= at <= now for at in refusals)
    stopped = False
    if options.stop and refusals:
        last = max(refusals)
        before_last = sum(last - window <= at <= last for at in refusals)
        over = last + dt.timedelta(hours=options.stop_hours)
        stopped = before_last >= options.stop and now < over
    slowed = bool(options.slow) and recent >= options.slow
    return Standing(stopped, options.slow_seconds if slowed else 0.0)


def is_due(count: int, options: RepeatOptions) -> bool:
    """Whether so many refusals are told of: the first time, and with each doubling."""
    if not options.alert or count < options.alert or count % options.alert:
        return False
    times = count // options.alert
    return times & (times - 1) == 0


def account_token(secret: str, name: str) -> str:
    """By what a service knows an account in a webhook, and nobody else does.

    HMAC-SHA256 (RFC 2104) of the account's name under the webhook's signing secret, in hex.
    """
    said = _TOKEN_CONTEXT + name.encode("utf-8", "surrogatepass")
    return hmac.new(secret.encode("ascii"), said, hashlib.sha256).hexdigest()


def repeated_body(token: str, count: int, at: dt.datetime) -> bytes:
    """What is told to a service's webhook."""
    told = {
        "type": GENERATION_REPEATED,
        "account": token,
        "refused": count,
        "at": at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    return json.dumps(told, separators=(",", ":")).encode("ascii")


def _looked_at(options: RepeatOptions) -> dt.timedelta:
    return dt.timedelta(hours=options.hours + options.stop_hours)
