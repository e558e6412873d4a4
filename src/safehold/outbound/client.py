"""The one way out: every call to another machine goes through `Outbound`.

The rules:

1. Only `https://` (and `http://` where allowed), without user name and password.
2. The host name is resolved once for each connection. If any of its addresses may not be called
   (`addresses`), nothing is called. The connection goes to one of the addresses that were looked
   at, so a second answer of the name server changes nothing.
3. TLS proves the host name of the address, not the pinned IP address.
4. Redirects are failures. Proxies of the environment are not used.
5. One deadline for the whole call, and a longest answer, uncompressed.

httpcore is used without httpx above it, since httpx writes every address it calls to the log.
"""

from __future__ import annotations

import asyncio
import email.utils
import ipaddress
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpcore
import httpx

from safehold.clock import Clock, SystemClock
from safehold.outbound.addresses import permitted
from safehold.outbound.body import Body, Way
from safehold.outbound.model import (
    MAX_URL,
    Call,
    OutboundDeniedError,
    OutboundError,
    OutboundFailedError,
    OutboundOptions,
    OutboundRedirectError,
    OutboundStatusError,
    OutboundTimeoutError,
    OutboundTlsError,
    OutboundTooLongError,
    OutboundUnboundedError,
    Reply,
)
from safehold.outbound.pinned import PinnedBackend, is_tls, may_be_private, tls_context
from safehold.outbound.resolve import Resolver, system_resolver

MAX_CONNECTIONS = 64
KEEP_ALIVE_SECONDS = 4.0
"""Shorter than what servers commonly keep (5 s), so that none closes what is about to be used."""
USER_AGENT = "safehold"
_PORTS = {"http": 80, "https": 443}


