"""Calls to real servers on loopback: what is denied, bounded, pinned and verified."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import threading
import time
from pathlib import Path

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.clock import FixedClock
from safehold.outbound import resolve
from safehold.outbound.client import Outbound, check_url, send_once
from safehold.outbound.model import (
    Call,
    OutboundDeniedError,
    OutboundError,
    OutboundFailedError,
    OutboundOptions,
    OutboundRedirectError,
    OutboundStatusError,
    OutboundTimeoutError,
    OutboundTlsError,
    OutboundTooLongError,
)
from tests.outbound.receiver import (
    Received,
    Receiver,
    always,
    certificate,
    http,
    listening,
    resolving,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_call_arrives_with_its_headers_and_body() -> None:
    with listening(Receiver(always(200, b'{"ok": true}'))) as receiver:
        call = Call(receiver.url("/a/b?c=d"), headers={"x-one": "1"}, body=b"hello")
        reply = send_once(call, receiver.options())
    assert (reply.status, reply.body) == (200, b'{"ok": true}')
    (request,) = receiver.received
    assert request.line == "POST /a/b?c=d HTTP/1.1"
    assert request.body == b"hello"
    assert request.headers["host"] == receiver.host
    assert request.headers["x-one"] == "1"
    assert request.headers["accept-encoding"] == "identity"


def test_private_addresses_are_denied_before_anything_is_sent() -> None:
    with listening(Receiver(always())) as receiver:
        with pytest.raises(OutboundDeniedError):
            send_once(Call(receiver.url()), OutboundOptions(allow_http=True))
        with pytest.raises(OutboundDeniedError):
            send_once(
                Call(receiver.url()),
                OutboundOptions(allow_http=True, allowed_hosts=("127.0.0.1:1",)),
            )
        assert receiver.connections == 0
        options = OutboundOptions(allow_http=True, allow_private=True)
        assert send_once(Call(receiver.url()), options).status == 204


@pytest.mark.parametrize(
    "host", ["localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"]
)
def test_other_ways_to_write_this_machine_are_denied(host: str) -> None:
    options = OutboundOptions(allow_http=True)
    with pytest.raises((OutboundDeniedError, OutboundFailedError)):
        send_once(Call(f"http://{host}:9/"), options)


def test_an_ip_address_that_is_allowed_by_its_port_is_no_other_port() -> None:
    options = OutboundOptions(allowed_hosts=("127.0.0.1:8443", "[::1]:8443"))
    for host in ("127.0.0.1", "[::1]"):
        assert check_url(f"https://{host}:8443/", options).port == 8443
        with pytest.raises(OutboundDeniedError):
            check_url(f"https://{host}:8444/", options)


def test_allowed_hosts_never_reach_metadata() -> None:
    options = OutboundOptions(
        allow_http=True, allow_private=True, allowed_hosts=("169.254.169.254:80",)
    )
    with pytest.raises(OutboundDeniedError):
        send_once(Call("http://169.254.169.254/latest/"), options)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "https://",
        "https:///path",
        "https://user@example.org/",
        "https://user:word@example.org/",
        "https://example.org:0/",
        "https://example.org:99999/",
        "https://example.org\\@127.0.0.1/",
        "https://example.org/a b",
        "https://example.org/\r\nx: y",
        "https://exämple.org/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/",
        "example.org",
        "",
        "https://example.org/" + "a" * 3000,
    ],
)
def test_addresses_that_are_refused_as_they_stand(url: str) -> None:
    with pytest.raises(OutboundDeniedError):
        check_url(url, OutboundOptions())


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_denied(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://example.org/{text}"):
        try:
            url = check_url(candidate, OutboundOptions())
        except OutboundDeniedError:
            continue
        assert url.scheme == "https"
        assert url.host
        assert not url.userinfo


def test_a_second_answer_of_the_name_server_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DNS rebinding: the address that was looked at is the one that is called."""
    called: list[str] = []

    async def connect(self: object, host: str, *rest: object) -> None:
        called.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    asked = resolving(["8.8.8.8"], ["127.0.0.1"])

    async def twice() -> None:
        async with Outbound(OutboundOptions(), resolver=asked) as outbound:  # type: ignore[arg-type]
            with pytest.raises(OutboundFailedError):
                await outbound.send(Call("https://rebind.example/"))
            with pytest.raises(OutboundDeniedError):
                await outbound.send(Call("https://rebind.example/"))

    asyncio.run(twice())
    assert called == ["8.8.8.8"]


