"""Alarms to the operator: where they go, what they say, and how often.

The rules (this module does no I/O):

1. An alarm goes to every way that the options name: a webhook, mail, or both.
2. The same alarm (code and subject) is written once in a period of `quiet_hours` by each way;
   periods are counted from 1970-01-01 00:00 UTC. `webhook_dead` and those of retention are written
   once a day at most.
3. An alarm says what is wrong and what to do, and names an id, a list or a server: never a person,
   an address of one, a digest or a file name.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from safehold.ids import MessageId
from safehold.outbox.model import Alarm, AlarmCode, Channel, Message

ALARM_TYPE = "alarm"
MAX_SUBJECT = 128
"""Longest subject of an alarm that is written out."""
_DAY_HOURS = 24.0
_DAILY = frozenset({AlarmCode.WEBHOOK_DEAD, AlarmCode.RETENTION_DUE, AlarmCode.RETENTION_NEAR})


@dataclass(frozen=True, slots=True)
class AlarmOptions:
    """Where alarms go. Nothing is set by default: then they go nowhere.

    Attributes:
        webhook_url: address that alarms are posted to, or empty. A private one must stand in
            `outbound.allowed_hosts`.
        webhook_secret: its signing secret (`whsec_...`), or empty for unsigned alarms.
        mail_to: addresses that alarms are mailed to, or empty.
        mail_from: sender of the mail.
        smtp_host: mail server, or empty for no mail.
        smtp_port: its port.
        smtp_tls: `starttls`, `tls` (from the first byte) or `none`.
        smtp_user: user name, or empty for no login.
        smtp_password: password.
        smtp_ca_file: PEM file of authorities that are trusted for the mail server instead of the
            system's, or empty.
        smtp_seconds: time for one whole mail.
        quiet_hours: hours in which the same alarm is not sent again.
    """

    webhook_url: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    mail_to: tuple[str, ...] = field(default=(), repr=False)
    mail_from: str = field(default="", repr=False)
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    smtp_user: str = field(default="", repr=False)
    smtp_password: str = field(default="", repr=False)
    smtp_ca_file: str = ""
    smtp_seconds: float = 30.0
    quiet_hours: float = 6.0


TEXTS: Mapping[AlarmCode, tuple[str, str]] = {
    AlarmCode.LIST_STALE: (
        "A required list was not brought up to date for longer than it may be.",
        "Bring the list up to date, or check why its sync fails. Until then items are held.",
    ),
    AlarmCode.LIST_MISSING: (
        "A list that a surface requires is not there.",
        "Add the list, or take it out of the surface's settings. Until then items are held.",
    ),
    AlarmCode.CANARY_FAILED: (
        "A known harmless picture sent through a server was not answered as it must be.",
        "Look at the server's readiness and log: it may be letting listed pictures through.",
    ),
    AlarmCode.PROBING: (
        "One end user of a service sends many near-identical items, some of which are held.",
        "Look at the service's open cases, and speak with the service.",
    ),
    AlarmCode.DISK_FULL: (
        "The disk of the vault or the database is nearly full.",
        "Make room. Uploads that must be held are refused with 503 until then.",
    ),
    AlarmCode.COLLISION: (
        "Digests of a list's entry contradict one another about an item.",
        "Look at the case: somebody may have made the file so that it collides.",
    ),
    AlarmCode.FAULT_SPACE_FULL: (
        "Items that are held only since they could not be checked have used up their space.",
        "See what cannot be checked and why, or raise the quota. Such cases expire by themselves.",
    ),
    AlarmCode.WEBHOOK_DEAD: (
        "Messages to a webhook were given up after many attempts, or its receiver is gone.",
        "Tell the service. It can read what it missed from its receipts.",
    ),
    AlarmCode.SWAPPED: (
        "A service stored other bytes than were checked.",
        "Look at the case and speak with the service: somebody may evade the check.",
    ),
    AlarmCode.CUSTODIAN_DOWN: (
        "The custodian does not answer.",
        "Start it. Uploads go on being checked and held; audit checkpoints are not signed.",
    ),
    AlarmCode.AUDIT_BROKEN: (
        "The audit log is not a whole chain any more: it was altered, or the database is damaged.",
        "Keep the database as it is and run 'safehold audit verify'. Nothing is signed until then.",
    ),
    AlarmCode.REPORTING_UNREADY: (
        "No authority can be reported to: none is set up, or its credentials are missing.",
        "Name the authorities in 'reporting.authorities', and give the custodian its credentials.",
    ),
    AlarmCode.CASES_UNREPORTED: (
        "There are confirmed cases that nobody has begun a report about.",
        "Have an officer look at the page of reports: 'safehold report show' counts them.",
    ),
    AlarmCode.REPORT_STUCK: (
        "A report to an authority was begun and does not go on, or needs a person.",
        "Have an officer open it in the console; its page says what to find out.",
    ),
    AlarmCode.RETENTION_DUE: (
        "The time of evidence is over, and two people have to decide that it is destroyed.",
        "Have an officer propose it on the page of retention; 'safehold retention show --due'.",
    ),
    AlarmCode.RETENTION_NEAR: (
        "The time of evidence is nearly over.",
        "If an authority still needs it, set a legal hold; the page of retention names the cases.",
    ),
    AlarmCode.GENERATION_REPEATED: (
        "What one account asks of a generation service is refused again and again.",
        "Look at the service's open cases, and speak with the service. 'repeats' can slow or stop.",
    ),
    AlarmCode.SYNC_FAILED: (
        "A list could not be brought up to date from its exchange for longer than it may be.",
        "'safehold list sync --status' tells the code; look it up in the reference of codes.",
    ),
    AlarmCode.SYNC_SHRANK: (
        "An exchange names far fewer entries than before, and nothing was withdrawn.",
        "Ask the source whether it is meant; then raise its 'max_withdrawn_share' for one sync.",
    ),
    AlarmCode.RETRO_FLOODED: (
        "Entries that came to a list are near to very many kept digests; they held nothing.",
        "Look at what came to the list: such entries stand for no picture. Tell the source.",
    ),
    AlarmCode.OPINION_DEAD: (
        "What people decided about entries of a list could not be told to its exchange.",
        "'safehold list opinions --state dead' tells the codes; '--retry ID' sends one again.",
    ),
    AlarmCode.LIST_FLOODED: (
        "An entry of a list matched very many different items, and was set aside.",
        "'safehold list quarantined' names it. Its cases stay held: look at some, and tell the "
        "source; 'safehold list release' lets it match again.",
    ),
    AlarmCode.SYNC_LOST: (
        "A part of what an exchange says could not be read and was passed over.",
        "Tell the source. Then 'safehold list sync --full' asks for everything anew.",
    ),
}
"""For each code what is wrong, and what to do."""


def messages_for_alarm(
    alarm: Alarm, options: AlarmOptions, ids: Callable[[], str], now: dt.datetime
) -> Sequence[Message]:
    """The messages of an alarm, one for each way, due at once.

    Their `dedupe` lets the outbox leave out what was written in the same period already.
    """
    body = alarm_body(alarm)
    return tuple(
        Message(
            message_id=MessageId(ids()),
            channel=channel,
            service_id="",
            destination="",
            body=body,
            created=now,
            next_attempt=now,
            dedupe=_dedupe(alarm, channel, options, now),
        )
        for channel in channels(options)
    )


def channels(options: AlarmOptions) -> Sequence[Channel]:
    """By which ways alarms go."""
    by_webhook = [Channel.ALARM_WEBHOOK] if options.webhook_url else []
    by_mail = [Channel.ALARM_MAIL] if options.smtp_host and options.mail_to else []
    return (*by_webhook, *by_mail)


def alarm_body(alarm: Alarm) -> bytes:
    """An alarm as JSON: `type`, `code`, `subject`, `at`, `text`, `advice`."""
    text, advice = TEXTS[alarm.code]
    told = {
        "type": ALARM_TYPE,
        "code": alarm.code.value,
        "subject": plain_subject(alarm.subject),
        "at": alarm.at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "text": text,
        "advice": advice,
    }
    return json.dumps(told, separators=(",", ":")).encode("ascii")


def plain_subject(subject: str) -> str:
    """A subject without control characters, and bounded: it ends up in headers of mail."""
    return "".join(c if c.isprintable() else "?" for c in subject[:MAX_SUBJECT])


def _dedupe(alarm: Alarm, channel: Channel, options: AlarmOptions, now: dt.datetime) -> str | None:
    hours = options.quiet_hours
    if alarm.code in _DAILY:
        hours = max(hours, _DAY_HOURS)
    if hours <= 0:
        return None
    period = int(now.timestamp() // (hours * 3600))
    return f"{channel.value}:{alarm.code.value}:{plain_subject(alarm.subject)}:{hours:g}:{period}"
