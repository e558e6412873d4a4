"""Lists that are being opened beside the looks for others, each in a thread of its own.

A long list takes seconds to be read, and minutes where its snapshot must be made first. No other
list waits for it meanwhile, and neither does the end of the server.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safehold.engine.errors import ListsUnavailableError
from safehold.errors import SafeholdError

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList

REST = 10
"""An opening that failed after so many looks is begun again after ten times as many."""


@dataclass(slots=True)
class _Opening:
    """A list on its way.

    Attributes:
        result: the open list, or why it is not.
        looks: how often it was asked for in vain; below zero, how often it still is to rest.
    """

    result: Future[OpenList]
    looks: int = 0


class Openings:
    """Opens lists in threads. To be used by one thread at a time."""

    def __init__(self, open_one: Callable[[str], OpenList]) -> None:
        """Take what opens a list by its name."""
        self._open_one = open_one
        self._under_way: dict[str, _Opening] = {}

    def __iter__(self) -> Iterator[str]:
        """The lists that are being opened, or rest after a failure."""
        return iter(tuple(self._under_way))

    def rests(self, name: str) -> bool:
        """Whether a list could not be opened, and is not tried again yet."""
        return name in self._under_way and self._under_way[name].looks < 0

    def begin(self, name: str) -> None:
        """Begin to open a list, unless that is under way or rests."""
        if name in self._under_way:
            return
        result: Future[OpenList] = Future()
        self._under_way[name] = _Opening(result)

        def run() -> None:
            try:
                result.set_result(self._open_one(name))
            except BaseException as error:  # noqa: BLE001 - it goes to whoever takes the list
                result.set_exception(error)

        threading.Thread(target=run, name="list-opening", daemon=True).start()

    def take(self, name: str, patience: float = 0.0) -> OpenList | None:
        """A list once it is open; None before, and where it is not being opened or rests.

        Args:
            name: the list.
            patience: seconds to wait for it.

        Raises:
            SafeholdError: it could not be opened.
        """
        opening = self._under_way.get(name)
        if opening is None:
            return None
        if opening.looks < 0:
            opening.looks += 1
            if not opening.looks:
                del self._under_way[name]
            return None
        try:
            error = opening.result.exception(patience)
        except FutureTimeoutError:
            opening.looks += 1
            return None
        if error is None:
            del self._under_way[name]
            return opening.result.result()
        opening.looks *= -REST
        if not opening.looks:
            del self._under_way[name]
        if isinstance(error, SafeholdError):
            raise error
        raise ListsUnavailableError from error

    def close(self) -> None:
        """Close what is open, and whatever comes later as soon as it is open."""
        for opening in self._under_way.values():
            opening.result.add_done_callback(_closed)
        self._under_way.clear()


def _closed(result: Future[OpenList]) -> None:
    if result.exception() is None:
        result.result().close()
