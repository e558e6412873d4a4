"""The console over real sockets."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from safehold.config.house import ConsoleOptions
from safehold.console.ports import ConsoleParts
from safehold.console.serve import ConsoleServer
from safehold.runtime.listening import Binding, ListenError
from safehold.runtime.log import json_log
from tests.console.conftest import House, make_house


@contextlib.contextmanager
def running(house: House, options: ConsoleOptions) -> Iterator[ConsoleServer]:
    def parts(origin: str) -> ConsoleParts:
        made = dataclasses.replace(options, origin=origin)
        return dataclasses.replace(house.parts, options=made)

    server = ConsoleServer(parts, Binding(port=0), options, json_log(house.log))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < until
            time.sleep(0.01)
        yield server
    finally:
        server.end()
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def pages() -> House:
    from safehold.console.routes import ROUTES

    return make_house(ROUTES)


def test_it_serves_and_ends(pages: House) -> None:
    with running(pages, ConsoleOptions()) as server:
        assert server.origin == f"http://localhost:{server.port}"
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
            answer = client.get("/")
            assert answer.status_code == 303
            assert "server" not in answer.headers
            assert client.get("/", headers={"Host": "elsewhere"}).status_code == 421
            page = client.get("/sign-in")
            assert page.status_code == 200
            for address in page.text.split('"'):
                if address.startswith("/static/"):
                    assert client.get(address).status_code == 200, address


def test_headers_that_never_end_do_not_keep_a_connection(pages: House) -> None:
    with running(pages, ConsoleOptions(request_seconds=0.2)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            assert slow.recv(1) == b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as slow:
            host = f"Host: localhost:{server.port}\r\n".encode()
            slow.sendall(b"POST /sign-in HTTP/1.1\r\n" + host + b"Content-Length: 9\r\n\r\nx")
            assert b" 408 " in slow.recv(200)


def test_an_address_of_somebody_else_is_said(pages: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ListenError):
        ConsoleServer(
            lambda _: pages.parts,
            Binding(port=taken.getsockname()[1]),
            ConsoleOptions(),
            json_log(io.StringIO()),
        )
    with pytest.raises(ListenError, match="only with TLS"):
        ConsoleServer(lambda _: pages.parts, Binding("0.0.0.0"), ConsoleOptions())
