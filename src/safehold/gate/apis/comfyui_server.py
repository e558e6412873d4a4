"""Calls to a ComfyUI server about what an account has under way."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from safehold.gate import documents
from safehold.gate.apis import comfyui_told as told
from safehold.gate.apis import passing
from safehold.gate.apis.comfyui_jobs import Jobs
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import Reply, UpstreamCall, UpstreamError, UpstreamReply
from safehold.gate.pictures import Limits

HEADERS: Final = (b"origin", b"sec-fetch-site")
"""By these servers tell calls of other sites' pages from those of their own."""
_JSON: Final = (b"content-type", b"application/json")


class Server:
    """The server, as an account may use it."""

    def __init__(self, jobs: Jobs, limits: Limits) -> None:
        self._jobs = jobs
        self._limits = limits

    async def got(self, request: GateRequest, desk: Desk, path: str, query: str = "") -> Any:
        """What the server tells; an error of its own as a `Reply`."""
        headers = passing.headers_up(request, HEADERS)
        reply = await desk.call(request, UpstreamCall("GET", path, query, headers))
        if reply.status != 200:
            return told.error(reply, self._limits)
        return await passing.answer_document(reply)

    async def post(
        self,
        request: GateRequest,
        desk: Desk,
        path: str,
        value: Mapping[str, Any],
        *,
        when: bool = True,
    ) -> UpstreamReply:
        """Tell the server something, where there is anything to tell."""
        if not when:
            return UpstreamReply(200, (), b"")
        headers = (*passing.headers_up(request, HEADERS), _JSON)
        return await desk.call(
            request, UpstreamCall("POST", path, "", headers, documents.write(value))
        )

    async def own_queue(self, request: GateRequest, desk: Desk) -> tuple[list[str], list[str]]:
        """The account's prompts that run, and those that wait."""
        running, pending = await self.queued(request, desk)
        return [one[1] for one in running], [one[1] for one in pending]

    async def queued(
        self, request: GateRequest, desk: Desk
    ) -> tuple[list[list[Any]], list[list[Any]]]:
        """The account's entries of the queue: those that run, and those that wait."""
        said = await self.got(request, desk, "/queue")
        if isinstance(said, Reply) or not isinstance(said, dict):
            raise UpstreamError
        account = request.account.pseudonym
        running, pending = (
            [
                item
                for item in said.get(name) or ()
                if isinstance(item, list) and len(item) > 1 and self._jobs.is_own(account, item[1])
            ]
            for name in ("queue_running", "queue_pending")
        )
        return running, pending

    async def cancel_some(self, request: GateRequest, desk: Desk, ids: list[Any]) -> Reply:
        """Cancel some prompts, of which only the account's own count."""
        running, pending = await self.own_queue(request, desk)
        waiting = [one for one in pending if one in ids]
        await self.post(request, desk, "/queue", {"delete": waiting}, when=bool(waiting))
        stopped = [one for one in running if one in ids]
        for prompt_id in stopped:
            await self.post(request, desk, "/interrupt", {"prompt_id": prompt_id})
        return told.document({"cancelled": bool(waiting or stopped)})

    async def stop(self, request: GateRequest, desk: Desk) -> None:
        """Cancel all that the account has under way. Raises nothing."""
        with contextlib.suppress(UpstreamError):
            running, pending = await self.own_queue(request, desk)
            await self.post(request, desk, "/queue", {"delete": pending}, when=bool(pending))
            for prompt_id in running:
                await self.post(request, desk, "/interrupt", {"prompt_id": prompt_id})
