"""What is sent next, from journals alone: every branch, and properties over any journal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.reporting.cybertip.protocol import (
    CODE_AWAY,
    CODE_CREDENTIALS,
    CODE_LATER,
    CODE_UNCLEAR,
    MAX_NOT_UNDERSTOOD,
    Call,
    Next,
    Over,
    Wait,
    next_call,
)
from safehold.reporting.cybertip.replies import ResponseCode
from safehold.reporting.model import ReportState, ReportStep, StepKind, StepPhase, Trouble
from tests.reporting.cybertip.journals import FILES, MARGIN, REMOTE, START, calls, step, then

SUBMIT, UPLOAD, INFO = StepKind.SUBMIT, StepKind.UPLOAD, StepKind.FILE_INFO
FINISH, RETRACT = StepKind.FINISH, StepKind.RETRACT
STARTED, DONE, REFUSED = StepPhase.STARTED, StepPhase.DONE, StepPhase.REFUSED
NOT_SENT, UNCLEAR = StepPhase.NOT_SENT, StepPhase.UNCLEAR
LATER = START + dt.timedelta(hours=1)
OPEN = calls((SUBMIT, None))
UPLOADED = calls((SUBMIT, None), (UPLOAD, 0))
READY = calls((SUBMIT, None), (UPLOAD, 0), (INFO, 0), (UPLOAD, 1), (INFO, 1))


def following(journal: Sequence[ReportStep], now: dt.datetime = LATER, attempt: int = 1) -> Next:
    return next_call(journal, attempt, FILES, now, MARGIN)


def after(journal: Sequence[ReportStep], kind: StepKind, phase: StepPhase, **more: object) -> Next:
    longer = list(journal)
    then(longer, kind, phase, **more)
    return following(longer)


def test_the_whole_way_in_order() -> None:
    journal: list[ReportStep] = []
    seen = []
    while isinstance(found := following(journal), Call):
        seen.append((found.kind, found.file))
        then(journal, found.kind, DONE, file=found.file)
    assert seen == [
        (SUBMIT, None),
        (UPLOAD, 0),
        (INFO, 0),
        (UPLOAD, 1),
        (INFO, 1),
        (FINISH, None),
    ]
    assert found == Over(ReportState.FILED, remote_id=REMOTE, filed_at=journal[-1].at)
    assert following(UPLOADED) == Call(INFO, 0, REMOTE, "f0")
    assert next_call(OPEN, 1, (), LATER, MARGIN) == Call(FINISH, None, REMOTE)


@pytest.mark.parametrize("phase", [STARTED, UNCLEAR])
def test_what_is_not_known_of_a_submit_is_asked_of_a_person(phase: StepPhase) -> None:
    journal: list[ReportStep] = []
    then(journal, SUBMIT, phase)
    found = following(journal)
    assert found == Over(ReportState.NEEDS_PERSON, Trouble.UNCLEAR_SUBMIT)
    # A further one that was confirmed does not tell what became of the first.
    then(journal, SUBMIT, DONE)
    assert following(journal) == Over(ReportState.NEEDS_PERSON, Trouble.UNCLEAR_SUBMIT, REMOTE)
    assert following(journal, attempt=2) == Call(SUBMIT)


@pytest.mark.parametrize("phase", [STARTED, UNCLEAR, NOT_SENT])
@pytest.mark.parametrize(
    ("journal", "expected"),
    [
        (OPEN, Call(UPLOAD, 0, REMOTE)),
        (UPLOADED, Call(INFO, 0, REMOTE, "f0")),
        (READY, Call(FINISH, None, REMOTE)),
    ],
)
def test_what_is_not_known_of_others_is_sent_again(
    journal: list[ReportStep], expected: Call, phase: StepPhase
) -> None:
    assert after(journal, expected.kind, phase, file=expected.file) == expected


def test_waiting_doubles_from_a_minute_to_half_an_hour() -> None:
    journal: list[ReportStep] = []
    waits = []
    for _ in range(7):
        then(journal, SUBMIT, REFUSED, code=1000, status=500)
        now = journal[-1].at
        found = following(journal, now)
        assert isinstance(found, Wait)
        assert found.code == CODE_LATER
        waits.append(found.seconds)
        assert following(journal, now + dt.timedelta(seconds=found.seconds)) == Call(SUBMIT)
        early = following(journal, now - dt.timedelta(seconds=30))  # A clock that was set back.
        assert early == found
        # Far back: nobody waits until the old time is reached again.
        assert following(journal, now - dt.timedelta(days=3)) == Call(SUBMIT)
    assert waits == [60, 120, 240, 480, 960, 1800, 1800]


@pytest.mark.parametrize(
    ("phase", "more", "expected"),
    [
        (REFUSED, {"status": 401}, (900, CODE_CREDENTIALS)),
        (REFUSED, {"code": 2000}, (900, CODE_CREDENTIALS)),
        (REFUSED, {"code": 3300}, (900, CODE_CREDENTIALS)),
        (REFUSED, {"code": 1111}, (60, CODE_LATER)),
        (NOT_SENT, {}, (60, CODE_AWAY)),
        (UNCLEAR, {}, (60, CODE_UNCLEAR)),
    ],
)
def test_how_long_it_waits_after_what(
    phase: StepPhase, more: dict[str, int], expected: tuple[float, str]
) -> None:
    journal = list(OPEN)
    then(journal, UPLOAD, phase, file=0, **more)
    assert following(journal, journal[-1].at) == Wait(*expected)


@pytest.mark.parametrize(
    ("kind", "code", "trouble"),
    [
        (SUBMIT, 4100, Trouble.REJECTED),
        (SUBMIT, 7777, Trouble.NOT_UNDERSTOOD),
        (INFO, ResponseCode.NO_SUCH_REPORT, Trouble.GONE),
        (INFO, ResponseCode.ALREADY_RETRACTED, Trouble.GONE),
        (INFO, ResponseCode.ALREADY_FINISHED, Trouble.NOT_UNDERSTOOD),
        (INFO, -5, Trouble.NOT_UNDERSTOOD),
    ],
)
def test_refusals_that_end_it(kind: StepKind, code: int, trouble: Trouble) -> None:
    start = [] if kind is SUBMIT else UPLOADED
    found = after(start, kind, REFUSED, code=code, file=None if kind is SUBMIT else 0)
    remote = "" if kind is SUBMIT else REMOTE
    assert found == Over(ReportState.NEEDS_PERSON, trouble, remote)


@pytest.mark.parametrize(
    ("kind", "phase", "more", "trouble"),
    [
        (UPLOAD, DONE, {"file": 0, "md5": bytes(16)}, Trouble.WRONG_HASH),
        (UPLOAD, DONE, {"file": 0, "md5": b""}, Trouble.WRONG_HASH),
        (UPLOAD, REFUSED, {"file": 0, "code": 4200}, Trouble.REJECTED),
        (INFO, REFUSED, {"file": 0, "code": 4100}, Trouble.REJECTED),
        (INFO, REFUSED, {"file": 0, "code": 5002}, Trouble.GONE),
    ],
)
def test_what_must_be_retracted_is_and_then_a_person_is_asked(
    kind: StepKind, phase: StepPhase, more: dict[str, object], trouble: Trouble
) -> None:
    journal = list(OPEN if kind is UPLOAD else UPLOADED)
    then(journal, kind, phase, **more)
    again = Call(RETRACT, None, REMOTE)
    over = Over(ReportState.NEEDS_PERSON, trouble, REMOTE)
    assert following(journal) == again
    for between in (STARTED, UNCLEAR, NOT_SENT):
        assert after(journal, RETRACT, between) == again
    assert after(journal, RETRACT, REFUSED, code=1000) == again
    assert after(journal, RETRACT, DONE) == over
    assert after(journal, RETRACT, DONE, code=5101) == over
    assert after(journal, RETRACT, REFUSED, code=5001) == over
    unclear = Over(ReportState.NEEDS_PERSON, Trouble.UNCLEAR_RETRACT, REMOTE)
    assert after(journal, RETRACT, REFUSED, code=5102) == unclear
    then(journal, RETRACT, UNCLEAR)
    assert following(journal, START + dt.timedelta(hours=24)) == unclear


def test_time_limits_are_the_later_of_a_day_and_an_hour_after_the_last_file() -> None:
    day, minute = dt.timedelta(hours=24), dt.timedelta(minutes=1)
    expired = Over(ReportState.NEEDS_PERSON, Trouble.EXPIRED, REMOTE)
    assert following(OPEN, START + day - MARGIN - minute) == Call(UPLOAD, 0, REMOTE)
    assert following(OPEN, START + day) == expired
    late = list(OPEN)
    then(late, UPLOAD, DONE, file=0, at=START + day - 30 * minute)
    assert following(late, START + day + 20 * minute) == Call(INFO, 0, REMOTE, "f0")
    assert following(late, START + day + 26 * minute) == expired


def test_a_finish_nobody_heard_of_is_asked_for_even_after_the_time_limit() -> None:
    journal = list(READY)
    then(journal, FINISH, UNCLEAR)
    ask = Call(FINISH, None, REMOTE)
    assert following(journal, START + dt.timedelta(hours=30)) == ask
    assert following(journal, START + dt.timedelta(hours=49)) == Over(
        ReportState.NEEDS_PERSON, Trouble.EXPIRED, REMOTE
    )
    assert after(journal, FINISH, DONE, code=5102) == Over(
        ReportState.FILED, remote_id=REMOTE, filed_at=START + dt.timedelta(seconds=14)
    )
    gone = after(journal, FINISH, REFUSED, code=5001)
    assert gone == Over(ReportState.NEEDS_PERSON, Trouble.GONE, REMOTE)


def test_answers_that_are_never_understood_come_to_a_person() -> None:
    journal = list(OPEN)
    for count in range(MAX_NOT_UNDERSTOOD):
        assert following(journal) == Call(UPLOAD, 0, REMOTE), count
        then(journal, UPLOAD, UNCLEAR, file=0, status=200)
    over = Over(ReportState.NEEDS_PERSON, Trouble.NOT_UNDERSTOOD, REMOTE)
    assert following(journal) == over


ENTRIES = st.tuples(
    st.sampled_from(list(StepKind)),
    st.sampled_from(list(StepPhase)),
    st.integers(0, 1),
    st.sampled_from([0, 401, 1000, 2000, 4100, 5001, 5002, 5101, 5102, 9000]),
    st.sampled_from(["right", "wrong"]),
)


@given(st.lists(ENTRIES, max_size=14), st.integers(0, 60))
def test_properties_over_any_journal(
    entries: list[tuple[StepKind, StepPhase, int, int, str]], hours: int
) -> None:
    journal = []
    for number, (kind, phase, place, code, hashes) in enumerate(entries, start=1):
        file = place if kind in (UPLOAD, INFO) else None
        more: dict[str, object] = {}
        if phase is REFUSED:
            more = {"status": 401} if code == 401 else {"code": code or 1000}
        elif phase is DONE and kind is UPLOAD and hashes == "wrong":
            more = {"md5": bytes(16)}
        journal.append(step(number, kind, phase, file, **more))
    found = following(journal, START + dt.timedelta(hours=hours))

    submits = [one for one in journal if one.kind is SUBMIT]
    started = sum(one.phase is STARTED for one in submits)
    ended = sum(one.phase not in (STARTED, UNCLEAR) for one in submits)
    if any(one.phase is DONE and one.kind in (FINISH, RETRACT) for one in journal):
        assert isinstance(found, Over)
    if any(one.phase is UNCLEAR for one in submits) or started > ended:
        assert not isinstance(found, Call) or found.kind is not SUBMIT
    if isinstance(found, Over) and found.state is ReportState.FILED:
        assert any(one.phase is DONE and one.kind is FINISH for one in journal)
    if not isinstance(found, Call):
        return
    done = {(one.kind, one.file) for one in journal if one.phase is DONE}
    heard = {(one.kind, one.file) for one in journal}
    if found.kind is SUBMIT:
        assert (SUBMIT, None) not in done
        return
    assert (SUBMIT, None) in done
    assert found.remote_report == REMOTE
    if found.kind is INFO:
        assert (UPLOAD, found.file) in done
        assert found.remote_file == f"f{found.file}"
    if found.kind is FINISH and (FINISH, None) not in heard:
        assert {(UPLOAD, 0), (UPLOAD, 1), (INFO, 0), (INFO, 1)} <= done
    wrong = any(
        one.kind is UPLOAD and one.phase is DONE and one.md5 not in FILES for one in journal
    )
    if wrong and all(one.md5 not in FILES for one in journal if one.phase is DONE and one.md5):
        assert found.kind is RETRACT
    if (RETRACT, None) in heard:
        assert found.kind is RETRACT
    if found.kind not in (RETRACT, FINISH) or (FINISH, None) not in heard:
        assert hours < 25
