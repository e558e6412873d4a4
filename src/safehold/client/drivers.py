"""The two clients: the same calls, driven with and without an event loop.

Each method names a call of `protocol.py` and hands it to `_run`, which sends and sleeps as the
call asks (`retrying.py`). Nothing is decided here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Self, TypeVar

import httpx

from safehold.client import protocol, transport
from safehold.client.bodies import Data, body_of
from safehold.client.model import (
    Answer,
    ClientOptions,
    Context,
    Digests,
    Flag,
    ReceiptState,
)
from safehold.client.retrying import Call, Failure, Reply, Seams, Send, Sleep

T = TypeVar("T")

_DEFAULTS = ClientOptions()
_SEAMS = Seams()


class Client:
    """A screening service, for threads. Can be shared by threads; close it when done.

    Every method raises `Unavailable` when the server gave no answer in time, `ContractError` for an
    answer that is none, and `Refused` for a call that the server does not take.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        options: ClientOptions = _DEFAULTS,
        *,
        http: httpx.BaseTransport | None = None,
        seams: Seams = _SEAMS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            base_url: `https://HOST[:PORT][/PATH]`; `http://` for loopback.
            key: the API key, `sfh_...`.
            options: limits.
            http: another way to the network, for tests.
            seams: clock and chance, for tests.
            sleep: waits, for tests.

        Raises:
            ValueError: the address or the key cannot be used.
        """
        self._options = options
        self._seams = seams
        self._sleep = sleep
        self._http = httpx.Client(transport=http, **transport.settings(base_url, key, options))

    def screen(
        self,
        data: Data,
        *,
        surface: str,
        uploader: str | None = None,
        context: Context | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Have an item checked before it is stored.

        Args:
            data: bytes, a `Path`, a binary file, or an iterator of bytes.
            surface: the place in the service, as it is set up at the server.
            uploader: the service's own id of who uploads.
            context: what else is known.
            idempotency_key: the same for the same item, so that repeated calls make one case.
                By default one is made for each call, and covers its own retries.

        Raises:
            BodyError: the data cannot be read.
        """
        known = protocol.given(surface, uploader, context)
        key = idempotency_key or self._seams.new_key()
        return self._run(protocol.screen(body_of(data), known, key, self._seams.now))

    def screen_digests(
        self,
        digests: Digests,
        *,
        surface: str,
        uploader: str | None = None,
        context: Context | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Have digests checked in place of bytes; the key needs the scope `digests`.

        After a hold or a block the service may want the bytes: ask `receipt`.
        """
        known = protocol.given(surface, uploader, context)
        key = idempotency_key or self._seams.new_key()
        return self._run(protocol.digests(digests, known, key, self._seams.now))

    def receipt(self, receipt: str) -> ReceiptState:
        """The present verdict of a receipt. An unknown one is `Refused` (404)."""
        return self._run(protocol.receipt(receipt, self._seams.now))

    def confirm(self, receipt: str, sha256: str) -> None:
        """Say what was stored in the end, so that a swap is seen. Raises `BytesDiffer`."""
        self._run(protocol.confirm(receipt, sha256, self._seams.now))

    def send_bytes(self, receipt: str, data: Data) -> Answer:
        """Send the bytes that a receipt waits for. Raises `BytesDiffer` for others."""
        return self._run(protocol.send_bytes(receipt, body_of(data), self._seams.now))

    def flag(self, flag: Flag) -> Answer:
        """Hand in what a user flags; the answer has the present verdict."""
        return self._run(protocol.flag(flag, self._seams.new_key(), self._seams.now))

    def appeal(self, receipt: str, text: str, *, appellant: str | None = None) -> Answer:
        """Hand in an uploader's appeal; the answer has the present verdict."""
        key = self._seams.new_key()
        return self._run(protocol.appeal(receipt, text, appellant, key, self._seams.now))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self.close()

    def _run(self, call: Call[T]) -> T:
        operation = call.run(self._options, self._seams)
        outcome: Reply | Failure | None = None
        while True:
            try:
                step = operation.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Sleep):
                self._sleep(step.seconds)
                outcome = None
            else:
                outcome = self._send(step)

    def _send(self, step: Send) -> Reply | Failure:
        clock = self._seams.monotonic
        ends = clock() + step.seconds
        body = step.request.body
        content: Iterator[bytes] | None = None
        if body is not None:
            content = transport.in_time(body.chunks(), ends, clock)
        limits = transport.timeouts(step, self._options)
        request = transport.request(self._http, step, {"content": content, "timeout": limits})
        try:
            response = self._http.send(request, stream=True)
            try:
                reading = transport.Reading(response, self._options.max_answer_bytes)
                for chunk in transport.in_time(response.iter_raw(), ends, clock):
                    reading.add(chunk)
                return reading.reply()
            finally:
                response.close()
        except transport.FAILURES as error:
            return transport.failure_of(error)


