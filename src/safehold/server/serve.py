"""The server of the door."""

from __future__ import annotations

from safehold.config.doors import ServerOptions
from safehold.engine.connection import ConnectionBounds
from safehold.engine.serving import BoundServer, ServingOptions
from safehold.runtime.listening import Binding, check_binding
from safehold.server.app import App, create_app
from safehold.server.ports import ServerParts


class HttpServer(BoundServer):
    """A server that is bound to its address, and runs until it is told to end."""

    app: App

    def __init__(self, parts: ServerParts, binding: Binding) -> None:
        """Bind. Raises `ListenError`."""

        def make(address: str) -> App:
            self.app = create_app(parts, address)
            return self.app

        check_binding(binding)
        super().__init__(make, binding, serving_options(parts.options), parts.log)


def serving_options(options: ServerOptions) -> ServingOptions:
    """The bounds of connections that the settings name."""
    bounds = ConnectionBounds(
        max_connections=options.max_connections,
        header_seconds=options.header_seconds,
        max_header_bytes=options.max_header_bytes,
        retry_after_seconds=options.retry_after_seconds,
    )
    return ServingOptions(bounds, options.keep_alive_seconds, options.shutdown_seconds)


def serve(parts: ServerParts, binding: Binding) -> None:
    """Listen and serve until the process is told to end."""
    HttpServer(parts, binding).run()
