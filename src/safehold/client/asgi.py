"""Checks uploads before a Starlette, FastAPI or other ASGI application sees them.

    app.add_middleware(
        ScreenUploads,
        client=AsyncClient("https://screen.internal:8450", key),
        options=UploadOptions(surface="public"),
        uploader=lambda scope: scope["session"].get("user"),
    )

The body is taken in whole, its files are checked, and then the application gets the same bytes;
or the end user gets an answer and the application is not called. `checked(scope)` gives the
application the receipts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any, Final, TypeAlias

from safehold.client import uploads
from safehold.client.bodies import Body
from safehold.client.drivers import AsyncClient
from safehold.client.errors import ClientError
from safehold.client.model import Answer
from safehold.client.multipart import FormReader, MalformedForm, Part, boundary_of
from safehold.client.spool import NoRoomError, Room, Spool
from safehold.client.uploads import Checked, Turned, UploadOptions

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Sender: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Sender], Awaitable[None]]

CHECKED: Final = "safehold.checked"
"""Where the scope has what was checked."""


def checked(scope: Scope) -> tuple[Checked, ...]:
    """The files of a request that were let through, in their order in the form."""
    found: tuple[Checked, ...] = scope.get(CHECKED, ())
    return found


def peer(scope: Scope) -> tuple[str, int] | None:
    """Address and port of the end user, as the server knows them.

    Behind a proxy have the server take them from the proxy (uvicorn: `--proxy-headers`).
    """
    found = scope.get("client")
    return (str(found[0]), int(found[1])) if found else None


class _Turn(Exception):  # noqa: N818 - not an error, and it never leaves this module
    def __init__(self, answer: Turned) -> None:
        self.answer = answer


class _Gone(Exception):  # noqa: N818 - as above
    """The end user has gone."""


class ScreenUploads:
    """The middleware. One object serves any number of requests at a time."""

    def __init__(
        self,
        app: Application,
        *,
        client: AsyncClient,
        options: UploadOptions,
        uploader: Callable[[Scope], str | None],
        address: Callable[[Scope], tuple[str, int] | None] = peer,
    ) -> None:
        """Prepare.

        Args:
            app: the application, or the next middleware.
            client: asks the screening service.
            options: which requests are checked, and how.
            uploader: the service's id of who sends a request, or None.
            address: the end user's address and port, or None.
        """
        self._app = app
        self._client = client
        self._options = options
        self._uploader = uploader
        self._address = address
        self._room = Room(options.max_spooled_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Sender) -> None:
        """Answer one request, or hand it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with Spool(self._room, self._options.memory_bytes) as spool:
            try:
                kind = self._kind(scope)
                if kind is not None:
                    parts = await self._spool(kind, spool, receive)
                    scope[CHECKED] = await self._check(scope, spool, parts)
            except _Turn as turn:
                await _answer(turn.answer, send)
                return
            except _Gone:
                return
            replayed = receive if kind is None else _Replay(spool, receive)
            await self._app(scope, replayed, send)

    def _kind(self, scope: Scope) -> bytes | None:
        """A form's boundary; empty for a body that is one item; None for what is not checked."""
        path = scope["path"]
        kinds = _header(scope, b"content-type")
        is_form = any(kind.strip().lower().startswith("multipart/") for kind in kinds)
        as_form = is_form and self._options.checks_forms(path)
        if not as_form and not self._options.checks_bodies(path):
            return None
        if any(e.strip().lower() != "identity" for e in _header(scope, b"content-encoding")):
            raise _Turn(uploads.ENCODED)
        if any(
            _is_over(n, self._options.max_body_bytes) for n in _header(scope, b"content-length")
        ):
            raise _Turn(uploads.TOO_LARGE)
        if not as_form:
            return b""
        if len(kinds) != 1:
            raise _Turn(uploads.MALFORMED)
        try:
            return boundary_of(kinds[0])
        except MalformedForm:
            raise _Turn(uploads.MALFORMED) from None

    async def _spool(self, boundary: bytes, spool: Spool, receive: Receive) -> list[Part]:
        """Take the body in; the parts of it that are files."""
        reader = FormReader(boundary) if boundary else None
        try:
            async with asyncio.timeout(self._options.max_body_seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise _Gone
                    self._take(message.get("body", b""), spool, reader)
                    if not message.get("more_body", False):
                        break
            if reader is None:
                return [Part("", None, True, 0, spool.size)]
            return [part for part in reader.finish() if part.is_file]
        except TimeoutError:
            raise _Turn(uploads.TOO_SLOW) from None
        except MalformedForm:
            raise _Turn(uploads.MALFORMED) from None
        except (NoRoomError, OSError):
            raise _Turn(uploads.unavailable(self._options)) from None

    def _take(self, data: bytes, spool: Spool, reader: FormReader | None) -> None:
        if spool.size + len(data) > self._options.max_body_bytes:
            raise _Turn(uploads.TOO_LARGE)
        spool.write(data)
        if reader is not None:
            reader.feed(data)

    async def _check(
        self, scope: Scope, spool: Spool, parts: Iterable[Part]
    ) -> tuple[Checked, ...]:
        # A form without a chosen file has a part with a name and no bytes.
        files = [part for part in parts if part.end > part.start]
        if len(files) > self._options.max_files:
            raise _Turn(uploads.TOO_LARGE)
        if not files:
            return ()
        who, where = self._uploader(scope), self._address(scope)
        at_a_time = asyncio.Semaphore(self._options.parallel)

        async def ask(part: Part) -> Answer | ClientError:
            context = uploads.context_of(where, part.file_name)
            body = Body(lambda: spool.chunks(part.start, part.end), part.end - part.start)
            async with at_a_time:
                try:
                    return await self._client.screen(
                        body, surface=self._options.surface, uploader=who, context=context
                    )
                except ClientError as error:
                    return error

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(part)) for part in files]
        found = uploads.judge(
            [part.name for part in files], (task.result() for task in tasks), self._options
        )
        if isinstance(found, Turned):
            raise _Turn(found)
        return found


class _Replay:
    """Gives a body that was taken in to the application, then what the server says next."""

    def __init__(self, spool: Spool, receive: Receive) -> None:
        self._chunks: Iterator[bytes] | None = spool.chunks(0, spool.size)
        self._left = spool.size
        self._receive = receive

    async def __call__(self) -> Message:
        if self._chunks is None:
            return await self._receive()
        chunk = next(self._chunks, b"")
        self._left -= len(chunk)
        if self._left <= 0:
            self._chunks = None
        return {"type": "http.request", "body": chunk, "more_body": self._chunks is not None}


def _header(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name]


def _is_over(length: str, most: int) -> bool:
    # A server refuses a length that is no number; longer numbers than this are over any limit.
    return length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > most)


async def _answer(answer: Turned, send: Sender) -> None:
    headers = [(k.lower().encode(), v.encode()) for k, v in answer.headers().items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.text.encode()})
