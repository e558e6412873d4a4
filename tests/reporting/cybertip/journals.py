"""Journals for tests, written as short lines."""

from __future__ import annotations

import datetime as dt
import hashlib

from safehold.ids import ReportId
from safehold.reporting.model import ReportStep, StepKind, StepPhase

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
MARGIN = dt.timedelta(minutes=5)
REPORT = ReportId("report")
REMOTE = "7000001"
FILES = tuple(hashlib.md5(text, usedforsecurity=False).digest() for text in (b"one", b"two"))


def step(
    number: int, kind: StepKind, phase: StepPhase, file: int | None = None, **more: object
) -> ReportStep:
    """An entry; a confirmed one has what the authority says."""
    given: dict[str, object] = {"at": START + dt.timedelta(seconds=number), **more}
    if phase is StepPhase.DONE:
        given = {"code": 0, "status": 200, "remote_report": REMOTE, **given}
        if kind is StepKind.UPLOAD and file is not None:
            given = {"remote_file": f"f{file}", "md5": FILES[file % len(FILES)], **given}
    attempt = given.pop("attempt", 1)
    return ReportStep(REPORT, attempt, number, kind, file, phase, **given)  # type: ignore[arg-type]


def calls(*made: tuple[StepKind, int | None]) -> list[ReportStep]:
    """A journal of calls that were all started and confirmed."""
    steps: list[ReportStep] = []
    for kind, file in made:
        steps.append(step(len(steps) + 1, kind, StepPhase.STARTED, file))
        steps.append(step(len(steps) + 1, kind, StepPhase.DONE, file))
    return steps


def then(journal: list[ReportStep], kind: StepKind, phase: StepPhase, **more: object) -> None:
    """Let a call be started and come to something; `STARTED` for nothing heard of it."""
    file = more.pop("file", None)
    first = step(len(journal) + 1, kind, StepPhase.STARTED, file, **_times(more))  # type: ignore[arg-type]
    journal.append(first)
    if phase is not StepPhase.STARTED:
        journal.append(step(len(journal) + 1, kind, phase, file, **more))  # type: ignore[arg-type]


def _times(more: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in more.items() if key in ("at", "attempt")}
