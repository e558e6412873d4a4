"""An upstream that speaks as ComfyUI does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.gate.upstreams_simple import b64
from tests.gate.upstreams_social import Page, Social, smaller


@dataclass
class FakeComfy(Social):
    """`/prompt`, `/history`, `/view`, `/ws` and others.

    Attributes:
        old: whether it numbers prompts itself, as servers did before 2025.
        files: what lies in its folders.
    """

    old: bool = False
    files: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    history: dict[str, Any] = field(default_factory=dict)
    pending: list[list[Any]] = field(default_factory=list)
    running: list[list[Any]] = field(default_factory=list)
    sockets: dict[str, WebSocket] = field(default_factory=dict)
    made: int = 0

    def reset(self) -> None:
        Social.reset(self)
        self.old = False
        self.history.clear()
        self.pending.clear()
        self.running.clear()

    def app(self) -> Starlette:
        table: list[tuple[str, str, Page]] = [
            ("POST", "/prompt", self.prompt),
            ("GET", "/prompt", self.json(lambda _: self.state())),
            ("GET", "/queue", self.json(self.queue)),
            ("POST", "/queue", self.change_queue),
            ("POST", "/interrupt", self.interrupt),
            ("GET", "/history", self.json(lambda _: self.history)),
            ("POST", "/history", self.change_history),
            ("GET", "/history/{name}", self.json(self.entry)),
            ("GET", "/view", self.view),
            ("POST", "/upload/image", self.upload),
            ("POST", "/upload/mask", self.upload),
            ("GET", "/object_info", self.json(self.nodes)),
            ("GET", "/system_stats", self.json(self.stats)),
            ("GET", "/models/{name}", self.json(lambda _: ["a.safetensors", b64(self.planted)])),
            ("GET", "/api/jobs/{name}", self.job),
            ("GET", "/", self.file),
            ("GET", "/assets/{name}", self.file),
            ("GET", "/userdata", self.file),
            ("GET", "/internal/logs", self.file),
        ]
        routes: list[Any] = [
            Route(path, self.page(work), methods=[how]) for how, path, work in table
        ]
        sockets = [WebSocketRoute(path, self.socket) for path in ("/ws", "/api/ws")]
        return Starlette(routes=[*routes, *sockets])

    def json(self, tell: Callable[[Request], Any]) -> Page:
        async def page(request: Request) -> Response:
            return JSONResponse(tell(request))

        return page

    def state(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": len(self.pending)}} | self.everywhere()

    def queue(self, _: Request) -> dict[str, Any]:
        return {"queue_running": self.running, "queue_pending": self.pending}

    def entry(self, request: Request) -> dict[str, Any]:
        name = request.path_params["name"]
        return {name: self.history[name]} if name in self.history else {}

    def names(self) -> list[str]:
        return [name for kind, _, name in self.files if kind == "input"]

    def nodes(self, _: Request) -> dict[str, Any]:
        images = [[*self.names(), "example.png"], {"image_upload": True}]
        node = {"input": {"required": {"image": images}}, "name": "LoadImage"}
        return {"LoadImage": node | self.everywhere()}

    def stats(self, _: Request) -> dict[str, Any]:
        return {"system": {"os": "posix", "argv": ["/srv/main.py"]}, "devices": []}

    async def prompt(self, request: Request) -> Response:
        said = await request.json()
        for node, value in said["prompt"].items():
            name = value["inputs"].get("image")
            if value["class_type"] == "LoadImage" and name not in self.names():
                fault = {
                    "type": "value_not_in_list",
                    "message": "Value not in list",
                    "details": f"image: '{name}' not in {self.names()}",
                    "extra_info": {"input_name": "image", "input_config": [self.names()]},
                }
                return JSONResponse(
                    {"error": fault, "node_errors": {node: {"errors": [fault]}}}, 400
                )
        given = None if self.old else said.get("prompt_id")
        number = given or str(uuid.uuid4())
        extra = {**said.get("extra_data", {}), "client_id": said.get("client_id")}
        item = [len(self.pending), number, said["prompt"], extra, ["9"]]
        self.pending.append(item)
        if not self.hold:
            asyncio.get_running_loop().create_task(self.run())
        told: dict[str, Any] = {"prompt_id": number, "number": 1, "node_errors": {}}
        return JSONResponse(told | self.everywhere())

    async def start(self) -> None:
        """Begin with the first that waits."""
        self.running.append(self.pending.pop(0))

    async def run(self) -> None:
        """Make the first that waits."""
        if not self.running:
            await self.start()
        item = self.running[0]
        number, client = item[1], item[3]["client_id"]
        about = {"prompt_id": number, "timestamp": 1}
        await self.tell("execution_start", about, client)
        await self.tell("progress", about | {"value": 1, "max": 2} | self.everywhere(), client)
        shown = self.planted or (self.results or [b""])[0]
        for kind in (1, 2, 3, 4, 9):
            await self.binary(struct.pack(">II", kind, 1) + shown, client)
        told: list[dict[str, str]] = []
        for data in self.results:
            self.made += 1
            name = f"ComfyUI_{self.made:05}_.png"
            self.files["output", "", name] = data
            told.append({"filename": name, "subfolder": "", "type": "output"})
        output = {"images": told} | self.everywhere()
        await self.tell("executed", about | {"node": "9", "output": output}, client)
        await self.tell("b_preview", {"image": b64(shown)}, client)
        await self.tell("executing", about | {"node": None}, client)
        status = {
            "status_str": "success",
            "completed": True,
            "messages": [["execution_start", about]],
        }
        entry = {"prompt": item, "outputs": {"9": output}, "status": status, "meta": {}}
        self.history[number] = entry | self.everywhere()
        self.running.clear()
        await self.tell("execution_success", about, client)

    async def tell(self, kind: str, data: Any, client: str) -> None:
        if client in self.sockets:
            await self.sockets[client].send_text(json.dumps({"type": kind, "data": data}))

    async def binary(self, data: bytes, client: str) -> None:
        if client in self.sockets:
            await self.sockets[client].send_bytes(data)

    async def change_queue(self, request: Request) -> Response:
        said = await request.json()
        gone = set(said.get("delete", ()))
        self.pending = [
            item for item in self.pending if not said.get("clear") and item[1] not in gone
        ]
        return PlainTextResponse("")

    async def change_history(self, request: Request) -> Response:
        for number in (await request.json()).get("delete", ()):
            self.history.pop(number, None)
        return PlainTextResponse("")

    async def interrupt(self, request: Request) -> Response:
        self.running.clear()
        return PlainTextResponse("")

    async def view(self, request: Request) -> Response:
        asked = request.query_params
        name = asked["filename"]
        key = (asked.get("type", "output"), asked.get("subfolder", ""), name)
        data = self.files.get(key)
        if data is None:
            return PlainTextResponse("", 404)
        headers = {"Content-Disposition": f'filename="{name}"', "X-Picture": b64(data[:120])}
        if "preview" in asked:
            return Response(smaller(data), media_type="image/webp", headers=headers)
        return Response(data, media_type="image/png", headers=headers)

    async def upload(self, request: Request) -> Response:
        form = await request.form()
        image = form["image"]
        assert not isinstance(image, str) and image.filename
        kind, folder = str(form.get("type") or "input"), str(form.get("subfolder") or "")
        name, at = image.filename, 0
        while (kind, folder, name) in self.files and form.get("overwrite") != "true":
            at += 1
            name = f"{at} {image.filename}"
        self.files[kind, folder, name] = await image.read()
        return JSONResponse({"name": name, "subfolder": folder, "type": kind})

    async def job(self, request: Request) -> Response:
        number = request.path_params["name"]
        if number not in self.history:
            return JSONResponse({"error": "Job not found"}, 404)
        entry = self.history[number]
        told = {
            **{"id": number, "status": "completed", "create_time": 1, "outputs_count": 1},
            **{"outputs": entry["outputs"], "execution_status": entry["status"]},
            **{"preview_output": entry["outputs"]["9"]["images"][0]},
        }
        return JSONResponse(told | self.everywhere())

    async def file(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name.endswith(".png"):
            return Response(self.results[-1], media_type="image/png")
        text = f"let a = 'data:image/png;base64,{b64(self.planted)}';" if self.planted else "let a;"
        return PlainTextResponse(text)

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        sid = socket.query_params.get("clientId") or uuid.uuid4().hex
        self.sockets[sid] = socket
        await self.tell("status", {"status": self.state(), "sid": sid}, sid)
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                self.said.append(await socket.receive_text())
                await self.tell("feature_flags", {"supports_preview_metadata": True}, sid)
        self.sockets.pop(sid, None)
