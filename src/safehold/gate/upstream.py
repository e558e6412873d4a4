"""The generation service behind the gate, and results that its answers name.

One base address, which the operator named. Its name is resolved for each connection and the
connection goes to an address that was looked at; it may be private, but no metadata service.
Redirects are not followed, and answers are bounded in bytes and in seconds. What an answer names
elsewhere is fetched by the rules of all other calls (`safehold.outbound`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import httpx

from safehold.config.gates import GateOptions
from safehold.gate.model import (
    GateSetupError,
    Headers,
    UpstreamCall,
    UpstreamError,
    UpstreamReply,
)
from safehold.gate.wire import Wire, call_head
from safehold.outbound.addresses import IpAddress, permitted
from safehold.outbound.client import Outbound, check_url
from safehold.outbound.model import (
    Call,
    OutboundDeniedError,
    OutboundError,
    OutboundOptions,
    OutboundTimeoutError,
)
from safehold.outbound.pinned import MAX_TRIES, tls_context
from safehold.outbound.resolve import Resolver, system_resolver

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 4.0
"""Shorter than what servers commonly keep (5 s), so that none closes what is about to be used."""
MAX_IDLE = 32

_PORTS = {"http": 80, "https": 443}
_GONE_UP = frozenset(
    {
        *(b"host", b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding"),
        *(b"upgrade", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"content-length", b"accept-encoding", b"expect", b"via", b"forwarded", b"cookie"),
        *(b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since"),
        *(b"if-unmodified-since", b"x-real-ip", b"referer", b"http2-settings"),
    }
)
"""Headers of callers that never go on: those of one connection (RFC 9110, section 7.6.1), those
that ask for a part of an answer or for none, and those that tell of callers."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where the upstream is.

    Attributes:
        scheme, host, port: of its address.
        netloc: as it stands in `Host`.
        path: what stands before every path, without a slash at its end.
    """

    scheme: str
    host: str
    port: int
    netloc: bytes
    path: str

    @classmethod
    def of(cls, address: str) -> Base:
        """Of an address. Raises `GateSetupError`."""
        options = OutboundOptions(allow_private=True, allow_http=True)
        try:
            url = check_url(address, options)
        except OutboundDeniedError:
            raise GateSetupError(
                "The upstream's address cannot be used.",
                hint="It is like http://127.0.0.1:7860, and leads to no metadata service.",
            ) from None
        if url.query or url.fragment:
            raise GateSetupError("The upstream's address ends with its path.")
        port = _PORTS[url.scheme] if url.port is None else url.port
        path = url.raw_path.decode("ascii").rstrip("/")
        return cls(url.scheme, url.host, port, url.netloc, path)

    @property
    def origin(self) -> bytes:
        """As it stands in `Origin`."""
        return self.scheme.encode("ascii") + b"://" + self.netloc


class Upstream:
    """Calls the upstream; to be used within one event loop.

    Args:
        base: where it is.
        options: bounds of calls and answers.
        outbound: how other hosts may be called that answers name, and whose certificates count.
        resolver: how names become addresses.
    """

    def __init__(
        self,
        base: Base,
        options: GateOptions,
        outbound: OutboundOptions,
        resolver: Resolver = system_resolver,
    ) -> None:
        self.base = base
        self._options = options
        self._outbound_options = dataclasses.replace(
            outbound,
            max_answer_bytes=options.max_answer_bytes,
            timeout_seconds=options.upstream_seconds,
        )
        self._own_header = options.account_header.lower().encode("ascii")
        self._resolver = resolver
        self._idle: list[tuple[Wire, float]] = []
        self._tls: ssl.SSLContext | None = None
        self._places = asyncio.Semaphore(2 * options.max_calls)
        self._outbound: Outbound | None = None
        self._stack = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop()[0].close()
        await self._stack.aclose()

    # Calls

    async def call(self, call: UpstreamCall, took: Callable[[int], None]) -> UpstreamReply:
        """Make a call; its whole answer. `took` is told of bytes, and may raise.

        Raises:
            UpstreamError: it cannot be reached (502), is too slow (504), leads elsewhere, or
                answers with more than is taken, or in a coding that nobody asked for.
        """
        async with self._answered(call) as (wire, status, headers):
            body = await wire.whole(self._options.max_answer_bytes, took)
        return UpstreamReply(status, headers, body)

    async def stream(self, call: UpstreamCall, took: Callable[[int], None]) -> AsyncIterator[bytes]:
        """Make a call and read its answer as it comes. Raises as `call`.

        Another status than 200 is an `UpstreamError` that names it.
        """
        async with self._answered(call) as (wire, status, _):
            if status != 200:
                raise UpstreamError(status)
            size = 0
            while part := await wire.part():
                size += len(part)
                if size > self._options.max_answer_bytes:
                    raise UpstreamError
                took(len(part))
                yield part

    async def fetch_result(self, address: str, took: Callable[[int], None]) -> bytes:
        """The bytes at an address that an answer names. Raises `UpstreamError`."""
        try:
            url = httpx.URL(address)
            port = _PORTS.get(url.scheme) if url.port is None else url.port
        except (httpx.InvalidURL, ValueError, TypeError):
            raise UpstreamError from None
        if (url.scheme, url.host, port) == (self.base.scheme, self.base.host, self.base.port):
            path, _, query = url.raw_path.decode("ascii").partition("?")
            call = UpstreamCall("GET", path, query)
            reply = await self._whole(call, took)
            if reply.status != 200:
                raise UpstreamError
            return reply.body
        try:
            outbound = await self._way_out()
            answer = await outbound.send(Call(address, method="GET"))
        except OutboundTimeoutError:
            raise UpstreamError(504) from None
        except OutboundError:
            raise UpstreamError from None
        took(len(answer.body))
        return answer.body

    async def reachable(self) -> bool:
        """Whether a connection can be had."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                self._keep(await self._connection())
        except (UpstreamError, TimeoutError):
            return False
        return True

    async def address(self) -> IpAddress:
        """An address of the upstream that may be called. Raises `UpstreamError`."""
        return (await self._addresses())[0]

    def tls(self) -> ssl.SSLContext | None:
        """How the upstream's name is proved; None where it speaks no TLS."""
        if self.base.scheme == "https" and self._tls is None:
            self._tls = tls_context(self._outbound_options)
        return self._tls

    def headers(self, given: Headers, asked: bytes) -> list[tuple[bytes, bytes]]:
        """The headers that go on of those that are given; `asked` is the caller's `Host`.

        A page of the gate's own is a page of the upstream's own: its `Origin` is told as that.
        Any other goes on as it is, for the upstream to refuse it.
        """
        named = {
            word.strip().lower()
            for name, value in given
            if name == b"connection"
            for word in value.split(b",")
        }
        out = [(b"host", self.base.netloc), (b"accept-encoding", b"identity")]
        for name, value in given:
            own = name == self._own_header or name.startswith((b"x-forwarded-", b"sec-websocket-"))
            if name in _GONE_UP or name in named or own:
                continue
            if name == b"origin" and asked and value.partition(b"://")[2] == asked:
                out.append((name, self.base.origin))
                continue
            out.append((name, value))
        return out

    # Their steps

    async def _whole(self, call: UpstreamCall, took: Callable[[int], None]) -> UpstreamReply:
        return await self.call(dataclasses.replace(call, path=self._without_base(call.path)), took)

    def _without_base(self, path: str) -> str:
        # An address is whole; of a call the base's path is put before.
        if self.base.path and not path.startswith(self.base.path + "/"):
            raise UpstreamError
        return path[len(self.base.path) :]

    @contextlib.asynccontextmanager
    async def _answered(self, call: UpstreamCall) -> AsyncIterator[tuple[Wire, int, Headers]]:
        """A call's connection, status and headers; the connection is kept where it was read."""
        wire: Wire | None = None
        try:
            async with asyncio.timeout(self._options.upstream_seconds), self._places:
                wire = await self._connection()
                wire.send(*self._message(call))
                status, headers = await wire.head()
                _check_head(status, headers)
                yield wire, status, headers
        except TimeoutError:
            raise UpstreamError(504) from None
        finally:
            if wire is not None:
                self._keep(wire)

    def _message(self, call: UpstreamCall) -> tuple[bytes, bytes]:
        headers = list(call.headers)
        if not any(name == b"host" for name, _ in headers):
            headers = [(b"host", self.base.netloc), (b"accept-encoding", b"identity"), *headers]
        if call.body or call.method not in ("GET", "HEAD", "DELETE"):
            headers.append((b"content-length", b"%d" % len(call.body)))
        target = self.base.path + call.path + (f"?{call.query}" if call.query else "")
        return call_head(call.method, target, headers), call.body

    async def _connection(self) -> Wire:
        now = time.monotonic()
        while self._idle:
            wire, since = self._idle.pop()
            if wire.usable and now - since < IDLE_SECONDS:
                return wire
            wire.close()
        addresses = await self._addresses()
        share = CONNECT_SECONDS / (len(addresses) + 1)
        for address in addresses:
            try:
                async with asyncio.timeout(share):
                    return await self._connect(address)
            except (OSError, TimeoutError):
                continue
        raise UpstreamError

    async def _addresses(self) -> Sequence[IpAddress]:
        try:
            found = await self._resolver(self.base.host, self.base.port)
        except OutboundError:
            raise UpstreamError from None
        if not permitted(found, private=True):
            raise UpstreamError
        return found[:MAX_TRIES]

    async def _connect(self, address: IpAddress) -> Wire:
        try:
            tls = self.tls()
        except OutboundError:
            raise UpstreamError from None
        name = self.base.host if tls is not None else None
        _, wire = await asyncio.get_running_loop().create_connection(
            Wire, str(address), self.base.port, ssl=tls, server_hostname=name
        )
        return wire

    def _keep(self, wire: Wire) -> None:
        if wire.usable and len(self._idle) < MAX_IDLE:
            self._idle.append((wire, time.monotonic()))
        else:
            wire.close()

    async def _way_out(self) -> Outbound:
        async with self._opening:
            if self._outbound is None:
                made = Outbound(self._outbound_options)
                self._outbound = await self._stack.enter_async_context(made)
            return self._outbound


def _check_head(status: int, headers: Headers) -> None:
    if 300 <= status < 400:
        raise UpstreamError  # it leads elsewhere
    for name, value in headers:
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise UpstreamError
