"""What is sealed of a release: the form of it, within bounds. I/O-free.

UTF-8 JSON: `kind` (always `safehold release 1`), what `Making.told` says (`account`, `address`,
`models`, `seed`, `job`), `words` where they are kept, and `cut` where something was longer than
the bounds. By `kind` the custodian tells it from all else that is sealed to officers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from safehold.ledger.model import LedgerOptions
from safehold.vault.sealing import DamagedError

KIND: Final = "safehold release 1"
_CUTS: Final = ((1_024, 64), (256, 16), (64, 4))
"""Characters of texts and members of lists, tried until it fits."""


def to_json(told: Mapping[str, Any], words: str, options: LedgerOptions) -> bytes:
    """What is sealed of releases."""
    content = _within(told, options.told_bytes)
    if options.prompts and words:
        whole = words.encode("utf-8", "replace")
        content["words"] = whole[: options.words_bytes].decode("utf-8", "ignore")
        if len(whole) > options.words_bytes:
            content["cut"] = True
    return _bytes(content | {"kind": KIND})


def from_json(content: bytes) -> dict[str, Any]:
    """What was sealed of a release, without its kind. Raises `DamagedError` for all else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.pop("kind", None) != KIND:
        raise DamagedError("What was sealed is no record of a release.")
    return found


def _within(told: Mapping[str, Any], most: int) -> dict[str, Any]:
    """The same in at most so many bytes."""
    if len(_bytes(told)) <= most:
        return dict(told)
    for characters, members in _CUTS:
        cut = {name: _cut(value, characters, members) for name, value in told.items()}
        if len(_bytes(cut)) <= most:
            return cut | {"cut": True}
    return {"cut": True}


def _cut(value: Any, characters: int, members: int) -> Any:
    if isinstance(value, str):
        return value[:characters]
    if isinstance(value, list | tuple):
        return [_cut(one, characters, members) for one in value[:members]]
    if isinstance(value, Mapping):
        kept = list(value.items())[:members]
        return {str(name)[:characters]: _cut(one, characters, members) for name, one in kept}
    return value


def _bytes(content: Mapping[str, Any]) -> bytes:
    # Half characters, which JSON from outside can hold, have no UTF-8.
    return json.dumps(dict(content), ensure_ascii=False).encode("utf-8", "replace")
