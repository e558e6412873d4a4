"""ComfyUI's socket (`/ws`): progress without pictures.

Binary messages are previews, or results of nodes that send pictures instead of saving them; none
of them passes. Of the others those pass that are known here, are about a prompt of the account's
or about none, and without pictures. Up goes only what the client can do (`feature_flags`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from safehold.gate import documents
from safehold.gate.apis.comfyui_jobs import Jobs
from safehold.gate.model import RefusedError
from safehold.gate.pictures import Limits, strip

ABOUT_ALL: Final = frozenset({"status", "feature_flags"})
"""Messages that are about no prompt."""
ABOUT_ONE: Final = frozenset(
    {
        *("execution_start", "execution_cached", "execution_success", "execution_interrupted"),
        *("executing", "executed", "progress", "progress_state"),
    }
)
"""Messages about a prompt. Those of old servers may name none: then it is the client's own."""
FAILED: Final = "execution_error"


class ComfySocket:
    """What of one socket goes through."""

    def __init__(
        self, account: bytes, jobs: Jobs, limits: Limits, bind: Callable[[str], bool]
    ) -> None:
        """`bind` takes the number that the server gives the client for the account's."""
        self._account = account
        self._jobs = jobs
        self._limits = limits
        self._bind = bind

    def to_upstream(self, message: str | bytes) -> Sequence[str | bytes]:
        """See `SocketFilter`."""
        said = _message(message)
        if said is None or said.get("type") != "feature_flags":
            return ()
        data = said.get("data")
        flags = data if isinstance(data, dict) else {}
        flags = {name: flag for name, flag in flags.items() if isinstance(flag, bool)}
        return (json.dumps({"type": "feature_flags", "data": flags}),)

    async def to_caller(self, message: str | bytes) -> Sequence[str | bytes]:
        """See `SocketFilter`."""
        said = _message(message)
        if said is None:
            return ()
        kind, data = said.get("type"), said.get("data")
        if not isinstance(kind, str) or not isinstance(data, dict):
            return ()
        told = self._told(kind, data)
        if told is None:
            return ()
        try:
            return (json.dumps({"type": kind, "data": strip(told, self._limits)}),)
        except (RefusedError, TypeError):
            return ()

    def _told(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if kind in ABOUT_ALL:
            sid = data.get("sid")
            if kind == "status" and sid is not None and not self._bind(str(sid)):
                return None
            return data
        prompt_id = data.get("prompt_id")
        if kind != FAILED and kind not in ABOUT_ONE:
            return None
        if prompt_id is not None and not self._jobs.may_be_own(self._account, prompt_id):
            return None
        if kind == FAILED:
            return self._jobs.error(data)
        if kind == "executed":
            return self._executed(data)
        return data

    def _executed(self, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Results are named, and looked at when they are asked for."""
        prompt_id = data.get("prompt_id")
        if not isinstance(prompt_id, str):
            return None
        self._jobs.learn(self._account, prompt_id, data.get("output"))
        job = self._jobs.jobs.get(self._account, prompt_id)
        return None if job is None or job.refused else data


def _message(message: str | bytes) -> dict[str, Any] | None:
    """A message's document; None where it is none, or binary."""
    if not isinstance(message, str):
        return None
    try:
        value = documents.read(message.encode("utf-8", "replace"))
    except documents.NoDocumentError:
        return None
    return value if isinstance(value, dict) else None