class AsyncClient:
    """A screening service, for asyncio. The calls, arguments and errors are those of `Client`."""

    def __init__(
        self,
        base_url: str,
        key: str,
        options: ClientOptions = _DEFAULTS,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        seams: Seams = _SEAMS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare; nothing is sent yet. See `Client`."""
        self._options = options
        self._seams = seams
        self._sleep = sleep
        self._http = httpx.AsyncClient(transport=http, **transport.settings(base_url, key, options))

    async def screen(
        self,
        data: Data,
        *,
        surface: str,
        uploader: str | None = None,
        context: Context | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """As `Client.screen`; `data` may be an asynchronous iterator as well."""
        known = protocol.given(surface, uploader, context)
        key = idempotency_key or self._seams.new_key()
        return await self._run(protocol.screen(body_of(data), known, key, self._seams.now))

    async def screen_digests(
        self,
        digests: Digests,
        *,
        surface: str,
        uploader: str | None = None,
        context: Context | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """As `Client.screen_digests`."""
        known = protocol.given(surface, uploader, context)
        key = idempotency_key or self._seams.new_key()
        return await self._run(protocol.digests(digests, known, key, self._seams.now))

    async def receipt(self, receipt: str) -> ReceiptState:
        """As `Client.receipt`."""
        return await self._run(protocol.receipt(receipt, self._seams.now))

    async def confirm(self, receipt: str, sha256: str) -> None:
        """As `Client.confirm`."""
        await self._run(protocol.confirm(receipt, sha256, self._seams.now))

    async def send_bytes(self, receipt: str, data: Data) -> Answer:
        """As `Client.send_bytes`."""
        return await self._run(protocol.send_bytes(receipt, body_of(data), self._seams.now))

    async def flag(self, flag: Flag) -> Answer:
        """As `Client.flag`."""
        return await self._run(protocol.flag(flag, self._seams.new_key(), self._seams.now))

    async def appeal(self, receipt: str, text: str, *, appellant: str | None = None) -> Answer:
        """As `Client.appeal`."""
        key = self._seams.new_key()
        return await self._run(protocol.appeal(receipt, text, appellant, key, self._seams.now))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """The client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self.close()

    async def _run(self, call: Call[T]) -> T:
        operation = call.run(self._options, self._seams)
        outcome: Reply | Failure | None = None
        while True:
            try:
                step = operation.send(outcome)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(step, Sleep):
                await self._sleep(step.seconds)
                outcome = None
            else:
                outcome = await self._in_time(step)

    async def _in_time(self, step: Send) -> Reply | Failure:
        """One attempt; an event loop can end it at any point, and does."""
        try:
            async with asyncio.timeout(step.seconds):
                return await self._send(step)
        except TimeoutError:
            return Failure.SILENT

    async def _send(self, step: Send) -> Reply | Failure:
        clock = self._seams.monotonic
        ends = clock() + step.seconds
        body = step.request.body
        content: AsyncIterator[bytes] | None = None
        if body is not None:
            content = transport.in_time_async(body.chunks_async(), ends, clock)
        limits = transport.timeouts(step, self._options)
        request = transport.request(self._http, step, {"content": content, "timeout": limits})
        try:
            response = await self._http.send(request, stream=True)
            try:
                reading = transport.Reading(response, self._options.max_answer_bytes)
                async for chunk in transport.in_time_async(response.aiter_raw(), ends, clock):
                    reading.add(chunk)
                return reading.reply()
            finally:
                await response.aclose()
        except transport.FAILURES as error:
            return transport.failure_of(error)
