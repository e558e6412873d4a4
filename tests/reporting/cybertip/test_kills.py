"""Killed at every step of a filing: exactly one report at the authority, or a person is asked."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

import safehold
from safehold.clock import FixedClock
from safehold.reporting.model import ReportState, StepPhase, Trouble
from safehold.reporting.records import ReportRecords
from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.testing.cybertip_simulator import Fault, Simulator
from tests.reporting.cybertip import filer
from tests.reporting.cybertip.filings import (
    PAUSE,
    START,
    Desk,
    add_report,
    check_whole,
    name,
    opened,
)

CALLS = ("submit", "upload:0", "file_info:0", "upload:1", "file_info:1", "finish")
ANSWER_SECONDS = 0.4
"""How long the authority takes to answer a call in whose middle the process dies."""


@dataclass
class House:
    """A database on the disk, an authority, and the process that files.

    Attributes:
        database: the file of the database.
        desk: to look at what is there.
        simulator: the authority.
        process: `filer`.
        reports: how many reports there are.
    """

    database: Path
    desk: Desk
    simulator: Simulator
    process: subprocess.Popen[str]
    reports: int = 0

    def file(self, number: int, now: dt.datetime, point: str = "", seconds: float = 0.0) -> int:
        """Go on with a report in a new process; how that ended."""
        wish = {
            "database": str(self.database),
            "address": self.simulator.address,
            "report": number,
            "now": now.isoformat(),
            "point": point,
            "seconds": seconds,
        }
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.simulator.clock = FixedClock(now)
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def resume(self, number: int) -> None:
        """Go on in new processes until there is nothing more to do."""
        for turn in range(1, 8):
            ended = self.file(number, START + turn * PAUSE)
            if ended == -filer.OVER:
                return
            assert ended == -filer.AGAIN
        raise AssertionError("not over")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for all tests; each has a report of its own."""
    database = tmp_path_factory.mktemp("house") / "records.sqlite"
    engine = sqlite_engine(database)
    migrate(engine)
    clock = FixedClock(START)
    root = Path(safehold.__path__[0]).parents[1]
    with (
        Simulator(clock) as simulator,
        subprocess.Popen(
            [sys.executable, "-m", "tests.reporting.cybertip.filer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
        ) as process,
    ):
        simulator.slow_down(ANSWER_SECONDS)
        records = cast(ReportRecords, SqlRecords(engine))
        desk = Desk(records, simulator.address, clock)
        yield House(database, desk, simulator, process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
    engine.dispose()


@pytest.fixture
def number(house: House) -> int:
    """A new approved report."""
    house.reports += 1
    add_report(house.desk.records, house.reports)
    return house.reports


def check(house: House, number: int, *, unclear: bool) -> None:
    """Assert that there is exactly one report at the authority, or that a person is asked."""
    report = house.desk.report(number)
    if unclear:
        assert (report.state, report.trouble) == (
            ReportState.NEEDS_PERSON,
            Trouble.UNCLEAR_SUBMIT,
        )
        states = [one.state for one in opened(house.simulator, number)]
        assert states in ([], ["open"])
        assert len([s for s in house.desk.journal(number) if s.phase is StepPhase.STARTED]) == 1
        return
    assert report.state is ReportState.FILED
    found = check_whole(house.simulator, number)
    assert report.remote_id == str(found.report_id)


def test_killed_before_anything_was_sent(house: House, number: int) -> None:
    assert house.file(number, START, "before") == signal.SIGKILL
    assert house.desk.journal(number) == []
    house.resume(number)
    check(house, number, unclear=False)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("point", ["started", "answered", "kept", "stored"])
def test_killed_at_every_point_of_every_call(
    house: House, number: int, call: str, point: str
) -> None:
    assert house.file(number, START, f"{point}:{call}") == signal.SIGKILL
    last = house.desk.journal(number)[-1]
    assert last.phase is (StepPhase.DONE if point == "stored" else StepPhase.STARTED)
    house.resume(number)
    # Whether a submit was sent cannot be seen from a journal that ends with its beginning.
    check(house, number, unclear=call == "submit" and point != "stored")
    copies = len(opened(house.simulator, number)[0].files) if call != "submit" else 2
    twice = call.startswith("upload") and point in ("answered", "kept")
    assert copies == 2 + twice


@pytest.mark.parametrize("call", ["submit", "upload:1", "finish"])
def test_killed_while_the_authority_answers(house: House, number: int, call: str) -> None:
    kind = call.partition(":")[0]
    if call == "upload:1":
        house.simulator.fail(kind, Fault.SLOW)  # The first upload is slow too, and gets through.
    house.simulator.fail(kind, Fault.SLOW)
    seconds = ANSWER_SECONDS / 2
    assert house.file(number, START, f"started:{call}", seconds) == signal.SIGKILL
    house.resume(number)
    check(house, number, unclear=call == "submit")
    assert len(opened(house.simulator, number)) == 1


def test_a_person_sends_it_anew_and_killed_again_there_is_still_one(
    house: House, number: int
) -> None:
    assert house.file(number, START, "started:submit") == signal.SIGKILL
    house.resume(number)
    check(house, number, unclear=True)
    with house.desk.records.write() as transaction:
        report = transaction.reports.find(name(number), lock=True)
        assert report is not None
        # What `workflow.resolve` does where a person says that nothing was opened.
        anew = dataclasses.replace(
            report, state=ReportState.APPROVED, trouble=Trouble.NONE, attempt=report.attempt + 1
        )
        transaction.reports.update(anew)
    now = START + dt.timedelta(days=1)
    assert house.file(number, now, "answered:finish") == signal.SIGKILL
    assert house.file(number, now + PAUSE) == -filer.OVER
    check(house, number, unclear=False)
