"""The gate as an ASGI application.

Only what stands in the adapter's table goes on; everything else ends here, and the upstream never
sees it. A handler gives the whole answer, and so nothing of an upstream's answer leaves that no
handler has read. Of an answer's headers those leave that `LEAVING` names.

`/safehold/...` is the gate's own: released pictures by address, and for the networks that
`gate.monitors` names (by default this machine) health and figures. Where a proxy stands before
the gate it must name callers (`X-Forwarded-For`), or all of them look like this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from safehold.engine.documents import Reply as Document
from safehold.engine.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    CallError,
    ClientGoneError,
)
from safehold.engine.figures import CONTENT_TYPE
from safehold.engine.reading import BodyLimits, Incoming, Receive, Scope, Send
from safehold.gate import kept
from safehold.gate.background import Background
from safehold.gate.call import Call, CodedBodyError, CutStreamError
from safehold.gate.checking import GateDesk
from safehold.gate.flow import Growing, begun, pump, with_caller
from safehold.gate.interface import GateRequest, Route, Streamed
from safehold.gate.memory import Share
from safehold.gate.model import (
    ClosedRouteError,
    GateError,
    RefusedError,
    Reply,
    UpstreamError,
)
from safehold.gate.parts import GateParts, Joined
from safehold.gate.requests import UnnamedAccountError, parts_of, path_of
from safehold.gate.sending import leaving, send_end, send_reply
from safehold.gate.shares import Shares
from safehold.runtime.networks import is_in

OWN_PREFIX = b"/safehold/"
CLIENT_GONE = 499
"""The status under which calls are counted whose caller left."""
CANCEL_SECONDS = 30.0
"""How long cancelling what else an account has under way may take."""

_ONCE = frozenset({b"authorization", b"x-api-key", b"host", b"content-type", b"content-encoding"})
"""Headers that say who asks, or what a body is: said twice they could be read in two ways."""


class App:
    """The application. `create_app` makes it."""

    def __init__(self, parts: GateParts) -> None:
        self._parts = parts
        self._joined = Joined(parts)
        self._background = Background(parts, self._joined)
        self._mark = self._joined.gate_id[-12:]
        self._calls = 0
        options = parts.options
        self._shares = Shares(options.max_calls, options.account_share)
        self._sockets = Shares(options.max_sockets, options.account_share)
        self._limits = BodyLimits(options.max_body_bytes, options.body_seconds, options.body_rate)
        self._once = _ONCE | {options.account_header.lower().encode("ascii")}
        self._cancels: set[asyncio.Task[None]] = set()
        gauge = self._joined.figures.engine.gauge
        gauge("safehold_calls_under_way", "Calls.", lambda: self._shares.taken)
        gauge("safehold_gate_sockets", "Open sockets.", lambda: self._sockets.taken)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or start and end the gate (ASGI 3.0)."""
        if scope["type"] == "http":
            await self._call(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live_long(receive, send)

    async def _live_long(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._background.start()
        except Exception as error:  # noqa: BLE001 - said by its type alone; the gate does not start
            self._parts.log.error("not_started", exception=type(error).__name__)
            await self._background.stop()
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if self._cancels:
            await asyncio.wait(self._cancels, timeout=CANCEL_SECONDS)
        await self._background.stop()
        await send({"type": "lifespan.shutdown.complete"})

    # A call

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        call = self._new_call(scope)
        incoming = Incoming(call.headers, receive)
        with contextlib.ExitStack() as held:
            try:
                answer = await self._answer(call, incoming, held)
                status = await self._send(call, answer, incoming, send)
            except ClientGoneError:
                status = CLIENT_GONE
        self._joined.figures.engine.took("whole", began)
        self._tell(call, status, time.perf_counter() - began)

    async def _answer(
        self, call: Call, incoming: Incoming, held: contextlib.ExitStack
    ) -> Reply | Streamed:
        """The answer to a call. Raises nothing but `ClientGoneError`.

        What it takes it holds until the answer is sent.
        """
        trouble = self._parts.adapter.trouble
        try:
            if call.scope["raw_path"].startswith(OWN_PREFIX):
                return self._own(call)
            parts = parts_of(call.scope["raw_path"])
            found = self._joined.table.find(call.scope["method"], parts)
            if found is None:
                return trouble(405)
            if call.repeated & self._once:
                return trouble(400)
            route, params = found
            call.route = route.pattern
            account = self._joined.callers.account(call.headers, call.peer)
            full = held.enter_context(self._shares.take(account.pseudonym))
            if full:
                return trouble(full)
            share = self._joined.memory.share(account.pseudonym)
            held.callback(share.give_back)
            return await self._handled(call, incoming, share, (route, path_of(parts), params))
        except ClosedRouteError:
            return trouble(404)
        except UnnamedAccountError:
            return trouble(401)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing leaves
            self._parts.log.error("internal", request=call.call_id, exception=type(error).__name__)
            return trouble(500)

    async def _handled(
        self,
        call: Call,
        incoming: Incoming,
        share: Share,
        found: tuple[Route, str, Mapping[str, str]],
    ) -> Reply | Streamed:
        adapter = self._parts.adapter
        route, path, params = found
        request: GateRequest | None = None
        desk = self._desk(call, share)
        try:
            if route.method != "GET":
                self._joined.engine.check_room()
            body = await self._body(call, incoming, share)
            request = self._request(call, path, params, body)
            return await with_caller(begun(route.handler(request, desk)), incoming)
        except RefusedError as error:
            if request is not None:
                self._refused(call, request, desk, error)
            return adapter.refusal()
        except BodyTooLargeError:
            return adapter.trouble(413)
        except BodyTimeoutError:
            return adapter.trouble(408)
        except CodedBodyError:
            return adapter.trouble(400)
        except UpstreamError as error:
            return adapter.trouble(error.status if error.status in (503, 504) else 502)
        except (CallError, asyncio.CancelledError):
            return adapter.trouble(503)  # too much to do, or the gate ends

    async def _body(self, call: Call, incoming: Incoming, share: Share) -> bytes:
        coding = call.headers.get(b"content-encoding", b"").strip().lower()
        if coding not in (b"", b"identity"):
            raise CodedBodyError
        taken = bytearray()
        await incoming.read(Growing(taken, share), self._limits)
        return bytes(taken)

    def _request(
        self, call: Call, path: str, params: Mapping[str, str], body: bytes
    ) -> GateRequest:
        callers = self._joined.callers
        method = call.scope["method"]
        return GateRequest(
            method="GET" if method == "HEAD" else method,
            path=path,
            query=call.scope["query_string"].decode("latin-1"),
            headers=tuple(call.scope["headers"]),
            body=body,
            params=params,
            account=callers.account(call.headers, call.peer),
            origin=callers.origin(call.headers, call.peer, _http(call.scope["scheme"])),
        )

    def _desk(self, call: Call, share: Share) -> GateDesk:
        named = self._joined.callers.has_credentials(call.headers)
        return GateDesk(self._joined.desk, self._joined.memories, share, named, call.notes)

    def _refused(
        self, call: Call, request: GateRequest, desk: GateDesk, error: RefusedError
    ) -> None:
        """Cancel what else the account has under way, beside the answer."""
        call.notes.stage = call.notes.stage or error.stage.value
        task = asyncio.ensure_future(self._cancel(request, desk, getattr(error, "known", None)))
        self._cancels.add(task)
        task.add_done_callback(self._cancels.discard)

    async def _cancel(self, request: GateRequest, desk: GateDesk, known: Any) -> None:
        # A desk of its own: what the call took is given back when its answer is sent.
        share = self._joined.memory.share(request.account.pseudonym)
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._parts.adapter.cancel(request, replace(desk, share=share), known)
        except Exception as error:  # noqa: BLE001 - the answer is given already
            self._parts.log.warning("cancel_failed", exception=type(error).__name__)
        finally:
            share.give_back()

    # Its answer

    async def _send(
        self, call: Call, answer: Reply | Streamed, incoming: Incoming, send: Send
    ) -> int:
        if isinstance(answer, Reply):
            await send_reply(answer, send, close=not await incoming.drain())
            return answer.status
        headers = leaving(answer.headers, answer.content_type, None)
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        try:
            await with_caller(pump(answer, send), incoming)
        except ClientGoneError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing more of it leaves
            self._parts.log.warning(
                "stream_cut", request=call.call_id, exception=type(error).__name__
            )
            raise CutStreamError from None
        await send_end(send)
        return 200

    def _tell(self, call: Call, status: int, seconds: float) -> None:
        self._joined.figures.engine.call(call.route, status, "")
        fields: dict[str, Any] = {
            "request": call.call_id,
            "route": call.route,
            "method": call.scope.get("method", "GET"),
            "status": status,
            "seconds": round(seconds, 6),
        }
        notes = call.notes
        told = {"stage": notes.stage, "released": notes.released, "withheld": notes.withheld}
        self._parts.log.info("call", **fields, **{k: v for k, v in told.items() if v})

    # The gate's own

    def _own(self, call: Call) -> Reply:
        """Health, figures and kept pictures."""
        raw = call.scope["raw_path"].decode("latin-1")
        if call.scope["method"] not in ("GET", "HEAD"):
            return self._parts.adapter.trouble(405)
        if raw.startswith(kept.PREFIX):
            call.route = kept.PREFIX + "{name}"
            return self._kept(call, raw)
        callers, health = self._joined.callers, self._joined.health
        if not is_in(callers.address(call.headers, call.peer), self._parts.monitors):
            raise ClosedRouteError
        if raw == "/safehold/health/live":
            document = health.live()
        elif raw == "/safehold/health/ready":
            document = health.ready()
        elif raw == "/safehold/metrics":
            text = self._joined.figures.engine.text()
            document = Document(200, text, CONTENT_TYPE.encode("ascii"))
        else:
            raise ClosedRouteError
        call.route = raw
        return Reply(document.status, document.body, document.media_type)

    def _kept(self, call: Call, path: str) -> Reply:
        callers = self._joined.callers
        account = callers.account(call.headers, call.peer)
        named = callers.has_credentials(call.headers)
        found = self._joined.kept.get(path, account.pseudonym, named=named)
        if found is None:
            raise ClosedRouteError
        return Reply(200, found.picture, found.content_type)

    # Sockets

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        call = self._new_call(scope)
        with contextlib.ExitStack() as held:
            try:
                await self._relayed(call, held, (receive, send))
            except (GateError, CallError):
                await _close(send)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing leaves
                self._parts.log.error(
                    "internal", request=call.call_id, exception=type(error).__name__
                )
                await _close(send)
        self._tell(call, 101, time.perf_counter() - began)

    async def _relayed(
        self, call: Call, held: contextlib.ExitStack, ends: tuple[Receive, Send]
    ) -> None:
        from safehold.gate.sockets import relay

        if (await ends[0]())["type"] != "websocket.connect":
            return
        parts = parts_of(call.scope["raw_path"])
        route, params = self._joined.table.find_socket(parts)
        if call.repeated & self._once:
            raise ClosedRouteError
        call.route = route.pattern
        account = self._joined.callers.account(call.headers, call.peer)
        if held.enter_context(self._sockets.take(account.pseudonym)):
            raise ClosedRouteError
        call.scope["method"] = "GET"
        share = self._joined.memory.share(account.pseudonym)
        held.callback(share.give_back)
        request = self._request(call, path_of(parts), params, b"")
        filter_ = route.make(request, self._desk(call, share))
        await relay(request, filter_, self._joined.upstream, *ends)

    def _new_call(self, scope: Scope) -> Call:
        self._calls += 1
        return Call.of(scope, f"{self._mark}-{self._calls:x}")


async def _close(send: Send) -> None:
    """Refuse a socket, or end it, where it is still there."""
    with contextlib.suppress(Exception):
        await send({"type": "websocket.close", "code": 1008})


def _http(scheme: str) -> str:
    return {"ws": "http", "wss": "https"}.get(scheme, scheme)


def create_app(parts: GateParts) -> App:
    """The application over its parts."""
    return App(parts)
