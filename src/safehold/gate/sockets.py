"""Sockets: what callers and the upstream say to each other, through a filter (RFC 6455).

Both sides end together. Messages are bounded and are not compressed; a side that does not take
what is sent to it holds up the other, and both are pinged by their servers. Why a side ended is
told by its code alone, for a reason could hold anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable
from typing import Final, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from safehold.engine.reading import Receive, Send
from safehold.gate.interface import GateRequest, SocketFilter
from safehold.gate.model import GateError, UpstreamError
from safehold.gate.upstream import CONNECT_SECONDS, Upstream
from safehold.media.limits import MIB
from safehold.outbound.addresses import IpAddress

MAX_FROM_CALLER: Final = MIB
"""Largest message of a caller in bytes, or in characters."""
MAX_FROM_UPSTREAM: Final = 64 * MIB
"""Largest message of the upstream: previews of large pictures, which are left out, come whole."""
MAX_WAITING: Final = 4
"""Messages of the upstream that wait to be looked at."""
SEND_SECONDS: Final = 60.0
"""For how long a side may take nothing of what is sent to it."""
CLOSE_SECONDS: Final = 2.0

_NORMAL: Final = 1000
_TOO_BIG: Final = 1009
_BROKEN: Final = 1011
_GOING: Final = 1001
_UP: Final = frozenset({b"authorization", b"x-api-key", b"user-agent", b"origin"})
_MAX_PROTOCOLS: Final = 8

T = TypeVar("T")


class _TooBigError(GateError):
    """A message is larger than is taken."""


async def relay(
    request: GateRequest,
    filter_: SocketFilter,
    upstream: Upstream,
    receive: Receive,
    send: Send,
) -> None:
    """Let a caller's socket and one to the upstream speak, until either ends.

    The caller's socket is not accepted yet; it is once the upstream's is open.

    Raises:
        UpstreamError: the upstream cannot be reached, or takes no socket here.
    """
    async with _opened(request, upstream) as other:
        await send({"type": "websocket.accept", "subprotocol": other.subprotocol})
        up = asyncio.ensure_future(_up(filter_, receive, other))
        down = asyncio.ensure_future(_down(filter_, send, other))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(up, down)
        if up.done() and not up.cancelled() and up.exception() is None:
            await other.close(up.result())
            return
        code = _BROKEN
        if down.done() and not down.cancelled() and down.exception() is None:
            code = down.result()
        elif not up.cancelled() and isinstance(up.exception(), _TooBigError):
            code = _TOO_BIG
        await other.close(_GOING)
        await send({"type": "websocket.close", "code": code, "reason": ""})


async def _ended(*tasks: asyncio.Future[int]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def _up(filter_: SocketFilter, receive: Receive, other: ClientConnection) -> int:
    """Pass on what the caller says; the code by which it ends."""
    while True:
        event = await receive()
        if event["type"] != "websocket.receive":
            return _code(event.get("code"))
        message: str | bytes | None = event.get("text")
        if message is None:
            message = event.get("bytes") or b""
        if len(message) > MAX_FROM_CALLER:
            raise _TooBigError
        for one in filter_.to_upstream(message):
            try:
                await _in_time(other.send(one))
            except ConnectionClosed:
                # How it ended is told by the other direction.
                await asyncio.Event().wait()


async def _down(filter_: SocketFilter, send: Send, other: ClientConnection) -> int:
    """Pass on what the upstream says; the code by which it ends."""
    while True:
        try:
            message = await other.recv()
        except ConnectionClosed as ended:
            return _code(ended.rcvd.code if ended.rcvd is not None else None, _BROKEN)
        for one in await filter_.to_caller(message):
            kind = "text" if isinstance(one, str) else "bytes"
            await _in_time(send({"type": "websocket.send", kind: one}))


async def _in_time(sending: Awaitable[T]) -> T:
    async with asyncio.timeout(SEND_SECONDS):
        return await sending


def _code(code: int | None, otherwise: int = _NORMAL) -> int:
    """A code that may be sent (RFC 6455, section 7.4)."""
    if code is not None and (code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014):
        return code
    return code if code is not None and 3000 <= code <= 4999 else otherwise


# The way to the upstream


@contextlib.asynccontextmanager
async def _opened(request: GateRequest, upstream: Upstream) -> AsyncIterator[ClientConnection]:
    base = upstream.base
    target = request.path + (f"?{request.query}" if request.query else "")
    scheme = "wss" if base.scheme == "https" else "ws"
    given = upstream.headers(request.headers, request.header(b"host"))
    headers = [(n.decode("ascii"), v.decode("latin-1")) for n, v in given if n in _UP]
    tls = upstream.tls()
    connection: ClientConnection | None = None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            # A socket of our own: to the address that was looked at, and no redirect is followed.
            pipe = await _pipe(await upstream.address(), base.port)
        try:
            connection = await connect(
                f"{scheme}://{base.netloc.decode('ascii')}{base.path}{target}",
                sock=pipe,
                ssl=tls,
                server_hostname=base.host if tls is not None else None,
                additional_headers=headers,
                user_agent_header=None,
                subprotocols=_protocols(request) or None,
                compression=None,
                proxy=None,
                open_timeout=CONNECT_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MAX_FROM_UPSTREAM,
                max_queue=MAX_WAITING,
            )
        finally:
            if connection is None:
                pipe.close()
    except (OSError, TimeoutError, WebSocketException, ValueError):
        raise UpstreamError from None
    try:
        yield connection
    finally:
        await connection.close(_GOING)


async def _pipe(address: IpAddress, port: int) -> socket.socket:
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    pipe = socket.socket(family, socket.SOCK_STREAM)
    try:
        pipe.setblocking(False)
        pipe.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(pipe, (str(address), port))
    except BaseException:
        pipe.close()
        raise
    return pipe


def _protocols(request: GateRequest) -> list[Subprotocol]:
    said = request.header(b"sec-websocket-protocol").decode("latin-1")
    names = [name.strip() for name in said.split(",") if name.strip()]
    return [Subprotocol(name) for name in names[:_MAX_PROTOCOLS]]
