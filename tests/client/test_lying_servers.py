"""Servers that lie, break off, stall or say nothing: never an allow."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.client import (
    Answer,
    AsyncClient,
    Client,
    ClientError,
    ClientOptions,
    ContractError,
    Refused,
    Unavailable,
    Verdict,
)
from safehold.client.bodies import body_of
from safehold.client.protocol import read_answer, read_confirmed, read_noted, read_receipt, screen
from safehold.client.retrying import (
    Again,
    Call,
    Failure,
    Reply,
    Request,
    Seams,
    Send,
    Sleep,
    retry_after,
)
from tests.client.stand_in import KEY, raw, scripted

NOW = dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.UTC)
JSON = {"content-type": "application/json"}
ALLOW = b'{"verdict":"allow","receipt":"r1"}'
HOLD = b'{"verdict":"hold","receipt":"r1"}'
GOOD = raw("200 OK", ALLOW, "Content-Type: application/json", "Connection: close")
QUICK = ClientOptions(
    attempts=2, total_seconds=3, attempt_seconds=0.4, connect_seconds=0.4, backoff_seconds=0.01
)


def ask(address: str, kind: str, options: ClientOptions = QUICK, data: Any = b"x") -> Answer:
    if kind == "sync":
        with Client(address, KEY, options) as client:
            return client.screen(data, surface="public")

    async def later() -> Answer:
        async with AsyncClient(address, KEY, options) as client:
            return await client.screen(data, surface="public")

    return asyncio.run(later())


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def typed(status: str, body: bytes, *headers: str) -> bytes:
    return raw(status, body, "Content-Type: application/json", *headers)


@pytest.mark.parametrize(
    "answer",
    [
        typed("200 OK", HOLD),
        typed("200 OK", b'{"verdict":"block","receipt":"r1"}'),
        raw("200 OK", b"<html>Welcome</html>", "Content-Type: text/html"),
        raw("200 OK", ALLOW, "Content-Type: text/html"),
        raw("200 OK", ALLOW),
        typed("200 OK", b""),
        typed("200 OK", b"null"),
        typed("200 OK", b'["allow"]'),
        typed("200 OK", b'{"verdict":"allow"}'),
        typed("200 OK", b'{"verdict":"ALLOW","receipt":"r1"}'),
        typed("200 OK", b'{"verdict":true,"receipt":"r1"}'),
        typed("200 OK", b'{"verdict":["allow"],"receipt":"r1"}'),
        typed("200 OK", b'{"verdict":"allow","receipt":"a b"}'),
        typed("200 OK", b"[" * 5000),
        typed("201 Created", ALLOW),
        typed("202 Accepted", ALLOW),
        typed("204 No Content", b""),
        typed("206 Partial Content", ALLOW),
        raw("302 Found", b"", "Location: /elsewhere"),
        typed("304 Not Modified", b""),
        typed("423 Locked", ALLOW),
        typed("451 No", ALLOW),
        typed("503 No", ALLOW),
        typed("200 OK", ALLOW, "Content-Encoding: gzip"),
        typed("200 OK", ALLOW + b" " * 70_000),
    ],
)
def test_what_is_no_answer_is_an_error_at_once(answer: bytes, kind: str) -> None:
    with scripted(answer) as address, pytest.raises(ContractError):
        ask(address, kind)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n",
        raw("200 OK", ALLOW[:9], "Content-Type: application/json", "Content-Length: 36"),
        raw("200 OK", b"24\r\n" + ALLOW[:9], "Transfer-Encoding: chunked"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        raw("503 No", b"busy"),
        raw("502 Bad Gateway", b"<html>", "Content-Type: text/html"),
    ],
)
def test_what_broke_is_tried_again_and_then_unavailable(answer: bytes | None, kind: str) -> None:
    with scripted(answer, GOOD) as address:
        assert ask(address, kind).allowed
    with scripted(answer) as address, pytest.raises(Unavailable) as caught:
        ask(address, kind)
    assert caught.value.__cause__ is None


def test_nobody_there(kind: str) -> None:
    with scripted(GOOD) as address:
        pass
    with pytest.raises(Unavailable) as caught:
        ask(address, kind)
    assert caught.value.code == "connect_failed"


@pytest.mark.parametrize("status", ["500 Broken", "501 No", "505 No"])
def test_a_server_that_failed_is_unavailable(status: str, kind: str) -> None:
    with scripted(raw(status, b"Traceback"), GOOD) as address, pytest.raises(Unavailable):
        ask(address, kind)


def test_a_server_that_says_nothing(kind: str) -> None:
    began = time.monotonic()
    with scripted(b"HTTP/1.1 200 OK\r\n", pause=5) as address, pytest.raises(Unavailable) as caught:
        ask(address, kind)
    assert caught.value.code == "server_silent"
    assert time.monotonic() - began < 3


def test_a_body_that_drips_ends_with_the_time(kind: str) -> None:
    """Each byte comes in time, and yet the whole must not last."""
    head = typed("200 OK", b"", "Content-Length: 500") + b" " * 500
    options = ClientOptions(attempts=1, total_seconds=1.0, attempt_seconds=0.5, connect_seconds=0.5)
    began = time.monotonic()
    with scripted(head, pause=0.02) as address, pytest.raises(Unavailable):
        ask(address, kind, options)
    assert 0.4 < time.monotonic() - began < 6  # all of it takes more than 10


def test_an_early_answer_ends_the_upload(kind: str) -> None:
    """A server that answers after the headers, and closes."""
    refusal = raw(
        "413 No",
        b'{"code":"body_too_large"}',
        "Content-Type: application/problem+json",
        "Connection: close",
    )
    with scripted(refusal) as address, pytest.raises(ClientError) as caught:
        ask(address, kind, data=b"x" * 200_000)
    # Where the close resets the connection before the answer was read, nothing is known of it.
    assert isinstance(caught.value, Refused | Unavailable)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Mon, 04 May 2026 03:02:31 GMT", 30.0),
        ("Mon, 04 May 2026 03:02:31 -0000", 30.0),
        ("Sun, 03 May 2026 03:02:31 GMT", 0.0),
        ("9" * 5000, float("inf")),
        ("-7", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("٣", None),
        ("Mon, 99 Foo 2026", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text(max_size=60))
def test_retry_after_never_fails(value: str) -> None:
    found = retry_after(value, NOW)
    assert found is None or found >= 0


class Time:
    """A clock that goes on by waiting only."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.at = 100.0
        self.waits: list[float] = []
        self.seams = Seams(lambda: self.at, lambda: NOW, lambda: jitter, lambda: "key")

    def drive(
        self, call: Call[Any], options: ClientOptions, outcomes: list[Reply | Failure]
    ) -> tuple[Any, int]:
        """Run a call; the last outcome is given for ever. Returns its result and the attempts."""
        operation = call.run(options, self.seams)
        outcome, attempts = None, 0
        while True:
            try:
                step = operation.send(outcome)
            except StopIteration as end:
                return end.value, attempts
            except ClientError as error:
                return error, attempts
            if isinstance(step, Sleep):
                self.waits.append(step.seconds)
                self.at += step.seconds
                outcome = None
            else:
                assert isinstance(step, Send)
                outcome = outcomes[min(attempts, len(outcomes) - 1)]
                attempts += 1


