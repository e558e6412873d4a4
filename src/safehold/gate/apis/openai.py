"""The shape of OpenAI's images API, which many servers speak.

`POST /v1/images/generations`, `/edits` and `/variations`, and the lists of models; each also
without `/v1`. Chat, the Responses API and files are closed.

A call is one thing: where one picture of its answer may not leave, the answer is the refusal and
none of it leaves (the others may then stand in the ledger although nobody got them). Pictures
that the upstream names by address are fetched, checked and kept, and the caller gets the gate's
own address, or base64 where it asked for that. In streams previews are left out, with a comment
in their place that keeps the connection; finished pictures are sent when all of them are checked.

Pictures that cannot be looked at (SVG, which some models draw) do not leave.

Pictures that go in come with the call: in a form, or as `data:` addresses. What names them
elsewhere (an address, a file of the upstream's) is not let through, for the gate could not say
what the upstream would find there.

Sources: OpenAI's API reference (Images, Models, streaming events) and its Python client 3.54.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Final

from safehold.gate import documents, sse
from safehold.gate.apis import passing
from safehold.gate.apis.openai_calls import Asked, understood
from safehold.gate.apis.passing import BadCallError
from safehold.gate.encoded import Encoded, encode
from safehold.gate.interface import Desk, GateRequest, Route, SocketRoute, Streamed
from safehold.gate.model import (
    Api,
    GateOptions,
    Generation,
    Headers,
    RefusedError,
    Reply,
    Stage,
    UncheckedError,
    UpstreamCall,
    UpstreamError,
    UpstreamReply,
)
from safehold.gate.pictures import Limits, strip

_HEADERS_UP: Final = (b"openai-organization", b"openai-project", b"openai-beta")
_HEADERS_DOWN: Final = (b"openai-", b"x-ratelimit-")
_ANSWER: Final = (
    *("created", "background", "output_format", "quality", "size", "usage", "svg_usage"),
    "model",
)
_ITEM: Final = ("revised_prompt", "seed")
_EVENT: Final = (
    *("type", "background", "created_at", "output_format", "quality", "size", "usage"),
    "safety_identifier",
)
_COMPLETED: Final = frozenset({"image_generation.completed", "image_edit.completed"})
_PARTIAL: Final = ".partial_image"
_DONE: Final = b"[DONE]"

_REFUSAL: Final = {
    "error": {
        "message": "Your request was rejected by the safety system.",
        "type": "image_generation_user_error",
        "param": None,
        "code": "content_policy_violation",
    }
}
_TROUBLE: Final[Mapping[int, tuple[str, str, str]]] = {
    400: ("The call cannot be let through as it is.", "invalid_request_error", "invalid_request"),
    401: ("The call names no account.", "invalid_request_error", "invalid_api_key"),
    403: ("The call is not allowed.", "invalid_request_error", "not_allowed"),
    404: ("There is nothing at this address.", "invalid_request_error", "unknown_url"),
    405: ("This method is not let through.", "invalid_request_error", "method_not_supported"),
    408: ("The call came too slowly.", "invalid_request_error", "timeout"),
    413: ("The call is too large.", "invalid_request_error", "request_too_large"),
    429: ("There are too many calls.", "requests", "rate_limit_exceeded"),
    500: ("Something went wrong inside.", "server_error", "server_error"),
    502: ("The generation service does not answer.", "server_error", "bad_gateway"),
    503: ("Not available just now.", "server_error", "service_unavailable"),
    504: ("The generation service is too slow.", "server_error", "timeout"),
}


def adapter(options: GateOptions) -> OpenAIAdapter:
    """The adapter of this shape."""
    return OpenAIAdapter(options)


class OpenAIAdapter:
    """See the module."""

    api = Api.OPENAI

    def __init__(self, options: GateOptions) -> None:
        self._limits = Limits.of(options)
        self._max_event = options.max_answer_bytes

    def routes(self) -> Sequence[Route]:
        """See `Adapter`."""
        made = []
        for base in ("/v1", ""):
            for name in ("generations", "edits", "variations"):
                made.append(Route("POST", f"{base}/images/{name}", self._make))
            made.append(Route("GET", f"{base}/models", self._models))
            made.append(Route("GET", f"{base}/models/{{model:rest}}", self._models))
        return made

    def sockets(self) -> Sequence[SocketRoute]:
        """See `Adapter`."""
        return ()

    def refusal(self) -> Reply:
        """See `Adapter`."""
        return Reply(400, json.dumps(_REFUSAL).encode("ascii"))

    def trouble(self, status: int) -> Reply:
        """See `Adapter`."""
        text, kind, code = _TROUBLE[_known(status)]
        error = {"message": text, "type": kind, "param": None, "code": code}
        return Reply(status, json.dumps({"error": error}).encode("ascii"))

    async def cancel(self, request: GateRequest, desk: Desk, known: Any) -> None:
        """See `Adapter`. This API has no calls that are cancelled."""

    # Models

    async def _models(self, request: GateRequest, desk: Desk) -> Reply:
        call = UpstreamCall("GET", request.path, request.query, self._headers(request))
        reply = await desk.call(request, call)
        if reply.status != 200:
            return self._error(reply)
        return self._reply(reply, strip(await passing.answer_document(reply), self._limits))

    # Pictures

    async def _make(self, request: GateRequest, desk: Desk) -> Reply | Streamed:
        try:
            size = len(request.body)
            asked = await passing.apart(size, lambda: understood(request, self._limits))
        except (BadCallError, RecursionError):
            return self.trouble(400)
        await desk.admit(request.account, asked.words, self.api)
        headers = (*self._headers(request), (b"content-type", asked.content_type))
        call = UpstreamCall("POST", request.path, request.query, headers, asked.body)
        if asked.streams:
            return await self._stream(request, desk, call, asked.about)
        reply = await desk.call(request, call)
        if reply.status != 200:
            return self._error(reply)
        return self._reply(reply, await self._answer(request, desk, reply, asked))

    async def _answer(
        self, request: GateRequest, desk: Desk, reply: UpstreamReply, asked: Asked
    ) -> dict[str, Any]:
        """The answer to a call that streams nothing, once all of it may leave."""
        said = await passing.answer_document(reply)
        data = said.get("data") if isinstance(said, dict) else None
        items = [] if data is None else data
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise UncheckedError(Stage.OUTPUT)
        if len(items) > self._limits.max_pictures:
            raise UncheckedError(Stage.OUTPUT)
        making = [asyncio.ensure_future(self._result(desk, item)) for item in items]
        try:
            made = await asyncio.gather(*making)
        finally:
            for one in making:
                one.cancel()  # where one cannot be had, none of the others is wanted
        pictures = [picture for results in made for picture in results.values()]
        await self._release(request, desk, [data for data, _ in pictures], asked.about)
        out = self._kept(said, _ANSWER)
        out["data"] = []
        for item, results in zip(items, made, strict=True):
            told = self._kept(item, _ITEM)
            for name, (picture, text) in results.items():
                if text is not None:
                    told[name] = text
                elif asked.in_base64:
                    told["b64_json"] = Encoded(encode(picture), picture)
                else:
                    told[name] = desk.keep(picture, passing.type_of(picture), request)
            out["data"].append(told)
        return out

    async def _result(
        self, desk: Desk, item: Mapping[str, Any]
    ) -> dict[str, tuple[bytes, Encoded | None]]:
        """The pictures of one result by field, and how they are written; None for by address."""
        found: dict[str, tuple[bytes, Encoded | None]] = {}
        if item.get("b64_json"):
            found["b64_json"] = passing.picture_out(item["b64_json"])
        url = item.get("url")
        if not url:
            return found
        if isinstance(url, Encoded) or (isinstance(url, str) and url[:5].lower() == "data:"):
            found["url"] = passing.picture_out(url)
        elif isinstance(url, str):
            found["url"] = (await desk.fetch_result(url), None)
        else:
            raise UncheckedError(Stage.OUTPUT)
        return found

    async def _release(
        self, request: GateRequest, desk: Desk, pictures: Sequence[bytes], about: Generation
    ) -> None:
        if pictures and not all(await desk.release(request.account, pictures, about)):
            raise RefusedError(Stage.OUTPUT)

    # Streams

    async def _stream(
        self, request: GateRequest, desk: Desk, call: UpstreamCall, about: Generation
    ) -> Reply | Streamed:
        parts = _read(desk.stream(request, call))
        try:
            await anext(parts)  # it has begun
        except UpstreamError as error:
            if 400 <= error.status < 500:
                return self.trouble(error.status)
            raise
        return Streamed(self._events(request, desk, parts, about))

    async def _events(
        self,
        request: GateRequest,
        desk: Desk,
        parts: AsyncGenerator[bytes, None],
        about: Generation,
    ) -> AsyncIterator[bytes]:
        held: list[bytes] = []
        begun = False
        try:
            async with contextlib.aclosing(parts):
                async for event in sse.events(parts, self._max_event):
                    if event.data.startswith(_DONE):
                        held.append(sse.Event("", _DONE).written())
                        break
                    told = await self._event(request, desk, event, about)
                    if told:
                        held.append(told)
                    else:
                        begun = True
                        yield sse.KEEP_ALIVE
                    if len(held) > self._limits.max_pictures:
                        raise UncheckedError(Stage.OUTPUT)
        except RefusedError:
            if not begun:
                raise
            held = [_error_event(_REFUSAL["error"])]
        except UpstreamError as error:
            if not begun:
                raise
            held = [_error_event(json.loads(self.trouble(error.status).body)["error"])]
        for text in held:
            yield text

    async def _event(
        self, request: GateRequest, desk: Desk, event: sse.Event, about: Generation
    ) -> bytes:
        """What is sent of an event once it is checked; empty for those that are left out."""
        try:
            said = documents.read(event.data)
        except documents.NoDocumentError:
            raise UpstreamError from None
        if not isinstance(said, dict):
            return b""
        if isinstance(said.get("error"), dict):
            return _error_event(self._told_error(said["error"]))
        kind = said.get("type", event.name)
        if kind not in _COMPLETED:
            return b""
        picture, text = passing.picture_out(said.get("b64_json"))
        await self._release(request, desk, [picture], about)
        told = {"b64_json": text} | self._kept({**said, "type": kind}, _EVENT)
        return sse.Event(kind, documents.write(told)).written()

    # Answers

    def _headers(self, request: GateRequest) -> Headers:
        return passing.headers_up(request, _HEADERS_UP)

    def _kept(self, said: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Some members of an object, without pictures."""
        some = {name: said[name] for name in names if name in said}
        kept: dict[str, Any] = strip(some, self._limits)
        return kept

    def _reply(self, reply: UpstreamReply, value: object) -> Reply:
        headers = passing.headers_down(reply, _HEADERS_DOWN)
        return Reply(200, documents.write(value), headers=headers)

    def _error(self, reply: UpstreamReply) -> Reply:
        status = passing.error_status(reply)
        said = passing.error_document(reply).get("error")
        headers = passing.headers_down(reply, _HEADERS_DOWN)
        if isinstance(said, str):
            said = {"message": said}
        if not isinstance(said, dict):
            return self.trouble(status)
        error = {"error": self._told_error(said)}
        return Reply(status, json.dumps(error).encode("ascii"), headers=headers)

    def _told_error(self, said: Mapping[str, Any]) -> dict[str, str | None]:
        told: dict[str, str | None] = {}
        for name in ("message", "type", "param", "code"):
            told[name] = passing.message(said.get(name), self._limits) or None
        return told


def _known(status: int) -> int:
    if status in _TROUBLE:
        return status
    return 400 if 400 <= status < 500 else 502


def _error_event(error: object) -> bytes:
    data = json.dumps({"type": "error", "error": error}).encode("ascii")
    return sse.Event("error", data).written()


async def _read(parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """A stream whose first piece is empty, and comes when the stream has begun."""
    first = await anext(parts, b"")
    try:
        yield b""
        yield first
        async for part in parts:
            yield part
    finally:
        close = getattr(parts, "aclose", None)
        if close is not None:
            await close()
