"""The process: threads of jobs, their failures, and the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from safehold.config.doors import WorkOptions
from safehold.storage.engine import DatabaseError
from safehold.work.ports import Job, Outcome, Stop
from safehold.work.process import run
from safehold.work.schedule import Timing
from tests.work.recording import Recording

FAST = WorkOptions(tick_seconds=0.02, shutdown_seconds=2.0)
PATIENCE = 10.0
OFTEN = Timing(0.01, retry=0.01)


@dataclass
class Doing:
    """A job that does what a test wants."""

    name: str
    act: Callable[[Stop], Outcome] = lambda stop: Outcome()
    timing: Timing = OFTEN
    runs: int = 0
    at_once: int = 0
    most_at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, stop: Stop) -> Outcome:
        with self._lock:
            self.runs += 1
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.act(stop)
        finally:
            with self._lock:
                self.at_once -= 1


def run_until(
    jobs: list[Job], enough: Callable[[], bool], options: WorkOptions = FAST
) -> tuple[bool, Recording]:
    """Run jobs until something holds; whether all ended in time, and the log."""
    log, stop, ended = Recording(), threading.Event(), []

    def work() -> None:
        # The first moment is drawn between the start and a few seconds after it.
        ended.append(run(jobs, options, stop, log, chance=lambda: 0.0))

    thread = threading.Thread(target=work)
    thread.start()
    until = time.monotonic() + PATIENCE
    while not enough() and time.monotonic() < until:
        time.sleep(0.005)
    reached = enough()
    stop.set()
    thread.join(PATIENCE)
    assert reached, "it did not come to that"
    assert not thread.is_alive()
    return ended[0], log


def test_a_slow_job_holds_up_no_other_and_never_runs_twice_at_a_time() -> None:
    release = threading.Event()

    def slow_act(stop: Stop) -> Outcome:
        release.wait(PATIENCE)
        return Outcome()

    slow, quick = Doing("slow", slow_act), Doing("quick")
    slow_job: Job = slow

    def enough() -> bool:
        if quick.runs >= 20:
            release.set()
        return release.is_set() and slow.runs >= 3

    whole, _ = run_until([slow_job, quick], enough)
    assert whole
    assert (slow.most_at_once, quick.most_at_once) == (1, 1)


def test_whatever_a_job_raises_the_process_lives_on_and_says_a_code_only() -> None:
    def lost(stop: Stop) -> Outcome:
        raise DatabaseError("secret words")

    def unexpected(stop: Stop) -> Outcome:
        raise RuntimeError("secret words")

    failing, broken, good = Doing("failing", lost), Doing("broken", unexpected), Doing("good")
    half = Doing("half", lambda stop: Outcome("half_done", {"rows": 3, "none": 0}))
    jobs: list[Job] = [failing, broken, good, half]
    whole, log = run_until(jobs, lambda: min(j.runs for j in (failing, broken, good, half)) >= 2)
    assert whole
    told = {(level, fields["job"], fields["code"]) for level, _, fields in log.lines}
    assert told == {
        ("warning", "failing", "database"),
        ("error", "broken", "internal"),
        ("warning", "half", "half_done"),
    }
    assert "secret" not in str(log.lines)
    assert all(f["exception"] == "RuntimeError" for f in log.events("job") if f["job"] == "broken")
    counted = [fields for fields in log.events("job") if fields["job"] == "half"]
    assert counted[0]["rows"] == 3
    assert "none" not in counted[0]


def test_what_did_something_is_told_and_what_did_nothing_is_not() -> None:
    busy, idle = Doing("busy", lambda stop: Outcome(counts={"sent": 2})), Doing("idle")
    _, log = run_until([busy, idle], lambda: busy.runs > 1 and idle.runs > 1)
    assert {fields["job"] for fields in log.events("job")} == {"busy"}
    assert log.events("job")[0]["sent"] == 2


def test_the_end_waits_for_what_runs_and_a_job_hears_of_it() -> None:
    heard = []

    def until_told(stop: Stop) -> Outcome:
        until = time.monotonic() + PATIENCE
        while not stop() and time.monotonic() < until:
            time.sleep(0.005)
        heard.append(stop())
        return Outcome(counts={"done": 1})

    job = Doing("long", until_told)
    whole, log = run_until([job], lambda: job.runs == 1)
    assert whole
    assert heard == [True]
    assert log.events("job")[0]["done"] == 1


def test_a_job_that_does_not_end_is_left_behind_in_bounded_time() -> None:
    release = threading.Event()

    def stuck(stop: Stop) -> Outcome:
        release.wait(PATIENCE)
        return Outcome()

    job = Doing("stuck", stuck)
    options = WorkOptions(tick_seconds=0.02, shutdown_seconds=0.1, slow_job_seconds=0.05)
    began = time.monotonic()
    whole, log = run_until([job], lambda: time.monotonic() - began > 0.3, options)
    release.set()
    assert not whole
    assert log.events("job_abandoned") == [{"job": "stuck"}]
    assert log.events("job_slow") == [{"job": "stuck"}], "said once"
    assert time.monotonic() - began < 5


def test_jobs_have_names_of_their_own() -> None:
    with pytest.raises(ValueError, match="one name"):
        run([Doing("a"), Doing("a")], FAST, threading.Event(), Recording())