class Outbound:
    """Calls other machines; to be used within one event loop, as an `async with` context.

    Entering it raises `OutboundTlsError` where the certificates of authorities cannot be read.

    Args:
        options: what bounds every call.
        resolver: how names become addresses.
        clock: to read `Retry-After` where it is a date.
        tls: whether any call will be `https://`; without, no certificates are read, which takes
            longer than a call on loopback, and such calls are denied.
    """

    def __init__(
        self,
        options: OutboundOptions,
        *,
        resolver: Resolver = system_resolver,
        clock: Clock | None = None,
        tls: bool = True,
    ) -> None:
        self._options = options
        self._resolver = resolver
        self._clock = clock or SystemClock()
        self._tls = tls
        self._pool: httpcore.AsyncConnectionPool | None = None

    async def __aenter__(self) -> Self:
        # The connections are the loop's in which they were made.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls_context(self._options) if self._tls else None,
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
            network_backend=PinnedBackend(self._options, self._resolver),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    async def send(self, call: Call) -> Reply:
        """Make a call.

        Raises:
            OutboundError: one of its kinds; never another exception, but for what reading a
                `StreamedBody` raises.
        """
        if self._pool is None:
            raise RuntimeError("use `async with`")
        seconds = call.timeout_seconds or self._options.timeout_seconds
        way = Way(seconds)
        try:
            async with Body(call.body) as body:
                try:
                    url = check_url(call.url, self._options)
                    if url.scheme == "https" and not self._tls:
                        raise OutboundDeniedError
                    return await self._within(self._pool, url, call, (way, body))
                except OutboundError:
                    body.raise_failure()
                    raise
        except OutboundError as error:
            error.may_have_arrived = way.may_have_arrived
            raise

    async def _within(
        self,
        pool: httpcore.AsyncConnectionPool,
        url: httpx.URL,
        call: Call,
        sending: tuple[Way, Body],
    ) -> Reply:
        """`_send` with its deadline, and its errors as this module's."""
        try:
            async with asyncio.timeout(sending[0].seconds):
                return await self._send(pool, url, call, sending)
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise OutboundTimeoutError from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            if is_tls(error):
                raise OutboundTlsError from error
            raise OutboundFailedError from error

    async def _send(
        self,
        pool: httpcore.AsyncConnectionPool,
        url: httpx.URL,
        call: Call,
        sending: tuple[Way, Body],
    ) -> Reply:
        way, body = sending
        own = {"accept-encoding": "identity", "user-agent": USER_AGENT, **call.headers}
        own |= body.headers
        headers: list[tuple[bytes | str, bytes | str]] = [(b"host", url.netloc), *own.items()]
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        async with pool.stream(
            call.method,
            target,
            headers=headers,
            content=body.content,
            extensions={"timeout": {"connect": way.seconds}, "trace": way.trace},
        ) as answer:
            unchanged = answer.status == 304 and call.accept_unchanged
            if 300 <= answer.status < 400 and not unchanged:
                raise OutboundRedirectError
            received = {name.lower(): value for name, value in answer.headers}
            is_error = answer.status >= 400 and call.accept_errors
            if not (200 <= answer.status < 300 or is_error or unchanged):
                raise OutboundStatusError(answer.status, self._retry_after(received))
            told = {
                name.decode("latin-1"): text.decode("latin-1") for name, text in received.items()
            }
            if not call.read_answer or unchanged:
                return Reply(answer.status, b"", told)
            if received.get(b"content-encoding", b"identity").strip().lower() != b"identity":
                raise OutboundTooLongError
            if call.needs_end and not (
                b"content-length" in received or b"transfer-encoding" in received
            ):
                raise OutboundUnboundedError
            return Reply(answer.status, await self._read(answer, call), told)

    async def _read(self, answer: httpcore.Response, call: Call) -> bytes:
        """The body of an answer; empty where it was written elsewhere."""
        most = call.max_answer_bytes or self._options.max_answer_bytes
        read, size = bytearray(), 0
        async for part in answer.aiter_stream():
            size += len(part)
            if size > most:
                raise OutboundTooLongError
            if call.into is None:
                read += part
            else:
                call.into.write(part)
        return bytes(read)

    def _retry_after(self, headers: Mapping[bytes, bytes]) -> float | None:
        """Seconds that `Retry-After` asks for (RFC 9110, section 10.2.3)."""
        text = headers.get(b"retry-after", b"").decode("latin-1").strip()
        if text.isascii() and text.isdigit() and len(text) < 10:
            return float(text)
        try:
            at = email.utils.parsedate_to_datetime(text)
            return max(0.0, (at - self._clock.now()).total_seconds()) if at.tzinfo else None
        except (ValueError, TypeError, OverflowError):
            return None


def send_once(
    call: Call, options: OutboundOptions, *, resolver: Resolver = system_resolver
) -> Reply:
    """`Outbound.send` for callers without an event loop: one call on a connection of its own."""

    async def send() -> Reply:
        tls = not call.url.startswith("http://")
        async with Outbound(options, resolver=resolver, tls=tls) as outbound:
            return await outbound.send(call)

    return asyncio.run(send())


def check_url(text: str, options: OutboundOptions) -> httpx.URL:
    """Take an address apart.

    This looks nothing up: a name that leads to a private address shows when it is called.

    Raises:
        OutboundDeniedError: it breaks rule 1, or is an IP address that may not be called.
    """
    try:
        url = httpx.URL(text)
        port = _PORTS.get(url.scheme, 0) if url.port is None else url.port
    except (httpx.InvalidURL, ValueError, TypeError, UnicodeError) as error:
        raise OutboundDeniedError from error
    schemes = {"https", "http"} if options.allow_http else {"https"}
    plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    if len(text) > MAX_URL or not plain or url.scheme not in schemes:
        raise OutboundDeniedError
    if url.userinfo or not url.raw_host or not 0 < port < 65_536:
        raise OutboundDeniedError
    try:
        literal = ipaddress.ip_address(url.host)
    except ValueError:
        return url
    if not permitted([literal], private=may_be_private(url.host, port, options)):
        raise OutboundDeniedError
    return url
