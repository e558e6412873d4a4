"""The shape of ComfyUI's API, with and without `/api` before it, and its web client.

`POST /prompt` queues a graph; its pictures are told by `/history`, `/api/jobs` and the socket,
and shown by `/view`. The gate remembers which prompts, files and sockets are whose. Of those of
others, and of what was there before the gate started, nothing is told and nothing can be done to
it. What the client's pages consist of comes from `apis/frontend.py`.

Where something is refused, what else the account has queued is deleted, and what of it runs is
interrupted.

Closed: saved workflows and settings, which all callers of a server share (`/userdata`; of
`/settings` none are told), logs, model downloads, freeing memory, uploads of what is no picture,
pictures that models come with, and whatever else stands in no table here.

Sources: `server.py`, `execution.py` and `comfy_execution/jobs.py` of ComfyUI 0.3 and later,
`src/scripts/api.ts` of ComfyUI_frontend.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from safehold.gate.apis import comfyui_graphs as graphs
from safehold.gate.apis import comfyui_told as told
from safehold.gate.apis import comfyui_uploads as uploads
from safehold.gate.apis import passing
from safehold.gate.apis.comfyui_graphs import File
from safehold.gate.apis.comfyui_jobs import Job, Jobs, Upload, fetch
from safehold.gate.apis.comfyui_results import Results, asked
from safehold.gate.apis.comfyui_server import HEADERS, Server
from safehold.gate.apis.comfyui_socket import ComfySocket
from safehold.gate.apis.frontend import FrontEnd
from safehold.gate.apis.passing import BadCallError
from safehold.gate.interface import Desk, GateRequest, Handler, Route, SocketFilter, SocketRoute
from safehold.gate.model import (
    Api,
    ClosedRouteError,
    GateOptions,
    Reply,
    Stage,
    UncheckedError,
    UpstreamCall,
    UpstreamError,
)
from safehold.gate.pictures import Limits, strip

_LISTS: Final = (
    *("/prompt", "/models", "/models/{folder}", "/embeddings", "/extensions", "/features"),
    *("/experiment/models", "/experiment/models/{folder}", "/view_metadata/{folder}", "/i18n"),
    *("/workflow_templates", "/global_subgraphs", "/global_subgraphs/{name}"),
    *("/node_replacements", "/system_stats", "/object_info", "/object_info/{node}"),
)
_FOLDERS: Final = (
    *("assets", "scripts", "extensions", "lib", "fonts", "cursor", "templates", "docs"),
)
_CLIENT: Final = re.compile(r"(?:clientId=([A-Za-z0-9_-]{1,64})?)?")


def adapter(options: GateOptions) -> ComfyAdapter:
    """The adapter of this shape."""
    return ComfyAdapter(options)


class ComfyAdapter:
    """See the module."""

    api = Api.COMFYUI

    def __init__(self, options: GateOptions) -> None:
        self._limits = Limits.of(options)
        self._allowed = frozenset(options.comfyui_nodes)
        self._jobs = Jobs(self._limits)
        self._server = Server(self._jobs, self._limits)
        self._results = Results(self._server, self._jobs)
        self._front = FrontEnd(self.api, options)

    def routes(self) -> Sequence[Route]:
        """See `Adapter`."""
        made: list[tuple[str, str, Handler]] = [
            ("POST", "/prompt", self._prompt),
            ("GET", "/queue", self._queue),
            ("POST", "/queue", self._change_queue),
            ("POST", "/interrupt", self._interrupt),
            ("GET", "/history", self._results.history),
            ("GET", "/history/{prompt}", self._results.entry),
            ("POST", "/history", self._change_history),
            ("GET", "/view", self._results.view),
            ("POST", "/upload/image", self._upload),
            ("POST", "/upload/mask", self._upload),
            ("GET", "/settings", self._none),
            ("GET", "/settings/{name}", self._none),
            ("GET", "/users", self._users),
        ]
        made += [("GET", pattern, self._list) for pattern in _LISTS]
        both = [
            Route(method, before + pattern, handler)
            for method, pattern, handler in made
            for before in ("", "/api")
        ]
        both += [
            Route("GET", "/api/jobs", self._results.told_jobs),
            Route("GET", "/api/jobs/{prompt}", self._results.told_job),
            Route("POST", "/api/jobs/cancel", self._cancel_jobs),
            Route("POST", "/api/jobs/{prompt}/cancel", self._cancel_job),
            Route("GET", "/", self._page),
            Route("GET", "/{file}", self._page),
        ]
        return both + [Route("GET", f"/{name}/{{file:rest}}", self._page) for name in _FOLDERS]

    def sockets(self) -> Sequence[SocketRoute]:
        """See `Adapter`."""
        return [SocketRoute(pattern, self._socket) for pattern in ("/ws", "/api/ws")]

    def refusal(self) -> Reply:
        """See `Adapter`."""
        return told.refusal()

    def trouble(self, status: int) -> Reply:
        """See `Adapter`."""
        return told.trouble(status)

    async def cancel(self, request: GateRequest, desk: Desk, known: Any) -> None:
        """See `Adapter`."""
        await self._server.stop(request, desk)

    def _socket(self, request: GateRequest, desk: Desk) -> SocketFilter:
        account = request.account.pseudonym
        match = _CLIENT.fullmatch(request.query)
        if match is None or (match[1] and not self._jobs.bind(account, match[1])):
            raise ClosedRouteError
        return ComfySocket(
            account, self._jobs, self._limits, lambda sid: self._jobs.bind(account, sid)
        )

    # Making

    async def _prompt(self, request: GateRequest, desk: Desk) -> Reply:
        account = request.account.pseudonym
        try:
            said = await passing.apart(
                len(request.body), lambda: passing.call_document(request.body)
            )
            prompt = await passing.apart(
                len(request.body), lambda: graphs.prompt(said, self._limits, self._allowed)
            )
            prompt_id = self._new_id(prompt.prompt_id)
            client = prompt.client or uuid.uuid4().hex
            if not self._jobs.bind(account, client):
                raise BadCallError
            pictures = await self._inputs(request, desk, prompt.files)
        except (BadCallError, RecursionError):
            return self.trouble(400)
        words = replace(prompt.words, pictures=(*prompt.words.pictures, *pictures))
        if len(words.pictures) > self._limits.max_pictures:
            raise UncheckedError(Stage.INPUT)
        await desk.admit(request.account, words, self.api)
        onward = {"prompt": prompt.graph, "client_id": client, "prompt_id": prompt_id}
        real = prompt_id
        self._jobs.begin(account, prompt_id, Job(prompt.about(prompt_id)))
        try:
            reply = await self._server.post(request, desk, "/prompt", {**onward, **prompt.extra})
            if reply.status != 200:
                real = ""
                return told.error(reply, self._limits)
            answer = await passing.answer_document(reply)
            real = _number_in(answer)
        finally:
            # Where it was not heard it may be queued all the same, by the number it was given.
            self._jobs.end(account, prompt_id, real)
        names = ("prompt_id", "number", "node_errors")
        return told.document(strip({name: answer.get(name) for name in names}, self._limits))

    def _new_id(self, said: str) -> str:
        """A number for a prompt. It is given by the gate, so that it is known before all else."""
        if not said:
            return str(uuid.uuid4())
        try:
            plain = str(uuid.UUID(said)) == said
        except ValueError:
            plain = False
        if not plain or self._jobs.jobs.is_others(b"", said):
            raise BadCallError
        return said

    async def _inputs(self, request: GateRequest, desk: Desk, files: Sequence[File]) -> list[bytes]:
        """The pictures that go in by name, but for those that were looked at on their way there.

        Raises:
            BadCallError: there is none of that name.
            UncheckedError: it is another account's, or a result of nobody known.
        """
        account = request.account.pseudonym
        found: list[bytes] = []
        if len(files) > self._limits.max_pictures:
            raise UncheckedError(Stage.INPUT)
        for one in files:
            own = self._jobs.files.get(account, one)
            if isinstance(own, Upload) and own.checked:
                continue
            if own is None and (one.kind != "input" or self._jobs.files.is_others(account, one)):
                raise UncheckedError(Stage.INPUT)
            reply = await fetch(request, desk, one)
            if reply.status == 404:
                raise BadCallError
            if reply.status != 200:
                raise UpstreamError
            found.append(reply.body)
        return found

    async def _upload(self, request: GateRequest, desk: Desk) -> Reply:
        try:
            upload = uploads.upload(request, self._jobs)
        except BadCallError:
            return self.trouble(400)
        await desk.admit(request.account, upload.words, self.api)
        headers = (*passing.headers_up(request, HEADERS), (b"content-type", upload.content_type))
        path = request.path.removeprefix("/api")
        reply = await desk.call(request, UpstreamCall("POST", path, "", headers, upload.body))
        if reply.status != 200:
            return told.error(reply, self._limits)
        answer = await passing.answer_document(reply)
        placed, file = uploads.placed(answer)
        self._jobs.files.put(request.account.pseudonym, file, Upload(upload.whole))
        return told.document(placed)

    # What is under way

    async def _queue(self, request: GateRequest, desk: Desk) -> Reply:
        running, pending = await self._server.queued(request, desk)
        # What is beyond the fifth would be credentials.
        some = {
            "queue_running": [item[:5] for item in running],
            "queue_pending": [item[:5] for item in pending],
        }
        return told.document(strip(some, self._limits))

    async def _change_queue(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._change(request, desk, "/queue")

    async def _change_history(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._change(request, desk, "/history")

    async def _change(self, request: GateRequest, desk: Desk, path: str) -> Reply:
        """Delete some of the account's own, or all of them."""
        try:
            said = passing.call_document(request.body)
        except BadCallError:
            return self.trouble(400)
        account = request.account.pseudonym
        ids = [one for one in _list_of(said.get("delete")) if self._jobs.is_own(account, one)]
        if said.get("clear"):
            if path == "/queue":
                _, ids = await self._server.own_queue(request, desk)
            else:
                ids = [str(key) for key in self._jobs.jobs.keys(account)]
        await self._server.post(request, desk, path, {"delete": ids}, when=bool(ids))
        return Reply(200, b"", b"text/plain")

    async def _interrupt(self, request: GateRequest, desk: Desk) -> Reply:
        try:
            said = passing.call_document(request.body) if request.body else {}
        except BadCallError:
            said = {}
        named = said.get("prompt_id")
        running, _ = await self._server.own_queue(request, desk)
        for prompt_id in running:
            if named is None or named == prompt_id:
                await self._server.post(request, desk, "/interrupt", {"prompt_id": prompt_id})
        return Reply(200, b"", b"text/plain")

    async def _cancel_job(self, request: GateRequest, desk: Desk) -> Reply:
        return await self._server.cancel_some(request, desk, [request.params["prompt"]])

    async def _cancel_jobs(self, request: GateRequest, desk: Desk) -> Reply:
        try:
            said = passing.call_document(request.body).get("job_ids")
        except BadCallError:
            return self.trouble(400)
        return await self._server.cancel_some(request, desk, _list_of(said))

    # The rest

    async def _list(self, request: GateRequest, desk: Desk) -> Reply:
        path = request.path.removeprefix("/api")
        query = ""
        if path.startswith("/view_metadata/"):
            query = urlencode({"filename": asked(request.query).get("filename", "")})
        said = await self._server.got(request, desk, path, query)
        if isinstance(said, Reply):
            return said
        if path == "/system_stats":
            said = told.stats(said)
        if path.startswith("/object_info"):
            keys = self._jobs.files.keys(request.account.pseudonym)
            names = told.names(one for one in keys if isinstance(one, File))
            said = await passing.apart(len(request.path), lambda: told.nodes(said, names))
        return told.document(await asyncio.to_thread(strip, said, self._limits))

    async def _none(self, request: GateRequest, desk: Desk) -> Reply:
        return told.document(None if "name" in request.params else {})

    async def _users(self, request: GateRequest, desk: Desk) -> Reply:
        return told.document({"storage": "server", "migrated": True})

    async def _page(self, request: GateRequest, desk: Desk) -> Reply:
        suffix = "html" if request.path == "/" else ""
        return await self._front.file(request, desk, suffix) or self.trouble(404)


def _number_in(answer: object) -> str:
    """The number that a server gave a prompt. Raises `UpstreamError`."""
    found = answer.get("prompt_id") if isinstance(answer, dict) else None
    if not isinstance(found, str) or not graphs.NAME.fullmatch(found):
        raise UpstreamError
    return found


def _list_of(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
