"""The custodian as a process: it listens, and carries out calls in a few threads.

Connections are handled by an event loop, so one that is slow or silent holds up nobody; calls
run in threads. On a Unix socket only processes of allowed users are answered (SO_PEERCRED),
over TCP only those with a certificate of the authority. Nothing of a call is logged but its
name and the code of its error.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import struct
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safehold.custodian.address import Address, TlsAddress, UnixAddress, server_context
from safehold.custodian.calls import LONG, PREVIEW, Call, carry_out, needs_bytes
from safehold.custodian.interface import Custodian, CustodianError, RequestError
from safehold.custodian.protocol import (
    HEADER_BYTES,
    MAX_BINARY_BYTES,
    Kind,
    binary_frame,
    error_answer,
    json_frame,
    parse_header,
    parse_json,
)
from safehold.errors import SafeholdError

_CREDENTIALS = struct.Struct("3i")
_FOLDER_MODE = 0o700
_SOCKET_MODE = 0o600
_TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Bounds of the custodian's process.

    Attributes:
        users: ids of the users whose processes are answered on the Unix socket; empty for the
            custodian's own.
        connections: at one time; above that new ones are closed at once.
        threads: calls that are carried out at one time, previews and long ones apart.
        preview_threads: calls for previews that are carried out or wait at one time; more than
            `previews.waiting`, so that those beyond are told so.
        long_threads: calls that wait for an authority, or make packages, that are carried out at
            one time; further ones wait.
        request_seconds: within how long a call must have come, and a handshake of TLS.
        write_seconds: how long a caller may take nothing of its answer.
        shutdown_seconds: how long calls that are under way may take when the process ends.
    """

    users: frozenset[int] = frozenset()
    connections: int = 64
    threads: int = 8
    preview_threads: int = 18
    long_threads: int = 4
    request_seconds: float = 10.0
    write_seconds: float = 30.0
    shutdown_seconds: float = 20.0


def run(
    custodian: Custodian,
    addresses: Sequence[Address],
    stop: threading.Event,
    options: ServeOptions | None = None,
    log: Callable[[str, str], None] = lambda call, code: None,
    ready: Callable[[Sequence[Address]], None] = lambda addresses: None,
) -> None:
    """Serve until `stop` is set.

    Args:
        custodian: carries the calls out.
        addresses: where to listen.
        stop: set to end; calls that are under way are finished.
        options: bounds.
        log: told the name and the result (`ok` or an error's code) of each call.
        ready: told once where it listens, with the ports that were free.

    Raises:
        CustodianError: it cannot listen there.
    """
    server = _Server(custodian, ServeOptions() if options is None else options, log)
    asyncio.run(server.run(addresses, stop, ready))


