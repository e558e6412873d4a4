"""An upstream that speaks the shape of ComfyUI's API, with its sockets.

It makes nothing: its prompts give the pictures that a test hands over. What it answers and what it
sends to which socket, and when, is as `server.py` and `execution.py` of ComfyUI have it.
"""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from PIL import Image

from tests.gate.simple import Asked
from tests.gate.upstreams_simple import b64, form

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
File = tuple[str, str, str]
"""Kind, folder and name."""


@contextmanager
def serving(app: App) -> Iterator[int]:
    """Serve an application of calls and sockets; its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_per_message_deflate=True,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="upstream")
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        listener.close()


def asked_of(scope: Scope, body: bytes = b"") -> Asked:
    """A call, or the beginning of a socket."""
    query = scope["query_string"].decode()
    target = scope["raw_path"].decode() + (f"?{query}" if query else "")
    headers = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
    ]
    return Asked(scope.get("method", "SOCKET"), target, headers, body)


async def body_of(receive: Receive) -> bytes:
    """A call's body."""
    body = bytearray()
    while True:
        event = await receive()
        body += event.get("body", b"")
        if not event.get("more_body"):
            return bytes(body)


@dataclass
class Queued:
    """A prompt in the queue."""

    number: int
    prompt_id: str
    client: str
    graph: dict[str, Any]
    extra: dict[str, Any]

    def entry(self) -> list[Any]:
        return [self.number, self.prompt_id, self.graph, self.extra, ["9"], {"secret": "x"}]


