"""Messages, webhooks and alarms."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field

from safehold.errors import UsageError
from safehold.ids import MessageId, ServiceId, WebhookId


class Channel(enum.StrEnum):
    """By which way a message goes."""

    WEBHOOK = "webhook"
    """To a webhook of a service; `destination` is its id."""

    ALARM_WEBHOOK = "alarm_webhook"
    """To the operator's alarm address of the settings."""

    ALARM_MAIL = "alarm_mail"
    """To the operator by mail, as the settings say."""


class MessageState(enum.StrEnum):
    """Where a message stands."""

    PENDING = "pending"
    SENT = "sent"
    DEAD = "dead"
    """Given up after the last attempt; kept to be shown."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message on its way.

    Attributes:
        message_id: its id, which stays the same over all attempts.
        channel: by which way it goes.
        service_id: of whose it is; empty for alarms.
        destination: the webhook's id; empty for alarms.
        body: what is sent (JSON).
        created: when it was written.
        next_attempt: not before this moment.
        attempts: how often sending has failed.
        state: where it stands.
        last_code: a stable code of the last failure, or empty.
        dedupe: an alarm is not written twice under the same word; None for no such check.
    """

    message_id: MessageId
    channel: Channel
    service_id: str
    destination: str
    body: bytes
    created: dt.datetime
    next_attempt: dt.datetime
    attempts: int = 0
    state: MessageState = MessageState.PENDING
    last_code: str = ""
    dedupe: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a service wants to be told of later decisions.

    Attributes:
        webhook_id: its id.
        service_id: whose it is.
        url: `https://` (or `http://` where the settings allow it).
        secret: the signing secret, sealed under a key of the home.
        created: when it was added.
        disabled: since when nothing is sent to it, or None.
    """

    webhook_id: WebhookId
    service_id: ServiceId
    url: str = field(repr=False)
    secret: bytes = field(repr=False)
    created: dt.datetime = field(compare=False)
    disabled: dt.datetime | None = None


class AlarmCode(enum.StrEnum):
    """What an operator is alarmed of. Stable codes."""

    LIST_STALE = "list_stale"
    LIST_MISSING = "list_missing"
    CANARY_FAILED = "canary_failed"
    PROBING = "probing"
    """One end user of a service sends many near-identical items."""
    DISK_FULL = "disk_full"
    COLLISION = "collision"
    """Digests of an entry contradict one another about an item: perhaps a crafted collision."""
    FAULT_SPACE_FULL = "fault_space_full"
    """Holds that are only faults have used up their space."""
    WEBHOOK_DEAD = "webhook_dead"
    SWAPPED = "swapped"
    """A caller stored other bytes than were checked."""
    CUSTODIAN_DOWN = "custodian_down"
    AUDIT_BROKEN = "audit_broken"
    """Events of the audit log do not follow from one another any more."""
    REPORTING_UNREADY = "reporting_unready"
    """No authority can be reported to: none is named, or credentials are missing."""
    CASES_UNREPORTED = "cases_unreported"
    """Confirmed cases have had no report for longer than they should."""
    REPORT_STUCK = "report_stuck"
    """A report was begun and has not gone on for longer than it should."""
    RETENTION_DUE = "retention_due"
    """Evidence may be destroyed, and two people have to decide it."""
    RETENTION_NEAR = "retention_near"
    """The time of evidence is nearly over."""
    GENERATION_REPEATED = "generation_repeated"
    """Calls of one account of a generation service are refused again and again."""
    SYNC_FAILED = "sync_failed"
    """An exchange could not be asked well for longer than it should."""
    SYNC_SHRANK = "sync_shrank"
    """A source names far fewer entries than before; nothing was withdrawn."""
    RETRO_FLOODED = "retro_flooded"
    """Entries that came to a list are near to so many items that nothing is held for them."""
    OPINION_DEAD = "opinion_dead"
    """What was decided about an entry could not be told to its exchange, and was given up."""
    LIST_FLOODED = "list_flooded"
    """Entries matched so many different items that they were set aside."""
    SYNC_LOST = "sync_lost"
    """Pages of a source could not be read and were passed over."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that an operator should know of soon.

    Attributes:
        code: what.
        subject: an id (a service, a case, a list's name, a server), or empty; never a person.
        at: when.
    """

    code: AlarmCode
    at: dt.datetime
    subject: str = ""


class UnknownWebhookError(UsageError):
    """A webhook that does not exist."""

    code = "webhook_unknown"
    default_message = "There is no such webhook."
    default_hint = "'safehold webhook list' names the webhooks there are."
