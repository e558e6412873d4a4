"""Listening: the address, TLS, and a shutdown that ends.

Beyond loopback a server listens only with TLS, or where the operator says that a proxy stands
before it: API keys and uploads do not cross a network in the clear.
"""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import resource
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.server import Server

from safehold.server.app import create_app
from safehold.server.connection import connections
from safehold.server.errors import ListenError
from safehold.runtime.log import reduce_libraries
from safehold.server.ports import ServerParts

SWITCH_SECONDS = 0.001
"""How long a thread may keep the others from running. Python's own 5 ms would be felt in every
answer, since an item goes through three threads."""

_BACKLOG = 1024

_DESCRIPTORS_OF_CALL = 4
"""Descriptors for each connection: its own, its body's, those of files in vault and database."""

_OTHER_DESCRIPTORS = 512


@dataclass(frozen=True, slots=True)
class Binding:
    """Where to listen, and how.

    Attributes:
        host, port: an address of this machine; port 0 takes a free one.
        behind_proxy: whether a proxy that speaks TLS stands before an address beyond loopback.
        tls_certificate, tls_key: files in PEM form; both or none.
    """

    host: str = "127.0.0.1"
    port: int = 8450
    behind_proxy: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None


class HttpServer:
    """A server that is bound to its address, and runs until it is told to end."""

    def __init__(self, parts: ServerParts, binding: Binding) -> None:
        """Bind. Raises `ListenError`."""
        _check(binding)
        self._listener = _listen(binding)
        host, self.port = self._listener.getsockname()[:2]
        scheme = "https" if binding.tls_certificate else "http"
        self.address = f"{scheme}://{_in_url(host)}:{self.port}"
        self.app = create_app(parts, self.address)
        reduce_libraries(parts.log)
        if not raise_descriptors(parts.options.max_connections):
            parts.log.warning("few_descriptors")
        options = parts.options
        config = uvicorn.Config(
            self.app,
            http=connections(options),
            ws="none",
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
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            self._listener.close()
            raise ListenError(
                "The TLS certificate or its key cannot be used.",
                hint="Both are PEM files, and the key belongs to the certificate.",
            ) from error
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


class _Server(Server):
    """Uvicorn's server, for which a signal to end is an end like any other.

    Uvicorn raises the signal once more when it is done, so that the process would die of it:
    with an exit code of failure, and before the stores behind the app are closed.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and have the garbage collector look no more at all that is loaded by then.

        It would hold up every call for some 40 ms, from time to time, and find nothing.
        """
        await super().startup(sockets)
        gc.collect()
        gc.freeze()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hold SIGTERM and SIGINT while the server runs."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def serve(parts: ServerParts, binding: Binding) -> None:
    """Listen and serve until the process is told to end."""
    HttpServer(parts, binding).run()


def raise_descriptors(connections: int) -> bool:
    """Let this process have descriptors for so many connections; whether it may.

    Many systems start programs with 1024, and waiting connections alone would use them up: then
    there are none for bodies, vault and database.
    """
    wanted = _DESCRIPTORS_OF_CALL * connections + _OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most == wanted


def _check(binding: Binding) -> None:
    if (binding.tls_certificate is None) is not (binding.tls_key is None):
        raise ListenError("TLS needs a certificate and its key.")
    if binding.tls_certificate or binding.behind_proxy or _is_loopback(binding.host):
        return
    raise ListenError(
        "Beyond this machine the server listens only with TLS.",
        hint="Give --tls-certificate and --tls-key, or --behind-proxy where a proxy has them.",
    )


def _is_loopback(host: str) -> bool:
    """Whether a host means this machine alone. A name must be written as `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(binding: Binding) -> socket.socket:
    host = "127.0.0.1" if binding.host == "localhost" else binding.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, binding.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListenError(
            "The server cannot listen on that address and port.",
            hint="Is another server there? Is it an address of this machine?",
        ) from error


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
