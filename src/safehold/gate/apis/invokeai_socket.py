"""InvokeAI's events (`/ws/socket.io/`), over long polling and over a socket.

Those of the account's own batches pass, and a few about the server; without pictures, and with
nothing that is binary.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from safehold.gate import socketio
from safehold.gate.apis import passing
from safehold.gate.apis.invokeai_calls import NAME
from safehold.gate.apis.invokeai_library import Library
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import (
    ClosedRouteError,
    RefusedError,
    Reply,
    UpstreamCall,
    UpstreamError,
)
from safehold.gate.pictures import Limits, strip
from safehold.gate.socketio import NoPacketError, Packet, Sieve
from safehold.media.limits import MIB

MAX_PAYLOAD: Final = MIB
"""Largest payload of a caller."""

OWN_EVENTS: Final = frozenset(
    {
        *("invocation_started", "invocation_progress", "invocation_complete"),
        *("invocation_error", "queue_item_status_changed", "batch_enqueued"),
    }
)
"""Events about a batch."""
MODEL_EVENTS: Final = frozenset({"model_load_started", "model_load_complete"})
QUEUE_EVENTS: Final = frozenset({"queue_cleared"})

_ASKED: Final = frozenset({"subscribe_queue", "unsubscribe_queue"})
_PREVIEWS: Final = ("image", "progress_image")
_INNER: Final = ("error_traceback", "traceback")
_QUERY: Final = re.compile(r"(?:EIO|transport|sid|t|b64)=[A-Za-z0-9_.-]{0,64}")
_OK: Final = b"ok"
_TEXT: Final = b"text/plain; charset=UTF-8"


class Events:
    """Handlers of polling, and filters of sockets."""

    def __init__(self, library: Library, limits: Limits) -> None:
        self._library = library
        self._limits = limits

    def sieve(self, account: bytes) -> Sieve:
        """What of an account's packets goes through."""

        def up(packet: Packet) -> Packet | None:
            return _asked(packet, self._limits)

        def down(packet: Packet) -> Packet | None:
            return self._told(account, packet)

        def opened(sid: str) -> bool:
            return self._bind(account, sid)

        return Sieve(up, down, opened)

    async def poll(self, request: GateRequest, desk: Desk) -> Reply:
        """Long polling: what there is to tell."""
        sieve = self._sieve_of(request)
        call = UpstreamCall("GET", request.path, request.query, passing.headers_up(request))
        reply = await desk.call(request, call)
        if reply.status != 200:
            return Reply(passing.error_status(reply), b"{}")
        try:
            said = reply.body.decode("utf-8")
            told = await passing.apart(len(said), lambda: sieve.payload_down(said))
        except (UnicodeDecodeError, NoPacketError):
            raise UpstreamError from None
        return Reply(200, told.encode("utf-8"), _TEXT)

    async def say(self, request: GateRequest, desk: Desk) -> Reply:
        """Long polling: what the caller says."""
        sieve = self._sieve_of(request)
        if len(request.body) > MAX_PAYLOAD:
            return Reply(413, b"{}")
        try:
            said = sieve.payload_up(request.body.decode("utf-8"))
        except (UnicodeDecodeError, NoPacketError):
            return Reply(400, b"{}")
        if said:
            headers = (*passing.headers_up(request), (b"content-type", _TEXT))
            body = said.encode("utf-8")
            call = UpstreamCall("POST", request.path, request.query, headers, body)
            reply = await desk.call(request, call)
            if reply.status != 200:
                return Reply(passing.error_status(reply), b"{}")
        return Reply(200, _OK, b"text/html")

    def socket(self, request: GateRequest, desk: Desk) -> EventSocket:
        """A socket's filter. Raises `ClosedRouteError`."""
        return EventSocket(self._sieve_of(request))

    def _sieve_of(self, request: GateRequest) -> Sieve:
        pairs = [pair for pair in request.query.split("&") if pair]
        names = [pair.partition("=")[0] for pair in pairs]
        if not all(map(_QUERY.fullmatch, pairs)) or len(set(names)) != len(names):
            raise ClosedRouteError
        account = request.account.pseudonym
        sid = dict(pair.split("=", 1) for pair in pairs).get("sid")
        if sid is not None and not self._library.sockets.has(account, sid):
            raise ClosedRouteError
        return self.sieve(account)

    def _bind(self, account: bytes, sid: str) -> bool:
        if self._library.sockets.is_others(account, sid):
            return False
        self._library.sockets.put(account, sid, None)
        return True

    def _told(self, account: bytes, packet: Packet) -> Packet | None:
        if packet.kind == socketio.CONNECT:
            sid = packet.data.get("sid") if isinstance(packet.data, dict) else None
            named = {"sid": sid} if isinstance(sid, str) and NAME.fullmatch(sid) else None
            return Packet(socketio.CONNECT, named)
        if packet.kind in (socketio.DISCONNECT, socketio.CONNECT_ERROR):
            return Packet(packet.kind)
        if packet.kind != socketio.EVENT or not isinstance(packet.data, list):
            return None
        name, data = (*packet.data, None, None)[:2]
        if not isinstance(name, str) or not isinstance(data, dict):
            return None
        try:
            told = self._event(account, name, data)
        except RefusedError:
            return None
        return None if told is None else Packet(socketio.EVENT, [name, told])

    def _event(self, account: bytes, name: str, data: Mapping[str, Any]) -> Any:
        if name in OWN_EVENTS:
            if not self._library.is_own_batch(account, data.get("batch_id")):
                return None
            self._library.learn(account, data)
            told = {k: v for k, v in data.items() if k not in _INNER}
            told |= {k: None for k in (*_PREVIEWS, *_INNER) if k in data}
        elif name in MODEL_EVENTS:
            told = _model(data)
        elif name in QUEUE_EVENTS:
            told = {k: data[k] for k in ("queue_id", "timestamp") if k in data}
        else:
            return None
        return strip(self._library.hide(account, told), self._limits)


class EventSocket:
    """What of one socket goes through."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve

    def to_upstream(self, message: str | bytes) -> Sequence[str | bytes]:
        """See `SocketFilter`."""
        kept = self._sieve.to_upstream(message) if isinstance(message, str) else None
        return () if kept is None else (kept,)

    async def to_caller(self, message: str | bytes) -> Sequence[str | bytes]:
        """See `SocketFilter`."""
        kept = self._sieve.to_caller(message) if isinstance(message, str) else None
        return () if kept is None else (kept,)


def _asked(packet: Packet, limits: Limits) -> Packet | None:
    """What a caller may ask for: to be told of a queue."""
    if packet.kind == socketio.CONNECT:
        token = packet.data.get("token") if isinstance(packet.data, dict) else None
        return Packet(socketio.CONNECT, {"token": token} if isinstance(token, str) else None)
    if packet.kind == socketio.DISCONNECT:
        return Packet(packet.kind)
    if packet.kind != socketio.EVENT or not isinstance(packet.data, list):
        return None
    name, data = (*packet.data, None, None)[:2]
    queue = data.get("queue_id") if isinstance(data, dict) else None
    if name not in _ASKED or not isinstance(queue, str) or not NAME.fullmatch(queue):
        return None
    return replace(packet, data=[name, {"queue_id": queue}])


def _model(data: Mapping[str, Any]) -> dict[str, Any]:
    config = data.get("config")
    names = ("key", "name", "base", "type", "hash")
    kept = {k: config[k] for k in names if k in config} if isinstance(config, dict) else {}
    told = {k: data[k] for k in ("timestamp", "submodel_type") if k in data}
    return {**told, "config": kept}
