"""What both drivers ask of httpx: settings, addresses, requests, failures. It makes no calls."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

import httpx

from safehold.client.errors import ContractError
from safehold.client.model import ClientOptions
from safehold.client.retrying import Failure, Reply, Send

USER_AGENT: Final = "safehold-client"


class Late(Exception):  # noqa: N818 - never leaves the drivers
    """An attempt has used up its time between two chunks."""


FAILURES: Final = (httpx.TransportError, Late)
"""What a driver takes for a `Failure`; anything else is a mistake and passes."""


def settings(base_url: str, key: str, options: ClientOptions) -> dict[str, Any]:
    """The arguments of an httpx client.

    No proxy, certificate or password is taken from the environment, and no redirect is followed:
    what is sent may go to the named server and nowhere else.

    Raises:
        ValueError: the address or the key cannot be used. Neither is told.
    """
    return {
        "base_url": _address(base_url, plain_http=options.plain_http),
        "headers": {
            "Authorization": f"Bearer {_token(key)}",
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        },
        "verify": True if options.tls is None else options.tls,
        "trust_env": False,
        "follow_redirects": False,
        "limits": httpx.Limits(
            max_connections=options.max_connections,
            max_keepalive_connections=options.max_connections,
        ),
    }


def _address(text: str, *, plain_http: bool) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ValueError("the server's address must be https://HOST or http://HOST")
    if url.query or url.fragment:
        raise ValueError("the server's address ends with its path")
    if url.scheme == "http" and not (plain_http or _is_loopback(url.host)):
        raise ValueError(
            "the key and the pictures would cross the network in the clear: use https://, "
            "or ClientOptions(plain_http=True) in a network that is encrypted otherwise"
        )
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(key: str) -> str:
    if not key or not all("!" <= letter <= "~" for letter in key):
        raise ValueError("that is not an API key")
    return key


def request(client: httpx.Client | httpx.AsyncClient, step: Send, arguments: Arguments) -> Any:
    """The httpx request of one attempt; `arguments` has its body and its limits of time."""
    body = step.request.body
    headers = dict(step.request.headers)
    if body is not None and body.length is not None:
        headers["Content-Length"] = str(body.length)
    return client.build_request(
        step.request.method,
        step.request.path,
        headers=headers,
        content=arguments["content"],
        timeout=arguments["timeout"],
    )


Arguments = Mapping[str, Any]


def timeouts(step: Send, options: ClientOptions) -> httpx.Timeout:
    """The limits of time of one attempt; httpx counts each wait for the network alone."""
    most = min(step.seconds, options.attempt_seconds)
    return httpx.Timeout(most, connect=min(step.seconds, options.connect_seconds))


def in_time(chunks: Iterator[bytes], ends: float, clock: Callable[[], float]) -> Iterator[bytes]:
    """The chunks, as long as there is time. Raises `Late`."""
    for chunk in chunks:
        if clock() >= ends:
            raise Late
        yield chunk


async def in_time_async(
    chunks: AsyncIterator[bytes], ends: float, clock: Callable[[], float]
) -> AsyncIterator[bytes]:
    """As `in_time`, for an event loop."""
    async for chunk in chunks:
        if clock() >= ends:
            raise Late
        yield chunk


class Reading:
    """An answer as it arrives, not longer than allowed."""

    def __init__(self, response: httpx.Response, longest: int) -> None:
        self._status = response.status_code
        self._headers = {name.lower(): value for name, value in response.headers.items()}
        self._longest = longest
        self._content = bytearray()
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            raise ContractError("answer_compressed", status=self._status)

    def add(self, chunk: bytes) -> None:
        """The next bytes. Raises `ContractError` when they are too many."""
        self._content += chunk
        if len(self._content) > self._longest:
            raise ContractError("answer_too_long", status=self._status)

    def reply(self) -> Reply:
        """The whole."""
        return Reply(self._status, self._headers, bytes(self._content))


def failure_of(error: Exception) -> Failure:
    """What an exception of an attempt means."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Failure.CONNECT
    if isinstance(error, httpx.TimeoutException | Late):
        return Failure.SILENT
    return Failure.BROKEN
