"""So many calls may be under way, and of one account a share of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator


class Shares:
    """How many are under way. For the thread of the event loop."""

    def __init__(self, most: int, share: float) -> None:
        self._most = most
        self._of_one = max(1, int(most * share))
        self._taken: Counter[bytes] = Counter()

    @property
    def taken(self) -> int:
        """How many are under way."""
        return self._taken.total()

    @contextlib.contextmanager
    def take(self, account: bytes) -> Iterator[int]:
        """Take a place for an account; 0, or the HTTP status where there is none.

        429 where the account has its share, 503 where all are taken.
        """
        if self._taken[account] >= self._of_one:
            yield 429
            return
        if self.taken >= self._most:
            yield 503
            return
        self._taken[account] += 1
        try:
            yield 0
        finally:
            self._taken[account] -= 1
            if not self._taken[account]:
                del self._taken[account]
