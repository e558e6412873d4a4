"""Upstreams that speak as ComfyUI and InvokeAI do, with their sockets.

They make nothing: what is queued yields the pictures that a test gives them. With `planted` they
put one picture into every field, preview and binary message that they have.
"""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from tests.gate.upstreams_simple import Fake

Page = Callable[[Request], Awaitable[Response]]


def smaller(data: bytes, form: str = "WEBP") -> bytes:
    """A picture made anew by the server, or the same bytes where it is none."""
    out = io.BytesIO()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.convert("RGB").resize((80, 60)).save(out, form, quality=80)
    except OSError:
        return data
    return out.getvalue()


@dataclass
class Social(Fake):
    """What both have.

    Attributes:
        hold: whether what is queued waits.
        heard: every call that reached it: method, path and body.
        said: every message of callers' sockets.
    """

    hold: bool = False
    heard: list[tuple[str, str, bytes]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    def reset(self) -> None:
        Fake.reset(self)
        self.hold = False
        self.heard.clear()
        self.said.clear()

    def paths(self, method: str = "") -> list[str]:
        return [path for how, path, _ in self.heard if how == (method or how)]

    def bodies(self, path: str) -> list[Any]:
        return [json.loads(body or b"null") for _, where, body in self.heard if where == path]

    def do(self, work: Awaitable[Any]) -> Any:
        """Do something in the upstream's own loop."""
        assert self.loop is not None

        async def all_of_it() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(all_of_it(), self.loop).result(20)

    def app(self) -> Starlette:
        raise NotImplementedError

    def page(self, work: Page) -> Page:
        async def page(request: Request) -> Response:
            path = request.url.path
            self.heard.append((request.method, path, await request.body()))
            return await work(request)

        return page


class _Server(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        return None


@contextmanager
def serving(fake: Social) -> Iterator[str]:
    """Serve it; its address."""
    config = uvicorn.Config(
        fake.app(),
        port=0,
        log_config=None,
        lifespan="off",
        ws="websockets-sansio",
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)

    async def serve() -> None:
        fake.loop = asyncio.get_running_loop()
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="upstream")
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < until
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
