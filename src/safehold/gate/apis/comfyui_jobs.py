"""Whose prompts, files and sockets those of a ComfyUI server are, and what may be told of them.

A prompt's pictures are one thing: none of them is shown, and none is named in the history, before
all that are known by then were looked at; where one may not leave, none does, and the prompt is
told as one that failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from safehold.gate.apis import comfyui_graphs as graphs
from safehold.gate.apis import passing
from safehold.gate.apis.comfyui_graphs import File
from safehold.gate.apis.owning import Owned
from safehold.gate.interface import Desk, GateRequest
from safehold.gate.model import Generation, UncheckedError, UpstreamCall, UpstreamReply
from safehold.gate.pictures import Limits, strip

_MAX_DEPTH: Final = 16
_FAILED: Final = "execution_error"
_REASON: Final = "The result was refused."


@dataclass(slots=True)
class Job:
    """A prompt of an account's.

    Attributes:
        about: what is known of the making.
        files: its results that are known, and whether each was looked at.
        gone: results that are there no longer.
        refused: whether one of them may not leave.
        stopped: whether what else is under way was cancelled for it.
        lock: held while its results are looked at.
    """

    about: Generation
    files: dict[File, bool] = field(default_factory=dict)
    gone: set[File] = field(default_factory=set)
    refused: bool = False
    stopped: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that an account put there; `checked` where the gate saw exactly its bytes."""

    checked: bool


