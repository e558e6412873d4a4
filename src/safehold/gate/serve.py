"""The gate's server."""

from __future__ import annotations

import contextlib
import ctypes

from safehold.engine.connection import ConnectionBounds
from safehold.engine.serving import BoundServer, ServingOptions
from safehold.gate.app import App, create_app
from safehold.gate.parts import GateParts
from safehold.media.limits import MIB
from safehold.runtime.listening import Binding, check_binding

SOCKET_BYTES = 64 * MIB
"""Largest message of a caller's socket."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 * MIB
_LARGEST_BYTES = 32 * MIB


class GateServer(BoundServer):
    """A server that is bound to its address, and runs until it is told to end."""

    def __init__(self, parts: GateParts, binding: Binding) -> None:
        """Bind. Raises `ListenError`."""
        check_binding(binding)

        def make(address: str) -> App:
            return create_app(parts)

        options, server = parts.options, parts.server
        bounds = ConnectionBounds(
            max_connections=server.max_connections,
            header_seconds=server.header_seconds,
            max_header_bytes=server.max_header_bytes,
            retry_after_seconds=server.retry_after_seconds,
            stalled_seconds=options.stalled_seconds,
            own_address_only=True,
        )
        sockets = SOCKET_BYTES if parts.adapter.sockets() else 0
        super().__init__(
            make,
            binding,
            ServingOptions(bounds, server.keep_alive_seconds, options.shutdown_seconds, sockets),
            parts.log,
        )

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `end`. See `BoundServer.run`."""
        _keep_freed_memory()
        super().run()


def _keep_freed_memory() -> None:
    """Have the C library keep some of the memory that is freed, where it can (mallopt(3)).

    Answers of some megabytes come and go with each call. Memory that is given back to the system
    and taken anew is cleared page by page, which took 2 ms of each call.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, _LARGEST_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
