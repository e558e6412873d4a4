"""Sockets of tests: a small upstream of calls and sockets, and clients of a gate's."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from websockets.sync.client import ClientConnection, connect

from tests.gate.house import Gate
from tests.gate.simple import Asked

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@contextmanager
def serving_app(app: App) -> Iterator[int]:
    """Serve an application; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="upstream")
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        listener.close()


def asked_of(scope: Scope) -> Asked:
    """How a socket was asked for."""
    query = scope["query_string"].decode()
    target = scope["raw_path"].decode() + (f"?{query}" if query else "")
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in scope["headers"]]
    return Asked("SOCKET", target, headers, b"")


@contextmanager
def talking(
    gate: Gate, path: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Iterator[ClientConnection]:
    """A socket to a gate that takes messages."""
    given: dict[str, Any] = {"proxy": None, "compression": None, "close_timeout": 2, **more}
    url = f"ws://127.0.0.1:{gate.port}{path}"
    with connect(url, additional_headers=dict(headers or {}), **given) as connection:
        yield connection


class Recorder:
    """A bare socket: everything that came is in `wire`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.wire = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while piece := self._connection.recv(1 << 16):
                self.wire += piece
        except OSError:
            return

    def say(self, value: Any) -> None:
        """Send a short text frame."""
        text = json.dumps(value).encode()
        assert len(text) < 126
        self._connection.sendall(bytes((0x81, 0x80 | len(text))) + bytes(4) + text)

    def wait(self, true: Callable[[bytes], Any], seconds: float = 20.0) -> bytes:
        """Wait until something is true of the bytes."""
        until = time.monotonic() + seconds
        while not true(self.wire):
            assert time.monotonic() < until, self.wire[-500:]
            time.sleep(0.01)
        return self.wire

    def close(self) -> None:
        self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._connection.close()


@contextmanager
def recorded(gate: Gate, path: str, headers: Mapping[str, str] | None = None) -> Iterator[Recorder]:
    """A bare socket to a gate (RFC 6455, section 4.1)."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        *(f"GET {path} HTTP/1.1", "Host: gate", "Upgrade: websocket", "Connection: Upgrade"),
        *(f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"),
        "Sec-WebSocket-Extensions: permessage-deflate",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    with gate.raw() as connection:
        connection.settimeout(30)
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        recorder = Recorder(connection)
        # No frame may go out before the answer came (section 4.1).
        recorder.wait(lambda wire: b"\r\n\r\n" in wire)
        try:
            yield recorder
        finally:
            recorder.close()
