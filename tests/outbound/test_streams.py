"""Bodies that are streamed, answers of errors, and what surely never arrived."""

from __future__ import annotations

import io
from typing import BinaryIO

import pytest

from safehold.outbound.client import Outbound, send_once
from safehold.outbound.model import (
    Call,
    OutboundDeniedError,
    OutboundError,
    OutboundFailedError,
    OutboundStatusError,
    StreamedBody,
)
from tests.outbound.receiver import Receiver, always, http, listening


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Broken(io.RawIOBase):
    """Gives some bytes, and then fails."""

    def __init__(self) -> None:
        self.left = [b"x" * 10]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        if not self.left:
            raise LookupError("broken")
        part = self.left.pop()
        buffer[: len(part)] = part  # type: ignore[index]
        return len(part)


def test_a_streamed_body_arrives_whole_with_its_length_and_is_closed() -> None:
    content = bytes(range(256)) * 5_000
    opened: list[BinaryIO] = []

    def open_it() -> BinaryIO:
        opened.append(io.BytesIO(content))
        return opened[-1]

    with listening(Receiver(always(200, b"ok", "Request-ID: r-1"))) as receiver:
        call = Call(receiver.url(), body=StreamedBody(len(content), open_it))
        reply = send_once(call, receiver.options())
    (request,) = receiver.received
    assert request.body == content
    assert request.headers["content-length"] == str(len(content))
    assert "transfer-encoding" not in request.headers
    assert (reply.body, reply.headers["request-id"]) == (b"ok", "r-1")
    assert [stream.closed for stream in opened] == [True]


def test_what_reading_a_stream_raises_comes_out_and_the_body_stays_incomplete() -> None:
    with listening(Receiver(always(200))) as receiver:
        body = StreamedBody(1_000, lambda: io.BufferedReader(Broken()))
        with pytest.raises(LookupError, match="broken"):
            send_once(Call(receiver.url(), body=body), receiver.options())
    assert all(len(request.body) < 1_000 for request in receiver.received)


@pytest.mark.parametrize("size", [9, 11])
def test_a_stream_of_another_length_is_a_failure(size: int) -> None:
    with listening(Receiver(always(200))) as receiver:
        body = StreamedBody(size, lambda: io.BytesIO(b"0123456789"))
        with pytest.raises(OutboundFailedError):
            send_once(Call(receiver.url(), body=body), receiver.options())


def test_answers_of_errors_are_replies_only_where_the_call_accepts_them() -> None:
    with listening(Receiver(lambda _: http(500, b"<a/>"))) as receiver:
        with pytest.raises(OutboundStatusError) as failure:
            send_once(Call(receiver.url()), receiver.options())
        reply = send_once(Call(receiver.url(), accept_errors=True), receiver.options())
    assert (reply.status, reply.body) == (500, b"<a/>")
    assert failure.value.may_have_arrived


def test_it_is_known_what_surely_never_arrived() -> None:
    with listening(Receiver(lambda _: b"not http\r\n\r\n")) as receiver:
        options, url = receiver.options(), receiver.url()
        with pytest.raises(OutboundError) as after:
            send_once(Call(url), options)
    with pytest.raises(OutboundFailedError) as before:  # Nobody listens there any more.
        send_once(Call(url), options)
    with pytest.raises(OutboundDeniedError) as denied:
        send_once(Call("https://127.0.0.1/"), options)
    assert after.value.may_have_arrived
    assert not before.value.may_have_arrived
    assert not denied.value.may_have_arrived


@pytest.mark.anyio
async def test_without_certificates_nothing_is_called_that_needs_them() -> None:
    with listening(Receiver(always(200))) as receiver:
        options = receiver.options(ca_file="/nowhere")
        async with Outbound(options, tls=False) as outbound:
            assert (await outbound.send(Call(receiver.url()))).status == 200
            with pytest.raises(OutboundDeniedError):
                await outbound.send(Call(receiver.url(scheme="https")))
        assert receiver.connections == 1
