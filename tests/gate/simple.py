"""A small upstream, and an adapter that passes on what the desk releases.

The upstream answers as it is told, and remembers what reached it.
"""

from __future__ import annotations

import base64
import json
import socketserver
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from safehold.gate.interface import Desk, GateRequest, Route, SocketRoute, Streamed
from safehold.gate.model import (
    Api,
    Generation,
    ModelName,
    RefusedError,
    Reply,
    Stage,
    UpstreamCall,
    Words,
)


@dataclass
class Asked:
    """A call that reached the upstream."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)


@dataclass
class Answering:
    """What the upstream answers."""

    body: bytes = b""
    status: int = 200
    headers: Sequence[tuple[str, str]] = ()
    seconds: float = 0.0
    length: bool = True
    parts: Sequence[bytes] = ()


@dataclass
class Upstream:
    """A running upstream. `answer` is asked for each call."""

    url: str
    port: int
    answer: Callable[[Asked], Answering] = lambda asked: Answering(b"{}")
    asked: list[Asked] = field(default_factory=list)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def upstream(answer: Callable[[Asked], Answering] | None = None) -> Iterator[Upstream]:
    """An upstream on this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (ConnectionError, BrokenPipeError):
                self.close_connection = True

        def serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(
                self.command, self.path, list(self.headers.items()), self.rfile.read(length)
            )
            made.asked.append(asked)
            said = made.answer(asked)
            if said.seconds:
                time.sleep(said.seconds)
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            if said.length and not said.parts:
                self.send_header("Content-Length", str(len(said.body)))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            self.wfile.write(said.body)
            for part in said.parts:
                self.wfile.write(part)
                self.wfile.flush()
                time.sleep(0.01)

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            return None

    server = _Server(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    made = Upstream(f"http://127.0.0.1:{port}", port)
    if answer is not None:
        made.answer = answer
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class SimpleAdapter:
    """Routes of the simplest kind: `POST /make` gives a picture, `GET /view/{name}` another."""

    api = Api.OPENAI

    def __init__(self) -> None:
        self.cancelled: list[bytes] = []

    def routes(self) -> Sequence[Route]:
        return (
            Route("POST", "/make", self.make),
            Route("POST", "/link", self.link),
            Route("POST", "/fetch", self.fetch),
            Route("POST", "/stream", self.stream),
            Route("GET", "/view/{name}", self.view),
            Route("GET", "/files/{path:rest}", self.view),
            Route("GET", "/fail", self.fail),
        )

    def sockets(self) -> Sequence[SocketRoute]:
        return ()

    def refusal(self) -> Reply:
        return Reply(400, b'{"error": "refused"}')

    def trouble(self, status: int) -> Reply:
        return Reply(status, json.dumps({"error": status}).encode())

    async def cancel(self, request: GateRequest, desk: Desk, known: Any) -> None:
        self.cancelled.append(request.account.pseudonym)
        await desk.call(request, UpstreamCall("POST", "/cancel"))

    async def _picture(self, request: GateRequest, desk: Desk) -> tuple[bytes, Generation]:
        said = json.loads(request.body) if request.body else {}
        pictures = tuple(base64.b64decode(one) for one in said.get("pictures", ()))
        words = Words(
            (said.get("prompt", ""),),
            models=(ModelName(said.get("model", "m")),),
            pictures=pictures,
        )
        if request.method == "POST":
            await desk.admit(request.account, words, self.api)
        call = UpstreamCall(
            request.method, request.path, request.query, request.headers, request.body
        )
        reply = await desk.call(request, call)
        about = Generation(self.api, said.get("prompt", ""), words.models, "7", "job-1")
        return reply.body, about

    async def make(self, request: GateRequest, desk: Desk) -> Reply:
        picture, about = await self._picture(request, desk)
        return await self._released(request, desk, picture, about)

    async def _released(
        self, request: GateRequest, desk: Desk, picture: bytes, about: Generation
    ) -> Reply:
        if not all(await desk.release(request.account, [picture], about)):
            raise RefusedError(Stage.OUTPUT)
        return Reply(200, picture, b"image/png", ((b"x-secret", b"1"), (b"x-request-id", b"r1")))

    async def view(self, request: GateRequest, desk: Desk) -> Reply:
        return await self.make(request, desk)

    async def link(self, request: GateRequest, desk: Desk) -> Reply:
        picture, about = await self._picture(request, desk)
        await self._released(request, desk, picture, about)
        url = desk.keep(picture, b"image/png", request)
        return Reply(200, json.dumps({"url": url}).encode())

    async def fetch(self, request: GateRequest, desk: Desk) -> Reply:
        said, about = await self._picture(request, desk)
        picture = await desk.fetch_result(json.loads(said)["url"])
        return await self._released(request, desk, picture, about)

    async def stream(self, request: GateRequest, desk: Desk) -> Streamed:
        async def pieces() -> AsyncIterator[bytes]:
            call = UpstreamCall("POST", "/stream", "", request.headers, request.body)
            async for piece in desk.stream(request, call):
                if piece == b"refuse":
                    raise RefusedError(Stage.OUTPUT)
                yield piece

        return Streamed(pieces())

    async def fail(self, request: GateRequest, desk: Desk) -> Reply:
        raise ValueError("zorblax in a message")
