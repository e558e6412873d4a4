"""The snapshots of lists that have changed much are made anew, beside everything else."""

from __future__ import annotations

from safehold.errors import SafeholdError
from safehold.lists.service import ListService
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing


class Compact:
    """Makes snapshots anew where what changed since has become much.

    Servers go on with what they have, and open the new snapshot when they see it.
    """

    name = "compact"

    def __init__(self, lists: ListService, timing: Timing) -> None:
        self._lists = lists
        self.timing = timing

    def run(self, stop: Stop) -> Outcome:
        """Look at every list."""
        code, made = OK, 0
        for info in self._lists.show():
            if stop():
                break
            try:
                made += self._lists.compact(info.name)
            except SafeholdError as error:
                code = error.code
        return Outcome(code, {"made": made})
