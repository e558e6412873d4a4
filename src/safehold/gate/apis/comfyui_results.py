"""What of an account's results a ComfyUI server's answers tell, and its pictures."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from safehold.gate.apis import comfyui_graphs as graphs
from safehold.gate.apis import comfyui_told as told
from safehold.gate.apis import passing
from safehold.gate.apis.comfyui_jobs import Job, Jobs, fetch
from safehold.gate.apis.comfyui_server import Server
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import Api, Generation, RefusedError, Reply, Stage, UncheckedError

MAX_TOLD: Final = 64
"""Prompts that one answer tells of at most."""
_AT_ONCE: Final = 4
_PREVIEW: Final = re.compile(r"(?:webp|jpeg)(?:;[0-9]{1,3})?")
_CHANNELS: Final = ("rgba", "rgb", "a")


class Results:
    """Handlers of `/history`, `/api/jobs` and `/view`."""

    def __init__(self, server: Server, jobs: Jobs) -> None:
        self._server = server
        self._jobs = jobs

    async def history(self, request: GateRequest, desk: Desk) -> Reply:
        """`/history`: the account's own prompts."""
        said = asked(request.query)
        ids = [str(key) for key in self._jobs.jobs.keys(request.account.pseudonym)]
        ids = _some(ids, said.get("max_items"), said.get("offset"))

        async def one(prompt_id: str) -> dict[str, Any] | None:
            history = await self._server.got(request, desk, f"/history/{quote(prompt_id)}")
            entry = history.get(prompt_id) if isinstance(history, dict) else None
            return await self._jobs.entry(request, desk, prompt_id, entry)

        # The oldest stands first, as the server has it.
        entries = list(reversed(await self._all(ids, one)))
        await self._stop_refused(request, desk, [prompt_id for prompt_id, _ in entries])
        return told.document(dict(entries))

    async def entry(self, request: GateRequest, desk: Desk) -> Reply:
        """`/history/{prompt}`."""
        prompt_id = request.params["prompt"]
        if not self._jobs.is_own(request.account.pseudonym, prompt_id):
            return told.trouble(404)
        said = await self._server.got(request, desk, f"/history/{quote(prompt_id)}")
        if isinstance(said, Reply):
            return said
        entry = said.get(prompt_id) if isinstance(said, dict) else None
        found = await self._jobs.entry(request, desk, prompt_id, entry)
        await self._stop_refused(request, desk, [prompt_id])
        return told.document({} if found is None else {prompt_id: found})

    async def told_jobs(self, request: GateRequest, desk: Desk) -> Reply:
        """`/api/jobs`: the account's own."""
        said = asked(request.query)
        ids = [str(key) for key in self._jobs.jobs.keys(request.account.pseudonym)]

        async def one(prompt_id: str) -> dict[str, Any] | None:
            job = await self._server.got(request, desk, f"/api/jobs/{quote(prompt_id)}")
            return await self._jobs.detail(request, desk, prompt_id, job)

        found = [job for _, job in await self._all(ids[:MAX_TOLD], one)]
        await self._stop_refused(request, desk, ids[:MAX_TOLD])
        return told.document(told.jobs(found, said))

    async def told_job(self, request: GateRequest, desk: Desk) -> Reply:
        """`/api/jobs/{prompt}`."""
        prompt_id = request.params["prompt"]
        if not self._jobs.is_own(request.account.pseudonym, prompt_id):
            return told.trouble(404)
        said = await self._server.got(request, desk, f"/api/jobs/{quote(prompt_id)}")
        if isinstance(said, Reply):
            return said
        found = await self._jobs.detail(request, desk, prompt_id, said)
        await self._stop_refused(request, desk, [prompt_id])
        return told.trouble(404) if found is None else told.document(found)

    async def _all(self, ids: Sequence[str], one: told.One) -> list[tuple[str, dict[str, Any]]]:
        """What is told of several prompts, some of them at once."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def in_place(prompt_id: str) -> dict[str, Any] | None:
            async with places:
                return await one(prompt_id)

        found = await asyncio.gather(*(in_place(prompt_id) for prompt_id in ids))
        return [(key, entry) for key, entry in zip(ids, found, strict=True) if entry is not None]

    async def _stop_refused(self, request: GateRequest, desk: Desk, ids: Sequence[str]) -> None:
        """Where a result was refused just now, cancel what else is under way."""
        found = False
        for prompt_id in ids:
            job = self._jobs.jobs.get(request.account.pseudonym, prompt_id)
            if job is not None and job.refused and not job.stopped:
                job.stopped = found = True
        if found:
            await self._server.stop(request, desk)

    async def view(self, request: GateRequest, desk: Desk) -> Reply:
        """`/view`: a picture of the account's own, and once all of its prompt may leave."""
        account = request.account.pseudonym
        said = asked(request.query)
        try:
            file = graphs.file_of(
                said.get("filename", ""), said.get("type", "output"), said.get("subfolder", "")
            )
        except UncheckedError:
            return told.trouble(404)
        own = self._jobs.files.get(account, file)
        if own is None or "/" in said.get("filename", ""):
            return told.trouble(404)
        about = own.about if isinstance(own, Job) else Generation(Api.COMFYUI)
        if isinstance(own, Job) and not await self._jobs.clear(request, desk, own):
            raise RefusedError(Stage.OUTPUT)
        more = _variant(said)
        reply = await fetch(request, desk, file, more)
        if reply.status != 200:
            return told.trouble(404 if reply.status == 404 else 502)
        if not all(await desk.release(request.account, [reply.body], about)):
            if isinstance(own, Job):
                own.refused = True
            raise RefusedError(Stage.OUTPUT)
        name = quote(file.name, safe=" !#$&'()*+,;=@^`{}~[]")
        place = f'filename="{name}"'.encode("ascii")
        headers = ((b"content-disposition", place),)
        return Reply(200, reply.body, passing.type_of(reply.body), headers)


def asked(query: str) -> dict[str, str]:
    """A query's values. Of a name that stands twice the first counts, as the server has it."""
    return dict(reversed(parse_qsl(query, keep_blank_values=True)))


def _variant(said: Mapping[str, str]) -> dict[str, str]:
    """In which form a picture is asked for."""
    more = {}
    if _PREVIEW.fullmatch(said.get("preview", "")):
        more["preview"] = said["preview"]
    if said.get("channel") in _CHANNELS:
        more["channel"] = said["channel"]
    return more


def _some(ids: list[str], most: str | None, offset: str | None) -> list[str]:
    """Those that are asked for, the newest first. An offset counts from the oldest."""
    number = int(most) if most and most.isascii() and most.isdigit() else MAX_TOLD
    number = min(number, MAX_TOLD)
    if offset and offset.isascii() and offset.isdigit():
        begin = int(offset)
        return list(reversed(list(reversed(ids))[begin : begin + number]))
    return ids[:number]
