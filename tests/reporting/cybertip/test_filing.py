"""Filing against the simulator: order, what is written when, and everything that goes wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
from collections.abc import Iterator
from typing import cast

import pytest

from safehold.clock import FixedClock
from safehold.reporting.cybertip.filing import Filing, StepOutcome
from safehold.reporting.cybertip.protocol import CODE_CREDENTIALS
from safehold.reporting.documents import Document
from safehold.reporting.model import (
    Environment,
    Report,
    ReportChangedError,
    ReportEnvironmentError,
    ReportFile,
    ReportState,
    ReportStateError,
    StepKind,
    StepPhase,
    Trouble,
    UnknownReportError,
)
from safehold.reporting.options import CybertipOptions
from safehold.reporting.records import ReportRecords
from safehold.testing.cybertip_simulator import Fault, Simulator
from safehold.testing.records import MemoryRecords
from safehold.vault.sealing import DamagedError, Writer
from tests.reporting.cybertip.filings import (
    CONTENTS,
    MD5S,
    START,
    Desk,
    add_report,
    check_whole,
    documents,
    name,
    opened,
    write_file,
)

FILED, PERSON = ReportState.FILED, ReportState.NEEDS_PERSON
CALLS = [StepKind.SUBMIT, StepKind.UPLOAD, StepKind.FILE_INFO, StepKind.FINISH]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
def simulator(clock: FixedClock) -> Iterator[Simulator]:
    with Simulator(clock) as running:
        yield running


@pytest.fixture
def desk(simulator: Simulator, clock: FixedClock) -> Desk:
    records = cast(ReportRecords, MemoryRecords())
    add_report(records)
    return Desk(records, simulator.address, clock)


def change(desk: Desk, **changes: object) -> None:
    with desk.records.write() as transaction:
        found = transaction.reports.find(name(1))
        assert found is not None
        transaction.reports.update(dataclasses.replace(found, **changes))  # type: ignore[arg-type]


def test_each_call_is_written_down_before_it_is_made_and_after(
    desk: Desk, simulator: Simulator
) -> None:
    seen: list[tuple[str, int, int, int]] = []
    desk.at = lambda point: seen.append(
        (point, len(desk.journal()), len(simulator.calls), len(desk.kept))
    )
    assert desk.run() == StepOutcome(FILED)
    found = check_whole(simulator)
    assert [file.size for file in found.files] == [len(content) for content in CONTENTS]
    assert simulator.calls == (
        "submit",
        "upload",
        "file_info",
        "upload",
        "file_info",
        "finish",
    )
    for number in range(6):
        steps = [one[1:] for one in seen[5 * number : 5 * number + 5]]
        before, after = (2 * number, number, number), (2 * number + 2, number + 1, number + 1)
        started = (before[0] + 1, *before[1:])
        assert steps == [
            before,
            started,
            (started[0], number + 1, number),
            (started[0], number + 1, number + 1),
            after,
        ]
    assert seen[6][0] == "started:upload:0"

    journal = desk.journal()
    assert [step.number for step in journal] == list(range(1, 13))
    assert [step.phase for step in journal] == [StepPhase.STARTED, StepPhase.DONE] * 6
    assert all(step.request_id.startswith("simulated-") for step in journal[1::2])
    assert [step.md5.hex() for step in journal if step.md5] == list(MD5S)
    report = desk.report()
    assert (report.state, report.remote_id) == (FILED, str(found.report_id))
    assert report.filed_at == START
    with desk.records.read() as transaction:
        events = [event.draft for event in transaction.audit.events()]
    assert [event.kind for event in events] == ["report.step"] * 12 + ["report.filed"]
    assert {event.subject for event in events} == {report.case_id}
    assert events[-1].data["files"] == 2
    # What is over gets no further call.
    assert desk.run() == StepOutcome(FILED)
    assert len(simulator.calls) == 6


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.DROP_MID, Fault.DROP_AFTER])
def test_whatever_breaks_off_there_is_one_report_or_a_person_is_asked(
    desk: Desk, simulator: Simulator, call: StepKind, fault: Fault
) -> None:
    simulator.fail(call, fault)
    done = desk.go_on()
    if call is StepKind.SUBMIT:
        assert (done.state, done.trouble) == (PERSON, Trouble.UNCLEAR_SUBMIT)
        assert len(opened(simulator)) == (fault is Fault.DROP_AFTER)
        assert simulator.calls == ("submit",)
        return
    assert done.state is FILED
    found = check_whole(simulator)
    twice = call is StepKind.UPLOAD and fault is Fault.DROP_AFTER
    assert len(found.files) == 2 + twice
    # The authority lists a file that it has acknowledged to nobody.
    assert done.code == ("report_files_differ" if twice else "ok")
    last = desk.journal()[-1]
    assert last.code == (5102 if (call, fault) == (CALLS[3], Fault.DROP_AFTER) else 0)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [1000, 1300, 3000, Fault.EMPTY_401, Fault.ERROR_200])
def test_what_the_authority_says_it_did_not_do_is_asked_again(
    desk: Desk, simulator: Simulator, call: StepKind, fault: Fault | int
) -> None:
    simulator.fail(call, fault)
    waits = desk.run()
    assert waits.state is ReportState.SENDING
    assert waits.wait_seconds == (900 if fault in (3000, Fault.EMPTY_401) else 60)
    made = len(simulator.calls)
    assert not desk.run().more  # It waits, and asks nobody.
    assert len(simulator.calls) == made
    assert desk.go_on() == StepOutcome(FILED)
    assert len(check_whole(simulator).files) == 2


@pytest.mark.parametrize("fault", [Fault.NOT_XML, Fault.BAD_GATEWAY])
def test_an_answer_without_xml_tells_nothing(
    desk: Desk, simulator: Simulator, fault: Fault
) -> None:
    simulator.fail("upload", fault)
    simulator.fail("finish", fault)
    assert desk.go_on().state is FILED
    check_whole(simulator)
    assert any(b"Sorry" in content for content in desk.kept)


def test_wrong_bytes_stop_it_and_it_is_retracted(desk: Desk, simulator: Simulator) -> None:
    simulator.fail("upload", Fault.WRONG_MD5)
    simulator.fail("retract", Fault.DROP_AFTER)
    done = desk.go_on()
    assert (done.state, done.trouble) == (PERSON, Trouble.WRONG_HASH)
    assert [one.state for one in opened(simulator)] == ["retracted"]
    assert simulator.calls == ("submit", "upload", "retract", "retract")
    assert desk.report().remote_id == str(opened(simulator)[0].report_id)


@pytest.mark.parametrize(
    ("call", "code", "trouble", "left"),
    [
        ("submit", 4100, Trouble.REJECTED, []),
        ("file_info", 4100, Trouble.REJECTED, ["retracted"]),
        ("finish", 5001, Trouble.GONE, ["open"]),
        ("upload", 8888, Trouble.NOT_UNDERSTOOD, ["open"]),
    ],
)
def test_refusals_come_to_a_person(
    desk: Desk, simulator: Simulator, call: str, code: int, trouble: Trouble, left: list[str]
) -> None:
    simulator.fail(call, code)
    done = desk.go_on()
    assert (done.state, done.trouble) == (PERSON, trouble)
    assert [one.state for one in opened(simulator)] == left
    assert not simulator.finished


def test_what_was_not_finished_in_time_is_told(desk: Desk, simulator: Simulator) -> None:
    simulator.fail("file_info", Fault.EMPTY_401, times=1)
    assert desk.run().code == CODE_CREDENTIALS
    desk.clock.advance(dt.timedelta(hours=24))
    made = len(simulator.calls)
    assert desk.run() == StepOutcome(PERSON, Trouble.EXPIRED)
    assert len(simulator.calls) == made


def test_a_call_that_may_be_under_way_elsewhere_is_waited_for(
    desk: Desk, simulator: Simulator
) -> None:
    def dies(point: str) -> None:
        if point == "started:upload:0":
            raise KeyboardInterrupt

    desk.at = dies
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    desk.at = lambda _: None
    waits = desk.run()
    assert (waits.wait_seconds, waits.code) == (930, "report_step_running")
    assert simulator.calls == ("submit",)
    assert desk.go_on().state is FILED
    check_whole(simulator)


def test_two_at_once_do_not_both_call(desk: Desk, simulator: Simulator) -> None:
    filing = desk.filing()
    told: list[StepOutcome] = []
    inside, go = threading.Event(), threading.Event()

    def stop(point: str) -> None:
        if point == "started:submit":
            inside.set()
            assert go.wait(10)

    desk.at = stop
    first = desk.filing()
    thread = threading.Thread(target=lambda: told.append(first.step(name(1), documents(1))))
    thread.start()
    assert inside.wait(10)
    # The same filing, and another as another process has it.
    for other in (first, filing):
        assert other.step(name(1), documents(1)).code == "report_step_running"
    go.set()
    thread.join(10)
    assert told == [StepOutcome(ReportState.SENDING, more=True)]
    assert simulator.calls == ("submit",)


def test_pace_is_kept_over_restarts_and_what_is_open_is_finished(
    desk: Desk, simulator: Simulator
) -> None:
    desk.options = CybertipOptions(reports_per_hour=1, breaker_failures=2, breaker_minutes=90)
    add_report(desk.records, 2)
    first = desk.filing().step(name(1), documents(1))
    assert first.more

    def opened(file: ReportFile, output: Writer) -> None:
        raise AssertionError("evidence is opened for a call that is not made")

    desk.open_file = opened
    held = desk.run(2)
    desk.open_file = write_file
    assert (held.state, held.code) == (ReportState.APPROVED, "pace_hour")
    assert 0 < held.wait_seconds <= 3600
    simulator.fail("upload", 1000, times=2)
    desk.run()
    desk.clock.advance(dt.timedelta(minutes=2))
    desk.run()
    desk.clock.advance(dt.timedelta(minutes=5))
    assert desk.run().code == "pace_breaker"
    assert desk.run(2).code == "pace_breaker"
    desk.clock.advance(dt.timedelta(minutes=90))
    assert desk.run().state is FILED
    assert desk.run(2).state is FILED


def test_nothing_is_sent_that_two_people_have_not_agreed_to(
    desk: Desk, simulator: Simulator
) -> None:
    def step(filing: Filing, *said: Document) -> StepOutcome:
        return filing.step(name(1), said or documents(1))

    filing = desk.filing()
    with pytest.raises(UnknownReportError):
        filing.step(name(7), documents(7))
    with pytest.raises(ReportChangedError):
        step(filing, *documents(2))
    change(desk, digest=b"")
    with pytest.raises(ReportChangedError):
        step(filing)
    good = desk.report().prepared_by
    for state, approved in (
        (ReportState.DRAFT, None),
        (ReportState.WAITING, None),
        (ReportState.APPROVED, None),
        (ReportState.APPROVED, good),
    ):
        change(desk, state=state, approved_by=approved)
        with pytest.raises(ReportStateError):
            step(filing)
    change(desk, state=ReportState.ABANDONED)
    assert step(filing) == StepOutcome(ReportState.ABANDONED)
    add_report(desk.records, 3)
    with desk.records.write() as transaction:
        other = transaction.reports.find(name(3))
        assert other is not None
        changed = dataclasses.replace(other, environment=Environment.PRODUCTION)
        transaction.reports.update(changed)
    with pytest.raises(ReportEnvironmentError):
        filing.step(name(3), documents(3))
    assert simulator.calls == ()


@pytest.mark.parametrize("breaks", ["missing", "other"])
def test_files_are_proved_before_the_authority_hears_of_anything(
    desk: Desk, simulator: Simulator, breaks: str
) -> None:
    def damaged(file: ReportFile, output: Writer) -> None:
        write_file(file, output)
        if file.evidence_id.endswith("1"):
            if breaks == "missing":
                raise DamagedError
            output.write(b"more")

    desk.open_file = damaged
    assert desk.run() == StepOutcome(PERSON, Trouble.EVIDENCE)
    assert simulator.calls == ()
    assert desk.journal() == []


def test_a_file_that_breaks_later_comes_to_a_person(desk: Desk, simulator: Simulator) -> None:
    reads = 0

    def damaged(file: ReportFile, output: Writer) -> None:
        nonlocal reads
        reads += 1
        write_file(file, output)
        if reads > 2:
            raise DamagedError

    desk.open_file = damaged
    assert desk.run() == StepOutcome(PERSON, Trouble.EVIDENCE)
    assert [one.files for one in opened(simulator)] == [[]]


def test_an_answer_that_cannot_be_kept_is_written_down_all_the_same(
    desk: Desk, simulator: Simulator
) -> None:
    def full(_: Report, __: bytes) -> None:
        raise DamagedError

    desk.keep = full  # type: ignore[assignment, method-assign]
    done = desk.run()
    assert (done.state, done.code) == (FILED, "receipt_not_kept")
    check_whole(simulator)
