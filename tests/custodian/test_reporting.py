"""The custodian composes, fixes and sends reports by the records, whoever asks."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.cases.review.refusals import NotPermittedError
from safehold.clock import FixedClock, SystemClock
from safehold.custodian.client import CustodianClient
from safehold.custodian.compose import custodian_client, schema_file
from safehold.custodian.credentials import Credentials
from safehold.custodian.interface import (
    Access,
    CustodianAwayError,
    RequestError,
    SendRefusedError,
    Sent,
)
from safehold.custodian.local import LocalCustodian
from safehold.custodian.server import ServeOptions
from safehold.outbound.model import OutboundError
from safehold.reporting.model import (
    Environment,
    NotConfiguredError,
    Report,
    ReportChangedError,
    ReportEnvironmentError,
    ReportIncompleteError,
    ReportState,
    ReportStateError,
    Trouble,
    UnknownReportError,
)
from safehold.reporting.options import CybertipOptions
from safehold.testing.cybertip_simulator import Simulator
from safehold.users.roles import Role
from tests.custodian.reported import NOW, Reported, reported
from tests.custodian.serving import serving, short_folder

SECONDS = 60.0
MD5 = hashlib.md5(b"drawn", usedforsecurity=False).hexdigest()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def simulator(clock: FixedClock) -> Iterator[Simulator]:
    with Simulator(clock) as made:
        yield made


@pytest.fixture
def house(tmp_path: Path, simulator: Simulator, clock: FixedClock) -> Iterator[Reported]:
    with reported(tmp_path, simulator.address, clock) as made:
        yield made


@pytest.fixture
def custodian(house: Reported) -> Iterator[LocalCustodian]:
    with contextlib.closing(house.custodian()) as made:
        yield made


def update(house: Reported, report: Report, **changes: object) -> Report:
    """Write to the database what nobody may."""
    changed = dataclasses.replace(report, **changes)  # type: ignore[arg-type]
    with house.runtime.records.write() as transaction:
        transaction.reports.update(changed)
    return changed


def test_from_a_case_to_a_receipt(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    report = house.begin(house.case(), words="It was said on the phone.")
    made, told = house.read(custodian, report)
    assert (told["digest"], made.complete) == (made.digest.hex(), True)
    assert told["details"] == {"words": "It was said on the phone."}
    assert [one["name"] for one in told["documents"]] == ["report.xml", "file-1.xml"]
    approved = house.approved(custodian, report)
    assert house.read(custodian, approved, "approver")[1]["documents"] == told["documents"]
    sent = house.send(custodian, approved)
    assert [one.more for one in sent] == [True, True, True, False]
    done = house.runtime.reports.report(report.report_id)
    assert (sent[-1].state, done.state) == ("filed", ReportState.FILED)
    [(number, finished)] = simulator.finished.items()
    assert str(number) == done.remote_id
    assert [file.md5 for file in finished.files] == [MD5]
    assert finished.xml.decode() == told["documents"][0]["text"]
    kinds = house.kinds()
    assert kinds.index("report.read") < kinds.index("report.fixed") < kinds.index("report.filed")
    assert kinds.count("document.kept") == len(sent)
    assert "report.file_opened" in kinds
    # The journal keeps no digest in the clear.
    kept = {step.md5 for step in house.runtime.reports.steps(report.report_id)} - {b""}
    assert kept == {house.runtime.names.sent(bytes.fromhex(MD5))}


def test_who_may_read(house: Reported, custodian: LocalCustodian) -> None:
    report = house.begin(house.case())
    for who in ("reviewer", "auditor"):
        with pytest.raises(NotPermittedError):
            house.read(custodian, report, who)
    assert "report.read" not in house.kinds()
    officer = house.people["officer"]
    house.runtime.users.disable(officer.user_id, "operator")
    with pytest.raises(NotPermittedError):
        house.read(custodian, report)
    assert house.read(custodian, report, "")[0].size > 0
    access = house.access(report)
    other = house.case(b"other")
    wrong = dataclasses.replace(access, key_name=other.key_name)
    with pytest.raises(RequestError):
        custodian.compose_report(wrong, report.report_id, io.BytesIO())
    elsewhere = Access(other.key_name, other.case_id, "system", "x")
    with pytest.raises(UnknownReportError):
        custodian.compose_report(elsewhere, report.report_id, io.BytesIO())


def test_fixed_is_what_was_read(house: Reported, custodian: LocalCustodian) -> None:
    report = house.begin(house.case())
    made, _ = house.read(custodian, report)
    house.upload(b"drawn", ip="198.51.100.99")  # It says more now.
    access = house.access(report, "officer")
    with pytest.raises(ReportChangedError):
        custodian.fix_report(access, report.report_id, made.digest)
    with pytest.raises(NotPermittedError):
        custodian.fix_report(house.access(report, "approver"), report.report_id, made.digest)
    with pytest.raises(NotPermittedError):
        custodian.fix_report(house.access(report), report.report_id, made.digest)
    house.fixed(custodian, report)
    with pytest.raises(ReportStateError):
        custodian.fix_report(access, report.report_id, made.digest)


def test_sent_only_what_two_people_agreed_to(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    report = house.begin(house.case())
    fixed = house.fixed(custodian, report)
    officer, approver = house.people["officer"].user_id, house.people["approver"].user_id
    with pytest.raises(SendRefusedError):
        house.send(custodian, report)
    # Whoever can write to the database says that it was approved; the log does not.
    forged = update(house, fixed, state=ReportState.APPROVED, approved_by=approver, approved_at=NOW)
    with pytest.raises(SendRefusedError):
        house.send(custodian, forged)
    update(house, fixed)
    approved = house.approved_again(fixed)
    # So it is where it was sent back since, and fixed once more.
    house.runtime.reports.send_back(report.report_id, house.people["approver"])
    fixed = house.fixed(custodian, report)
    assert fixed.digest == approved.digest
    update(house, approved)
    with pytest.raises(SendRefusedError):
        house.send(custodian, approved)
    update(house, fixed)
    approved = house.approved_again(fixed)
    for changes in (
        {"approved_by": officer},
        {"prepared_by": approver},
        {"prepared_by": None},
        {"approved_by": house.people["reviewer"].user_id},
    ):
        update(house, approved, **changes)
        with pytest.raises(SendRefusedError):
            house.send(custodian, approved)
    update(house, approved, digest=bytes(32))
    with pytest.raises(ReportChangedError):
        house.send(custodian, approved)
    update(house, approved, environment=Environment.PRODUCTION)
    with pytest.raises(ReportEnvironmentError):
        house.send(custodian, approved)
    assert not simulator.reports
    update(house, approved)
    assert house.send(custodian, approved)[-1].state == "filed"
    with pytest.raises(SendRefusedError):
        house.send(custodian, approved)


def test_a_case_that_is_no_trial_goes_to_no_simulator(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    house.trial = house.runtime.service_id("shop")
    report = house.approved(custodian, house.begin(house.case()))
    assert report.environment is Environment.PRODUCTION
    with pytest.raises(NotConfiguredError):
        house.send(custodian, report)
    update(house, report, environment=Environment.SIMULATOR)
    with pytest.raises(ReportEnvironmentError):
        house.send(custodian, report)
    assert not simulator.reports


def test_a_case_that_was_undone_stops_it(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    case = house.case()
    report = house.approved(custodian, house.begin(case))
    assert house.send(custodian, report, 2)[-1].state == "sending"
    with house.runtime.records.write() as transaction:
        transaction.cases.update(dataclasses.replace(case, state=case.state.OPEN))
    [sent] = house.send(custodian, report)
    assert (sent.state, sent.trouble) == ("needs_person", Trouble.EVIDENCE.value)
    assert not simulator.finished
    assert house.kinds()[-1] == "report.needs_person"


def test_a_case_that_was_destroyed_stops_it(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    """An authority may ask for it at any time; the documents go with the case's key."""
    case = house.case()
    report = house.approved(custodian, house.begin(case))
    assert house.send(custodian, report, 2)[-1].state == "sending"
    with house.runtime.records.write() as transaction:
        transaction.cases.remove_evidence(case.case_id)
        transaction.cases.update(dataclasses.replace(case, purged=NOW))
    house.runtime.keys.delete(case.key_name)
    [sent] = house.send(custodian, report)
    assert (sent.state, sent.trouble) == ("needs_person", Trouble.EVIDENCE.value)
    assert not simulator.finished


