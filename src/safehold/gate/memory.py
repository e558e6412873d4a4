"""Memory for bodies and answers that are under way, all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from safehold.engine.errors import OverloadedError


class Memory:
    """How much is taken. For the thread of the event loop."""

    def __init__(self, total_bytes: int, owner_bytes: int) -> None:
        """`owner_bytes`: what the calls of one account may take of it."""
        self._total = total_bytes
        self._of_owner = owner_bytes
        self._owners: Counter[bytes] = Counter()
        self._used = 0

    @property
    def used(self) -> int:
        """Bytes that are taken now."""
        return self._used

    def share(self, owner: bytes) -> Share:
        """What one call of an account takes of it."""

        def take(size: int) -> None:
            self._take(size, owner)

        return Share(take)

    def _take(self, size: int, owner: bytes) -> None:
        used, owned = self._used + size, self._owners[owner] + size
        if size > 0 and (used > self._total or owned > self._of_owner):
            raise OverloadedError
        self._used = used
        self._owners[owner] = owned
        if not owned:
            del self._owners[owner]


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
