"""The console as an ASGI app: bounds, cookies and headers around `dispatch`."""

from __future__ import annotations

import dataclasses
import functools
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from safehold.console.bodies import Fields, read_form, read_query
from safehold.console.dispatch import Answer, Call, Console
from safehold.console.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    MethodError,
    PageMissingError,
)
from safehold.console.ports import ConsoleParts
from safehold.console.routing import RouteTable
from safehold.console.security import (
    FOR_EVER,
    FORM_COOKIE,
    KEPT_COOKIE,
    NO_STORE,
    SESSION_COOKIE,
    Origins,
    came_by_link,
    client_digest,
    cookie_name,
    may_be_fetched,
    networks,
    safe_next,
    security_headers,
    set_cookie,
)
from safehold.console.static_files import PREFIX, StaticFiles
from safehold.console.uploads import read_upload
from safehold.console.visit import Reply, Route, Visit
from safehold.errors import SafeholdError
from safehold.runtime.log import Log
from safehold.runtime.networks import client_address, neighbourhood

THREADS = 32
"""Pages that are made at one time for people who are signed in."""

STRANGERS_THREADS = 8
"""Pages of signing in that are made at one time: passwords take turns, and whoever floods them
holds up no more than these."""

PIECE_BYTES = 256 * 1024
"""Bytes of a file that are read at one time."""

ANSWER_SECONDS = 120.0
"""After how long nobody waits for a page any more; the custodian's own bounds are shorter."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ConsoleApp:
    """Answers HTTP requests."""

    def __init__(
        self,
        parts: ConsoleParts,
        origins: Origins,
        log: Log,
        routes: Iterable[Route],
        *,
        static: StaticFiles | None = None,
        behind_proxy: bool = False,
    ) -> None:
        """`static`: the same files as the templates name."""
        self._parts = parts
        self._origins = origins
        self._log = log
        self._routes = RouteTable(routes)
        self._static = static or StaticFiles()
        self._proxies = networks(parts.options.proxies) if behind_proxy else ()
        self._console = Console(parts)
        self._threads = anyio.CapacityLimiter(THREADS)
        self._strangers = anyio.CapacityLimiter(STRANGERS_THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        began = time.monotonic()
        try:
            done = await self._done(request)
        except ClientDisconnect:
            return
        except Exception as unknown:  # noqa: BLE001 - the headers stand on this answer too
            done = _Done(
                "", _plain(500, "Something went wrong here."), error=type(unknown).__name__
            )
        number = secrets.token_hex(8)
        for name, value in security_headers(self._parts.secure).items():
            done.response.headers[name] = value
        done.response.headers["X-Request-Id"] = number
        self._say(done, number, time.monotonic() - began)
        await _sent(done.response, request.method == "HEAD")(scope, receive, send)

    def _say(self, done: _Done, number: str, seconds: float) -> None:
        answer = done.answer
        fields = {
            "request": number,
            "route": done.route,
            "status": done.response.status_code,
            "seconds": round(seconds, 4),
            "user": answer.user_id if answer else "",
        }
        error = done.error or (answer.error if answer else "")
        if error:
            self._log.error("page_failed", **fields, exception=error)
        else:
            self._log.info("page", **fields)

    async def _done(self, request: Request) -> _Done:
        headers = request.headers
        if not self._origins.knows_host(headers.get("host", "")):
            return _Done("wrong_host", _plain(421, "This is not the address of the console."))
        read = request.method in ("GET", "HEAD")
        if read and not may_be_fetched(headers):
            return _Done("cross_site", _plain(403, "Other sites can load nothing from here."))
        if read and request.scope["path"].startswith(PREFIX) and (file := self._file(request)):
            return _Done("static", file)
        route, path = self._route(request)
        if read and route.permission is not None and came_by_link(headers):
            return _Done("by_link", self._again(request))
        form: Fields = {}
        document: bytes | None = None
        query: Mapping[str, str] = {}
        try:
            query = read_query(request.scope["query_string"].decode("latin-1"))
            if route.method == "POST":
                body = await self._body(request, route)
                kind = headers.get("content-type", "")
                if route.uploads:
                    form, document = read_upload(body, kind)
                else:
                    form = read_form(body, kind, streams=route.streams)
        except SafeholdError as error:
            route = _refusal(error, route)
        call = self._call(request, route, path, query, form)
        call = dataclasses.replace(call, document=document)
        work = functools.partial(self._console.answer, call)
        limiter = self._threads if route.permission is not None else self._strangers
        try:
            with anyio.fail_after(ANSWER_SECONDS):
                answer = await anyio.to_thread.run_sync(
                    work, limiter=limiter, abandon_on_cancel=True
                )
        except TimeoutError:
            return _Done(route.name, _plain(503, "The console has too much to do just now."))
        response = self._response(answer)
        if response.status_code == 303 and came_by_link(headers):
            _go_by_page(response)
        return _Done(route.name, response, answer)

    def _route(self, request: Request) -> tuple[Route, Mapping[str, str]]:
        routes, path = self._routes.find(request.scope["path"])
        if any("\0" in part for part in path.values()):  # no database has such an id
            return _refusal(PageMissingError()), {}
        by_head = "GET" in routes and not routes["GET"].shows
        method = "GET" if request.method == "HEAD" and by_head else request.method
        if method in routes:
            return routes[method], path
        if not routes:
            return _refusal(PageMissingError()), {}
        allowed = sorted({*routes, *(["HEAD"] if by_head else [])})
        return _refusal(MethodError(tuple(allowed))), {}

    def _file(self, request: Request) -> Response | None:
        found = self._static.find(request.scope["path"])
        if found is None:
            return None
        content, kind, present = found
        cached = {"Cache-Control": FOR_EVER if present else NO_STORE}
        return Response(content, media_type=kind, headers=cached)

    def _again(self, request: Request) -> Response:
        """Have the browser ask once more by itself, now with the cookies that are `Strict`."""
        refresh = {"Refresh": f"0;url={safe_next(_location(request))}"}
        return Response(b"", media_type="text/html", headers=refresh | _NOT_KEPT)

    async def _body(self, request: Request, route: Route) -> bytes:
        """The body. Raises `BodyTooLargeError` or `BodyTimeoutError`."""
        options = self._parts.options
        most = options.max_form_bytes + (options.max_document_bytes if route.uploads else 0)
        body = bytearray()
        try:
            with anyio.fail_after(options.request_seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > most:
                        raise BodyTooLargeError
        except TimeoutError:
            raise BodyTimeoutError from None
        return bytes(body)

    def _call(
        self,
        request: Request,
        route: Route,
        path: Mapping[str, str],
        query: Mapping[str, str],
        form: Fields,
    ) -> Call:
        headers, secure = request.headers, self._parts.secure
        peer = request.client.host if request.client else ""
        forwarded = headers.get("x-forwarded-for", "")
        address = neighbourhood(client_address(peer, forwarded, self._proxies))
        bound = address if self._parts.options.bind_address else ""
        cookies = {
            name: request.cookies.get(cookie_name(name, secure), "")
            for name in (SESSION_COOKIE, FORM_COOKIE, KEPT_COOKIE)
        }
        return Call(
            route=route,
            path=path,
            query=query,
            form=form,
            given_csrf=headers.get("x-csrf", ""),
            token=cookies[SESSION_COOKIE],
            form_token=cookies[FORM_COOKIE],
            kept=cookies[KEPT_COOKIE],
            client=client_digest(self._parts.client_key, headers.get("user-agent", ""), bound),
            address=address,
            languages=headers.get("accept-language", ""),
            location=_location(request),
            own_page=self._origins.is_own(headers),
        )

    def _response(self, answer: Answer) -> Response:
        reply, secure = answer.reply, self._parts.secure
        response: Response
        if reply.file is not None:
            response = _FileResponse(reply.file, reply.status, reply.media_type)
        else:
            response = Response(reply.body, reply.status, media_type=reply.media_type)
        for name, value in reply.headers.items():
            response.headers[name] = value
        response.headers["Cache-Control"] = NO_STORE
        cookies = {
            SESSION_COOKIE: reply.cookie,
            FORM_COOKIE: answer.form_token,
            KEPT_COOKIE: reply.kept,
        }
        for cookie, token in cookies.items():
            if token is not None:
                response.headers.append("Set-Cookie", set_cookie(cookie, token, secure))
        if reply.cookie == "":
            response.headers["Clear-Site-Data"] = '"cache"'
        return response


_NOT_KEPT = {"Cache-Control": NO_STORE}


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a request: the name of its route, the response, and the page's answer.

    `error` is the type of an error that nobody expected.
    """

    route: str
    response: Response
    answer: Answer | None = None
    error: str = ""


