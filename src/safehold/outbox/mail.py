"""Sending an alarm as mail, over the operator's own mail server.

The server is a setting of the operator's, so it may be private. Certificates are verified, and a
password never goes over a connection without TLS.
"""

from __future__ import annotations

import contextlib
import json
import smtplib
import socket
import ssl
import threading
from email.message import EmailMessage
from email.utils import format_datetime

from safehold.errors import SafeholdError
from safehold.outbox.alarms import AlarmOptions, plain_subject
from safehold.outbox.model import Message

STARTTLS, TLS, NONE = "starttls", "tls", "none"
_READY = 220
"""Reply code of a mail server that is ready (RFC 5321, section 4.2.3)."""


class MailError(SafeholdError):
    """Base of what can go wrong with mail."""

    code = "mail"
    default_message = "A mail could not be sent."


class MailFailedError(MailError):
    """The mail server cannot be reached, is too slow, or refuses the mail."""

    code = "mail_failed"
    default_hint = "Check the settings alarms.smtp_host, alarms.smtp_port and alarms.smtp_tls."


class MailTlsError(MailError):
    """The mail server has no TLS, or no certificate that is trusted for its name."""

    code = "mail_tls"
    default_message = "There is no trusted TLS connection to the mail server."


class MailRefusedError(MailError):
    """The mail server refuses the user name and password, the sender or the recipients."""

    code = "mail_refused"
    default_message = "The mail server refuses the login, the sender or a recipient."


class MailPasswordError(MailError):
    """A user name is set, and no TLS."""

    code = "mail_password"
    default_message = "A password is not sent without TLS."
    default_hint = "Set alarms.smtp_tls to 'starttls' or 'tls'."


def mail_of(message: Message, options: AlarmOptions) -> EmailMessage:
    """An alarm as a mail. Its `Message-ID` is the same on every attempt."""
    told = json.loads(message.body)
    about = f" ({told['subject']})" if told["subject"] else ""
    mail = EmailMessage()
    mail["From"] = options.mail_from
    mail["To"] = ", ".join(options.mail_to)
    mail["Subject"] = plain_subject(f"Safehold: {told['code']}{about}")
    mail["Date"] = format_datetime(message.created)
    mail["Message-ID"] = f"<{message.message_id}@safehold.invalid>"
    # RFC 3834: no automatic answers, please.
    mail["Auto-Submitted"] = "auto-generated"
    lines = (told["text"], told["advice"], "", f"Code: {told['code']}")
    named = (f"About: {told['subject']}",) if told["subject"] else ()
    mail.set_content("\n".join((*lines, *named, f"Since: {told['at']}")) + "\n")
    return mail


def send_mail(mail: EmailMessage, options: AlarmOptions) -> None:
    """Hand a mail to the mail server. Takes at most about `smtp_seconds`.

    Raises:
        MailError: one of its kinds; never another exception.
    """
    if options.smtp_tls not in (STARTTLS, TLS, NONE):
        raise MailTlsError("The setting alarms.smtp_tls is none of starttls, tls, none.")
    if options.smtp_user and options.smtp_tls == NONE:
        raise MailPasswordError
    try:
        _send(mail, options)
    except (
        smtplib.SMTPAuthenticationError,
        smtplib.SMTPSenderRefused,
        smtplib.SMTPRecipientsRefused,
    ) as error:
        raise MailRefusedError from error
    except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
        raise MailTlsError from error
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise MailFailedError from error


def _send(mail: EmailMessage, options: AlarmOptions) -> None:
    context = ssl.create_default_context(cafile=options.smtp_ca_file or None)
    seconds = options.smtp_seconds
    # Constructed without a host, since that would connect before the deadline can be set.
    client = (
        smtplib.SMTP_SSL(timeout=seconds, context=context)
        if options.smtp_tls == TLS
        else smtplib.SMTP(timeout=seconds)
    )
    # A server that sends a byte now and then would outlast the time-out of single reads.
    deadline = threading.Timer(seconds, _cut, (client,))
    deadline.daemon = True
    deadline.start()
    try:
        # The name that TLS proves; `connect` does not keep it.
        client._host = options.smtp_host  # type: ignore[attr-defined]
        code, greeting = client.connect(options.smtp_host, options.smtp_port)
        if code != _READY:
            raise smtplib.SMTPConnectError(code, greeting)
        if options.smtp_tls == STARTTLS:
            client.starttls(context=context)
        if options.smtp_user:
            client.login(options.smtp_user, options.smtp_password)
        client.send_message(mail)
        # The mail is handed over; what happens after that makes it no failure.
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
    finally:
        deadline.cancel()
        client.close()


def _cut(client: smtplib.SMTP) -> None:
    """Break a connection off, so that the thread that reads from it goes on."""
    sock = client.sock
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            sock.close()
