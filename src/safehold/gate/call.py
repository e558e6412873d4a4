"""A call under way, and why one cannot go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from safehold.engine.reading import Scope
from safehold.gate.checking import CallNotes
from safehold.gate.model import GateError


class CodedBodyError(GateError):
    """A body is compressed, so that nobody here can read it."""

    code = "body_coded"
    default_message = "A body must come as it is, and not compressed."


class CutStreamError(GateError):
    """An answer that had begun cannot go on."""

    code = "stream_cut"
    default_message = "The answer cannot go on."


@dataclass(slots=True)
class Call:
    """A call under way, as logs tell it.

    Attributes:
        call_id: its id.
        scope: as ASGI has it.
        headers: by name, of several the last.
        repeated: names that stand more than once.
        peer: address of the other end of the connection.
        route: pattern of the route, or `none`.
        notes: what became of it.
    """

    call_id: str
    scope: Scope
    headers: Mapping[bytes, bytes]
    repeated: frozenset[bytes]
    peer: str
    route: str
    notes: CallNotes

    @classmethod
    def of(cls, scope: Scope, call_id: str) -> Call:
        """Of a scope."""
        pairs: list[tuple[bytes, bytes]] = scope["headers"]
        seen: set[bytes] = set()
        repeated = {name for name, _ in pairs if name in seen or seen.add(name)}  # type: ignore[func-returns-value]
        headers = dict(pairs)
        # Each proxy adds its own; together they are one list (RFC 9110, section 5.3).
        forwarded = [value for name, value in pairs if name == b"x-forwarded-for"]
        if forwarded:
            headers[b"x-forwarded-for"] = b", ".join(forwarded)
        client = scope.get("client")
        peer = str(client[0]) if client else ""
        return cls(call_id, scope, headers, frozenset(repeated), peer, "none", CallNotes())
