"""How an API's shape and the gate work together.

The gate takes a call, finds its route in the API's table (all else is denied), and gives it to
the route's handler with a `Desk`. The handler says what goes in, calls the upstream, and hands
over what comes back; it never passes on bytes that the desk has not released.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from safehold.gate.model import (
    Account,
    Api,
    Generation,
    Headers,
    Reply,
    UpstreamCall,
    UpstreamReply,
    Words,
)


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A caller's call.

    Attributes:
        method, path: the path is raw, normalised and begins with a slash.
        query: raw, without `?`.
        headers: names in lower case.
        body: whole.
        params: what the route's `{names}` stand for, decoded.
        account: who asks.
        origin: scheme and host by which the caller reached the gate (`http://gate:7860`).
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes = field(repr=False)
    params: Mapping[str, str]
    account: Account
    origin: str

    def header(self, name: bytes) -> bytes:
        """A header's value, or empty."""
        return next((value for key, value in self.headers if key == name), b"")


class Desk(Protocol):
    """What handlers work with."""

    async def call(self, request: GateRequest, call: UpstreamCall) -> UpstreamReply:
        """Call the upstream; the whole answer. Raises `UpstreamError`."""
        ...

    def stream(self, request: GateRequest, call: UpstreamCall) -> AsyncIterator[bytes]:
        """Call the upstream and read its answer as it comes (status 200 only).

        Raises `UpstreamError`, also for another status (which it names).
        """
        ...

    async def fetch_result(self, url: str) -> bytes:
        """The bytes at an address that the upstream's answer names; bounded.

        It is the upstream itself, or another host by the rules of calls to other machines (https,
        public addresses or `outbound.allowed_hosts`). Raises `UpstreamError`.
        """
        ...

    async def admit(self, account: Account, words: Words, api: Api) -> None:
        """Check what is asked for: the account's standing, words, models, pictures going in.

        Raises `RefusedError`, `UncheckedError`; refusals are recorded before.
        """
        ...

    async def release(
        self, account: Account, pictures: Sequence[bytes], about: Generation
    ) -> list[bool]:
        """Check pictures that came back, in one go; for each whether it may leave.

        Each is looked at as exactly these bytes. What is no picture that is read, and what could
        not be checked, may not. Released ones are in the ledger before this returns. What was
        refused is recorded, and counts once for each call of the account: no `refuse` is needed.
        """
        ...

    async def refuse(self, account: Account, api: Api) -> None:
        """Note that the adapter itself refused something of this account's (for repeats).

        A call counts once, whatever it asks for and however much of it is refused.
        """
        ...

    def keep(self, picture: bytes, content_type: bytes, request: GateRequest) -> str:
        """Keep a released picture for a while; the address at the gate where it is got."""
        ...


Handler = Callable[[GateRequest, Desk], Awaitable["Reply | Streamed"]]


@dataclass(frozen=True, slots=True)
class Streamed:
    """An answer that is sent in pieces, each of which may leave."""

    pieces: AsyncIterator[bytes]
    content_type: bytes = b"text/event-stream"
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A route that is let through.

    Attributes:
        method: `GET`, `POST`, ...; HEAD goes as GET, without its body.
        pattern: `/sdapi/v1/txt2img`, `/history/{prompt_id}`; a name stands for one part. A last
            `{name:rest}` stands for all that follows, one part or more (`/assets/{file:rest}`).
            A slash at the end is part of a pattern. Of several patterns that fit, the first of
            the table counts; those without names stand before all others.
        handler: answers it.
    """

    method: str
    pattern: str
    handler: Handler


class SocketFilter(Protocol):
    """What of one open socket goes through. Made anew for each socket."""

    def to_upstream(self, message: str | bytes) -> Sequence[str | bytes]:
        """What goes on of a message of the caller."""
        ...

    async def to_caller(self, message: str | bytes) -> Sequence[str | bytes]:
        """What goes on of a message of the upstream: never a picture."""
        ...


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A socket that is let through; `make` makes its filter."""

    pattern: str
    make: Callable[[GateRequest, Desk], SocketFilter]


class Adapter(Protocol):
    """One API's shape."""

    api: Api

    def routes(self) -> Sequence[Route]:
        """All routes that are let through."""
        ...

    def sockets(self) -> Sequence[SocketRoute]:
        """All sockets that are let through."""
        ...

    def refusal(self) -> Reply:
        """The one answer to all that is refused, in the API's own shape."""
        ...

    def trouble(self, status: int) -> Reply:
        """The answer where the upstream or the gate cannot.

        400, 401, 404, 405, 408, 413, 429, 500, 502, 503, 504.
        """
        ...

    async def cancel(self, request: GateRequest, desk: Desk, known: Any) -> None:
        """Cancel what else of this account's is under way, where the API can. Raises nothing."""
        ...
