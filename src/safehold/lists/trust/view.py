"""The suppressions that stand, in memory, as doors ask for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from safehold.ids import ServiceId, SuppressionId
from safehold.lists.trust.model import Suppressed, Suppression

_NONE: Suppressed = MappingProxyType({})

ReadChanges = Callable[[int | None], tuple[int, Sequence[Suppression]]]
"""From the number of the last change that is known to that of the newest, and what changed
between. Of None, and where the newest is smaller (a database was restored), all that stand."""


class SuppressionView:
    """What is suppressed of which bytes. `of` may be called from any thread.

    Args:
        read: reads what changed; see `ReadChanges`.
        content: keyed name of bytes within a service, from their SHA-256.
    """

    def __init__(self, read: ReadChanges, content: Callable[[ServiceId, bytes], bytes]) -> None:
        self._read = read
        self._content = content
        self._refreshing = threading.Lock()
        self._number: int | None = None
        self._standing: dict[bytes, Mapping[SuppressionId, Suppression]] = {}

    def of(self, service: ServiceId, sha256: bytes) -> Suppressed:
        """What is suppressed of some bytes, as of the last refresh."""
        if not self._standing:
            return _NONE
        found = self._standing.get(self._content(service, sha256))
        if found is None:
            return _NONE
        pairs: dict[tuple[str, str], bool] = {}
        for one in found.values():
            pair = (str(one.list_name), str(one.entry_id))
            pairs[pair] = pairs.get(pair, False) or one.exact
        return pairs

    def refresh(self) -> bool:
        """Read what changed. Blocks. Returns whether anything did.

        Raises:
            SafeholdError: the records cannot be read; what was known goes on to hold.
        """
        with self._refreshing:
            number, changed = self._read(self._number)
            if number == self._number:
                return False
            anew = self._number is None or number < self._number
            standing = {} if anew else dict(self._standing)
            for one in changed:
                own = dict(standing.get(one.content, {}))
                own.pop(one.suppression_id, None)
                if one.ended is None:
                    own[one.suppression_id] = one
                if own:
                    standing[one.content] = own
                else:
                    standing.pop(one.content, None)
            self._standing, self._number = standing, number
            return True
