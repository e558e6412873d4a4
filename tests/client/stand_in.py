"""A screening service of the tests: the contract over real HTTP on loopback, with faults.

It holds what contains `HOLD-ME`, blocks what contains `BLOCK-ME` and allows the rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "sfh_test_key_of_nobody"
HOLD = b"HOLD-ME"
BLOCK = b"BLOCK-ME"
STATUS = {"allow": 200, "hold": 423, "block": 451}


@dataclass(frozen=True)
class Seen:
    """A call as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def context(self, name: str) -> str | None:
        value = self.headers.get(f"safehold-{name}")
        return None if value is None else unquote(value)


@dataclass
class StandIn:
    """The state of the stand-in.

    `faults` are answers that are given first, one for each call; `hold_status` as a key's.
    """

    address: str = ""
    hold_status: int = 423
    seen: list[Seen] = field(default_factory=list)
    faults: deque[Response] = field(default_factory=deque)
    receipts: dict[str, tuple[str, str]] = field(default_factory=dict)  # verdict, sha256
    remembered: dict[str, tuple[str, str]] = field(default_factory=dict)  # key: sha256, receipt
    wanted: set[str] = field(default_factory=set)
    most_at_once: int = 0
    seconds: float = 0.0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Starlette:
        post, put, get = ["POST"], ["PUT"], ["GET"]
        return Starlette(
            routes=[
                Route("/v1/screen", self._wrap(self.screen), methods=post),
                Route("/v1/screen/digests", self._wrap(self.digests), methods=post),
                Route("/v1/receipts/{receipt}", self._wrap(self.receipt), methods=get),
                Route("/v1/receipts/{receipt}/confirm", self._wrap(self.confirm), methods=post),
                Route("/v1/receipts/{receipt}/bytes", self._wrap(self.send_bytes), methods=put),
                Route("/v1/flags", self._wrap(self.noted), methods=post),
                Route("/v1/appeals", self._wrap(self.noted), methods=post),
            ]
        )

    def _wrap(self, call: Callable[[Request, bytes], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            import asyncio

            body = await request.body()
            with self._lock:
                self._now += 1
                self.most_at_once = max(self.most_at_once, self._now)
                headers = dict(request.headers)
                self.seen.append(Seen(request.method, request.url.path, headers, body))
            try:
                await asyncio.sleep(self.seconds)
                if self.faults:
                    return self.faults.popleft()
                if headers.get("authorization") != f"Bearer {KEY}":
                    return problem(401, "unauthorized")
                return call(request, body)
            finally:
                with self._lock:
                    self._now -= 1

        return endpoint

    def _answer(self, verdict: str, sha256: str) -> Response:
        receipt = f"r{len(self.receipts):04d}"
        self.receipts[receipt] = (verdict, sha256)
        return self._said(receipt)

    def _said(self, receipt: str) -> Response:
        verdict = self.receipts[receipt][0]
        status = self.hold_status if verdict == "hold" else STATUS[verdict]
        return JSONResponse({"verdict": verdict, "receipt": receipt}, status)

    def screen(self, request: Request, body: bytes) -> Response:
        sha256 = hashlib.sha256(body).hexdigest()
        key = request.headers.get("idempotency-key", "")
        if key in self.remembered:
            known, receipt = self.remembered[key]
            return self._said(receipt) if known == sha256 else problem(422, "idempotency_mismatch")
        verdict = "block" if BLOCK in body else "hold" if HOLD in body else "allow"
        answer = self._answer(verdict, sha256)
        self.remembered[key] = (sha256, list(self.receipts)[-1])
        return answer

    def digests(self, request: Request, body: bytes) -> Response:
        said = json.loads(body)
        blocked = said["sha256"].startswith("b10c")
        answer = self._answer("block" if blocked else "allow", said["sha256"])
        if blocked:
            self.wanted.add(list(self.receipts)[-1])
        return answer

    def receipt(self, request: Request, body: bytes) -> Response:
        name = request.path_params["receipt"]
        if name not in self.receipts:
            return problem(404, "not_found")
        wanted = name in self.wanted
        return JSONResponse(
            {
                "verdict": self.receipts[name][0],
                "receipt": name,
                "bytes": "wanted" if wanted else "none",
                "until": "2030-01-01T00:00:00Z" if wanted else None,
            }
        )

    def confirm(self, request: Request, body: bytes) -> Response:
        known = self.receipts[request.path_params["receipt"]][1]
        same = json.loads(body)["sha256"] == known
        return Response(status_code=204) if same else problem(409, "bytes_differ")

    def send_bytes(self, request: Request, body: bytes) -> Response:
        name = request.path_params["receipt"]
        if name not in self.wanted:
            return problem(409, "bytes_not_wanted")
        if hashlib.sha256(body).hexdigest()[:4] != self.receipts[name][1][:4]:
            return problem(409, "bytes_differ")
        return self._said(name)

    def noted(self, request: Request, body: bytes) -> Response:
        receipt = json.loads(body).get("receipt") or "r-new"
        return JSONResponse({"verdict": "hold", "receipt": receipt}, 202)


def problem(status: int, code: str, **headers: str) -> Response:
    """An RFC 9457 problem."""
    body = {"type": "about:blank", "title": "No", "status": status, "code": code}
    return JSONResponse(body, status, {k.replace("_", "-"): v for k, v in headers.items()}, PROBLEM)


PROBLEM = "application/problem+json"


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """An ASGI application on a free port of loopback; its address."""
    config = uvicorn.Config(app, log_level="critical", ws="none", lifespan="auto", loop="asyncio")
    server = uvicorn.Server(config)
    # Of a socket whose protocol is not named asyncio leaves Nagle's algorithm on (40 ms a call).
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until = time.monotonic() + 10
            while not server.started and time.monotonic() < until:
                time.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@contextlib.contextmanager
def scripted(*answers: bytes | None, pause: float = 0.0) -> Iterator[str]:
    """A server that gives raw bytes to one connection after another; None resets it.

    It reads the head and what comes with it, sends the bytes, one a `pause` where there is one,
    and closes. The last answer is given to all further connections.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        todo = deque(answers)
        while not stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                answer = todo.popleft() if len(todo) > 1 else todo[0]
                connection.settimeout(5)
                connection.recv(1 << 20)
                if answer is None:
                    linger = (1).to_bytes(4, "little") + bytes(4)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    continue
                if not pause:
                    connection.sendall(answer)
                    continue
                for place in range(len(answer)):
                    if stopped.wait(pause):
                        break
                    connection.sendall(answer[place : place + 1])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def raw(status: str, body: bytes, *headers: str) -> bytes:
    """An HTTP/1.1 answer as bytes, with its length unless `headers` say one."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body
