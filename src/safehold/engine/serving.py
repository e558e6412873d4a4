"""A server: its connections, its threads, and a shutdown that ends."""

from __future__ import annotations

import gc
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import uvicorn

from safehold.engine.connection import ConnectionBounds, connections
from safehold.engine.reading import Receive, Scope, Send
from safehold.runtime.listening import (
    Binding,
    ListenError,
    PlainEndServer,
    in_url,
    listen,
    load,
    raise_descriptors,
)
from safehold.runtime.log import Log, reduce_libraries

App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An application (ASGI 3.0)."""

SWITCH_SECONDS = 0.001
"""How long a thread may keep the others from running. Python's own 5 ms would be felt in every
answer, since an item goes through three threads."""


@dataclass(frozen=True, slots=True)
class ServingOptions:
    """Bounds of a server.

    Attributes:
        bounds: of its connections.
        keep_alive_seconds: how long a connection may be idle between calls.
        shutdown_seconds: how long calls that are under way may take when the server ends.
        socket_bytes: largest message of a WebSocket; 0 where there are none.
    """

    bounds: ConnectionBounds = field(default_factory=ConnectionBounds)
    keep_alive_seconds: float = 30.0
    shutdown_seconds: float = 20.0
    socket_bytes: int = 0


class BoundServer:
    """A server that is bound to its address, and runs until it is told to end."""

    def __init__(
        self, make: Callable[[str], App], binding: Binding, options: ServingOptions, log: Log
    ) -> None:
        """Bind; `make` makes the application for an address. Raises `ListenError`."""
        self._listener = listen(binding)
        host, self.port = self._listener.getsockname()[:2]
        scheme = "https" if binding.tls_certificate else "http"
        self.address = f"{scheme}://{in_url(host)}:{self.port}"
        app = make(self.address)
        reduce_libraries(log)
        if not raise_descriptors(options.bounds.max_connections):
            log.warning("few_descriptors")
        config = uvicorn.Config(
            app,
            http=connections(options.bounds),
            ws="websockets-sansio" if options.socket_bytes else "none",
            ws_max_size=options.socket_bytes or 1,
            # What is compressed may be far larger than what comes.
            ws_per_message_deflate=False,
            loop="uvloop",
            lifespan="on",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(options.keep_alive_seconds) or 1,
            timeout_graceful_shutdown=int(options.shutdown_seconds) or 1,
            ssl_certfile=binding.tls_certificate,
            ssl_keyfile=binding.tls_key,
        )
        load(config, self._listener)
        self._server = _Server(config)

    @property
    def started(self) -> bool:
        """Whether calls are taken."""
        return self._server.started

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `end`. For the main thread, or any other (no signals).

        Raises `ListenError` where it could not start; the log says why.
        """
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            self._server.run(sockets=[self._listener])
        except SystemExit:
            raise ListenError("The server could not start.", hint="The log says why.") from None
        finally:
            sys.setswitchinterval(before)
            gc.unfreeze()
            self._listener.close()

    def end(self) -> None:
        """Finish the calls that are under way, and end."""
        self._server.should_exit = True


class _Server(PlainEndServer):
    """Uvicorn's server, whose garbage collector leaves alone what is there for good."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and have the garbage collector look no more at all that is loaded by then.

        It would hold up every call for some 40 ms, from time to time, and find nothing.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
