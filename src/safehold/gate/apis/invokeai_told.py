"""Answers in InvokeAI's shape, and what of a server's own is left out of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from safehold.gate import documents
from safehold.gate.apis import passing
from safehold.gate.model import Reply, UpstreamReply
from safehold.gate.pictures import Limits

MAX_ITEMS: Final = 1_000
"""Runs of which one answer tells at most."""

_REFUSAL: Final = (422, "The request was refused.")
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
_PATHS: Final = frozenset(
    {"path", "config_path", "source", "source_api_response", "legacy_conf_dir"}
)
_MAX_DEPTH: Final = 64


def refusal() -> Reply:
    """The one answer to all that is refused."""
    return _error(*_REFUSAL)


def trouble(status: int) -> Reply:
    """The answer where the upstream or the gate cannot."""
    known = status if status in _TROUBLE else (400 if 400 <= status < 500 else 502)
    return _error(status, _TROUBLE[known])


def _error(status: int, detail: str) -> Reply:
    return Reply(status, json.dumps({"detail": detail}).encode("ascii"))


def document(value: object, status: int = 200) -> Reply:
    """An answer."""
    return Reply(status, documents.write(value))


def error(reply: UpstreamReply, limits: Limits) -> Reply:
    """An error of the server's, as it may be told."""
    detail = passing.error_document(reply).get("detail")
    if isinstance(detail, list):  # what a call lacks; `input` would repeat the call
        lines = [item.get("msg") for item in detail[:16] if isinstance(item, dict)]
        detail = "; ".join(line for line in lines if isinstance(line, str))
    return _error(passing.error_status(reply), passing.message(detail, limits))


def batch_of(answer: Mapping[str, Any]) -> str:
    """The number of a batch that was queued."""
    batch = answer.get("batch")
    return str(batch.get("batch_id")) if isinstance(batch, dict) else ""


def numbers(value: object) -> list[int]:
    """Numbers of runs."""
    if not isinstance(value, list):
        return []
    return [one for one in value if type(one) is int][:MAX_ITEMS]


def without_paths(value: Any, depth: int = 0) -> Any:
    """A document that tells no folders of the server's."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [without_paths(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            name: "" if name in _PATHS and isinstance(item, str) else without_paths(item, depth + 1)
            for name, item in value.items()
        }
    return value
