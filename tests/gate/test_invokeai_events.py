"""InvokeAI's events through the gate, by long polling and by sockets."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.gate.house import CLEAN, LISTED, Gate, gate_before
from tests.gate.upstreams_invoke import FakeInvoke
from tests.gate.upstreams_simple import b64, traces
from tests.gate.upstreams_social import serving
from tests.service.house import Answer

EVENTS = "/ws/socket.io/?EIO=4&transport="
QUEUE = "/api/v1/queue/default"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Gate, FakeInvoke]]:
    fake = FakeInvoke()
    with serving(fake) as url, gate_before(url, "invokeai", account_header="x-who") as gate:
        yield gate, fake


@pytest.fixture
def gate(both: tuple[Gate, FakeInvoke]) -> Gate:
    return both[0]


@pytest.fixture
def fake(both: tuple[Gate, FakeInvoke]) -> FakeInvoke:
    both[1].reset()
    return both[1]


@pytest.fixture
def who() -> str:
    """An account that nothing is known of."""
    return f"who-{uuid.uuid4().hex[:8]}"


def made(gate: Gate, who: str) -> None:
    """Queue a batch of one picture."""
    graph = {"nodes": {"out": {"type": "l2i", "id": "out"}}, "edges": []}
    said = {"batch": {"graph": graph, "runs": 1}}
    answer = gate.call("POST", f"{QUEUE}/enqueue_batch", said, {"X-Who": who})
    assert answer.status == 201, answer.body


class Recording(socket.socket):
    """Keeps every byte that comes."""

    wire = b""

    def recv(self, *args: Any) -> bytes:
        found = super().recv(*args)
        self.wire += found
        return found


@contextmanager
def talking(gate: Gate, who: str, sid: str = "") -> Iterator[tuple[ClientConnection, Recording]]:
    """A socket to the gate."""
    pipe = Recording(socket.AF_INET, socket.SOCK_STREAM)
    pipe.connect(("127.0.0.1", gate.port))
    path = f"{EVENTS}websocket" + (f"&sid={sid}" if sid else "")
    url = f"ws://127.0.0.1:{gate.port}{path}"
    given: dict[str, Any] = {"proxy": None, "compression": None, "close_timeout": 2}
    with connect(url, sock=pipe, additional_headers={"X-Who": who}, **given) as connection:
        yield connection, pipe


def events_of(packets: list[str], wire: bytes) -> list[tuple[str, Any]]:
    """The events of packets; none of them holds a picture, nor does the wire."""
    assert traces(wire, LISTED) == [] and traces(wire, CLEAN) == []
    assert b"data:image" not in wire and b"\x1eb" not in wire
    return [tuple(json.loads(one[2:])) for one in packets if one.startswith("42")]


def check_events(events: list[tuple[str, Any]], batch_id: str) -> None:
    names = {name for name, _ in events}
    assert {"invocation_progress", "invocation_complete", "queue_item_status_changed"} <= names
    assert {data["batch_id"] for _, data in events} == {batch_id}
    steps = [data for name, data in events if name == "invocation_progress"]
    assert len(steps) == 2
    assert [(one["message"], one["percentage"], one["image"]) for one in steps] == [
        ("Denoising", 0.5, None)
    ] * 2


SUBSCRIBE = '42["subscribe_queue",{"queue_id":"default"}]'


def polled(gate: Gate, who: str, said: str | None = None, sid: str = "") -> Answer:
    path = f"{EVENTS}polling&t=x1" + (f"&sid={sid}" if sid else "")
    body = None if said is None else said.encode()
    return gate.call("GET" if said is None else "POST", path, body, {"X-Who": who})


def opened(gate: Gate, who: str) -> str:
    """A session by polling that has asked for the queue; its number."""
    first = polled(gate, who)
    assert first.status == 200 and first.body[:1] == b"0"
    sid = str(json.loads(first.body[1:])["sid"])
    assert polled(gate, who, f"40\x1e{SUBSCRIBE}", sid).body.lower() == b"ok"
    assert polled(gate, who, sid=sid).body.startswith(b'40{"sid":')
    return sid


@pytest.mark.parametrize("planted", [b"", LISTED])
def test_events_come_by_polling_without_pictures(
    planted: bytes, gate: Gate, fake: FakeInvoke, who: str
) -> None:
    fake.results, fake.planted = [CLEAN], planted
    sid, other = opened(gate, who), opened(gate, f"{who}-other")
    said = "b" + b64(CLEAN) + '\x1e42["other",{}]\x1e451-["subscribe_queue",{}]\x1e3'
    fake.said.clear()
    assert polled(gate, who, said, sid).status == 200
    assert fake.said == ["3"]
    made(gate, who)
    packets: list[str] = []
    found = b""
    while "queue_item_status_changed" not in found.decode():
        found += b"\n" + polled(gate, who, sid=sid).body
    packets = found.decode().replace("\n", "\x1e").split("\x1e")
    check_events(events_of(packets, found), fake.items[-1]["batch_id"])
    # Others hear nothing of it, and have no part in its session.
    assert b"invocation" not in polled(gate, f"{who}-other", sid=other).body
    assert polled(gate, f"{who}-other", sid=sid).status == 404
    assert polled(gate, f"{who}-other", SUBSCRIBE, sid).status == 404


@pytest.mark.parametrize(("planted", "upgraded"), [(b"", False), (LISTED, False), (LISTED, True)])
def test_events_come_by_socket_without_pictures(
    planted: bytes, upgraded: bool, gate: Gate, fake: FakeInvoke, who: str
) -> None:
    fake.results, fake.planted = [CLEAN], planted
    sid = opened(gate, who) if upgraded else ""
    with talking(gate, who, sid) as (connection, pipe), talking(gate, f"{who}-b") as (other, _):
        if upgraded:
            connection.send("2probe")
            assert connection.recv(10) == "3probe"
            connection.send("5")
        else:
            assert str(connection.recv(10)).startswith('0{"sid":')
            connection.send("40")
            assert str(connection.recv(10)).startswith('40{"sid":')
            connection.send(SUBSCRIBE)
        other.send(SUBSCRIBE)
        gate.wait(lambda: fake.said.count(SUBSCRIBE) == 2)
        connection.send(b"\x04" + CLEAN)
        made(gate, who)
        packets = [""]
        while "queue_item_status_changed" not in packets[-1]:
            packets.append(str(connection.recv(10)))
        check_events(events_of(packets, pipe.wire), fake.items[-1]["batch_id"])
        assert str(other.recv(10)).startswith("0")
        with pytest.raises(TimeoutError):
            other.recv(0.2)
        if upgraded:
            with pytest.raises(InvalidStatus), talking(gate, f"{who}-b", sid):
                pass
    assert not any(CLEAN[:64].decode("latin-1") in one for one in fake.said)