@dataclass
class FakeComfy:
    """A ComfyUI.

    Attributes:
        results: the pictures that the next prompts give, all of them each.
        previews: what is sent of a picture while it is made.
        planted: stands in all other places.
        failing: a status and a document (or bytes) that is answered instead of everything.
        held: whether prompts stay in the queue; the first of them runs.
        names_itself: whether it gives prompts numbers of its own, as older ones do.
    """

    results: list[bytes] = field(default_factory=list)
    previews: list[bytes] = field(default_factory=list)
    planted: bytes = b""
    failing: tuple[int, Any] | None = None
    held: bool = False
    names_itself: bool = False
    asked: list[Asked] = field(default_factory=list)
    files: dict[File, bytes] = field(default_factory=dict)
    queue: list[Queued] = field(default_factory=list)
    history: dict[str, dict[str, Any]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    sockets: dict[str, Send] = field(default_factory=dict)
    heard: list[Any] = field(default_factory=list)
    made: int = 0
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget what was asked; what was made stays."""
        self.results, self.previews, self.planted, self.failing = [], [], b"", None
        self.held = self.names_itself = False
        for kept in (self.asked, self.queue, self.stopped, self.heard):
            kept.clear()

    def calls(self, method: str = "") -> list[str]:
        """Targets of the calls that reached it, without their queries."""
        return [
            one.target.partition("?")[0] for one in self.asked if not method or one.method == method
        ]

    def sent(self, target: str) -> Any:
        """The JSON of the last call to a target."""
        return json.loads(next(one.body for one in reversed(self.asked) if one.target == target))

    # Calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        asked = asked_of(scope, await body_of(receive))
        self.asked.append(asked)
        status, kind, body = self._answer(asked)
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        if self.planted:
            headers.append((b"x-picture", b64(self.planted[600:780]).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, asked: Asked) -> tuple[int, bytes, bytes]:
        if self.failing is not None:
            status, value = self.failing
            return _bytes(value, status) if isinstance(value, bytes) else _json(value, status)
        path, _, query = asked.target.partition("?")
        path, said = path.removeprefix("/api") or "/", dict(reversed(parse_qsl(query)))
        if asked.method == "GET":
            if path == "/view":
                return self._view(said)
            return self._file(path) or _json(self._told(path))
        if path == "/prompt":
            return self._prompt(json.loads(asked.body))
        if path.startswith("/upload/"):
            return self._upload(asked, masked=path.endswith("mask"))
        value = json.loads(asked.body)
        if path == "/interrupt":
            self._interrupt(value.get("prompt_id"))
        elif path == "/queue":
            self.stopped += list(value.get("delete", ()))
            self.queue = [one for one in self.queue if one.prompt_id not in value["delete"]]
        elif path == "/history":
            for prompt_id in value["delete"]:
                self.history.pop(prompt_id, None)
        else:
            return _json({"error": "no"}, 404)
        return _bytes(b"", 200)

    def _told(self, path: str) -> Any:
        more = self.everywhere()
        name = path.rpartition("/")[2]
        if path == "/queue":
            entries = [one.entry() for one in self.queue]
            return {"queue_running": entries[:1], "queue_pending": entries[1:], **more}
        if path == "/prompt":
            return {"exec_info": {"queue_remaining": len(self.queue)}, **more}
        if path == "/history":
            return self.history
        if path.startswith("/history/"):
            return {name: self.history[name] | more} if name in self.history else {}
        if path.startswith("/jobs/"):
            entry = self.history.get(name)
            if entry is None:
                return {"error": "Job not found"}
            first = next(iter(entry["outputs"].values()))["images"][0]
            return {
                **{"id": name, "status": "completed", "priority": 1, "create_time": 17},
                **{"outputs": entry["outputs"], "outputs_count": 1},
                **{"preview_output": {**first, "nodeId": "9", "mediaType": "images"}, **more},
            }
        if path.startswith("/object_info"):
            names = sorted(one for kind, _, one in self.files if kind == "input")
            image = {"required": {"image": [names, {"image_upload": True}]}}
            return {"LoadImage": {"input": image, "name": "LoadImage"}, **more}
        if path == "/system_stats":
            argv = ["main.py", "--listen"]
            return {"system": {"os": "posix", "argv": argv}, "devices": [], **more}
        return [{"name": "teapot-xl.safetensors"} | more] if more else ["teapot-xl.safetensors"]

    def _file(self, path: str) -> tuple[int, bytes, bytes] | None:
        """Files of the web client."""
        if path == "/":
            return 200, b"text/html", b"<!doctype html><title>ComfyUI</title>"
        if path.startswith("/assets/") and path.endswith(".js"):
            more = f"const x='{b64(self.planted)}'" if self.planted else ""
            return 200, b"text/javascript", b"export const a = 1;" + more.encode()
        if path.startswith("/assets/"):
            return 200, b"image/png", self.planted or self.results[0]
        return None

    # Prompts

    def _prompt(self, said: dict[str, Any]) -> tuple[int, bytes, bytes]:
        graph = said["prompt"]
        if not any(node["class_type"].startswith(("Save", "Preview")) for node in graph.values()):
            error = {
                **{"type": "prompt_no_outputs", "message": "Prompt has no outputs"},
                **{"details": "", "extra_info": {}},
            }
            return _json({"error": error, "node_errors": {} | self.everywhere()}, 400)
        self.made += 1
        prompt_id = said.get("prompt_id", "")
        if self.names_itself or not prompt_id:
            prompt_id = str(uuid.uuid4())
        extra = {**said.get("extra_data", {}), "client_id": said["client_id"]}
        queued = Queued(self.made, prompt_id, said["client_id"], graph, extra)
        self.queue.append(queued)
        if not self.held:
            self._start(self._run(queued))
        told = {"prompt_id": prompt_id, "number": queued.number, "node_errors": {}}
        return _json(told | self.everywhere())

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _run(self, queued: Queued) -> None:
        own = {"prompt_id": queued.prompt_id}
        await self._tell_all()
        told: list[tuple[str, dict[str, Any]]] = [
            ("execution_start", own | {"timestamp": 17}),
            ("execution_cached", own | {"nodes": [], "timestamp": 17}),
            ("executing", own | {"node": "3", "display_node": "3"}),
            ("progress", own | {"value": 1, "max": 20, "node": "3"}),
            ("progress_state", own | {"nodes": {"3": {"value": 1, "max": 20}}}),
        ]
        for kind, data in told:
            await self.tell(queued.client, kind, data | self.everywhere())
        for preview in (*self.previews, *([self.planted] if self.planted else ())):
            await self.show(queued.client, preview, own)
        images = []
        for result in self.results:
            file = ("output", "", f"ComfyUI_{len(self.files):05}_.png")
            self.files[file] = result
            images.append({"filename": file[2], "subfolder": "", "type": "output"})
        more = self.everywhere()
        output = {"images": images} | more
        self.queue = [one for one in self.queue if one is not queued]
        status = {
            **{"status_str": "success", "completed": True},
            "messages": [["execution_start", own], ["execution_success", own | more]],
        }
        self.history[queued.prompt_id] = {
            **{"prompt": queued.entry()[:5], "outputs": {"9": output}, "status": status},
            "meta": {"9": {"node_id": "9", "display_node": "9"}},
        }
        await self.tell(queued.client, "executed", own | {"node": "9", "output": output})
        await self.tell(queued.client, "execution_success", own | {"timestamp": 18})
        await self.tell(queued.client, "executing", own | {"node": None})
        await self._tell_all()

    def _interrupt(self, prompt_id: str | None) -> None:
        running = self.queue[0].prompt_id if self.queue else None
        if running is not None and prompt_id in (None, running):
            self.stopped.append(running)
            del self.queue[0]

    # Files

    def _view(self, said: dict[str, str]) -> tuple[int, bytes, bytes]:
        found = (said.get("type", "output"), said.get("subfolder", ""), said.get("filename", ""))
        data = self.files.get(found)
        if data is None:
            return _bytes(b"", 404)
        if "preview" in said:
            out = io.BytesIO()
            Image.open(io.BytesIO(data)).convert("RGB").save(out, "WEBP", quality=90)
            return 200, b"image/webp", out.getvalue()
        return 200, b"image/png", data

    def _upload(self, asked: Asked, *, masked: bool) -> tuple[int, bytes, bytes]:
        parts = {name: values[0] for name, values in form(asked).items()}
        name, data = parts["image"]
        kind, folder = (parts[key][1].decode() for key in ("type", "subfolder"))
        file = (kind, folder, str(name))
        if masked:
            ref = json.loads(parts["original_ref"][1])
            data = self.files[ref["type"], ref["subfolder"], ref["filename"]]
        if file in self.files and "overwrite" not in parts:
            file = (kind, folder, f"{str(name)[:-4]} (1).png")
        self.files[file] = data
        told = {"name": file[2], "subfolder": folder, "type": kind}
        return _json(told | self.everywhere())

    # Sockets

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = asked_of(scope)
        self.asked.append(asked)
        sid = dict(parse_qsl(asked.target.partition("?")[2])).get("clientId") or uuid.uuid4().hex
        await receive()
        await send({"type": "websocket.accept"})
        self.sockets[sid] = send
        await self.tell(sid, "status", self._status() | {"sid": sid})
        try:
            while (event := await receive())["type"] == "websocket.receive":
                self.heard.append(event.get("text") or event.get("bytes"))
                flags = {"supports_preview_metadata": True, "max_upload_size": 100}
                await self.tell(sid, "feature_flags", flags)
        finally:
            if self.sockets.get(sid) is send:
                del self.sockets[sid]

    def _status(self) -> dict[str, Any]:
        return {"status": {"exec_info": {"queue_remaining": len(self.queue)}}}

    async def _tell_all(self) -> None:
        for sid in list(self.sockets):
            await self.tell(sid, "status", self._status() | self.everywhere())

    async def tell(self, sid: str, kind: str, data: dict[str, Any]) -> None:
        """Send a message to a client, where it is there."""
        if sid in self.sockets:
            text = json.dumps({"type": kind, "data": data})
            await self.sockets[sid]({"type": "websocket.send", "text": text})

    async def show(self, sid: str, preview: bytes, own: dict[str, Any]) -> None:
        """Send a preview, in all the ways that there are."""
        if sid not in self.sockets:
            return
        meta = json.dumps(own | {"node_id": "3", "image_type": "image/jpeg"}).encode()
        for frame in (
            struct.pack(">II", 1, 1) + preview,
            struct.pack(">II", 2, 2) + preview,
            struct.pack(">II", 4, len(meta)) + meta + preview,
            struct.pack(">I", 99) + preview,
        ):
            await self.sockets[sid]({"type": "websocket.send", "bytes": frame})
        text = {"node": "3", "image": f"data:image/jpeg;base64,{b64(preview)}"}
        await self.tell(sid, "b_preview", own | text)

    # What is planted

    def everywhere(self) -> dict[str, Any]:
        """Fields that hold the planted picture in many forms."""
        if not self.planted:
            return {}
        text = b64(self.planted)
        return {
            "preview": text,
            "thumb": {"deep": [[f"data:image/jpeg;base64,{text}"]]},
            "json": json.dumps({"a": {"image": text}}),
            "hex": self.planted.hex(),
            "raw": self.planted.decode("latin-1"),
            "numbers": list(self.planted),
            text: 1,
        }


def _json(value: Any, status: int = 200) -> tuple[int, bytes, bytes]:
    return status, b"application/json", json.dumps(value).encode()


def _bytes(body: bytes, status: int) -> tuple[int, bytes, bytes]:
    return status, b"application/octet-stream", body


@contextmanager
def comfy() -> Iterator[FakeComfy]:
    """A running one."""
    fake = FakeComfy()
    with serving(fake) as port:
        fake.port = port
        yield fake