class _Server:
    def __init__(
        self, custodian: Custodian, options: ServeOptions, log: Callable[[str, str], None]
    ) -> None:
        self._custodian = custodian
        self._options = options
        self._log = log
        self._connections = 0
        self._users = options.users or frozenset({os.getuid()})

    async def run(
        self,
        addresses: Sequence[Address],
        stop: threading.Event,
        ready: Callable[[Sequence[Address]], None],
    ) -> None:
        self._pool = ThreadPoolExecutor(self._options.threads, "custodian")
        # Previews wait for workers; other calls, such as those of signatures, go on meanwhile.
        self._previews = ThreadPoolExecutor(self._options.preview_threads, "preview")
        # So do calls that wait for an authority.
        self._long = ThreadPoolExecutor(self._options.long_threads, "long")
        try:
            async with contextlib.AsyncExitStack() as stack:
                bound = [await self._listen(address, stack) for address in addresses]
                ready(bound)
                while not stop.is_set():
                    await asyncio.sleep(_TICK_SECONDS)
            await self._finish()
        finally:
            # Without waiting: a thread that still sends needs this loop to learn of the end.
            for pool in (self._pool, self._previews, self._long):
                pool.shutdown(wait=False, cancel_futures=True)

    async def _finish(self) -> None:
        """Wait for calls that are under way, within reason."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._options.shutdown_seconds
        while self._connections and loop.time() < end:
            await asyncio.sleep(_TICK_SECONDS)

    async def _listen(self, address: Address, stack: contextlib.AsyncExitStack) -> Address:
        try:
            if isinstance(address, UnixAddress):
                listener = _unix_listener(address.path)
                stack.callback(address.path.unlink, missing_ok=True)
                server = await asyncio.start_unix_server(self._accept_unix, sock=listener)
            else:
                server = await asyncio.start_server(
                    self._accept,
                    address.host,
                    address.port,
                    ssl=server_context(address.files),
                    ssl_handshake_timeout=self._options.request_seconds,
                )
        except OSError as error:
            raise CustodianError("The custodian cannot listen there.") from error
        stack.callback(server.close)
        if isinstance(address, UnixAddress):
            return address
        port = int(server.sockets[0].getsockname()[1])
        return TlsAddress(address.host, port, address.files)

    async def _accept_unix(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if _peer_user(writer.get_extra_info("socket")) not in self._users:
            self._log("connect", "custodian_user")
            await _close(writer)
            return
        await self._accept(reader, writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= self._options.connections:
            self._log("connect", "custodian_busy")
            await _close(writer)
            return
        self._connections += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, _CallerLostError):
            self._log("connect", "custodian_lost")
        finally:
            self._connections -= 1
            await _close(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(frame: bytes) -> None:
            writer.write(frame)
            await asyncio.wait_for(writer.drain(), self._options.write_seconds)

        name = "unknown"
        try:
            request = await asyncio.wait_for(_read_request(reader), self._options.request_seconds)
        except SafeholdError as error:
            answer, code = error_answer(error), error.code
        else:
            name = str(request[0]["call"])
            answer, code = await self._answer(request, send)
        self._log(name, code)
        await send(json_frame(answer))

    async def _answer(
        self, request: tuple[dict[str, Any], bytes], send: Callable[[bytes], Awaitable[None]]
    ) -> tuple[dict[str, Any], str]:
        """The answer to a call, and what is logged of it."""
        try:
            return await self._carry_out(request, send), "ok"
        except SafeholdError as error:
            return error_answer(error), error.code
        except _CallerLostError:
            raise
        except Exception as error:  # noqa: BLE001 - the caller is told that it failed
            return error_answer(error), type(error).__name__

    async def _carry_out(
        self, request: tuple[dict[str, Any], bytes], send: Callable[[bytes], Awaitable[None]]
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        arguments, content = request
        output = _Output(loop, send, self._options.write_seconds)
        call = Call(str(arguments["call"]), arguments, content, output)

        def work() -> dict[str, Any]:
            answer = carry_out(self._custodian, call)
            output.finish()
            return answer

        return await loop.run_in_executor(self._threads(call.name), work)

    def _threads(self, name: str) -> ThreadPoolExecutor:
        if name == PREVIEW:
            return self._previews
        return self._long if name in LONG else self._pool


class _CallerLostError(Exception):
    """The caller went away, or takes nothing of its answer."""


class _Output:
    """Sends what a thread writes as binary frames, and waits until the caller takes them."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        send: Callable[[bytes], Awaitable[None]],
        seconds: float,
    ) -> None:
        self._loop = loop
        self._send = send
        self._seconds = seconds
        self._pending = bytearray()

    def write(self, content: bytes, /) -> int:
        self._pending += content
        while len(self._pending) >= MAX_BINARY_BYTES:
            self._send_pending(MAX_BINARY_BYTES)
        return len(content)

    def flush(self) -> None:
        """Nothing: frames go when they are full, and the last by `finish`."""

    def finish(self) -> None:
        """Send what is left."""
        if self._pending:
            self._send_pending(len(self._pending))

    def _send_pending(self, count: int) -> None:
        frame = binary_frame(bytes(self._pending[:count]))
        del self._pending[:count]

        async def send() -> None:
            await self._send(frame)

        sent = send()
        try:
            # The loop ends the wait by itself; the longer one here is for a loop that is gone.
            asyncio.run_coroutine_threadsafe(sent, self._loop).result(self._seconds + 5.0)
        except RuntimeError as error:
            sent.close()  # The loop is gone, and nobody will await it.
            raise _CallerLostError from error
        except (OSError, TimeoutError, CancelledError) as error:
            raise _CallerLostError from error


async def _read_request(reader: asyncio.StreamReader) -> tuple[dict[str, Any], bytes]:
    arguments = parse_json(await _read_frame(reader, Kind.JSON))
    if not needs_bytes(arguments):
        return arguments, b""
    return arguments, await _read_frame(reader, Kind.BINARY)


async def _read_frame(reader: asyncio.StreamReader, wanted: Kind) -> bytes:
    kind, length = parse_header(await reader.readexactly(HEADER_BYTES))
    if kind is not wanted:
        raise RequestError
    return await reader.readexactly(length)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), 1.0)


def _peer_user(connection: socket.socket) -> int:
    """The id of the user whose process is at the other end (unix(7), SO_PEERCRED)."""
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1])


def _unix_listener(path: Path) -> socket.socket:
    """A socket with mode 0600 in a folder with mode 0700.

    Raises:
        CustodianError: a custodian listens there already, or others can get into the folder.
    """
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    found = path.parent.stat()
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid():
        raise CustodianError(
            "The folder of the custodian's socket is open to others.",
            hint="It must belong to the custodian's user, with mode 0700.",
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            if listener.connect_ex(str(path)) == 0:
                raise CustodianError("A custodian is listening there already.")
            path.unlink()  # Of one that was killed.
            listener.close()
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(path))
        path.chmod(_SOCKET_MODE)
    except BaseException:
        listener.close()
        raise
    return listener
