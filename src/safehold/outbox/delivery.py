"""Delivering what waits in the outbox.

The rules:

1. A message is taken for a while (claimed), sent, and then marked. A process that dies in between
   leaves it claimed; when the claim ends it is sent again. So nothing is lost, and a message may
   arrive twice, with the same id.
2. Each receiver has few calls at a time, and rests after a failure (`schedule`), so that a slow or
   dead one holds up nobody else.
3. A message of which nobody could be told is given up in the end; of a webhook's, the operator is
   alarmed (`webhook_dead`), once a day for each webhook.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.ids import WebhookId
from safehold.outbound.client import Outbound
from safehold.outbound.model import Call, OutboundOptions, OutboundStatusError
from safehold.outbound.resolve import Resolver, system_resolver
from safehold.outbox.alarms import AlarmOptions, channels, messages_for_alarm
from safehold.outbox.mail import mail_of, send_mail
from safehold.outbox.model import Alarm, AlarmCode, Channel, Message, Webhook
from safehold.outbox.ports import OutboxRecords, OutboxTransaction
from safehold.outbox.schedule import GONE, DeliveryOptions, Resting, next_attempt
from safehold.outbox.signing import ID_HEADER, signed_headers
from safehold.outbox.webhooks import SecretSealer, webhook_event

UNKNOWN = "webhook_unknown"
DISABLED = "webhook_disabled"
INTERNAL = "internal"


class AlarmChannelError(SafeholdError):
    """An alarm waits for a way that the settings do not name."""

    code = "alarm_channel"
    default_message = "The settings no longer say where this alarm goes."


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Options of everything that takes part.

    Attributes:
        delivery: how messages are delivered.
        outbound: what outbound calls are bound by.
        alarms: where alarms go.
    """

    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    outbound: OutboundOptions = field(default_factory=OutboundOptions)
    alarms: AlarmOptions = field(default_factory=AlarmOptions)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one run did.

    Attributes:
        claimed: messages taken.
        sent: arrived.
        failed: to be tried again.
        dead: given up.
        left: not tried, since their receiver rests or the run was over; due when the claim ends.
    """

    claimed: int = 0
    sent: int = 0
    failed: int = 0
    dead: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one attempt; `code` is empty for an arrival."""

    message: Message
    code: str = ""
    asked_seconds: float | None = None
    given_up: bool = False
    gone: Webhook | None = None


