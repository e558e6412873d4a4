"""An upstream that speaks as InvokeAI does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
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
class Session:
    """A session of Engine.IO."""

    packets: list[str | bytes] = field(default_factory=list)
    come: asyncio.Event = field(default_factory=asyncio.Event)
    subscribed: bool = False
    socket: WebSocket | None = None


@dataclass
class FakeInvoke(Social):
    """`/api/v1/...` and `/ws/socket.io/`.

    Attributes:
        images: bytes and run of each picture.
        items: runs of the queue.
    """

    images: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    items: list[dict[str, Any]] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    made: int = 0

    def reset(self) -> None:
        Social.reset(self)
        self.items.clear()

    def page(self, work: Page) -> Page:
        inner = Social.page(self, work)

        async def page(request: Request) -> Response:
            answer = await inner(request)
            if self.failing is None:
                return answer
            status, value = self.failing
            return (
                Response(value, status) if isinstance(value, bytes) else JSONResponse(value, status)
            )

        return page

    def app(self) -> Starlette:
        queue, image = "/api/v1/queue/{queue}", "/api/v1/images/i/{name}"
        table: list[tuple[str, str, Page]] = [
            ("POST", f"{queue}/enqueue_batch", self.enqueue),
            ("GET", f"{queue}/status", self.status),
            ("GET", f"{queue}/list", self.listed),
            ("GET", f"{queue}/list_all", self.all_of_it),
            ("POST", f"{queue}/items_by_ids", self.all_of_it),
            ("GET", f"{queue}/item_ids", self.item_ids),
            ("GET", f"{queue}/current", self.current),
            ("GET", f"{queue}/i/{{item:int}}", self.item),
            ("PUT", f"{queue}/i/{{item:int}}/cancel", self.item),
            ("PUT", f"{queue}/cancel_by_batch_ids", self.cancel),
            ("PUT", f"{queue}/clear", self.cancel),
            ("GET", "/api/v1/images/", self.gallery),
            ("GET", "/api/v1/images/names", self.names),
            ("POST", "/api/v1/images/upload", self.upload),
            ("POST", "/api/v1/images/delete", self.delete),
            ("GET", image, self.dto),
            ("GET", f"{image}/full", self.full),
            ("GET", f"{image}/thumbnail", self.full),
            ("GET", f"{image}/metadata", self.plain),
            ("GET", "/api/v1/boards/", self.plain),
            ("GET", "/api/v2/models/", self.plain),
            ("GET", "/api/v1/app/version", self.plain),
            ("POST", "/api/v1/utilities/dynamicprompts", self.plain),
            ("GET", "/", self.file),
            ("GET", "/assets/{name}", self.file),
            ("GET", "/ws/socket.io/", self.poll),
            ("POST", "/ws/socket.io/", self.post),
        ]
        routes: list[Any] = [
            Route(path, self.page(work), methods=[how]) for how, path, work in table
        ]
        return Starlette(routes=[*routes, WebSocketRoute("/ws/socket.io/", self.socket)])

    async def enqueue(self, request: Request) -> Response:
        batch = (await request.json())["batch"]
        ids = []
        for _ in range(batch.get("runs", 1)):
            item = {
                **{"item_id": len(self.items) + 1, "batch_id": batch["batch_id"]},
                **{"session_id": str(uuid.uuid4()), "queue_id": "default", "status": "pending"},
                "session": {"results": {}, "graph": batch["graph"]},
            }
            self.items.append(item)
            ids.append(item["item_id"])
        told = {"queue_id": "default", "enqueued": len(ids), "requested": len(ids), "priority": 0}
        if not self.hold:
            asyncio.get_running_loop().create_task(self.run(batch["batch_id"]))
        answer = told | {"batch": batch, "item_ids": ids} | self.everywhere()
        return JSONResponse(answer, 201)

    async def run(self, batch_id: str) -> None:
        """Make all of a batch."""
        for item in [one for one in self.items if one["batch_id"] == batch_id]:
            about = {k: item[k] for k in ("item_id", "batch_id", "session_id", "queue_id")}
            about |= {"invocation": {"id": "n", "type": "denoise_latents"}}
            shown = self.planted or (self.results or [b""])[0]
            preview = {"width": 8, "height": 8, "dataURL": f"data:image/jpeg;base64,{b64(shown)}"}
            step = about | {"message": "Denoising", "percentage": 0.5}
            await self.emit("invocation_progress", step | {"image": preview} | self.everywhere())
            await self.binary("invocation_progress", step, shown)
            for data in self.results:
                self.made += 1
                name = f"{uuid.uuid4()}.png"
                self.images[name] = (data, item["session_id"])
                result = {"type": "image_output", "image": {"image_name": name}, "width": 8}
                item["session"]["results"][f"n{self.made}"] = result
                await self.emit("invocation_complete", about | {"result": result})
            item["status"] = "completed"
            changed = {k: v for k, v in about.items() if k != "invocation"}
            queue = {"queue_id": "default", "item_id": None, "batch_id": "others", "pending": 0}
            await self.emit(
                "queue_item_status_changed",
                changed | {"status": "completed", "queue_status": queue},
            )

    async def status(self, _: Request) -> Response:
        queue = {"queue_id": "default", "batch_id": "others", "item_id": 7, "pending": 1}
        return JSONResponse({"queue": queue, "processor": {"is_started": True}})

    async def listed(self, _: Request) -> Response:
        items = [{k: v for k, v in one.items() if k != "session"} for one in self.items]
        return JSONResponse({"limit": 50, "has_more": False, "items": items} | self.everywhere())

    async def all_of_it(self, _: Request) -> Response:
        return JSONResponse([one | self.everywhere() for one in self.items])

    async def item_ids(self, _: Request) -> Response:
        return JSONResponse({"item_ids": [one["item_id"] for one in self.items]})

    async def current(self, _: Request) -> Response:
        return JSONResponse(self.items[-1] if self.items else None)

    async def item(self, request: Request) -> Response:
        for item in self.items:
            if item["item_id"] == request.path_params["item"]:
                return JSONResponse(item | self.everywhere())
        return JSONResponse({"detail": "Not Found"}, 404)

    async def cancel(self, request: Request) -> Response:
        ids = (await request.json())["batch_ids"]
        gone = [one for one in self.items if one["batch_id"] in ids and one["status"] == "pending"]
        for one in gone:
            one["status"] = "canceled"
        return JSONResponse({"canceled": len(gone)})

    def told(self, name: str) -> dict[str, Any]:
        return {
            **{"image_name": name, "image_url": f"api/v1/images/i/{name}/full", "width": 8},
            **{"session_id": self.images[name][1] or None, "is_intermediate": False},
        } | self.everywhere()

    async def gallery(self, _: Request) -> Response:
        items = [self.told(name) for name in self.images]
        return JSONResponse({"offset": 0, "limit": 10, "total": len(items), "items": items})

    async def names(self, _: Request) -> Response:
        found = list(self.images)
        return JSONResponse({"image_names": found, "total_count": len(found), "starred_count": 0})

    async def delete(self, request: Request) -> Response:
        names = (await request.json())["image_names"]
        return JSONResponse({"deleted_images": names})

    async def upload(self, request: Request) -> Response:
        file = (await request.form())["file"]
        assert not isinstance(file, str)
        name = f"{uuid.uuid4()}.png"
        self.images[name] = (await file.read(), "")
        return JSONResponse(self.told(name), 201)

    async def dto(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.images:
            return JSONResponse({"detail": "Not Found"}, 404)
        return JSONResponse(self.told(name))

    async def full(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.images:
            return JSONResponse({"detail": "Not Found"}, 404)
        data = self.images[name][0]
        if request.url.path.endswith("/thumbnail"):
            return Response(smaller(data), media_type="image/webp")
        return Response(data, media_type="image/png", headers={"Cache-Control": "max-age=9"})

    async def file(self, request: Request) -> Response:
        if request.url.path.endswith(".png"):
            return Response(self.planted or self.results[0], media_type="image/png")
        more = f"const x='{b64(self.planted)}'" if self.planted else ""
        return Response(f"<!doctype html><script>{more}</script>", media_type="text/html")

    async def plain(self, request: Request) -> Response:
        return JSONResponse({"version": "6.0.0", "path": "/srv/models/a"} | self.everywhere())

    # Engine.IO

    def opened(self) -> tuple[str, str]:
        sid = uuid.uuid4().hex
        self.sessions[sid] = Session()
        told = {"sid": sid, "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000}
        return sid, "0" + json.dumps(told | self.everywhere())

    async def send(self, session: Session, packet: str | bytes) -> None:
        if session.socket is None:
            session.packets.append(packet)
            session.come.set()
        elif isinstance(packet, str):
            await session.socket.send_text(packet)
        else:
            await session.socket.send_bytes(packet)

    async def emit(self, name: str, data: Any) -> None:
        for session in list(self.sessions.values()):
            if session.subscribed:
                await self.send(session, "42" + json.dumps([name, data]))

    async def binary(self, name: str, data: Any, picture: bytes) -> None:
        told = [name, data | {"image": {"_placeholder": True, "num": 0}}]
        for session in list(self.sessions.values()):
            if session.subscribed:
                await self.send(session, "451-" + json.dumps(told))
                await self.send(session, picture)

    async def hear(self, session: Session, packet: str) -> None:
        self.said.append(packet)
        if packet.startswith("40"):
            await self.send(session, '40{"sid":"abc"}')
        elif packet.startswith("42"):
            name = json.loads(packet[2:])[0]
            session.subscribed = name == "subscribe_queue"

    async def poll(self, request: Request) -> Response:
        sid = request.query_params.get("sid")
        if sid is None:
            return PlainTextResponse(self.opened()[1])
        session = self.sessions[sid]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.come.wait(), 2)
        session.come.clear()
        found, session.packets = session.packets or ["2"], []
        texts = [one if isinstance(one, str) else f"b{b64(one)}" for one in found]
        return PlainTextResponse("\x1e".join(texts))

    async def post(self, request: Request) -> Response:
        session = self.sessions[request.query_params["sid"]]
        for packet in (await request.body()).decode().split("\x1e"):
            await self.hear(session, packet)
        return PlainTextResponse("ok")

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        sid = socket.query_params.get("sid")
        if sid is None:
            sid, told = self.opened()
            await socket.send_text(told)
        session = self.sessions[sid]
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                packet = await socket.receive_text()
                if packet == "2probe":
                    await socket.send_text("3probe")
                elif packet == "5":
                    session.socket = socket
                else:
                    session.socket = socket
                    await self.hear(session, packet)
        self.sessions.pop(sid, None)