def test_one_private_address_among_public_ones_is_denied() -> None:
    with listening(Receiver(always())) as receiver:
        url = f"http://mixed.example:{receiver.port}/"
        asked = resolving(["8.8.8.8", "127.0.0.1"])
        with pytest.raises(OutboundDeniedError):
            send_once(Call(url), OutboundOptions(allow_http=True), resolver=asked)  # type: ignore[arg-type]
        assert receiver.connections == 0


def test_a_dead_address_leaves_time_for_the_next() -> None:
    with listening(Receiver(always())) as receiver:
        url = f"http://two.example:{receiver.port}/"
        options = OutboundOptions(
            allow_http=True,
            allowed_hosts=(f"two.example:{receiver.port}",),
            timeout_seconds=3,
        )
        asked = resolving(["127.0.0.77", "127.0.0.1"])
        reply = send_once(Call(url), options, resolver=asked)  # type: ignore[arg-type]
    assert reply.status == 204
    assert receiver.received[0].headers["host"] == f"two.example:{receiver.port}"


def test_redirects_are_not_followed() -> None:
    with listening(Receiver(always())) as inner:
        answer = always(302, b"", f"Location: {inner.url()}")
        with (
            listening(Receiver(answer)) as receiver,
            pytest.raises(OutboundRedirectError),
        ):
            send_once(Call(receiver.url()), receiver.options(allow_private=True))
        assert inner.connections == 0


def test_a_refusal_tells_its_status_and_when_to_come_again() -> None:
    clock = FixedClock(dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC))

    async def refused(options: OutboundOptions, url: str) -> OutboundStatusError:
        async with Outbound(options, clock=clock) as outbound:
            with pytest.raises(OutboundStatusError) as caught:
                await outbound.send(Call(url))
            return caught.value

    for header, expected in (
        ("120", 120.0),
        ("Thu, 01 Jan 2026 12:01:00 GMT", 60.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("9" * 40, None),
    ):
        with listening(Receiver(always(429, b"", f"Retry-After: {header}"))) as receiver:
            error = asyncio.run(refused(receiver.options(), receiver.url()))
        assert (error.status, error.retry_after) == (429, expected), header


def test_a_long_answer_is_not_read_to_its_end() -> None:
    with listening(Receiver(always(200, b"a" * 5_000_000))) as receiver:
        with pytest.raises(OutboundTooLongError):
            send_once(Call(receiver.url()), receiver.options())
        fits = receiver.options(max_answer_bytes=5_000_000)
        assert len(send_once(Call(receiver.url()), fits).body) == 5_000_000


def test_a_compressed_answer_is_refused() -> None:
    answer = always(200, b"abc", "Content-Encoding: gzip")
    with listening(Receiver(answer)) as receiver, pytest.raises(OutboundTooLongError):
        send_once(Call(receiver.url()), receiver.options())


def test_a_dripping_answer_meets_the_deadline() -> None:
    with listening(Receiver(always(200, b"a" * 1000), drip=0.05)) as receiver:
        started = time.monotonic()
        with pytest.raises(OutboundTimeoutError):
            send_once(Call(receiver.url()), receiver.options(timeout_seconds=0.5))
        assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", b"\0" * 999],
)
def test_what_is_no_http_is_a_failure(answer: bytes) -> None:
    def once(_: Received) -> bytes:
        return answer

    with listening(Receiver(once)) as receiver, pytest.raises(OutboundError) as caught:
        send_once(Call(receiver.url()), receiver.options(timeout_seconds=0.5))
    assert caught.value.code in ("outbound_failed", "outbound_timeout")


