"""What to send next, from a report's stored journal alone. I/O-free.

The rules:

1. submit; then for each file upload and fileinfo; then finish, when all files have both.
2. A submit whose answer is not known is never made again: a person finds out.
3. A report that is finished or retracted gets no further call.
4. An upload whose answer is not known is made again within the same report, which at that point
   is certainly open (it was opened, not finished, not retracted, and its time is not over). The
   authority may then have a second copy of the same bytes in the same report.
5. A fileinfo, finish or retract whose answer is not known is made again: the authority takes a
   second one for the first, or says 5102 (finished) or 5101 (retracted), which is success.
   After a finish that nobody has heard of nothing but finish is asked.
6. A wrong MD5, or none, and a refusal of what was sent (4xxx, 5002) in an open report: retract,
   and a person is asked. It is never finished.
7. What the authority could not do (1xxx) is asked again after a while, twice as long each time;
   what it refuses because of who asks (401, 2xxx, 3xxx) after a quarter of an hour.
8. The authority deletes an unfinished report 24 h after its opening or 1 h after the last upload
   or fileinfo, whichever is later. Shortly before that it counts as expired and gets no further
   call, but for a finish that nobody has heard of: asking is then the only way to know.

Source: the CyberTipline's documentation ("Reporting process", "Response codes").
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from safehold.reporting.cybertip.replies import Family, ResponseCode, family
from safehold.reporting.model import ReportState, ReportStep, StepKind, StepPhase, Trouble

OPEN_FOR: Final = dt.timedelta(hours=24)
"""How long the authority keeps an unfinished report at least."""
AFTER_LAST_FILE: Final = dt.timedelta(hours=1)
"""How long it keeps it after the last upload or fileinfo at least."""
ASK_FINISH_FOR: Final = dt.timedelta(hours=24)
"""So long after a report's end it is still asked whether an unclear finish was one."""
FIRST_WAIT: Final = 60.0
LONGEST_WAIT: Final = 1800.0
CREDENTIALS_WAIT: Final = 900.0
MAX_NOT_UNDERSTOOD: Final = 5
"""After so many answers in a row (5xx apart) that cannot be understood a person is asked."""

CODE_LATER = "authority_later"
CODE_CREDENTIALS = "authority_credentials"
CODE_AWAY = "authority_away"
CODE_UNCLEAR = "authority_unclear"


@dataclass(frozen=True, slots=True)
class Call:
    """Make this call.

    Attributes:
        kind: which.
        file: number of the file from 0, or None.
        remote_report, remote_file: the authority's ids that it needs, or empty.
    """

    kind: StepKind
    file: int | None = None
    remote_report: str = ""
    remote_file: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Make no call before so many seconds have passed; `code` says why."""

    seconds: float
    code: str


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more is sent by itself.

    Attributes:
        state: `FILED` or `NEEDS_PERSON`.
        trouble: why it needs a person.
        remote_id: the authority's number of it, where it is known.
        filed_at: when the authority confirmed it.
    """

    state: ReportState
    trouble: Trouble = Trouble.NONE
    remote_id: str = ""
    filed_at: dt.datetime | None = None


Next = Call | Wait | Over

_Key = tuple[StepKind, int | None]


@dataclass(slots=True)
class _Made:
    """What is known of one call, over all times that it was made.

    Attributes:
        pending: how often it was started without a result.
        started: when it was started last.
        last: its last entry.
        done: its last confirmation, and when that call was started.
        doubts: how often nobody knows what became of it.
        failures: how often it failed since it was confirmed last.
        misread: how many answers in a row could not be understood.
    """

    last: ReportStep
    pending: int = 0
    started: dt.datetime | None = None
    done: ReportStep | None = None
    done_from: dt.datetime | None = None
    doubts: int = 0
    failures: int = 0
    misread: int = 0

    def add(self, step: ReportStep) -> None:
        """Take in a further entry."""
        self.last = step
        if step.phase is StepPhase.STARTED:
            # One more that was started before and never heard of.
            self.failures += 1 if self.pending else 0
            self.pending += 1
            self.started = step.at
            return
        self.pending = max(0, self.pending - 1)
        if step.phase is StepPhase.DONE:
            self.done, self.done_from = step, self.started or step.at
            self.failures = self.misread = 0
            return
        self.failures += 1
        if step.phase is StepPhase.UNCLEAR:
            self.doubts += 1
            answered = step.status is not None and step.status < 500
            self.misread += 1 if answered else 0
        elif step.phase is StepPhase.REFUSED:
            self.misread = 0

    @property
    def was_unclear(self) -> bool:
        """Whether nobody knows of some time what became of it."""
        return self.pending > 0 or self.doubts > 0


