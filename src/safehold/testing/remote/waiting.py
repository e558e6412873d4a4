"""A simulator that can be made to keep its callers waiting."""

from __future__ import annotations

import json
import threading

from safehold.testing.exchanges.door import Answer, Asked, Door

LONGEST = 20.0
"""Seconds after which a caller is let go in any case."""


class WaitingDoor(Door):
    """Answers with what `told` gives as JSON, to whoever shows the right credentials.

    Attributes:
        go: while it is not set, callers wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()

    def knows(self, asked: Asked) -> bool:
        """Whether the caller may ask."""
        raise NotImplementedError

    def told(self, asked: Asked) -> object | None:
        """What is answered; None where there is no such address."""
        raise NotImplementedError

    def answer(self, asked: Asked) -> Answer:
        """The answer to a call."""
        self.go.wait(LONGEST)
        if not self.knows(asked):
            return Answer(401, b'{"detail": "no"}')
        told = self.told(asked)
        if told is None:
            return Answer(404, b'{"detail": "no"}')
        body = json.dumps(told).encode()
        return Answer(200, body, {"content-type": "application/json"})