def _refusal(error: SafeholdError, route: Route | None = None) -> Route:
    """A route that answers with an error, in the visitor's language and the console's form."""

    def handler(visit: Visit) -> Reply:
        raise error

    streams = route.streams if route else False
    return Route("GET", "", route.name if route else error.code, None, handler, streams)


def _plain(status: int, text: str) -> Response:
    return Response(text, status, headers=_NOT_KEPT, media_type="text/plain")


def _location(request: Request) -> str:
    """Path and query as they were sent: what is decoded may hold ends of lines."""
    path: bytes = request.scope.get("raw_path") or quote(request.scope["path"]).encode("ascii")
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("latin-1")


class _FileResponse(StreamingResponse):
    """A file from where it stands, in pieces; it is closed whatever happens."""

    def __init__(self, file: BinaryIO, status: int, media_type: str) -> None:
        super().__init__(_pieces(file), status, media_type=media_type)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; to a HEAD only what stands before it."""
        try:
            if scope["method"] == "HEAD":
                await Response(b"", self.status_code, dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._file.close()


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    while piece := await anyio.to_thread.run_sync(file.read, PIECE_BYTES):
        yield piece


def _go_by_page(response: Response) -> None:
    """Go on from a page of the console's own.

    After a redirection that another site began (that of an identity provider), the browser would
    not send the session's new cookie, which is `SameSite=Strict`.
    """
    response.status_code = 200
    response.headers["Refresh"] = f"0;url={response.headers['Location']}"
    del response.headers["Location"]


def _sent(response: Response, head: bool) -> Response:
    """The response to a HEAD is the one to a GET, without its body (RFC 9110, section 9.3.2)."""
    if head:
        response.body = b""
    return response
