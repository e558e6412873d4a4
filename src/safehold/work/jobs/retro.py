"""Looking back when lists have grown; and packing and forgetting what is kept for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from safehold.errors import SafeholdError
from safehold.ids import ListName
from safehold.retro.service import Looked
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing


class LooksBack(Protocol):
    """Looks for what came to lists. `safehold.retro.service.RetroService` is one."""

    def lists(self) -> list[ListName]:
        """The lists to look for."""
        ...

    def anything_kept(self) -> bool:
        """Whether there is anything to look at."""
        ...

    def look(self, name: ListName, stop: Callable[[], bool]) -> Looked:
        """Look for what came to one."""
        ...


class Tidies(Protocol):
    """Packs and forgets. `safehold.retro.tidying.Tidier` is one."""

    def forget(self, stop: Callable[[], bool]) -> int:
        """Forget what is over its time; how many items."""
        ...

    def pack(self, stop: Callable[[], bool]) -> int:
        """Pack small chunks; how many."""
        ...


class LookBack:
    """Looks back at what was allowed, list by list; one that fails keeps none of the others.

    Args:
        retro: looks.
        tidier: packs and forgets.
        timing: how often.
        looks: whether it looks at all; forgetting goes on in any case.
    """

    name = "look-back"

    def __init__(
        self, retro: LooksBack, tidier: Tidies, timing: Timing, *, looks: bool = True
    ) -> None:
        self.timing = timing
        self._retro = retro
        self._tidier = tidier
        self._looks = looks

    def run(self, stop: Stop) -> Outcome:
        """Forget, look, pack."""
        counts = {"forgotten": self._tidier.forget(stop)}
        code = OK
        if self._retro.anything_kept():
            for name in self._retro.lists() if self._looks else []:
                if stop():
                    break
                try:
                    looked = self._retro.look(name, stop)
                except SafeholdError as error:
                    code = error.code
                    continue
                for word in ("items", "candidates", "held", "flooded"):
                    counts[word] = counts.get(word, 0) + getattr(looked, word)
            counts["packed"] = self._tidier.pack(stop)
        return Outcome(code, counts)
