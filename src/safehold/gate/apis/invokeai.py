"""The shape of InvokeAI's API (`/api/v1/...`), its events, and its web client.

`enqueue_batch` queues graphs; their pictures are told by events and by the queue's items, and
shown by `/images/i/{name}/full` and `/thumbnail`. The gate numbers batches, and so knows whose
the runs and the pictures are. Of those of others, and of what was there before the gate started,
nothing is told and nothing can be done to it.

A picture that is shown in any form (a thumbnail is another file of the server's) is looked at as
it is first, and then as these bytes. Where something is refused, all batches of the account are
cancelled.

Closed: models' installation and settings, workflows that are saved, boards that are changed,
downloads of several pictures at once, what the web client keeps on the server, users, and
whatever else stands in no table here.

Sources: `invokeai/app/api/routers`, `invokeai/app/api/sockets.py` and
`invokeai/frontend/web/src/services/api` of InvokeAI 4 to 6.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from safehold.gate import documents, forms
from safehold.gate.apis import invokeai_calls as calls
from safehold.gate.apis import invokeai_told as told
from safehold.gate.apis import passing
from safehold.gate.apis.frontend import FrontEnd
from safehold.gate.apis.invokeai_images import Images
from safehold.gate.apis.invokeai_library import BASE, Batch, Library, fetch, own_items
from safehold.gate.apis.invokeai_socket import Events
from safehold.gate.apis.passing import BadCallError
from safehold.gate.interface import Desk, GateRequest, Route, SocketFilter, SocketRoute
from safehold.gate.model import (
    Api,
    ClosedRouteError,
    GateOptions,
    Reply,
    UpstreamCall,
    UpstreamError,
)
from safehold.gate.pictures import Limits, strip

_QUEUE: Final = f"{BASE}/queue/{{queue}}"
_SOCKET: Final = "/ws/socket.io/"
_LISTS: Final = (
    *("/api/v1/app/version", "/api/v1/app/config", "/api/v1/app/invocation_cache/status"),
    *("/api/v1/boards/", "/api/v1/boards/{board}", "/api/v1/auth/status", "/openapi.json"),
    *("/api/v1/workflows/", "/api/v1/workflows/i/{name}", "/api/v1/style_presets/"),
    *("/api/v2/models/", "/api/v2/models/i/{key}", "/api/v2/models/get_by_attrs"),
)
_SHOWN: Final = (
    *("/api/v2/models/i/{key}/image", "/api/v1/workflows/i/{name}/thumbnail"),
    *("/api/v1/style_presets/i/{name}/image",),
)
_FOLDERS: Final = ("assets", "locales", "static")
_JSON: Final = (b"content-type", b"application/json")
_DYNAMIC: Final = ("prompt", "max_prompts", "combinatorial", "seed")


def adapter(options: GateOptions) -> InvokeAdapter:
    """The adapter of this shape."""
    return InvokeAdapter(options)


class InvokeAdapter:
    """See the module."""

    api = Api.INVOKEAI

    def __init__(self, options: GateOptions) -> None:
        self._limits = Limits.of(options)
        self._library = Library()
        self._images = Images(self._library, self._limits)
        self._events = Events(self._library, self._limits)
        self._front = FrontEnd(self.api, options)

    def routes(self) -> Sequence[Route]:
        """See `Adapter`."""
        images = self._images
        made = [
            Route("POST", f"{_QUEUE}/enqueue_batch", self._enqueue),
            Route("GET", f"{_QUEUE}/status", self._status),
            Route("GET", f"{_QUEUE}/list", self._items),
            Route("GET", f"{_QUEUE}/list_all", self._items),
            Route("GET", f"{_QUEUE}/item_ids", self._item_ids),
            Route("POST", f"{_QUEUE}/items_by_ids", self._items_by_ids),
            Route("GET", f"{_QUEUE}/current", self._item),
            Route("GET", f"{_QUEUE}/next", self._item),
            Route("GET", f"{_QUEUE}/i/{{item}}", self._item),
            Route("PUT", f"{_QUEUE}/i/{{item}}/cancel", self._cancel_item),
            Route("DELETE", f"{_QUEUE}/i/{{item}}", self._cancel_item),
            Route("GET", f"{_QUEUE}/b/{{batch}}/status", self._batch_status),
            Route("PUT", f"{_QUEUE}/cancel_by_batch_ids", self._cancel_batches),
            Route("PUT", f"{_QUEUE}/clear", self._clear),
            Route("PUT", f"{_QUEUE}/cancel_all_except_current", self._clear),
            Route("POST", f"{BASE}/utilities/dynamicprompts", self._dynamic),
            Route("POST", f"{BASE}/images/upload", self._upload),
            Route("GET", _SOCKET, self._events.poll),
            Route("POST", _SOCKET, self._events.say),
            Route("GET", "/", self._page),
            Route("GET", "/{file}", self._page),
        ]
        made += images.routes()
        made += [Route("GET", pattern, self._list) for pattern in _LISTS]
        made += [Route("GET", pattern, images.shown) for pattern in _SHOWN]
        return made + [Route("GET", f"/{name}/{{file:rest}}", self._page) for name in _FOLDERS]

    def sockets(self) -> Sequence[SocketRoute]:
        """See `Adapter`."""
        return [SocketRoute(_SOCKET, self._socket)]

    def refusal(self) -> Reply:
        """See `Adapter`."""
        return told.refusal()

    def trouble(self, status: int) -> Reply:
        """See `Adapter`."""
        return told.trouble(status)

    async def cancel(self, request: GateRequest, desk: Desk, known: Any) -> None:
        """See `Adapter`."""
        account = request.account.pseudonym
        by_queue: dict[str, list[str]] = {}
        for number, batch in self._library.batches.of(account):
            by_queue.setdefault(batch.queue, []).append(str(number))
        for queue, ids in by_queue.items():
            with contextlib.suppress(UpstreamError):
                await self._put(request, desk, queue, ids)

    def _socket(self, request: GateRequest, desk: Desk) -> SocketFilter:
        return self._events.socket(request, desk)

    # Making

    async def _enqueue(self, request: GateRequest, desk: Desk) -> Reply:
        account = request.account.pseudonym
        size = len(request.body)
        try:
            queue = _queue(request)
            said = await passing.apart(size, lambda: passing.call_document(request.body))
            batch = await passing.apart(size, lambda: calls.batch(said, self._limits))
            number = self._new_id(batch.batch_id)
        except (BadCallError, RecursionError):
            return self.trouble(400)
        words = await self._images.inputs(request, desk, batch.words, batch.images)
        await desk.admit(request.account, words, self.api)
        about = batch.about(number)
        self._library.batches.put(account, number, Batch(about, queue))
        onward = {"batch": {**batch.onward, "batch_id": number}, "prepend": batch.prepend}
        headers = (*passing.headers_up(request), _JSON)
        call = UpstreamCall("POST", request.path, "", headers, documents.write(onward))
        reply = await desk.call(request, call)
        if reply.status not in (200, 201):
            self._library.batches.drop(account, number)
            return told.error(reply, self._limits)
        answer = await passing.answer_document(reply)
        if not isinstance(answer, dict) or told.batch_of(answer) != number:
            raise UpstreamError
        items = told.numbers(answer.get("item_ids"))
        self._library.batches.put(account, number, Batch(about, queue, items, bool(items)))
        return told.document(strip(answer, self._limits), reply.status)

    def _new_id(self, said: str) -> str:
        """A number for a batch. It is given by the gate, so that it is known before all else."""
        if self._library.batches.is_others(b"", said):
            raise BadCallError
        return said or str(uuid.uuid4())

    async def _upload(self, request: GateRequest, desk: Desk) -> Reply:
        try:
            parts = {
                part.name: part
                for part in forms.read(request.header(b"content-type"), request.body)
            }
        except forms.NoFormError:
            return self.trouble(400)
        picture = parts.get("file")
        if picture is None or not picture.filename:
            return self.trouble(400)
        return await self._images.uploaded(request, desk, picture.data)

    async def _dynamic(self, request: GateRequest, desk: Desk) -> Reply:
        """What a prompt with alternatives may become. Nothing is made of it."""
        try:
            said = passing.call_document(request.body)
        except BadCallError:
            return self.trouble(400)
        kept: dict[str, Any] = {k: passing.plain(said[k]) for k in _DYNAMIC if k in said}
        return await self._sent(request, desk, "POST", kept)

    # The queue

    async def _status(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._shown(request, desk, "")

    async def _list(self, request: GateRequest, desk: Desk) -> Reply:
        query = urlencode(parse_qsl(request.query))
        return await self._shown(request, desk, query)

    async def _shown(self, request: GateRequest, desk: Desk, query: str) -> Reply:
        said = await self._got(request, desk, query)
        if isinstance(said, Reply):
            return said
        if request.path.startswith("/api/v2/models"):
            said = told.without_paths(said)
        hidden = self._library.hide(request.account.pseudonym, said)
        return told.document(await asyncio.to_thread(strip, hidden, self._limits))

    async def _items(self, request: GateRequest, desk: Desk) -> Reply:
        said = await self._got(request, desk, urlencode(parse_qsl(request.query)))
        if isinstance(said, Reply):
            return said
        own: Any = own_items(self._library, request.account.pseudonym, said)
        if isinstance(said, dict):
            own = {**said, "items": own}
        return told.document(strip(own, self._limits))

    async def _item_ids(self, request: GateRequest, desk: Desk) -> Reply:
        """The runs of the queue. Of each it must be asked whose it is."""
        _queue(request)
        said = await self._got(request, desk, urlencode(parse_qsl(request.query)))
        if isinstance(said, Reply):
            return said
        ids = told.numbers(said.get("item_ids") if isinstance(said, dict) else None)
        own = [one["item_id"] for one in await self._by_ids(request, desk, ids) if "item_id" in one]
        return told.document(strip({"item_ids": own, "total_count": len(own)}, self._limits))

    async def _items_by_ids(self, request: GateRequest, desk: Desk) -> Reply:
        try:
            ids = told.numbers(passing.call_document(request.body).get("item_ids"))
        except BadCallError:
            return self.trouble(400)
        return told.document(strip(await self._by_ids(request, desk, ids), self._limits))

    async def _by_ids(
        self, request: GateRequest, desk: Desk, ids: Sequence[int]
    ) -> list[dict[str, Any]]:
        queue = _queue(request)
        headers = (*passing.headers_up(request), _JSON)
        body = documents.write({"item_ids": list(ids)})
        path = f"{BASE}/queue/{queue}/items_by_ids"
        reply = await desk.call(request, UpstreamCall("POST", path, "", headers, body))
        if reply.status != 200:
            raise UpstreamError
        said = await passing.answer_document(reply)
        return own_items(self._library, request.account.pseudonym, said)

    async def _item(self, request: GateRequest, desk: Desk) -> Reply:
        """A run; whether it is the account's the server tells."""
        said = await self._own_item(request, desk)
        if said is None and "item" not in request.params:
            return told.document(None)
        return self.trouble(404) if said is None else told.document(strip(said, self._limits))

    async def _own_item(self, request: GateRequest, desk: Desk) -> dict[str, Any] | None:
        path = request.path.removesuffix("/cancel").removeprefix(BASE)
        if not request.params.get("item", "0").isdigit():
            return None
        reply = await fetch(request, desk, path)
        if reply.status != 200:
            return None
        said = await passing.answer_document(reply)
        own = self._library.learn(request.account.pseudonym, said)
        return said if own and isinstance(said, dict) else None

    async def _cancel_item(self, request: GateRequest, desk: Desk) -> Reply:
        if await self._own_item(request, desk) is None:
            return self.trouble(404)
        return await self._sent(request, desk, request.method, None)

    async def _batch_status(self, request: GateRequest, desk: Desk) -> Reply:
        if not self._library.is_own_batch(request.account.pseudonym, request.params["batch"]):
            return self.trouble(404)
        return await self._shown(request, desk, "")

    async def _cancel_batches(self, request: GateRequest, desk: Desk) -> Reply:
        try:
            asked = passing.call_document(request.body).get("batch_ids")
        except BadCallError:
            return self.trouble(400)
        account = request.account.pseudonym
        named = asked if isinstance(asked, list) else []
        own = [one for one in named if self._library.is_own_batch(account, one)]
        count = await self._put(request, desk, _queue(request), own)
        return told.document({"canceled": count})

    async def _clear(self, request: GateRequest, desk: Desk) -> Reply:
        """Cancel all of the account's: the server would cancel those of everybody."""
        queue = _queue(request)
        batches = self._library.batches.of(request.account.pseudonym)
        own = [str(number) for number, batch in batches if batch.queue == queue]
        count = await self._put(request, desk, queue, own)
        name = "deleted" if request.path.endswith("/clear") else "canceled"
        return told.document({name: count})

    async def _put(self, request: GateRequest, desk: Desk, queue: str, ids: Sequence[str]) -> int:
        """Cancel batches; how many runs were."""
        if not ids:
            return 0
        headers = (*passing.headers_up(request), _JSON)
        path = f"{BASE}/queue/{queue}/cancel_by_batch_ids"
        body = documents.write({"batch_ids": list(ids)})
        reply = await desk.call(request, UpstreamCall("PUT", path, "", headers, body))
        if reply.status != 200:
            raise UpstreamError
        said = await passing.answer_document(reply)
        count = said.get("canceled") if isinstance(said, dict) else 0
        return count if isinstance(count, int) else 0

    # The rest

    async def _page(self, request: GateRequest, desk: Desk) -> Reply:
        suffix = "html" if request.path == "/" else ""
        return await self._front.file(request, desk, suffix) or self.trouble(404)

    async def _got(self, request: GateRequest, desk: Desk, query: str) -> Any:
        """What the server tells; an error of its own as a `Reply`."""
        call = UpstreamCall("GET", request.path, query, passing.headers_up(request))
        reply = await desk.call(request, call)
        if reply.status != 200:
            return told.error(reply, self._limits)
        return await passing.answer_document(reply)

    async def _sent(
        self, request: GateRequest, desk: Desk, method: str, value: Mapping[str, Any] | None
    ) -> Reply:
        headers = (*passing.headers_up(request), _JSON)
        body = b"" if value is None else documents.write(value)
        reply = await desk.call(request, UpstreamCall(method, request.path, "", headers, body))
        if reply.status not in (200, 204):
            return told.error(reply, self._limits)
        said = await passing.answer_document(reply) if reply.body else None
        return told.document(strip(said, self._limits))


def _queue(request: GateRequest) -> str:
    """The queue that a path names. Raises `ClosedRouteError`."""
    queue = request.params["queue"]
    if not calls.NAME.fullmatch(queue):
        raise ClosedRouteError
    return queue
