"""The service as an ASGI application.

Routes are looked up in a table and called with the request as it comes: a body is streamed, so
there is nothing for a framework to parse beforehand, and a call for a verdict pays for nothing
that it does not use. Every answer that is no verdict is a problem document, whatever went wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from safehold.engine.documents import Reply
from safehold.engine.errors import ClientGoneError, EndingError, OverloadedError
from safehold.engine.figures import CONTENT_TYPE
from safehold.engine.reading import Receive, Scope, Send
from safehold.errors import SafeholdError
from safehold.server.background import Background
from safehold.server.errors import MethodError, PathError
from safehold.server.joined import Joined
from safehold.server.openapi import document
from safehold.server.ports import ServerParts
from safehold.server.problems import internal_problem, problem
from safehold.server.request import Request
from safehold.server.routes_screen import ScreenRoutes
from safehold.server.routes_speech import SpeechRoutes

Handler = Callable[[Request], Awaitable[Reply]]

CLIENT_GONE = 499
"""The status under which calls are counted whose caller left."""

_NOTHING_LEFT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
"""The system's errors which say that there is too much to do, and nothing else."""

_COMMON = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


@dataclass(frozen=True, slots=True)
class Route:
    """A path's name in logs and figures, and its methods."""

    name: str
    methods: Mapping[str, Handler]


class App:
    """The application. `create_app` makes it."""

    def __init__(self, parts: ServerParts, address: str) -> None:
        self._parts = parts
        self._joined = Joined(parts)
        self._background = Background(parts, self._joined, address)
        self._figures = self._joined.figures
        self._mark = self._joined.server_id[-12:]
        self._calls = 0
        self._under_way = 0
        self._figures.gauge("safehold_calls_under_way", "Calls.", lambda: self._under_way)
        self._routes, self._receipt_routes = self._table()
        self._document = document(parts.software, parts.options)

    @property
    def background(self) -> Background:
        """What runs beside the calls; for tests."""
        return self._background

    def _table(self) -> tuple[Mapping[str, Route], Mapping[str, Route]]:
        screen = ScreenRoutes(self._joined.shared)
        speech = SpeechRoutes(self._joined.shared)
        routes = {
            "/v1/screen": Route("screen", {"POST": screen.screen}),
            "/v1/screen/digests": Route("digests", {"POST": screen.digests}),
            "/v1/flags": Route("flags", {"POST": speech.flag}),
            "/v1/appeals": Route("appeals", {"POST": speech.appeal}),
            "/health/live": Route("live", {"GET": self._live}),
            "/health/ready": Route("ready", {"GET": self._ready}),
            "/metrics": Route("metrics", {"GET": self._metrics}),
            "/openapi.json": Route("openapi", {"GET": self._openapi}),
        }
        receipts = {
            "": Route("receipt", {"GET": speech.status}),
            "confirm": Route("confirm", {"POST": speech.confirm}),
            "bytes": Route("bytes", {"PUT": screen.send_bytes}),
        }
        return routes, receipts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or start and end the server (ASGI 3.0)."""
        if scope["type"] == "http":
            await self._call(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live_long(receive, send)
        else:
            raise RuntimeError("only HTTP is served")

    async def _live_long(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._background.start()
        except Exception as error:  # noqa: BLE001 - said by its type alone; the server does not start
            self._parts.log.error("not_started", exception=type(error).__name__)
            await self._background.stop()
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._background.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        self._calls += 1
        request = Request(scope, receive, f"{self._mark}-{self._calls:x}")
        route, part = self._find(scope["path"])
        request.path_part = part
        self._under_way += 1
        try:
            reply = await self._reply(request, route)
            await self._send(request, reply, send)
        except ClientGoneError:
            reply = Reply(CLIENT_GONE)
        finally:
            self._under_way -= 1
            self._joined.gate.leave(request)
        self._figures.took("whole", began)
        self._tell(request, route, reply, time.perf_counter() - began)

    def _find(self, path: str) -> tuple[Route | None, str]:
        route = self._routes.get(path)
        if route is not None:
            return route, ""
        if path.startswith("/v1/receipts/"):
            receipt, _, rest = path[len("/v1/receipts/") :].partition("/")
            if receipt and ("/" + rest != path[-1:]):
                return self._receipt_routes.get(rest), receipt
        return None, ""

    async def _reply(self, request: Request, route: Route | None) -> Reply:
        retry_after = self._parts.options.retry_after_seconds
        try:
            if route is None:
                raise PathError
            method = request.scope["method"]
            handler = route.methods.get("GET" if method == "HEAD" else method)
            if handler is None:
                raise MethodError(_allowed(route))
            if self._under_way > self._parts.options.max_connections:
                raise OverloadedError
            return await handler(request)
        except SafeholdError as error:
            return problem(error, retry_after)
        except ClientGoneError:
            raise
        except asyncio.CancelledError:
            # The server ends and does not wait any longer.
            return problem(EndingError(), retry_after)
        except OSError as error:
            if error.errno in _NOTHING_LEFT:
                return problem(OverloadedError(), retry_after)
            return self._internal(request, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a problem document
            return self._internal(request, error)

    def _internal(self, request: Request, error: Exception) -> Reply:
        self._parts.log.error(
            "internal", request=request.request_id, exception=type(error).__name__
        )
        return internal_problem()

    async def _send(self, request: Request, reply: Reply, send: Send) -> None:
        headers = [*_COMMON, *reply.headers]
        if reply.status != 204:
            headers += [
                (b"content-type", reply.media_type),
                (b"content-length", b"%d" % len(reply.body)),
            ]
        # A server that ends waits for nothing more of a body.
        if reply.code == EndingError.code or not await request.drain():
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    def _tell(self, request: Request, route: Route | None, reply: Reply, seconds: float) -> None:
        name = route.name if route is not None else "none"
        self._figures.call(name, reply.status, reply.code)
        fields: dict[str, Any] = {
            "request": request.request_id,
            "route": name,
            "status": reply.status,
            "seconds": round(seconds, 6),
        }
        if request.caller is not None:
            fields["service"] = request.caller.service.service_id
            fields["key"] = request.caller.key.key_id
        if request.verdict:
            fields["verdict"] = request.verdict
        if reply.code:
            fields["code"] = reply.code
        with contextlib.suppress(OSError, ValueError):  # a closed log keeps nobody from answers
            self._parts.log.info("call", **fields)

    # Routes that need no key

    async def _live(self, request: Request) -> Reply:
        return self._joined.health.live()

    async def _ready(self, request: Request) -> Reply:
        return self._joined.health.ready()

    async def _metrics(self, request: Request) -> Reply:
        return Reply(200, self._figures.text(), CONTENT_TYPE.encode("ascii"))

    async def _openapi(self, request: Request) -> Reply:
        return Reply(200, self._document)


def _allowed(route: Route) -> tuple[str, ...]:
    methods = set(route.methods)
    if "GET" in methods:
        methods.add("HEAD")
    return tuple(sorted(methods))


def create_app(parts: ServerParts, address: str = "") -> App:
    """The application over its parts; `address` is where this process can be reached."""
    return App(parts, address)