class Jobs:
    """All of them. For the thread of the event loop."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.jobs: Owned[Job] = Owned()
        self.files: Owned[Job | Upload] = Owned()
        self.clients: Owned[None] = Owned()
        self._asking: dict[bytes, int] = {}

    # Accounts

    def bind(self, account: bytes, client: str) -> bool:
        """Take a client's number for an account's; whether it may be."""
        if self.clients.is_others(account, client):
            return False
        self.clients.put(account, client, None)
        return True

    def begin(self, account: bytes, prompt_id: str, job: Job) -> None:
        """A prompt is about to be asked for."""
        self.jobs.put(account, prompt_id, job)
        self._asking[account] = self._asking.get(account, 0) + 1

    def end(self, account: bytes, prompt_id: str, real: str) -> None:
        """It was answered, and is known by its real number; empty where there is none."""
        left = self._asking.pop(account, 1) - 1
        if left:
            self._asking[account] = left
        job = self.jobs.get(account, prompt_id)
        if real == prompt_id or job is None:
            return
        self.jobs.drop(account, prompt_id)
        if real and not self.jobs.is_others(account, real):
            self.jobs.put(account, real, job)

    def is_own(self, account: bytes, prompt_id: object) -> bool:
        """Whether something is a prompt of the account's."""
        return isinstance(prompt_id, str) and self.jobs.has(account, prompt_id)

    def may_be_own(self, account: bytes, prompt_id: object) -> bool:
        """Whether it is, or may be one that is being asked for and has no number yet."""
        if self.is_own(account, prompt_id):
            return True
        return bool(self._asking.get(account)) and not self.jobs.is_others(account, str(prompt_id))

    # Results

    def learn(self, account: bytes, prompt_id: str, outputs: object) -> None:
        """Take note of the files that a prompt's results name."""
        job = self.jobs.get(account, prompt_id)
        if job is None:
            return
        for one in files_in(outputs):
            job.files.setdefault(one, False)
            if not isinstance(self.files.get(account, one), Job):
                self.files.put(account, one, job)

    async def clear(self, request: GateRequest, desk: Desk, job: Job) -> bool:
        """Look at all results of a prompt that are known; whether they may leave."""
        async with job.lock:
            waiting = [one for one, looked in job.files.items() if not looked]
            if job.refused or len(job.files) > self._limits.max_pictures:
                return False
            if not waiting:
                return True
            pictures: list[bytes] = []
            for one in waiting:
                reply = await fetch(request, desk, one)
                if reply.status == 404:
                    job.gone.add(one)
                elif reply.status != 200:
                    return False
                else:
                    pictures.append(reply.body)
            if pictures and not all(await desk.release(request.account, pictures, job.about)):
                job.refused = True
                return False
            for one in waiting:
                job.files[one] = True
            return True

    async def entry(
        self, request: GateRequest, desk: Desk, prompt_id: str, said: object
    ) -> dict[str, Any] | None:
        """An entry of the history, as it may be told; None where there is none."""
        job = self.jobs.get(request.account.pseudonym, prompt_id)
        if job is None or not isinstance(said, dict):
            return None
        self.learn(request.account.pseudonym, prompt_id, said.get("outputs"))
        told = {name: said[name] for name in ("prompt", "outputs", "meta") if name in said}
        told = without(told, job.gone) if job.gone else told
        if not await self.clear(request, desk, job):
            return {**strip(without_outputs(told), self._limits), "status": failed()}
        if job.gone:
            told = without(told, job.gone)
        out: dict[str, Any] = strip(told, self._limits)
        out["status"] = self.status(said.get("status"))
        return out

    async def detail(
        self, request: GateRequest, desk: Desk, prompt_id: str, said: object
    ) -> dict[str, Any] | None:
        """A job of the newer API (`/api/jobs/{id}`), as it may be told."""
        job = self.jobs.get(request.account.pseudonym, prompt_id)
        if job is None or not isinstance(said, dict):
            return None
        self.learn(request.account.pseudonym, prompt_id, said.get("outputs"))
        self.learn(request.account.pseudonym, prompt_id, said.get("preview_output"))
        if not await self.clear(request, desk, job):
            names = ("id", "priority", "create_time", "workflow_id", "workflow")
            kept = {name: said[name] for name in names if name in said}
            stopped = {"status": "failed", "outputs_count": 0, "outputs": {}}
            out: dict[str, Any] = strip(kept, self._limits)
            return {**out, **stopped, "execution_error": _error({})}
        told = without(dict(said), job.gone) if job.gone else dict(said)
        told["execution_status"] = self.status(said.get("execution_status"))
        if isinstance(said.get("execution_error"), dict):
            told["execution_error"] = self.error(said["execution_error"])
        out = strip(told, self._limits)
        return out

    def status(self, said: object) -> dict[str, Any]:
        """How a prompt went, without what a failure tells of the server."""
        said = said if isinstance(said, dict) else {}
        messages = []
        for one in said.get("messages") or ():
            if isinstance(one, list) and len(one) == 2 and isinstance(one[1], dict):
                failure = one[0] == _FAILED
                messages.append([one[0], self.error(one[1]) if failure else one[1]])
        told = {"status_str": said.get("status_str"), "completed": said.get("completed")}
        out: dict[str, Any] = strip({**told, "messages": messages}, self._limits)
        return out

    def error(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """What is told of a failure: no values of nodes, and no paths of the server."""
        names = ("prompt_id", "node_id", "node_type", "executed", "exception_type", "timestamp")
        told = {name: said[name] for name in names if name in said}
        message = passing.message(said.get("exception_message"), self._limits)
        return _error({**strip(told, self._limits), "exception_message": message})


def _error(said: Mapping[str, Any]) -> dict[str, Any]:
    empty = {"exception_message": _REASON, "exception_type": "", "traceback": []}
    return {**empty, "current_inputs": {}, "current_outputs": [], **said}


def failed() -> dict[str, Any]:
    """The status of a prompt whose results may not leave."""
    return {"status_str": "error", "completed": False, "messages": [[_FAILED, _error({})]]}


async def fetch(
    request: GateRequest, desk: Desk, file: File, more: Mapping[str, str] | None = None
) -> UpstreamReply:
    """A file of the server's."""
    asked = {"filename": file.name, "subfolder": file.folder, "type": file.kind, **(more or {})}
    query = urlencode(asked)
    return await desk.call(
        request, UpstreamCall("GET", "/view", query, passing.headers_up(request))
    )


def files_in(value: object, depth: int = 0) -> Iterator[File]:
    """The files that results name; what is no plain name is none."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from files_in(item, depth + 1)
    elif isinstance(value, dict):
        found = _named(value)
        if found is not None:
            yield found
        for item in value.values():
            yield from files_in(item, depth + 1)


def _named(value: Mapping[str, Any]) -> File | None:
    name = value.get("filename")
    if not isinstance(name, str):
        return None
    kind, folder = value.get("type") or "output", value.get("subfolder") or ""
    try:
        return graphs.file_of(name, str(kind), str(folder))
    except UncheckedError:
        return None


def without(value: Any, gone: set[File], depth: int = 0) -> Any:
    """A document without the objects that name some files."""
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, dict) and _named(item) in gone)]
        return [without(item, gone, depth + 1) for item in kept]
    if isinstance(value, dict):
        return {name: without(item, gone, depth + 1) for name, item in value.items()}
    return value


def without_outputs(told: Mapping[str, Any]) -> dict[str, Any]:
    """An entry that tells no results."""
    return {**told, "outputs": {}, "meta": {}}
