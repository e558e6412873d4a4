"""Connections that go where was looked, and TLS as every call has it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Sequence

import httpcore

from safehold.outbound.addresses import IpAddress, permitted
from safehold.outbound.model import OutboundDeniedError, OutboundOptions, OutboundTlsError
from safehold.outbound.resolve import Resolver

MAX_TRIES = 4
"""How many of a name's addresses are tried."""


def may_be_private(host: str, port: int, options: OutboundOptions) -> bool:
    """Whether a host may have private addresses."""
    # A name's last dot makes no other name.
    name = f"[{host}]:{port}" if ":" in host else f"{host.rstrip('.')}:{port}"
    return options.allow_private or name.lower() in options.allowed_hosts


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that were looked at, and to no others."""

    def __init__(self, options: OutboundOptions, resolver: Resolver) -> None:
        self._options = options
        self._resolver = resolver
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, look at every address, connect to the first that answers."""
        private = may_be_private(host, port, self._options)
        addresses = await self._resolver(host, port)
        if not permitted(addresses, private=private):
            raise OutboundDeniedError
        seconds = self._options.timeout_seconds if timeout is None else timeout
        return await self._connect(addresses[:MAX_TRIES], port, seconds)

    async def _connect(
        self, addresses: Sequence[IpAddress], port: int, seconds: float
    ) -> httpcore.AsyncNetworkStream:
        # One dead address must not use up the time of the others.
        share = seconds / (len(addresses) + 1)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(str(address), port, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(str(addresses[-1]), port, seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore asks for it between tries, of which there is one."""
        await asyncio.sleep(seconds)


def tls_context(options: OutboundOptions) -> ssl.SSLContext:
    """Whose certificates are trusted. Raises `OutboundTlsError`."""
    try:
        context = (
            ssl.create_default_context(cafile=options.ca_file)
            if options.ca_file
            else httpcore.default_ssl_context()
        )
    except OSError as error:
        raise OutboundTlsError(
            "The certificates of authorities cannot be read.",
            hint="The setting outbound.ca_file must name a file of PEM certificates.",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def is_tls(error: BaseException) -> bool:
    """Whether an error of TLS lies behind another."""
    step: BaseException | None = error
    while step is not None:
        if isinstance(step, ssl.SSLError):
            return True
        step = step.__cause__ or step.__context__
    return False
