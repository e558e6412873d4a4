"""Bare sockets to a gate: whatever comes is kept as it stood on the wire."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.gate.house import Gate


class Wire:
    """An open socket (RFC 6455) that keeps every byte it was sent."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.bytes = bytearray()
        self._at = 0
        self.code: int | None = None
        self.frames: list[str | bytes] = []

    def say(self, text: str) -> None:
        """Send a text."""
        data = text.encode()
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x81, 0x80 | size]) if size < 126 else struct.pack(">BBH", 0x81, 254, size)
        masked = bytes(sign ^ mask[at % 4] for at, sign in enumerate(data))
        self._connection.sendall(head + mask + masked)

    def read(self, seconds: float = 0.2) -> bool:
        """Take what comes; False once the other side has ended."""
        self._connection.settimeout(seconds)
        try:
            found = self._connection.recv(1 << 16)
        except TimeoutError:
            return True
        self.bytes += found
        self._parse()
        return bool(found)

    def _parse(self) -> None:
        if not self._at:
            end = self.bytes.find(b"\r\n\r\n")
            if end < 0:
                return
            self._at = end + 4
        while len(self.bytes) >= self._at + 2:
            kind, size = self.bytes[self._at] & 15, self.bytes[self._at + 1] & 127
            start = self._at + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                size = int.from_bytes(self.bytes[start : start + wide], "big")
                start += wide
            if len(self.bytes) < start + size:
                return
            data = bytes(self.bytes[start : start + size])
            self._at = start + size
            if kind == 8:
                self.code = int.from_bytes(data[:2], "big")
            elif kind in (1, 2):
                self.frames.append(data.decode() if kind == 1 else data)

    @property
    def status(self) -> int:
        return int(bytes(self.bytes).split(b" ", 2)[1])

    def documents(self) -> list[Any]:
        """All texts that are JSON."""
        return [json.loads(one) for one in self.frames if isinstance(one, str) and one[:1] == "{"]

    def until(self, true: Callable[[], Any], seconds: float = 15.0) -> Any:
        """Take what comes until something is true."""
        end = time.monotonic() + seconds
        while not (value := true()):
            assert time.monotonic() < end, self.frames
            self.read(0.05)
        return value


@contextmanager
def opened(gate: Gate, path: str, who: str, **headers: str) -> Iterator[Wire]:
    """A socket to a gate."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{gate.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        f"X-Who: {who}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    with gate.raw() as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        wire = Wire(connection)
        wire.until(lambda: b"\r\n\r\n" in wire.bytes)
        yield wire