class _Past:
    """A journal's entries of one attempt, by call."""

    def __init__(self, journal: Iterable[ReportStep], attempt: int) -> None:
        self.made: dict[_Key, _Made] = {}
        self.refusals: list[ReportStep] = []
        entries = (step for step in journal if step.attempt == attempt)
        for step in sorted(entries, key=lambda step: step.number):
            key = (step.kind, step.file)
            self.made.setdefault(key, _Made(step)).add(step)
            if step.phase is StepPhase.REFUSED and step.code is not None:
                self.refusals.append(step)

    def of(self, kind: StepKind, file: int | None = None) -> _Made | None:
        """What is known of a call; None where it was never made."""
        return self.made.get((kind, file))

    def done(self, kind: StepKind, file: int | None = None) -> ReportStep | None:
        """A call's confirmation."""
        made = self.of(kind, file)
        return made.done if made else None


def next_call(
    journal: Sequence[ReportStep],
    attempt: int,
    files: Sequence[bytes],
    now: dt.datetime,
    margin: dt.timedelta,
) -> Next:
    """What is to be done next.

    Args:
        journal: the report's entries, of all attempts.
        attempt: which attempt it is about; entries of others do not count.
        files: MD5 of each file as the journal names it (16 bytes), in their order.
        now: the present moment.
        margin: so long before the authority's time limit it counts as over.
    """
    past = _Past(journal, attempt)
    submit = past.of(StepKind.SUBMIT)
    remote = submit.done.remote_report if submit and submit.done else ""
    finished = past.done(StepKind.FINISH)
    if finished is not None:
        number = remote or finished.remote_report
        return Over(ReportState.FILED, remote_id=number, filed_at=finished.at)
    cause = _cause(past, files)
    if past.done(StepKind.RETRACT):
        return _person(cause or Trouble.REJECTED, remote)
    if submit is None:
        return Call(StepKind.SUBMIT)
    if submit.was_unclear:
        return _person(Trouble.UNCLEAR_SUBMIT, remote)
    if submit.done is None or not remote:
        return _refused(past, now) or _again(submit, now) or Call(StepKind.SUBMIT)
    if cause or past.of(StepKind.RETRACT):
        return _retract(past, remote, cause or Trouble.REJECTED, (now, margin))
    return _refused(past, now) or _go_on(past, remote, len(files), (now, margin))


def _deadline(past: _Past) -> dt.datetime | None:
    """When the authority deletes the report if it is not finished; None where it has none.

    The moments at which confirmed calls were started count: the authority's own are later.
    """
    submit = past.of(StepKind.SUBMIT)
    if submit is None or submit.done_from is None:
        return None
    touched = [
        made.done_from
        for (kind, _), made in past.made.items()
        if kind in (StepKind.UPLOAD, StepKind.FILE_INFO) and made.done_from
    ]
    return max([submit.done_from + OPEN_FOR, *(at + AFTER_LAST_FILE for at in touched)])


def _go_on(past: _Past, remote: str, files: int, time: tuple[dt.datetime, dt.timedelta]) -> Next:
    now, margin = time
    end = _deadline(past)
    finish = past.of(StepKind.FINISH)
    asks = finish is not None and finish.was_unclear
    last = (end or now) + (ASK_FINISH_FOR if asks else -margin)
    if now >= last:
        return _person(Trouble.EXPIRED, remote)
    call = Call(StepKind.FINISH, None, remote) if asks else _next_file(past, remote, files)
    made = past.of(call.kind, call.file)
    if made is None:
        return call
    if made.misread >= MAX_NOT_UNDERSTOOD:
        return _person(Trouble.NOT_UNDERSTOOD, remote)
    return _again(made, now) or call