def a_call(data: Any = b"x") -> Call[Answer]:
    return screen(body_of(data), {"surface": "public"}, "key", lambda: NOW)


def busy(after: str | None = None, status: int = 503) -> Reply:
    body = json.dumps({"code": "overloaded"}).encode()
    wait = {} if after is None else {"retry-after": after}
    return Reply(status, {"content-type": "application/problem+json", **wait}, body)


def test_waits_double_up_to_their_bound() -> None:
    at = Time()
    options = ClientOptions(attempts=8, backoff_seconds=1, max_backoff_seconds=10)
    error, attempts = at.drive(a_call(), options, [Failure.BROKEN])
    assert isinstance(error, Unavailable) and error.code == "connection_broken"
    assert (attempts, at.waits) == (8, [1, 2, 4, 8, 10, 10, 10])


def test_waits_have_full_jitter() -> None:
    at = Time(jitter=0.25)
    at.drive(a_call(), ClientOptions(attempts=3, backoff_seconds=1), [busy()])
    assert at.waits == [0.25, 0.5]


def test_retry_after_is_waited_in_full() -> None:
    at = Time()
    answer, attempts = at.drive(
        a_call(), ClientOptions(), [busy("7", 429), Reply(200, JSON, ALLOW)]
    )
    assert answer == Answer(Verdict.ALLOW, "r1")
    assert (attempts, at.waits) == (2, [7.2])


