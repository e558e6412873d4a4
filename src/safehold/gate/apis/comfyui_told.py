"""Answers in ComfyUI's shape, and what of a server's own is left out of them."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from safehold.gate import documents
from safehold.gate.apis import passing
from safehold.gate.apis.comfyui_graphs import MEDIA, File
from safehold.gate.model import Reply, UpstreamReply
from safehold.gate.pictures import Limits

One = Callable[[str], Awaitable[dict[str, Any] | None]]
"""What is told of a prompt; None for nothing."""

MAX_ERRORS: Final = 64
"""Nodes and faults of a call that are told of at most."""

_REFUSAL: Final = (400, "generation_refused", "The request was refused.")
_TROUBLE: Final[Mapping[int, str]] = {
    400: "The request cannot be let through as it is.",
    401: "The request names no account.",
    403: "The request is not allowed.",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "The request came too slowly.",
    413: "The request is too large.",
    429: "There are too many requests.",
    500: "Something went wrong inside.",
    502: "The generation service does not answer.",
    503: "Not available just now.",
    504: "The generation service is too slow.",
}
_FILE: Final = re.compile(r"\.(?:png|jpe?g|webp|gif|bmp|avif|mp4|webm|latent)\b", re.IGNORECASE)


def document(value: object) -> Reply:
    """An answer."""
    return Reply(200, documents.write(value))


def refusal() -> Reply:
    """The one answer to all that is refused."""
    return _error(*_REFUSAL)


def trouble(status: int) -> Reply:
    """The answer where the upstream or the gate cannot."""
    known = status if status in _TROUBLE else (400 if 400 <= status < 500 else 502)
    return _error(status, "request_failed", _TROUBLE[known])


def _error(status: int, kind: str, text: str) -> Reply:
    error = {"type": kind, "message": text, "details": "", "extra_info": {}}
    return Reply(status, json.dumps({"error": error, "node_errors": {}}).encode("ascii"))


def error(reply: UpstreamReply, limits: Limits) -> Reply:
    """An error of the server's, as it may be told."""
    said = passing.error_document(reply)
    nodes = said.get("node_errors")
    told: dict[str, Any] = {}
    for name, node in list(nodes.items())[:MAX_ERRORS] if isinstance(nodes, dict) else ():
        if not isinstance(node, dict):
            continue
        faults = node.get("errors")
        told[str(name)[:64]] = {
            "errors": [_fault(one, limits) for one in (faults or ())[:MAX_ERRORS]]
            if isinstance(faults, list)
            else [],
            "dependent_outputs": _names(node.get("dependent_outputs")),
            "class_type": passing.message(node.get("class_type"), limits),
        }
    body = {"error": _fault(said.get("error"), limits), "node_errors": told}
    return Reply(passing.error_status(reply), json.dumps(body).encode("ascii"))


def _fault(said: object, limits: Limits) -> dict[str, Any]:
    if not isinstance(said, dict):
        said = {"type": "request_failed", "message": said}
    told: dict[str, Any] = {}
    for name in ("type", "message", "details"):
        text = passing.message(said.get(name), limits)
        # It may list the files of all callers, among which one was not found.
        told[name] = "" if _FILE.search(text) else text
    extra = said.get("extra_info")
    at = extra.get("input_name") if isinstance(extra, dict) else None
    return {**told, "extra_info": {"input_name": at} if isinstance(at, str) else {}}


def _names(value: object) -> list[str]:
    if not isinstance(value, list):
        return []
    return [one[:64] for one in value[:MAX_ERRORS] if isinstance(one, str)]


def stats(said: Any) -> Any:
    """What the server runs on, without how it was started."""
    if not isinstance(said, dict) or not isinstance(said.get("system"), dict):
        return {}
    return {**said, "system": {k: v for k, v in said["system"].items() if k != "argv"}}


def names(files: Iterable[File]) -> frozenset[str]:
    """How nodes name an account's files."""
    found = set()
    for one in files:
        path = f"{one.folder}/{one.name}" if one.folder else one.name
        found |= {path, f"{path} [{one.kind}]"}
    return frozenset(found)


def nodes(said: Any, own: frozenset[str]) -> Any:
    """What nodes there are. Of the files that may go in, those of others are left out."""
    if isinstance(said, dict):
        return {name: nodes(value, own) for name, value in said.items()}
    if isinstance(said, list):
        return [
            nodes(value, own)
            for value in said
            if not isinstance(value, str) or value in own or not MEDIA.search(value)
        ]
    return said


def jobs(found: Sequence[Mapping[str, Any]], asked: Mapping[str, str]) -> dict[str, Any]:
    """The list of jobs that was asked for, of all that an account has."""
    wanted = [one for one in asked.get("status", "").split(",") if one]
    some = [dict(job) for job in found if not wanted or job.get("status") in wanted]
    reverse = asked.get("sort_order") != "asc"
    some.sort(key=_created, reverse=reverse)
    for job in some:
        for name in ("outputs", "workflow", "execution_status"):
            job.pop(name, None)
    begin, most = _number(asked.get("offset"), 0), _number(asked.get("limit"), len(some))
    page = some[begin : begin + most]
    more = begin + len(page) < len(some)
    shown = {"offset": begin, "limit": most, "total": len(some), "has_more": more}
    return {"jobs": page, "pagination": shown}


def _created(job: Mapping[str, Any]) -> float:
    at = job.get("create_time")
    return float(at) if isinstance(at, int | float) else 0.0


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 9 else otherwise
