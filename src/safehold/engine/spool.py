"""Bodies on their way: each in a file in memory, all of them together bounded.

What one owner has is bounded too, so that bodies which never end leave room for those of others.

No plaintext reaches a disk: the file has no name and lies in memory (memfd_create(2)). Once a
body is whole it is sealed, so that nothing can change it between the check and the vault.
"""

from __future__ import annotations

import fcntl
import os

from safehold.engine.errors import BodyTooLargeError, OverloadedError

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
_PAGE = 4096


class Spool:
    """Memory for all bodies. For the thread of the event loop."""

    def __init__(self, total_bytes: int, owner_bytes: int | None = None) -> None:
        self._total = total_bytes
        self._of_owner = total_bytes if owner_bytes is None else owner_bytes
        self._owners: dict[str, int] = {}
        self._used = 0
        self._bodies = 0

    @property
    def used(self) -> int:
        """Bytes that are taken now, in whole pages."""
        return self._used

    @property
    def bodies(self) -> int:
        """Bodies that are held now."""
        return self._bodies

    def body(self, max_bytes: int, owner: str = "") -> Body:
        """A new, empty body of at most `max_bytes`, whose memory counts for its owner.

        Raises:
            OverloadedError: there is no memory or no descriptor left.
        """
        if self._used + _PAGE > self._total:
            raise OverloadedError
        try:
            descriptor = os.memfd_create("item", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError as error:
            raise OverloadedError from error
        self._bodies += 1
        return Body(self, descriptor, max_bytes, owner)

    def take(self, size: int, owner: str) -> None:
        """Take so many more bytes. Raises `OverloadedError`."""
        owned = self._owners.get(owner, 0) + size
        if self._used + size > self._total or owned > self._of_owner:
            raise OverloadedError
        self._used += size
        self._owners[owner] = owned

    def give_back(self, size: int, owner: str) -> None:
        """A body is gone, and so many bytes with it."""
        self._used -= size
        self._bodies -= 1
        left = self._owners.pop(owner, 0) - size
        if left > 0:
            self._owners[owner] = left


class Body:
    """The bytes of one item. Whoever has it last closes it."""

    def __init__(self, spool: Spool, descriptor: int, max_bytes: int, owner: str) -> None:
        self.descriptor = descriptor
        self.size = 0
        self._spool = spool
        self._owner = owner
        self._max_bytes = max_bytes
        self._taken = 0

    def write(self, chunk: bytes | memoryview) -> None:
        """Add bytes at the end.

        Raises:
            BodyTooLargeError: it would be larger than it may be.
            OverloadedError: there is no memory left for it.
        """
        size = self.size + len(chunk)
        if size > self._max_bytes:
            raise BodyTooLargeError
        pages = -(-size // _PAGE) * _PAGE
        if pages > self._taken:
            self._spool.take(pages - self._taken, self._owner)
            self._taken = pages
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(self.descriptor, view) :]
        except OSError as error:
            raise OverloadedError from error
        self.size = size

    def seal(self) -> None:
        """Nothing can change it from now on."""
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, _SEALS)

    def close(self) -> None:
        """Free it. May be called again."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            self._spool.give_back(self._taken, self._owner)
