"""The gate's server."""

from __future__ import annotations

from safehold.engine.connection import ConnectionBounds
from safehold.engine.serving import BoundServer, ServingOptions
from safehold.gate.app import App, create_app
from safehold.gate.parts import GateParts
from safehold.media.limits import MIB
from safehold.runtime.listening import Binding, check_binding

SOCKET_BYTES = 64 * MIB
"""Largest message of a caller's socket."""


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
