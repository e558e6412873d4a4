"""Packets of Socket.IO over Engine.IO, as text, without what is binary.

Sources: the Engine.IO protocol, version 4 (packets, payloads of HTTP long-polling), and the
Socket.IO protocol, version 5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from safehold.gate import documents

SEPARATOR: Final = "\x1e"
"""Between the packets of a payload."""
NOTHING: Final = "6"
"""A packet that says nothing, for a payload of which nothing is left."""
MAX_PACKETS: Final = 10_000

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = range(7)

_OPEN: Final = "0"
_MESSAGE: Final = "4"
_BARE: Final = frozenset({"1", "2", "3", "5", "6", "2probe", "3probe"})
_OPENING: Final = ("sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload")
_HEAD: Final = re.compile(r"([0-6])(?:(\d{1,4})-)?(?:(/[^,\[{\"]{0,128}),)?(\d{1,9})?")
_SID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_DEPTH: Final = 64


class NoPacketError(ValueError):
    """It is no packet that is read here."""


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet of Socket.IO.

    Attributes:
        kind: see the constants; what was binary is of the kind that is not, its parts left out.
        data: its document, or None.
        namespace: empty for the main one.
        number: by which it is answered, or empty.
    """

    kind: int
    data: Any = field(default=None, repr=False)
    namespace: str = ""
    number: str = ""


def parse(text: str) -> Packet:
    """A packet of its text. Raises `NoPacketError`."""
    head = _HEAD.match(text)
    if head is None:
        raise NoPacketError
    kind = int(head[1])
    rest = text[head.end() :]
    try:
        data = documents.read(rest.encode("utf-8", "replace")) if rest else None
    except documents.NoDocumentError:
        raise NoPacketError from None
    if kind in (BINARY_EVENT, BINARY_ACK):
        kind, data = kind - 3, _without_parts(data, 0)
    elif head[2] is not None:
        raise NoPacketError
    return Packet(kind, data, head[3] or "", head[4] or "")


def write(packet: Packet) -> str:
    """The text of a packet."""
    space = f"{packet.namespace}," if packet.namespace else ""
    data = "" if packet.data is None else documents.write(packet.data).decode("ascii")
    return f"{packet.kind}{space}{packet.number}{data}"


def _without_parts(value: Any, depth: int) -> Any:
    """A document with nothing where binary parts would stand."""
    if depth > _MAX_DEPTH:
        raise NoPacketError
    if isinstance(value, list):
        return [_without_parts(item, depth + 1) for item in value]
    if isinstance(value, dict):
        if "_placeholder" in value:
            return None
        return {name: _without_parts(item, depth + 1) for name, item in value.items()}
    return value


@dataclass(frozen=True, slots=True)
class Sieve:
    """What of the packets of one session goes through.

    Attributes:
        up: what goes on of a packet of the caller, or None.
        down: what goes on of a packet of the upstream, or None.
        opened: takes the number of a new session; whether it may be the caller's.
    """

    up: Callable[[Packet], Packet | None]
    down: Callable[[Packet], Packet | None]
    opened: Callable[[str], bool]

    def to_upstream(self, text: str) -> str | None:
        """What goes on of a packet of Engine.IO."""
        return text if text in _BARE else self._message(text, self.up)

    def to_caller(self, text: str) -> str | None:
        """What goes on of a packet of Engine.IO."""
        if text in _BARE:
            return text
        return self._open(text) if text.startswith(_OPEN) else self._message(text, self.down)

    def payload_up(self, payload: str) -> str:
        """What goes on of a payload; empty for nothing. Raises `NoPacketError`."""
        return _joined(payload, self.to_upstream)

    def payload_down(self, payload: str) -> str:
        """What goes on of a payload. Raises `NoPacketError`."""
        return _joined(payload, self.to_caller) or NOTHING

    def _message(self, text: str, look: Callable[[Packet], Packet | None]) -> str | None:
        if not text.startswith(_MESSAGE):
            return None
        try:
            packet = parse(text[1:])
        except NoPacketError:
            return None
        kept = look(packet) if not packet.namespace else None
        return None if kept is None else _MESSAGE + write(replace(kept, namespace=""))

    def _open(self, text: str) -> str | None:
        try:
            said = documents.read(text[1:].encode("utf-8", "replace"))
        except documents.NoDocumentError:
            return None
        sid = said.get("sid") if isinstance(said, dict) else None
        if not isinstance(sid, str) or not _SID.fullmatch(sid) or not self.opened(sid):
            return None
        kept: dict[str, Any] = {"sid": sid}
        for name in _OPENING[1:]:
            value = said.get(name)
            if name == "upgrades":
                kept[name] = ["websocket"] if value == ["websocket"] else []
            elif isinstance(value, int):
                kept[name] = value
        return _OPEN + json.dumps(kept)


def _joined(payload: str, look: Callable[[str], str | None]) -> str:
    texts: Sequence[str] = payload.split(SEPARATOR)
    if len(texts) > MAX_PACKETS:
        raise NoPacketError
    # What begins with `b` is binary, and looked at by nobody.
    kept = (look(text) for text in texts)
    return SEPARATOR.join(text for text in kept if text is not None)
