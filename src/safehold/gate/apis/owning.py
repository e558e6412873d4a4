"""Which account something of the upstream's belongs to: calls, files, sessions.

In memory alone and bounded. What is forgotten, and what was there before the gate started, is
nobody's.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

PER_ACCOUNT: Final = 4_096
"""Things of one account that are remembered."""
IN_ALL: Final = 131_072
"""Things of all accounts that are remembered."""

V = TypeVar("V")


class Owned(Generic[V]):
    """What belongs to whom. For the thread of the event loop.

    Beyond a bound the oldest of the account are forgotten, and in all the oldest of the account
    that has added nothing for longest; so nobody can make the gate forget what is others'.
    """

    def __init__(self, per_account: int = PER_ACCOUNT, in_all: int = IN_ALL) -> None:
        self._per_account = per_account
        self._in_all = in_all
        self._by: OrderedDict[bytes, OrderedDict[Hashable, V]] = OrderedDict()
        self._owners: dict[Hashable, set[bytes]] = {}
        self._count = 0

    def put(self, account: bytes, key: Hashable, value: V) -> None:
        """Remember that something is an account's; it is its newest now."""
        own = self._by.setdefault(account, OrderedDict())
        self._by.move_to_end(account)
        if key not in own:
            self._count += 1
            self._owners.setdefault(key, set()).add(account)
        own[key] = value
        own.move_to_end(key)
        if len(own) > self._per_account:
            self.drop(account, next(iter(own)))
        while self._count > self._in_all:
            idle = next(iter(self._by))
            self.drop(idle, next(iter(self._by[idle])))

    def get(self, account: bytes, key: Hashable) -> V | None:
        """What is known of a thing of an account's; None where it is none of its."""
        own = self._by.get(account)
        return None if own is None else own.get(key)

    def has(self, account: bytes, key: Hashable) -> bool:
        """Whether it is the account's."""
        return account in self._owners.get(key, ())

    def is_others(self, account: bytes, key: Hashable) -> bool:
        """Whether it is known to be another account's, whosever it is besides."""
        return bool(self._owners.get(key, set()) - {account})

    def drop(self, account: bytes, key: Hashable) -> None:
        """Forget that it is the account's."""
        own = self._by.get(account)
        if own is None or key not in own:
            return
        del own[key]
        self._count -= 1
        owners = self._owners[key]
        owners.discard(account)
        if not owners:
            del self._owners[key]
        if not own:
            del self._by[account]

    def of(self, account: bytes) -> list[tuple[Hashable, V]]:
        """All that is an account's, the newest first."""
        return list(reversed(self._by.get(account, OrderedDict()).items()))

    def keys(self, account: bytes) -> Iterator[Hashable]:
        """The keys of all that is an account's, the newest first."""
        return (key for key, _ in self.of(account))
