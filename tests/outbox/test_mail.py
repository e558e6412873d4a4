"""Mail over real servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from safehold.outbox.alarms import AlarmOptions, messages_for_alarm
from safehold.outbox.mail import (
    MailError,
    MailFailedError,
    MailPasswordError,
    MailRefusedError,
    MailTlsError,
    mail_of,
    send_mail,
)
from safehold.outbox.model import Alarm, AlarmCode
from tests.outbound.receiver import certificate
from tests.outbox.builders import NOW, counting_ids

LOGIN, WORD = "alarm-user", "pass-word"


class Mailbox:
    """Keeps the mail that a server takes."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], bytes]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"


class Port0(Controller):
    """A controller that takes any free port, also with TLS from the first byte."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        # Where TLS comes first, a plain connection would be an error on the server.
        with socket.create_connection(("127.0.0.1", self.port)):
            pass


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[int]:
    controller = Port0(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def options(port: int, tls: str = "none", **more: Any) -> AlarmOptions:
    return AlarmOptions(
        mail_to=("duty@operator.example",),
        mail_from="safehold@operator.example",
        smtp_host=more.pop("host", "localhost"),
        smtp_port=port,
        smtp_tls=tls,
        smtp_seconds=more.pop("seconds", 5.0),
        **more,
    )


def alarm_mail(given: AlarmOptions) -> EmailMessage:
    alarm = Alarm(AlarmCode.LIST_STALE, NOW, "list-1")
    (message,) = messages_for_alarm(alarm, given, counting_ids(), NOW)
    return mail_of(message, given)


def send(given: AlarmOptions) -> None:
    send_mail(alarm_mail(given), given)


def right_login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = (data.login, data.password) == (LOGIN.encode(), WORD.encode())
    return AuthResult(success=right, handled=False)


def test_a_mail_arrives() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port:
        send(options(port))
    ((recipients, content),) = mailbox.mails
    assert recipients == ["duty@operator.example"]
    text = content.decode()
    assert "Subject: Safehold: list_stale (list-1)" in text
    assert "Message-ID: <id-00001@safehold.invalid>" in text
    assert "A required list was not brought up to date" in text
    assert "Since: 2026-03-01T12:00:00Z" in text


# The server knows of STARTTLS only, and warns where TLS comes first.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_mail_arrives_over_tls_with_a_login(tmp_path: Path, tls: str) -> None:
    context, ca_file = certificate(tmp_path, "localhost")
    mailbox = Mailbox()
    server = {"ssl_context": context} if tls == "tls" else {"tls_context": context}
    with mail_server(
        mailbox,
        authenticator=right_login,
        auth_required=True,
        auth_require_tls=tls == "starttls",
        **server,
    ) as port:
        good = {"smtp_ca_file": ca_file, "smtp_user": LOGIN}
        send(options(port, tls, smtp_password=WORD, **good))
        with pytest.raises(MailRefusedError):
            send(options(port, tls, smtp_password="wrong", **good))
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_certificate_must_be_trusted_and_of_the_name(tmp_path: Path, tls: str) -> None:
    context, ca_file = certificate(tmp_path, "localhost")
    mailbox = Mailbox()
    server = {"ssl_context": context} if tls == "tls" else {"tls_context": context}
    with mail_server(mailbox, **server) as port:
        with pytest.raises(MailTlsError):
            send(options(port, tls))
        with pytest.raises(MailTlsError):
            send(options(port, tls, smtp_ca_file=ca_file, host="127.0.0.1"))
    assert not mailbox.mails


def test_a_server_without_starttls_gets_nothing() -> None:
    mailbox = Mailbox()
    with mail_server(mailbox) as port, pytest.raises(MailTlsError):
        send(options(port, "starttls"))
    assert not mailbox.mails


def test_a_password_is_not_sent_without_tls() -> None:
    with pytest.raises(MailPasswordError):
        send(options(9, "none", smtp_user=LOGIN, smtp_password=WORD))


def test_an_unknown_kind_of_tls_sends_nothing() -> None:
    with pytest.raises(MailTlsError):
        send(options(9, "startls"))


def test_a_refused_recipient_is_said() -> None:
    class Refusing(Mailbox):
        async def handle_RCPT(self, *_: Any) -> str:
            return "550 no such user"

    with mail_server(Refusing()) as port, pytest.raises(MailRefusedError) as caught:
        send(options(port))
    assert "duty@" not in str(caught.value)


def test_nobody_listening_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(MailFailedError):
        send(options(port))


@pytest.mark.parametrize("greeting", [b"2", b"", b"554 go away\r\n", b"HTTP/1.1 400 X\r\n\r\n"])
def test_a_server_that_is_none_ends_within_the_deadline(greeting: bytes) -> None:
    """Also one that sends a byte now and then, which no time-out of single reads would end."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            while not ended.wait(0.1):
                try:
                    connection.sendall(greeting)
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    started = time.monotonic()
    try:
        with pytest.raises(MailError):
            send(options(server.getsockname()[1], seconds=0.6, host="127.0.0.1"))
        assert time.monotonic() - started < 3
    finally:
        ended.set()
        thread.join(5)
        server.close()