@pytest.mark.parametrize(("after", "known"), [("3600", 3600.0), ("9" * 99, None)])
def test_a_huge_retry_after_ends_the_call(after: str, known: float | None) -> None:
    at = Time()
    error, attempts = at.drive(a_call(), ClientOptions(), [busy(after)])
    assert isinstance(error, Unavailable)
    assert (error.retry_after, error.status, attempts, at.waits) == (known, 503, 1, [])


def test_no_attempt_begins_after_the_end() -> None:
    at = Time()
    options = ClientOptions(attempts=100, total_seconds=20, backoff_seconds=4)
    at.drive(a_call(), options, [busy()])
    assert at.at - 100 < 20


def test_a_body_that_is_used_up_ends_the_call() -> None:
    data = body_of(iter([b"x"]))
    assert list(data.chunks()) == [b"x"]
    _, attempts = Time().drive(a_call(data), ClientOptions(), [Failure.CONNECT])
    assert attempts == 1
    _, attempts = Time().drive(a_call(iter([b"x"])), ClientOptions(), [Failure.CONNECT])
    assert attempts == 4  # nothing of it was taken yet


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
bodies = st.one_of(
    st.binary(max_size=60),
    json_values.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {"verdict": st.sampled_from(["allow", "hold", "block", "Allow", ""])},
        optional={"receipt": st.sampled_from(["r1", "", "a b"]), "code": st.text(max_size=9)},
    ).map(lambda value: json.dumps(value).encode()),
)
kinds = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "application/problem+json", "text/html"]
)


@given(st.integers(100, 599), kinds, bodies)
def test_only_200_with_allow_is_an_allow(status: int, kind: str, body: bytes) -> None:
    reply = Reply(status, {"content-type": kind}, body)
    try:
        found = read_answer(reply, NOW)
    except ClientError:
        return
    if isinstance(found, Answer) and found.allowed:
        assert status == 200
        assert json.loads(body)["verdict"] == "allow"
    elif isinstance(found, Answer):
        assert status >= 400
    else:
        assert isinstance(found, Again)


@given(st.integers(100, 599), kinds, bodies)
def test_the_other_readers_fail_in_known_ways(status: int, kind: str, body: bytes) -> None:
    reply = Reply(status, {"content-type": kind}, body)
    for read, good in ((read_noted, 202), (read_receipt, 200), (read_confirmed, 204)):
        try:
            found = read(reply, NOW)
        except ClientError:
            continue
        assert isinstance(found, Again) or status == good


def test_a_code_that_is_text_does_not_reach_messages() -> None:
    body = json.dumps({"code": "a file name.jpg", "detail": "secret.jpg"}).encode()
    with pytest.raises(Refused) as caught:
        read_answer(Reply(422, JSON, body), NOW)
    assert caught.value.code == "status_422"
    assert "jpg" not in str(caught.value)


def test_requests_do_not_show_what_they_carry() -> None:
    call = screen(body_of(b"x"), {"surface": "s", "file_name": "name.jpg"}, "idem-1", lambda: NOW)
    assert isinstance(call.request, Request)
    assert "name.jpg" not in repr(call.request) and "idem-1" not in repr(call.request)
