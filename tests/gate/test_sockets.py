"""Sockets through the gate: both directions, how they end, and what bounds them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.typing import Subprotocol

from safehold.gate import sockets
from safehold.gate.interface import Desk, GateRequest, Route, SocketFilter, SocketRoute
from tests.gate.house import Gate, Home, gate_before, home
from tests.gate.simple import Asked, SimpleAdapter
from tests.gate.talking import (
    Receive,
    Scope,
    Send,
    asked_of,
    recorded,
    serving_app,
    talking,
)

MIB = 1024 * 1024


class Filter:
    """Lets through what does not say that it is not to be; `twice` is said twice."""

    def to_upstream(self, message: str | bytes) -> Sequence[str | bytes]:
        return self._passing(message)

    async def to_caller(self, message: str | bytes) -> Sequence[str | bytes]:
        await asyncio.sleep(0)
        if message == "break":
            raise ValueError("zorblax in a message")
        return self._passing(message)

    def _passing(self, message: str | bytes) -> Sequence[str | bytes]:
        if b"hidden" in (message.encode() if isinstance(message, str) else message):
            return ()
        return (message, message) if message == "twice" else (message,)


class Adapter(SimpleAdapter):
    def routes(self) -> Sequence[Route]:
        return ()

    def sockets(self) -> Sequence[SocketRoute]:
        return (SocketRoute("/ws/{name}", self._made),)

    def _made(self, request: GateRequest, desk: Desk) -> SocketFilter:
        return Filter()


class Echo:
    """Says what it hears, and does what it is told."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.heard: list[str | bytes] = []
        self.codes: list[int] = []
        self.sent = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # Answers the gate's probes alone.
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        asked = asked_of(scope)
        self.asked.append(asked)
        await receive()
        if "/closed" in asked.target:
            await send({"type": "websocket.close", "code": 1008})
            return
        if "/elsewhere" in asked.target:
            headers = [(b"location", b"/ws/plain")]
            await send({"type": "websocket.http.response.start", "status": 302, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        protocols = scope["subprotocols"]
        chosen = protocols[-1] if protocols else None
        await send({"type": "websocket.accept", "subprotocol": chosen})
        await self._talk(receive, send)

    async def _talk(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                self.codes.append(event["code"])
                return
            said = event.get("text")
            if said is None:
                said = event["bytes"]
            self.heard.append(said)
            if isinstance(said, str) and said.startswith("close "):
                code = int(said[6:])
                await send({"type": "websocket.close", "code": code, "reason": "zorblax"})
                return
            if said == "fail":
                raise OSError
            if said == "pour":
                for self.sent in range(1, 201):
                    await send({"type": "websocket.send", "bytes": bytes(MIB)})
            kind = "text" if isinstance(said, str) else "bytes"
            await send({"type": "websocket.send", kind: said})


@pytest.fixture(scope="module")
def within(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home(tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def both(within: Home) -> Iterator[tuple[Gate, Echo]]:
    echo = Echo()
    with (
        serving_app(echo) as port,
        gate_before(
            f"http://127.0.0.1:{port}",
            "openai",
            within=within,
            adapter=Adapter(),
            account_header="x-who",
            max_sockets=4,
            account_share=0.5,
            ready=False,
        ) as gate,
    ):
        yield gate, echo


@pytest.fixture
def gate(both: tuple[Gate, Echo]) -> Gate:
    return both[0]


@pytest.fixture
def echo(both: tuple[Gate, Echo]) -> Echo:
    echo = both[1]
    for kept in (echo.asked, echo.heard, echo.codes):
        kept.clear()
    return echo


A = {"X-Who": "a"}


def ended(connection: ClientConnection) -> tuple[int, str]:
    """Code and reason by which a socket ends."""
    with pytest.raises(ConnectionClosed) as found:
        while True:
            connection.recv(timeout=20)
    assert found.value.rcvd is not None
    return found.value.rcvd.code, found.value.rcvd.reason


def until(true: Callable[[], Any]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_both_sides_speak_through_the_filter(gate: Gate, echo: Echo) -> None:
    headers = A | {
        **{"Authorization": "Bearer 1", "Cookie": "c=1", "Origin": gate.url},
        "X-Forwarded-For": "10.0.0.1",
    }
    protocols = [Subprotocol("one"), Subprotocol("two")]
    path = "/ws/a%20b?clientId=7&x=%2F"
    with talking(gate, path, headers, subprotocols=protocols) as connection:
        assert connection.subprotocol == "two"
        for message in ("hello", b"\0\1", "hidden", b"hidden", "", "twice", "é" * 70_000):
            connection.send(message)
        connection.send("last")
        told = [connection.recv(timeout=20)]
        while told[-1] != "last":
            told.append(connection.recv(timeout=20))
    said: list[str | bytes] = ["hello", b"\0\1", "", "twice", "twice", "é" * 70_000, "last"]
    assert echo.heard == said
    assert told == [one for one in said for _ in range(2 if one == "twice" else 1)]
    asked = echo.asked[0]
    assert asked.target == path
    assert (asked.header("authorization"), asked.header("cookie")) == ("Bearer 1", None)
    assert asked.header("origin") == f"http://{asked.header('host')}" != gate.url
    assert asked.header("x-who") is None and asked.header("x-forwarded-for") is None
    assert asked.header("sec-websocket-extensions") is None
    until(lambda: echo.codes == [1000])


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1013, 3000, 4999])
def test_the_upstreams_end_is_told_by_its_code_alone(gate: Gate, echo: Echo, code: int) -> None:
    with talking(gate, "/ws/x", A) as connection:
        connection.send(f"close {code}")
        assert ended(connection) == (code, "")


@pytest.mark.parametrize(("code", "told"), [(1000, 1000), (3001, 3001), (4321, 4321)])
def test_the_callers_end_is_told_to_the_upstream(
    gate: Gate, echo: Echo, code: int, told: int
) -> None:
    with talking(gate, "/ws/x", A) as connection:
        connection.send("hello")
        connection.recv(timeout=20)
        connection.close(code, "zorblax")
    until(lambda: echo.codes == [told])


def test_both_end_where_one_is_gone(gate: Gate, echo: Echo) -> None:
    with talking(gate, "/ws/x", A) as connection:
        connection.send("fail")
        assert ended(connection) == (1011, "")
    with recorded(gate, "/ws/x", A) as bare:
        bare.say("hello")
        bare.wait(lambda wire: b"hello" in wire)
        assert b"permessage-deflate" not in bare.wire
    until(lambda: echo.codes)
    until(lambda: not open_sockets(gate))


def open_sockets(gate: Gate) -> int:
    text = gate.call("GET", "/safehold/metrics").body.decode()
    line = next(one for one in text.splitlines() if one.startswith("safehold_gate_sockets "))
    return int(float(line.split()[1]))


def test_a_large_message_of_a_caller_goes_no_further(gate: Gate, echo: Echo) -> None:
    with talking(gate, "/ws/x", A) as connection:
        connection.send("x" * (sockets.MAX_FROM_CALLER + 1))
        assert ended(connection) == (1009, "")
    until(lambda: echo.codes == [1001])
    assert echo.heard == []


def test_a_large_message_of_the_upstream_goes_no_further(
    gate: Gate, echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_FROM_UPSTREAM", 1_000)
    with talking(gate, "/ws/x", A) as connection:
        connection.send("y" * 1_001)
        assert ended(connection) == (1011, "")


def test_what_a_filter_cannot_read_ends_the_socket(gate: Gate, echo: Echo) -> None:
    with talking(gate, "/ws/x", A) as connection:
        connection.send("break")
        assert ended(connection) == (1011, "")
    assert "zorblax" not in gate.log.getvalue()


def refused(gate: Gate, path: str, headers: dict[str, str]) -> int:
    with pytest.raises(InvalidStatus) as found, talking(gate, path, headers):
        pass
    return found.value.response.status_code


def test_what_is_not_let_through_never_reaches_the_upstream(gate: Gate, echo: Echo) -> None:
    assert refused(gate, "/other", A) == 403
    assert refused(gate, "/ws/x/y", A) == 403
    assert refused(gate, "/ws/..%2fx", A) == 403
    assert refused(gate, "/ws/x", {}) == 403  # names no account
    assert gate.call("GET", "/ws/x", headers=A).status == 404
    assert echo.asked == []


def test_where_the_upstream_takes_none_none_is_opened(gate: Gate, echo: Echo) -> None:
    assert refused(gate, "/ws/closed", A) == 403
    # A redirect is not followed, not even to the same server.
    assert refused(gate, "/ws/elsewhere", A) == 403
    assert [one.target for one in echo.asked] == ["/ws/closed", "/ws/elsewhere"]
    until(lambda: not open_sockets(gate))


def test_an_account_has_its_share_of_sockets(gate: Gate, echo: Echo) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(talking(gate, "/ws/x", A))
        assert refused(gate, "/ws/x", A) == 403
        for _ in range(2):
            stack.enter_context(talking(gate, "/ws/x", {"X-Who": "b"}))
        assert refused(gate, "/ws/x", {"X-Who": "c"}) == 403
        assert open_sockets(gate) == 4
    until(lambda: not open_sockets(gate))
    with talking(gate, "/ws/x", A) as connection:
        connection.send("again")
        assert connection.recv(timeout=20) == "again"


def test_a_caller_who_takes_nothing_holds_the_upstream_up(gate: Gate, echo: Echo) -> None:
    with talking(gate, "/ws/x", A, max_queue=1) as connection:
        echo.sent = 0
        connection.send("pour")
        until(lambda: echo.sent > 2)
        before = 0
        while before != echo.sent:
            before = echo.sent
            time.sleep(0.3)
        assert echo.sent < 100
