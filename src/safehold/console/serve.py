"""The console's server."""

from __future__ import annotations

import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import uvicorn

from safehold.config.house import ConsoleOptions
from safehold.console.app import ConsoleApp
from safehold.console.connection import connections
from safehold.console.ports import ConsoleParts
from safehold.console.routes import ROUTES
from safehold.console.security import Origins
from safehold.console.templates_env import Environment
from safehold.runtime.listening import (
    Binding,
    ListenError,
    PlainEndServer,
    in_url,
    is_loopback,
    listen,
    load,
)
from safehold.runtime.log import Log, json_log, reduce_libraries

KEEP_ALIVE_SECONDS = 15
MAX_HEADER_BYTES = 32 * 1024


class ConsoleServer:
    """A server that is bound to its address, and runs until it is told to end.

    Attributes:
        origin: the address under which people reach it.
        port: on which it listens.
    """

    def __init__(
        self,
        parts: Callable[[str], ConsoleParts],
        binding: Binding,
        options: ConsoleOptions,
        log: Log | None = None,
    ) -> None:
        """Bind, and join the console for its address.

        Args:
            parts: joins the console's parts for an address (`compose.console_parts`).
            binding: where to listen.
            options: settings.
            log: where to log; standard output by default.

        Raises `ListenError`.
        """
        log = log or json_log(sys.stdout)
        self._listener = listen(binding)
        try:
            host, self.port = self._listener.getsockname()[:2]
            self.origin = origin_of(binding, options.origin, host, self.port)
            joined = parts(self.origin)
            environment = joined.templates
            app = ConsoleApp(
                joined,
                Origins.of([self.origin]),
                log,
                ROUTES,
                static=environment.static if isinstance(environment, Environment) else None,
                behind_proxy=binding.behind_proxy,
            )
        except BaseException:
            self._listener.close()
            raise
        reduce_libraries(log)
        config = uvicorn.Config(
            app,
            http=connections(options.request_seconds),
            ws="none",
            loop="uvloop",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=options.max_connections,
            backlog=options.max_connections,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(options.shutdown_seconds) or 1,
            ssl_certfile=binding.tls_certificate,
            ssl_keyfile=binding.tls_key,
        )
        load(config, self._listener)
        self._server = PlainEndServer(config)

    @property
    def started(self) -> bool:
        """Whether pages are shown."""
        return self._server.started

    def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `end`. For the main thread, or any other (no signals)."""
        try:
            self._server.run(sockets=[self._listener])
        except SystemExit:
            raise ListenError("The console could not start.", hint="The log says why.") from None
        finally:
            self._listener.close()

    def end(self) -> None:
        """Finish the pages that are under way, and end."""
        self._server.should_exit = True


def origin_of(binding: Binding, told: str, host: str, port: int) -> str:
    """The address under which people reach the console.

    Args:
        binding: where it listens.
        told: the setting `console.origin`; empty for none.
        host: what it listens on in the end.
        port: likewise.

    Raises `ListenError` where it must be told, or where sessions would cross a network in the
    clear.
    """
    if told:
        parts = urlsplit(told)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ListenError(
                "The setting 'console.origin' is no address of a site.",
                hint="It is a scheme and a host, such as https://review.example.",
            )
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ListenError("Beyond this machine people reach the console by https only.")
        return f"{parts.scheme}://{parts.netloc}"
    scheme = "https" if binding.tls_certificate else "http"
    if is_loopback(host):
        # By name: passkeys are bound to names, and an address is none (WebAuthn, section 5.1.2).
        return f"{scheme}://localhost:{port}"
    if scheme == "http" or host in ("0.0.0.0", "::"):  # noqa: S104 - a comparison
        raise ListenError(
            "The console must know under which address people reach it.",
            hint="Set 'console.origin', such as https://review.example.",
        )
    return f"{scheme}://{in_url(host)}:{port}"