class Deliverer:
    """Sends what is due. One for each process; `run_once` from one thread at a time.

    Args:
        records: the unit of work.
        clock: the time.
        ids: makes ids, for alarms.
        sealer: opens the signing secrets of webhooks.
        settings: options.
        random: gives a number from 0 to 1, for jitter.
    """

    def __init__(
        self,
        records: OutboxRecords,
        clock: Clock,
        ids: Callable[[], str],
        sealer: SecretSealer,
        settings: DeliverySettings,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._records = records
        self._clock = clock
        self._ids = ids
        self._sealer = sealer
        self._settings = settings
        self._options = settings.delivery
        self._random = random
        self._resting = Resting(settings.delivery)

    def run_once(self, *, resolver: Resolver = system_resolver) -> Delivered:
        """Take at most one batch of due messages and try each once.

        It is over after about `run_seconds` and the time of one call. Where it claimed a whole
        batch, more may be due. Not to be called where an event loop runs.

        Args:
            resolver: how names become addresses.

        Raises:
            SafeholdError: of the records, where they cannot be read or written.
        """
        messages, webhooks = self._claim()
        if not messages:
            return Delivered()
        return asyncio.run(self._deliver(messages, webhooks, resolver))

    def _claim(self) -> tuple[Sequence[Message], Mapping[str, Webhook]]:
        now = self._clock.now()
        slowest = max(self._options.timeout_seconds, self._settings.alarms.smtp_seconds)
        until = now + dt.timedelta(seconds=self._options.claim_seconds(slowest))
        with self._records.write() as transaction:
            messages = transaction.outbox.claim(now, until, self._options.batch)
            ids = {m.destination for m in messages if m.channel is Channel.WEBHOOK}
            found = [transaction.outbox.webhook(WebhookId(name)) for name in sorted(ids)]
        return messages, {webhook.webhook_id: webhook for webhook in found if webhook is not None}

    async def _deliver(
        self,
        messages: Sequence[Message],
        webhooks: Mapping[str, Webhook],
        resolver: Resolver,
    ) -> Delivered:
        waiting: dict[str, deque[Message]] = {}
        for message in messages:
            waiting.setdefault(_receiver(message), deque()).append(message)
        end = asyncio.get_running_loop().time() + self._options.run_seconds
        slots = asyncio.Semaphore(self._options.concurrency)
        outcomes: asyncio.Queue[_Outcome | None] = asyncio.Queue()
        marking = asyncio.create_task(self._mark_all(outcomes))

        async def work_through(receiver: str, outbound: Outbound) -> None:
            queue = waiting[receiver]
            while queue:
                async with slots:
                    late = asyncio.get_running_loop().time() >= end
                    if not queue or late or self._resting.rests(receiver, self._clock.now()):
                        return
                    message = queue.popleft()
                    outcome = await self._attempt(message, webhooks, outbound)
                self._remember(receiver, outcome)
                outcomes.put_nowait(outcome)

        options = self._settings.outbound
        try:
            async with Outbound(options, resolver=resolver, clock=self._clock) as outbound:
                await asyncio.gather(
                    *(
                        work_through(receiver, outbound)
                        for receiver in waiting
                        for _ in range(self._options.per_receiver)
                    )
                )
        finally:
            # What arrived is marked even where this run is broken off.
            outcomes.put_nowait(None)
            marked = await marking
        left = sum(len(queue) for queue in waiting.values())
        return dataclasses.replace(marked, claimed=len(messages), left=left)

    def _remember(self, receiver: str, outcome: _Outcome) -> None:
        if not outcome.code:
            self._resting.arrived(receiver)
        elif not outcome.given_up:
            self._resting.failed(receiver, self._clock.now(), outcome.asked_seconds)

    async def _attempt(
        self, message: Message, webhooks: Mapping[str, Webhook], outbound: Outbound
    ) -> _Outcome:
        webhook = webhooks.get(message.destination)
        try:
            if message.channel is Channel.ALARM_MAIL:
                await self._mail(message)
            elif message.channel is Channel.ALARM_WEBHOOK:
                await self._post_alarm(message, outbound)
            elif webhook is None:
                return _Outcome(message, UNKNOWN, given_up=True)
            elif webhook.disabled is not None:
                return _Outcome(message, DISABLED, given_up=True)
            else:
                secret = self._sealer.open(webhook)
                await self._post(webhook.url, secret, message, outbound)
        except OutboundStatusError as error:
            if error.status == GONE and webhook is not None:
                return _Outcome(message, error.code, given_up=True, gone=webhook)
            return _Outcome(message, error.code, error.retry_after)
        except SafeholdError as error:
            return _Outcome(message, error.code)
        except (ValueError, TypeError, KeyError):
            # A body that cannot be read; the other messages still go out.
            return _Outcome(message, INTERNAL)
        return _Outcome(message)

    async def _post(self, url: str, secret: str, message: Message, outbound: Outbound) -> None:
        headers = {"content-type": "application/json"}
        if secret:
            now = self._clock.now()
            headers |= signed_headers(secret, message.message_id, now, message.body)
        else:
            headers[ID_HEADER] = message.message_id
        await outbound.send(
            Call(
                url,
                headers=headers,
                body=message.body,
                timeout_seconds=self._options.timeout_seconds,
                # A receiver that answers 200 with a long page has the message all the same.
                read_answer=False,
            )
        )

    async def _post_alarm(self, message: Message, outbound: Outbound) -> None:
        alarms = self._settings.alarms
        if not alarms.webhook_url:
            raise AlarmChannelError
        await self._post(alarms.webhook_url, alarms.webhook_secret, message, outbound)

    async def _mail(self, message: Message) -> None:
        alarms = self._settings.alarms
        if Channel.ALARM_MAIL not in channels(alarms):
            raise AlarmChannelError
        await asyncio.to_thread(send_mail, mail_of(message, alarms), alarms)

    async def _mark_all(self, outcomes: asyncio.Queue[_Outcome | None]) -> Delivered:
        """Write down what became of messages, those that are there together, until None."""
        total = Delivered()
        over = False
        while not over:
            batch = [await outcomes.get()]
            while not outcomes.empty():
                batch.append(outcomes.get_nowait())
            over = None in batch
            done = [outcome for outcome in batch if outcome is not None]
            if done:
                dead = await asyncio.to_thread(self._mark, done)
                sent = sum(not outcome.code for outcome in done)
                total = dataclasses.replace(
                    total,
                    sent=total.sent + sent,
                    failed=total.failed + len(done) - sent - dead,
                    dead=total.dead + dead,
                )
        return total

    def _mark(self, outcomes: Sequence[_Outcome]) -> int:
        """Write outcomes in one transaction; how many messages were given up."""
        now = self._clock.now()
        dead = 0
        with self._records.write() as transaction:
            for outcome in outcomes:
                message = outcome.message
                if not outcome.code:
                    transaction.outbox.sent(message.message_id, now)
                    continue
                again = None
                if not outcome.given_up:
                    again = next_attempt(
                        self._options, message.attempts, now, self._random, outcome.asked_seconds
                    )
                transaction.outbox.failed(message.message_id, outcome.code, again)
                if again is None:
                    dead += 1
                    self._given_up(transaction, outcome, now)
        return dead

    def _given_up(
        self, transaction: OutboxTransaction, outcome: _Outcome, now: dt.datetime
    ) -> None:
        """Disable a webhook whose receiver is gone; alarm of a webhook's lost message."""
        if outcome.gone is not None:
            webhook = transaction.outbox.webhook(outcome.gone.webhook_id)
            if webhook is not None and webhook.disabled is None:
                transaction.outbox.disable_webhook(webhook.webhook_id, now)
                event = webhook_event("webhook.disabled", webhook, now, "system")
                transaction.audit.append([event])
        message = outcome.message
        # Nobody misses the messages of a webhook that was removed; and an alarm that could not
        # be sent is not announced by another.
        if message.channel is Channel.WEBHOOK and outcome.code != UNKNOWN:
            alarm = Alarm(AlarmCode.WEBHOOK_DEAD, now, message.destination)
            transaction.outbox.add(messages_for_alarm(alarm, self._settings.alarms, self._ids, now))


def _receiver(message: Message) -> str:
    """Who gets a message; calls and rests are counted by it."""
    return f"{message.channel.value}:{message.destination}"
