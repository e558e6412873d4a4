"""Released pictures that are given out by an address of the gate's own.

In memory alone, for a while, and bounded: the oldest go first. An address holds 32 random bytes;
beyond knowing it, whoever says who they are must be who the picture was released to.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

PREFIX = "/safehold/kept/"
_NAME_BYTES = 32
_MAX_PICTURES = 65_536


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture that was released.

    Attributes:
        picture: its bytes.
        content_type: of them.
        owner: pseudonym of the account.
        named: whether the account said by itself who it is, and so must whoever gets it.
        until: the moment of the clock given at the start from which on it is gone.
    """

    picture: bytes = field(repr=False)
    content_type: bytes
    owner: bytes = field(repr=False)
    named: bool
    until: float


class KeptPictures:
    """All of them. For the thread of the event loop."""

    def __init__(
        self,
        seconds: float,
        max_bytes: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        token: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._token = token
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes that are kept now."""
        return self._size

    def add(self, picture: bytes, content_type: bytes, owner: bytes, *, named: bool) -> str:
        """Keep a picture; the path at which it is got."""
        name = self._token(_NAME_BYTES)
        until = self._monotonic() + self._seconds
        self._kept[name] = Kept(picture, content_type, owner, named, until)
        self._size += len(picture)
        self._forget()
        return PREFIX + name

    def get(self, path: str, account: bytes, *, named: bool) -> Kept | None:
        """The picture at a path, for an account; None where there is none for it.

        Who comes without credentials, as a browser does that shows a picture, has the address
        alone; that is not enough where the operator's front names all accounts.
        """
        self._forget()
        kept = self._kept.get(path.removeprefix(PREFIX))
        if kept is None or (named and kept.named and kept.owner != account):
            return None
        return kept

    def _forget(self) -> None:
        now = self._monotonic()
        while self._kept:
            first = next(iter(self._kept.values()))
            full = self._size > self._max_bytes or len(self._kept) > _MAX_PICTURES
            if first.until > now and not full:
                return
            self._size -= len(self._kept.popitem(last=False)[1].picture)
