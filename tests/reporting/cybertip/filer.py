"""A process that files reports and kills itself where it is told.

It reads wishes, a JSON object a line, and forks a child for each, so that what is imported is
imported once. The child goes on with a report by the code that the service uses, with the database
on the disk, and kills itself with SIGKILL at a point of `FilingParts.at`. Of each child it says
how it ended: a number of a signal, or its exit code, negative.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, cast

from safehold.clock import FixedClock
from safehold.reporting.records import ReportRecords
from safehold.storage.engine import sqlite_engine
from safehold.storage.records import SqlRecords
from tests.reporting.cybertip.filings import Desk

AGAIN, OVER = 10, 0
WARM = ("lxml.etree", "anyio._backends._asyncio", "safehold.reporting.cybertip.xml")
"""What children would import one by one."""


def die() -> None:
    """End at once, as by a failure of power."""
    os.kill(os.getpid(), signal.SIGKILL)


def file(wish: dict[str, Any]) -> int:
    """Go on with a report, and perhaps die; whether there is more to do later."""
    engine = sqlite_engine(Path(wish["database"]))
    clock = FixedClock(dt.datetime.fromisoformat(wish["now"]))
    desk = Desk(cast(ReportRecords, SqlRecords(engine)), wish["address"], clock)

    def at(point: str) -> None:
        if point != wish["point"]:
            return
        if not wish["seconds"]:
            die()
        threading.Timer(wish["seconds"], die).start()

    desk.at = at
    done = desk.run(wish["report"])
    return AGAIN if done.wait_seconds else OVER


def main() -> None:
    """Serve wishes until standard input ends."""
    for module in WARM:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 70
            try:
                code = file(json.loads(line))
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)
        sys.stdout.write(f"{ended}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