def test_a_header_with_a_line_break_is_a_failure() -> None:
    with listening(Receiver(always())) as receiver, pytest.raises(OutboundFailedError):
        send_once(Call(receiver.url(), headers={"x": "a\r\nb: c"}), receiver.options())
    assert not receiver.received


def test_nobody_listening_is_a_failure() -> None:
    with listening(Receiver(always())) as receiver:
        options = receiver.options()
    with pytest.raises(OutboundFailedError):
        send_once(Call(receiver.url()), options)


def test_tls_proves_the_name_that_was_called(tmp_path: Path) -> None:
    tls, ca_file = certificate(tmp_path, "right.example")
    asked = resolving(["127.0.0.1"])
    with listening(Receiver(always()), tls) as receiver:
        hosts = (f"right.example:{receiver.port}", f"wrong.example:{receiver.port}")
        trusting = OutboundOptions(allowed_hosts=hosts, ca_file=ca_file, timeout_seconds=3)
        right, wrong = (Call(f"https://{host}/") for host in hosts)
        assert send_once(right, trusting, resolver=asked).status == 204  # type: ignore[arg-type]
        with pytest.raises(OutboundTlsError):
            send_once(wrong, trusting, resolver=asked)  # type: ignore[arg-type]
        strict = OutboundOptions(allowed_hosts=hosts, timeout_seconds=3)
        with pytest.raises(OutboundTlsError):
            send_once(right, strict, resolver=asked)  # type: ignore[arg-type]
    assert len(receiver.received) == 1


@pytest.mark.parametrize("content", [None, b"", b"nonsense"])
def test_authorities_that_cannot_be_read_are_said(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(OutboundTlsError) as caught:
        send_once(Call("https://example.org/"), OutboundOptions(ca_file=str(file)))
    assert "ca_file" in caught.value.hint


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(Receiver(always(500))) as proxy, listening(Receiver(always())) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
        assert send_once(Call(receiver.url()), receiver.options()).status == 204
        assert proxy.connections == 0


@pytest.mark.anyio
async def test_connections_are_kept_and_calls_run_side_by_side() -> None:
    together = threading.Barrier(8)

    def slow(request: Received) -> bytes:
        if request.body != b"alone":
            together.wait(20)  # Passed by nobody before all are here.
        return http(200, request.body)

    with listening(Receiver(slow)) as receiver:
        async with Outbound(receiver.options()) as outbound:
            calls = [Call(receiver.url(), body=b"%d" % i) for i in range(8)]
            replies = await asyncio.gather(*(outbound.send(call) for call in calls))
            assert [reply.body for reply in replies] == [b"%d" % i for i in range(8)]
            before = receiver.connections
            await outbound.send(Call(receiver.url(), body=b"alone"))
            assert receiver.connections == before


@pytest.mark.anyio
async def test_a_name_server_that_does_not_answer_meets_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resolve, "_look_up", lambda host, port: time.sleep(4))
    async with Outbound(OutboundOptions(timeout_seconds=0.2)) as outbound:
        started = time.monotonic()
        with pytest.raises(OutboundTimeoutError):
            await outbound.send(Call("https://example.org/"))
        assert time.monotonic() - started < 3.5


def test_neither_log_nor_message_has_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), listening(Receiver(always(403))) as receiver:
        call = Call(receiver.url("/secret-path"), headers={"authorization": "Bearer abc"})
        with pytest.raises(OutboundStatusError) as caught:
            send_once(call, receiver.options())
    assert not caplog.records
    told = f"{caught.value} {caught.value.hint} {call!r}"
    assert "secret-path" not in told
    assert "127.0.0.1" not in told
    assert "Bearer" not in told