def _next_file(past: _Past, remote: str, files: int) -> Call:
    for number in range(files):
        uploaded = past.done(StepKind.UPLOAD, number)
        if uploaded is None:
            return Call(StepKind.UPLOAD, number, remote)
        told = past.done(StepKind.FILE_INFO, number)
        if told is None or told.number < uploaded.number:
            return Call(StepKind.FILE_INFO, number, remote, uploaded.remote_file)
    return Call(StepKind.FINISH, None, remote)


def _cause(past: _Past, files: Sequence[bytes]) -> Trouble:
    """Why an open report must be retracted; `NONE` where it need not be."""
    for (kind, file), made in past.made.items():
        if kind is StepKind.UPLOAD and made.done is not None and file is not None:
            expected = files[file] if file < len(files) else b""
            if not expected or made.done.md5 != expected:
                return Trouble.WRONG_HASH
    for step in past.refusals:
        if step.kind in (StepKind.SUBMIT, StepKind.RETRACT) or step.code is None:
            continue
        if family(step.code) is Family.CONTENT:
            return Trouble.REJECTED
        if step.code == ResponseCode.NO_SUCH_FILE:
            return Trouble.GONE
    return Trouble.NONE


def _refused(past: _Past, now: dt.datetime) -> Next | None:
    """What refusals say that end it without a retract."""
    remote_step = past.done(StepKind.SUBMIT)
    remote = remote_step.remote_report if remote_step else ""
    for step in past.refusals:
        code = step.code if step.code is not None else 0
        kinds = family(code)
        if code in (ResponseCode.NO_SUCH_REPORT, ResponseCode.ALREADY_RETRACTED):
            return _person(Trouble.GONE, remote)
        if kinds is Family.CONTENT and step.kind is StepKind.SUBMIT:
            return _person(Trouble.REJECTED, remote)
        if kinds in (Family.UNKNOWN, Family.STATE):
            return _person(Trouble.NOT_UNDERSTOOD, remote)
    return None


def _retract(
    past: _Past, remote: str, cause: Trouble, time: tuple[dt.datetime, dt.timedelta]
) -> Next:
    """Retract, until the authority says that it is so."""
    now, margin = time
    call = Call(StepKind.RETRACT, None, remote)
    gone = any(
        step.code in (ResponseCode.NO_SUCH_REPORT, ResponseCode.ALREADY_RETRACTED)
        for step in past.refusals
    )
    if gone:  # What is not there needs no retracting.
        return _person(cause, remote)
    made = past.of(StepKind.RETRACT)
    final = made is not None and any(
        step.kind is StepKind.RETRACT
        and family(step.code or 0) not in (Family.LATER, Family.CREDENTIALS)
        for step in past.refusals
    )
    end = _deadline(past)
    if final or (end is not None and now >= end - margin):
        return _person(Trouble.UNCLEAR_RETRACT, remote)
    if made is None:
        return call
    if made.misread >= MAX_NOT_UNDERSTOOD:
        return _person(Trouble.UNCLEAR_RETRACT, remote)
    return _again(made, now) or call


def _again(made: _Made, now: dt.datetime) -> Wait | None:
    """How long to wait before a call is made again; None where it may be made now."""
    step = made.last
    if step.phase is StepPhase.DONE:
        return None
    code, seconds = CODE_UNCLEAR, _backoff(max(1, made.failures))
    if step.phase is StepPhase.NOT_SENT:
        code = CODE_AWAY
    elif step.phase is StepPhase.REFUSED:
        code = CODE_LATER
        if step.code is None or family(step.code) is Family.CREDENTIALS:
            code, seconds = CODE_CREDENTIALS, CREDENTIALS_WAIT
    age = (now - step.at).total_seconds()
    # A clock that was set back must not make it longer; one that was set back far says nothing.
    left = min(seconds, seconds - age) if age > -seconds else 0.0
    return Wait(left, code) if left > 0 else None


def _backoff(failures: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - 1, 10))


def _person(trouble: Trouble, remote: str) -> Over:
    return Over(ReportState.NEEDS_PERSON, trouble, remote)
