"""Listening over HTTP: where it may be, over which socket, and an end that is an end.

Beyond loopback a server listens only with TLS, or where the operator says that a proxy stands
before it: keys, sessions and uploads do not cross a network in the clear.
"""

from __future__ import annotations

import contextlib
import ipaddress
import resource
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.server import Server

from safehold.errors import UsageError

_DESCRIPTORS_OF_CALL = 4
"""Descriptors for each connection: its own, its body's, those of files in vault and database."""

_OTHER_DESCRIPTORS = 512


_BACKLOG = 1024


class ListenError(UsageError):
    """The server may not, or cannot, listen there."""

    code = "listen"
    default_message = "The server cannot listen there."


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


class PlainEndServer(Server):
    """Uvicorn's server, for which a signal to end is an end like any other.

    Uvicorn raises the signal once more when it is done, so that the process would die of it:
    with an exit code of failure, and before the stores behind the app are closed.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hold SIGTERM and SIGINT while the server runs."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def load(config: uvicorn.Config, listener: socket.socket) -> None:
    """Load what is to be served. Raises `ListenError` where the TLS files cannot be used."""
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        listener.close()
        raise ListenError(
            "The TLS certificate or its key cannot be used.",
            hint="Both are PEM files, and the key belongs to the certificate.",
        ) from error


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


def check_binding(binding: Binding) -> None:
    """Whether it may be listened there. Raises `ListenError`."""
    if (binding.tls_certificate is None) is not (binding.tls_key is None):
        raise ListenError("TLS needs a certificate and its key.")
    if binding.tls_certificate or binding.behind_proxy or is_loopback(binding.host):
        return
    raise ListenError(
        "Beyond this machine the server listens only with TLS.",
        hint="Give --tls-certificate and --tls-key, or --behind-proxy where a proxy has them.",
    )


def is_loopback(host: str) -> bool:
    """Whether a host means this machine alone. A name must be written as `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(binding: Binding) -> socket.socket:
    """Listen. Raises `ListenError`, also for an address that may not be listened on."""
    check_binding(binding)
    host = "127.0.0.1" if binding.host == "localhost" else binding.host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, binding.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListenError(
            "The server cannot listen on that address and port.",
            hint="Is another server there? Is it an address of this machine?",
        ) from error


def in_url(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
