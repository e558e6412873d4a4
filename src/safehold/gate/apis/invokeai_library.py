"""Whose batches, runs and pictures those of an InvokeAI server are.

A picture is its owner's by the run (`session_id`) that made it, and a run by its batch, whose
number the gate gives. Where one picture of a run may not leave, none of that run does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from safehold.gate.apis import passing
from safehold.gate.apis.invokeai_calls import IMAGE
from safehold.gate.apis.owning import Owned
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import Api, Generation, UpstreamCall, UpstreamError, UpstreamReply

BASE: Final = "/api/v1"
MAX_ASKED: Final = 64
"""Runs that are asked about at most, to learn whose a picture is."""
_MAX_DEPTH: Final = 32
_UPLOADED: Final = Generation(Api.INVOKEAI)


@dataclass(slots=True)
class Batch:
    """A batch of an account's.

    Attributes:
        about: what is known of the making.
        queue: the queue that it is in.
        items: its runs in the queue that are not known yet.
        listed: whether the queue was asked for others, or need not be.
    """

    about: Generation
    queue: str
    items: list[int] = field(default_factory=list)
    listed: bool = False


@dataclass(slots=True)
class Run:
    """A run of a batch; `refused` where one of its pictures may not leave."""

    batch: Batch
    refused: bool = False


@dataclass(slots=True)
class Image:
    """A picture of an account's.

    Attributes:
        run: that made it; None for an upload, whose bytes were looked at.
        looked: whether it was looked at as it is.
        lock: held while it is.
    """

    run: Run | None
    looked: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def about(self) -> Generation:
        """What is known of its making."""
        return _UPLOADED if self.run is None else self.run.batch.about


class Library:
    """All of them. For the thread of the event loop."""

    def __init__(self) -> None:
        self.batches: Owned[Batch] = Owned()
        self.runs: Owned[Run] = Owned()
        self.images: Owned[Image] = Owned()
        self.sockets: Owned[None] = Owned()

    def is_own_batch(self, account: bytes, batch_id: object) -> bool:
        """Whether something is a batch of the account's."""
        return isinstance(batch_id, str) and self.batches.has(account, batch_id)

    def learn(self, account: bytes, item: object) -> bool:
        """Take note of a run and of its results, where it is the account's; whether it is."""
        if not isinstance(item, dict):
            return False
        batch_id, session = item.get("batch_id"), item.get("session_id")
        batch = self.batches.get(account, batch_id) if isinstance(batch_id, str) else None
        if batch is None:
            return False
        if isinstance(session, str):
            run = self.runs.get(account, session)
            if run is None:
                run = Run(batch)
                self.runs.put(account, session, run)
            whole = item.get("session")
            results = [item.get("result")]
            results += [whole.get("results")] if isinstance(whole, dict) else []
            for name in images_in(results):
                if not self.images.has(account, name):
                    self.images.put(account, name, Image(run))
        return True

    def learn_image(self, account: bytes, said: object) -> bool:
        """Take note of a picture by what the server tells of it; whether it is the account's."""
        name = said.get("image_name") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(name, str) or not IMAGE.fullmatch(name):
            return False
        if self.images.has(account, name):
            return True
        session = said.get("session_id")
        run = self.runs.get(account, session) if isinstance(session, str) else None
        if run is None or self.images.is_others(account, name):
            return False
        self.images.put(account, name, Image(run))
        return True

    async def refresh(self, request: GateRequest, desk: Desk) -> None:
        """Learn of runs that the account asked for and has not heard of yet."""
        account = request.account.pseudonym
        asked = 0
        for number, batch in self.batches.of(account)[:MAX_ASKED]:
            while batch.items and asked < MAX_ASKED:
                asked += 1
                item = batch.items.pop()
                self.learn(account, await get(request, desk, f"/queue/{batch.queue}/i/{item}"))
            if not batch.listed and asked < MAX_ASKED:
                # A server of an older kind, whose answers do not number the runs.
                asked += 1
                said = await get(request, desk, f"/queue/{batch.queue}/list", "limit=100")
                for one in own_items(self, account, said):
                    batch.listed = batch.listed or one.get("batch_id") == number

    async def find(self, request: GateRequest, desk: Desk, name: str) -> Image | None:
        """A picture of the account's; None where it is none of its."""
        account = request.account.pseudonym
        if not IMAGE.fullmatch(name):
            return None
        found = self.images.get(account, name)
        if found is None and not self.images.is_others(account, name):
            said = await get(request, desk, f"/images/i/{quote(name)}")
            if not self.learn_image(account, said) and self.batches.of(account):
                await self.refresh(request, desk)
                self.learn_image(account, said)
            found = self.images.get(account, name)
        return found

    async def clear(self, request: GateRequest, desk: Desk, name: str, image: Image) -> bool:
        """Look at a picture as it is; whether it, and so any form of it, may leave."""
        async with image.lock:
            if image.run is not None and image.run.refused:
                return False
            if image.looked:
                return True
            reply = await fetch(request, desk, f"/images/i/{quote(name)}/full")
            if reply.status != 200:
                raise UpstreamError
            if not all(await desk.release(request.account, [reply.body], image.about)):
                self.refuse(image)
                return False
            image.looked = True
            return True

    def refuse(self, image: Image) -> None:
        """Nothing more of its run may leave."""
        image.looked = False
        if image.run is not None:
            image.run.refused = True

    def hide(self, account: bytes, value: Any, depth: int = 0) -> Any:
        """A document that names no run or picture of others (queue's state, boards' covers)."""
        if depth > _MAX_DEPTH:
            return None
        if isinstance(value, list):
            return [self.hide(account, item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        out = {name: self.hide(account, item, depth + 1) for name, item in value.items()}
        if isinstance(out.get("batch_id"), str) and not self.is_own_batch(account, out["batch_id"]):
            hidden = ("batch_id", "item_id", "session_id")
            out |= {name: None for name in hidden if name in out}
        for name in ("cover_image_name", "image_name"):
            if isinstance(out.get(name), str) and not self.images.has(account, out[name]):
                out[name] = None
        return out


def images_in(value: object, depth: int = 0) -> Iterator[str]:
    """The names of pictures in results."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from images_in(item, depth + 1)
    elif isinstance(value, dict):
        name = value.get("image_name")
        if isinstance(name, str) and IMAGE.fullmatch(name):
            yield name
        for item in value.values():
            yield from images_in(item, depth + 1)


async def fetch(request: GateRequest, desk: Desk, path: str, query: str = "") -> UpstreamReply:
    """What the server has at a path of its API."""
    headers = passing.headers_up(request)
    return await desk.call(request, UpstreamCall("GET", BASE + path, query, headers))


async def get(request: GateRequest, desk: Desk, path: str, query: str = "") -> Any:
    """A document of the server's; None where it tells none."""
    reply = await fetch(request, desk, path, query)
    return await passing.answer_document(reply) if reply.status == 200 else None


def own_items(library: Library, account: bytes, said: object) -> list[dict[str, Any]]:
    """Those of some runs that are the account's; of a page of them, or of a list."""
    items = said.get("items") if isinstance(said, dict) else said
    if not isinstance(items, list):
        return []
    return [item for item in items if library.learn(account, item)]
