"""One connection: uvicorn's protocol with the bounds that it lacks.

Headers must come whole within a time and a size, what stands between the pieces of a body and
after it is no longer than headers may be, connections are counted, and what cannot be parsed
gets a problem document like everything else.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from safehold.engine.documents import Reply, document

_NO_UPGRADE = "This server speaks HTTP/1.1 and nothing else: send no Upgrade header."


_TURNS = itertools.count(1)
"""Numbers for the order in which connections began to wait; the loop's clock counts whole
milliseconds, in which many of them come."""


@dataclass(frozen=True, slots=True)
class ConnectionBounds:
    """Bounds of connections.

    Attributes:
        max_connections: at one time.
        header_seconds: within how long a call's headers must have come.
        max_header_bytes: largest headers of a call.
        retry_after_seconds: what callers are told to wait for whom there is no connection.
        stalled_seconds: for how long a caller may take nothing of an answer that waits.
        own_address_only: whether an address is taken only as a path (RFC 9112, section 3.2.1),
            and not with the name of a host before it.
    """

    max_connections: int = 1024
    header_seconds: float = 10.0
    max_header_bytes: int = 16 * 1024
    retry_after_seconds: int = 2
    stalled_seconds: float = 60.0
    own_address_only: bool = False


class Connection(HttpToolsProtocol):
    """A connection over HTTP/1.1."""

    bounds: ClassVar[ConnectionBounds] = ConnectionBounds()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._options = self.bounds
        self._header_bytes = 0
        self._in_headers = True
        self._since_body = 0
        self._turn = 0
        self._patience: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and give its first headers some time.

        Where there are too many, the one that has waited for longest without a call gives way:
        whoever opens connections and says nothing keeps out nobody who has a call to make.
        """
        super().connection_made(transport)
        self._turn = next(_TURNS)
        if len(self.connections) > self._options.max_connections and not self._take_place():
            retry = (b"retry-after", b"%d" % self._options.retry_after_seconds)
            self._refuse(document(503, "overloaded", "", (retry,)))
            return
        self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the times of headers and answer."""
        self._stop_waiting()
        self._answer_flows()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and bound what belongs to headers."""
        if self.transport.is_closing():
            return
        if self._in_headers:
            self._header_bytes += len(data)
            if self._patience is None:
                self._wait_for_headers()
        else:
            self._since_body += len(data)
        super().data_received(data)
        between = self._header_bytes if self._in_headers else self._since_body
        if between > self._options.max_header_bytes:
            self._refuse(document(431, "headers_too_large", ""))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; a trailer is let go (RFC 9110, section 6.5.1).

        It would else stand among the headers, which proxies look at and trailers pass by.
        """
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers are whole; what follows is a body."""
        self._stop_waiting()
        self._in_headers = False
        self._since_body = 0
        size = sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url)
        if size > self._options.max_header_bytes:
            self._refuse(document(431, "headers_too_large", ""))
            return
        if self._options.own_address_only and not self.url.startswith(b"/"):
            self._refuse(document(400, "http_invalid", ""))
            return
        if self.parser.should_upgrade() and self._has_body():
            # The parser takes no body of such a call, and would read it as the next call.
            self._refuse(document(400, "http_invalid", _NO_UPGRADE))
            return
        if any(n == b"transfer-encoding" and v.lower() != b"chunked" for n, v in self.headers):
            # What comes would be compressed, and not what is stored.
            self._refuse(document(400, "http_invalid", ""))
            return
        super().on_headers_complete()

    def _take_place(self) -> bool:
        """Close the connection that has waited for longest; whether there is one."""
        waiting = [
            other
            for other in self.connections
            if isinstance(other, Connection) and other is not self and other._waits
        ]
        if not waiting:
            return False
        min(waiting, key=lambda other: other._turn).transport.close()
        return True

    @property
    def _waits(self) -> bool:
        """Whether there is no call under way here, and none to be answered."""
        if not self._in_headers or self.transport.is_closing():
            return False
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _has_body(self) -> bool:
        lengths = (b"content-length", b"transfer-encoding")
        return any(name in lengths and value != b"0" for name, value in self.headers)

    def on_message_complete(self) -> None:
        """The body is whole; what follows is the next call's headers."""
        if self.transport.is_closing():
            return
        self._in_headers = True
        self._turn = next(_TURNS)
        self._header_bytes = 0
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body, unless the call was refused."""
        self._since_body = 0
        if not self.transport.is_closing():
            super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(document(400, "http_invalid", ""))

    def pause_writing(self) -> None:
        """An answer waits to be taken, but not for ever."""
        super().pause_writing()
        self._watch_answer(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """Most of the answer is taken."""
        self._answer_flows()
        super().resume_writing()

    def _watch_answer(self, left: int) -> None:
        self._stalled = self.loop.call_later(self._options.stalled_seconds, self._look_at, left)

    def _answer_flows(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _look_at(self, left: int) -> None:
        """Cut off a caller who has taken nothing since there was so much left."""
        now = self.transport.get_write_buffer_size()
        if now >= left:
            self.transport.abort()
        else:
            self._watch_answer(now)

    def _wait_for_headers(self) -> None:
        self._patience = self.loop.call_later(self._options.header_seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _too_slow(self) -> None:
        self._patience = None
        if not self.transport.is_closing():
            self._refuse(document(408, "headers_timeout", ""))

    def _refuse(self, reply: Reply) -> None:
        """Answer at once, and close. A call whose answer has begun already is cut off."""
        if self.transport.is_closing():
            return
        headers = (
            *reply.headers,
            (b"content-type", reply.media_type),
            (b"content-length", b"%d" % len(reply.body)),
            (b"connection", b"close"),
        )
        lines = [b"%s: %s\r\n" % header for header in headers]
        cycle: RequestResponseCycle | None = self.cycle
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if cycle is not None and not begun and not cycle.response_complete:
            # What follows the call's body is no HTTP, so the body is not what it said.
            cycle.disconnected = True
            cycle.message_event.set()
        if not begun:
            self.transport.write(b"".join([STATUS_LINE[reply.status], *lines, b"\r\n", reply.body]))
        self.transport.close()


def connections(bounds: ConnectionBounds) -> type[Connection]:
    """The class of connections with these bounds, as uvicorn wants it."""
    return type("BoundedConnection", (Connection,), {"bounds": bounds})
