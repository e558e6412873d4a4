"""The base of every simulator: an HTTP server on 127.0.0.1 whose next answers can be spoilt."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it came in.

    Attributes:
        method, path: as they are; the path without its query.
        query: the last of each name.
        headers: by names in lower case.
        body: what was sent.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """How an answer is spoilt.

    Attributes:
        status: answered instead, without asking the simulator; 0 for none.
        headers: of that answer.
        cut: bytes of the body that are sent though all are announced; None for all.
        chop: bytes of the body that are kept, as if it were all of it; None for all.
        body: sent in place of the right one.
        endless: whether no length is announced: that the connection ends is all that ends it.
        hang: seconds that pass before the answer; less where the server stops.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    chop: int | None = None
    body: bytes | None = None
    hang: float = 0.0
    endless: bool = False


class _Server(ThreadingHTTPServer):
    """One that does not mind callers who are gone."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class Door:
    """A simulator's server; `answer` is its own. Stops when the context is left."""

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self.faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def answer(self, asked: Asked) -> Answer:
        """The right answer to a call. Called by one thread at a time."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._stopped.set()
            self._server.shutdown()
            self._server.server_close()

    def take(self, asked: Asked) -> tuple[Answer, Fault]:
        """The answer to a call, and how it is spoilt."""
        with self._lock:
            self.calls.append(asked)
            fault = self.faults.popleft() if self.faults else Fault()
            if fault.status:
                body = b"no" if fault.body is None else fault.body
                return Answer(fault.status, body, fault.headers), fault
            answer = self.answer(asked)
            if fault.body is not None:
                answer = Answer(answer.status, fault.body, answer.headers)
            if fault.chop is not None:
                answer = Answer(answer.status, answer.body[: fault.chop], answer.headers)
            return answer, fault

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("content-length") or 0)
                asked = Asked(
                    self.command,
                    parts.path,
                    dict(parse_qsl(parts.query, keep_blank_values=True)),
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                )
                answer, fault = door.take(asked)
                if fault.hang:
                    door._stopped.wait(fault.hang)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 304 and not fault.endless:
                    self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                body = answer.body if fault.cut is None else answer.body[: fault.cut]
                self.wfile.write(body)
                self.close_connection = fault.cut is not None or fault.endless

            do_GET = do_PUT = do_POST = _any  # noqa: N815 - the base class names them so

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler
