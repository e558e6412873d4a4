"""What all routes have, and what they all do."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.engine.blocking import Blocking
from safehold.engine.engine import Engine
from safehold.engine.figures import Figures
from safehold.engine.reading import BodyLimits
from safehold.engine.spool import Spool
from safehold.server.auth import Gate, Purse
from safehold.server.errors import EmptyBodyError, MediaTypeError
from safehold.server.ports import ServerParts
from safehold.server.request import Request

_JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Shared:
    """What all routes have.

    Attributes:
        parts: what the app was given.
        gate, purse: who may, and how often.
        engine: answers items.
        spool: memory for bodies.
        figures: what is counted.
        records: asks the records what blocks.
    """

    parts: ServerParts
    gate: Gate
    purse: Purse
    engine: Engine
    spool: Spool
    figures: Figures
    records: Blocking


async def read_json(request: Request, limits: BodyLimits) -> bytes:
    """A JSON body, whole.

    Raises:
        MediaTypeError: it is said to be something else.
        EmptyBodyError: there is none.
    """
    if request.media_type != _JSON:
        raise MediaTypeError
    content = bytearray()
    await request.read(_Growing(content), limits)
    if not content:
        raise EmptyBodyError
    return bytes(content)


class _Growing:
    """A sink for a small body."""

    def __init__(self, content: bytearray) -> None:
        self._content = content

    def write(self, chunk: bytes) -> None:
        """Keep it."""
        self._content += chunk
