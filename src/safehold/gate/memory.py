"""Memory for bodies and answers that are under way, all together."""

from __future__ import annotations

from collections.abc import Callable

from safehold.engine.errors import OverloadedError


class Memory:
    """How much is taken. For the thread of the event loop."""

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        return self._used

    def share(self) -> Share:
        """What one call takes of it."""
        return Share(self._take)

    def _take(self, size: int) -> None:
        if size > 0 and self._used + size > self._total:
            raise OverloadedError
        self._used += size


class Share:
    """What one call has taken; it is given back at its end."""

    def __init__(self, take: Callable[[int], None]) -> None:
        self._take = take
        self._taken = 0
        self._ended = False

    def take(self, size: int) -> None:
        """Take so many bytes. Raises `OverloadedError`, also once the call has ended."""
        if self._ended:
            raise OverloadedError  # nobody would give it back
        self._take(size)
        self._taken += size

    def give_back(self) -> None:
        """Give back all of it; the call takes nothing more."""
        self._ended = True
        self._take(-self._taken)
        self._taken = 0
