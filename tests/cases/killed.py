"""A process that destroys what is over in a home, and is killed at one of its steps.

    python -m tests.cases.killed HOME MOMENT STEP

A step is what stays when the process is gone: a fresh key, a commit, an object or a key that is
removed. It exits with 0 where there are fewer steps.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safehold.clock import FixedClock
from safehold.config import load_settings
from safehold.runtime.service import ServiceRuntime


class Steps:
    """Counts steps, and ends the process after one of them as a loss of power would."""

    def __init__(self, last: int) -> None:
        self._left = last

    def taken(self) -> None:
        """One was taken."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, each call of which is a step."""

        def called(*arguments: Any) -> Any:
            done = function(*arguments)
            self.taken()
            return done

        return called

    def after_commit(self, write: Callable[[], Any]) -> Callable[[], Any]:
        """The same transactions, each commit of which is a step."""

        @contextlib.contextmanager
        def written() -> Iterator[Any]:
            with write() as transaction:
                yield transaction
            self.taken()

        return written


def main(home: str, moment: str, step: str) -> None:
    """Do what `retention run` does, and be killed."""
    clock = FixedClock(dt.datetime.fromisoformat(moment))
    steps = Steps(int(step))
    with ServiceRuntime(load_settings(home=Path(home), database=""), clock) as runtime:
        vault: Any = runtime.vault
        for name in ("new_case_key", "delete", "shred"):
            setattr(vault, name, steps.after(getattr(vault, name)))
        records: Any = runtime.records
        records.write = steps.after_commit(records.write)
        runtime.retention.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