@pytest.mark.parametrize("who", ["officer", "approver"])
@pytest.mark.parametrize("how", ["disabled", "roles"])
def test_both_must_still_be_who_they_were_when_it_is_begun(
    house: Reported, custodian: LocalCustodian, simulator: Simulator, who: str, how: str
) -> None:
    report = house.approved(custodian, house.begin(house.case()))
    changes = {"disabled": NOW} if how == "disabled" else {"roles": frozenset({Role.REVIEWER})}
    person = house.people[who]
    for there in (dataclasses.replace(person, **changes), person):
        with house.runtime.records.write() as transaction:
            transaction.users.update(there)
        if there is not person:
            with pytest.raises(SendRefusedError):
                house.send(custodian, report)
            assert not simulator.reports
    assert house.send(custodian, report, 1)[0].more
    # What is begun is brought to its end.
    with house.runtime.records.write() as transaction:
        transaction.users.update(dataclasses.replace(person, **changes))
    assert house.send(custodian, report)[-1].state == "filed"


def test_a_file_that_was_viewed_since_it_was_fixed_is_not_said_to_be_unseen(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    case = house.case()
    report = house.approved(custodian, house.begin(case))
    house.look(case)
    [sent] = house.send(custodian, report)
    assert (sent.state, sent.more, sent.code) == ("draft", False, "report_changed")
    assert not simulator.reports
    assert house.kinds()[-1] == "report.sent_back"
    again = house.approved(custodian, report)
    assert house.send(custodian, again)[-1].state == "filed"
    [finished] = simulator.finished.values()
    assert b"<fileViewedByEsp>true<" in finished.files[0].details_xml


def test_evidence_that_is_not_what_it_was_is_not_sent(
    house: Reported, custodian: LocalCustodian, simulator: Simulator
) -> None:
    case = house.case()
    report = house.approved(custodian, house.begin(case))
    with house.runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    sealed = house.runtime.vault.seal(case.recipient, b"other")
    house.runtime.objects.delete(evidence.object_name)
    house.runtime.objects.put(evidence.object_name, io.BytesIO(sealed))
    sent = house.send(custodian, report)
    assert (sent[-1].state, sent[-1].trouble) == ("needs_person", Trouble.EVIDENCE.value)
    assert not simulator.finished


def test_a_schema_in_use_is_kept(house: Reported, custodian: LocalCustodian) -> None:
    output = io.BytesIO()
    assert custodian.fetch_schema("simulator", output) == len(output.getvalue()) > 0
    with pytest.raises(RequestError):
        custodian.fetch_schema("nowhere", output)
    with pytest.raises(NotConfiguredError):
        custodian.fetch_schema("production", output)
    report = house.begin(house.case())
    made, _ = house.read(custodian, report)
    strict = b"""<?xml version="1.0"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
        <xs:element name="report"><xs:complexType><xs:sequence/></xs:complexType></xs:element>
        </xs:schema>"""
    schema_file(house.runtime).write(strict)
    with pytest.raises(ReportIncompleteError):
        custodian.fix_report(house.access(report, "officer"), report.report_id, made.digest)


def test_credentials(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o600)
    options = CybertipOptions(username="me", password_file=str(file), test_username="me")
    credentials = Credentials(options)
    assert credentials.environments() == ("production",)
    assert credentials.find(Environment.PRODUCTION).password == "secret"
    assert "secret" not in repr(credentials.find(Environment.PRODUCTION))
    file.write_text("another")
    assert credentials.find(Environment.PRODUCTION).password == "another"
    file.chmod(0o640)
    assert credentials.environments() == ()
    simulated = Credentials(dataclasses.replace(options, simulator="http://127.0.0.1:1"))
    with pytest.raises(NotConfiguredError):  # Its file is named only in part.
        simulated.find(Environment.SIMULATOR)
    with pytest.raises(NotConfiguredError):
        simulated.find(Environment.TEST)


def test_calls_that_wait_for_an_authority_hold_up_nobody(
    house: Reported, custodian: LocalCustodian
) -> None:
    entered, go = threading.Semaphore(0), threading.Event()

    class Slow(LocalCustodian):
        def send_report(self, access: Access, report_id: str) -> Sent:
            entered.release()
            go.wait(SECONDS)
            return Sent("sending", "", more=False)

    report = house.begin(house.case())
    with (
        contextlib.closing(Slow(custodian._parts)) as slow,
        serving(slow, options=ServeOptions(threads=1, long_threads=2)) as state,
    ):
        client = CustodianClient(state.addresses[0], 10.0)
        access = house.access(report)
        threads = [
            threading.Thread(target=client.send_report, args=(access, report.report_id))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        try:
            assert entered.acquire(timeout=10) and entered.acquire(timeout=10)
            assert client.status().environments == ("simulator",)
        finally:
            go.set()
            for thread in threads:
                thread.join(10)


@contextlib.contextmanager
def process(house: Reported) -> Iterator[subprocess.Popen[str]]:
    """The custodian as a process of its own, over its socket."""
    command = [
        sys.executable,
        "-m",
        "safehold",
        "custodian",
        "--home",
        str(house.runtime.home.folder),
    ]
    made = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert made.stderr is not None
        until = time.monotonic() + SECONDS
        while "ready" not in made.stderr.readline():
            assert made.poll() is None and time.monotonic() < until
        yield made
    finally:
        made.kill()
        made.wait()
        if made.stderr is not None:
            made.stderr.close()


def test_a_custodian_that_is_killed_between_two_calls() -> None:
    """The real process, its socket, a SIGKILL, and another that goes on."""
    with (
        short_folder() as folder,
        Simulator() as simulator,
        reported(folder, simulator.address, SystemClock()) as house,
    ):
        client = custodian_client(house.runtime)
        with process(house) as first:
            report = house.approved(client, house.begin(house.case()))
            assert [one.more for one in house.send(client, report, 2)] == [True, True]
            first.send_signal(signal.SIGKILL)
            first.wait()
            with pytest.raises(CustodianAwayError):
                house.send(client, report, 1)
        with process(house):
            sent = house.send(client, report)
        assert sent[-1].state == "filed"
        [finished] = simulator.finished.values()
        assert len(simulator.reports) == 1
        [file] = finished.files
        assert file.md5 == MD5
        done = house.runtime.reports.report(report.report_id)
        assert done.remote_id in {str(number) for number in simulator.reports}


def test_an_authority_that_is_away(house: Reported, custodian: LocalCustodian) -> None:
    house.runtime.settings = house.runtime.settings.model_copy(
        update={
            "cybertip": dataclasses.replace(
                house.runtime.settings.cybertip, simulator="http://127.0.0.1:9"
            )
        }
    )
    with contextlib.closing(house.custodian()) as lonely:
        with pytest.raises(OutboundError):
            lonely.fetch_schema("simulator", io.BytesIO())
        report = house.approved(lonely, house.begin(house.case()))
        [sent] = house.send(lonely, report)
        assert (sent.more, sent.code) == (False, "authority_away")
        assert sent.wait_seconds > 0
