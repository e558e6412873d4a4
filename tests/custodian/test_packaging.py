"""Packages leave only where two people have agreed, whole, and vouched for."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from safehold.audit.model import AuditError
from safehold.cases.model import Case
from safehold.cases.review.model import Proposal, ProposalKind
from safehold.cases.review.refusals import NotPermittedError
from safehold.cli import main as cli
from safehold.clock import FixedClock
from safehold.custodian.compose import RECIPIENTS_FILE, addresses
from safehold.custodian.interface import (
    Access,
    CheckpointRefusedError,
    RequestError,
    SendRefusedError,
    UnknownRecipientError,
)
from safehold.custodian.local import LocalCustodian
from safehold.custodian.verifying import audit_report
from safehold.reporting.model import (
    AuthorityCode,
    Report,
    ReportState,
    ReportStateError,
    UnknownReportError,
)
from safehold.reporting.package.verify import PackageReport, verify_stream
from safehold.testing.cybertip_simulator import Simulator
from safehold.vault.interface import ObjectMissingError
from safehold.vault.officers import OfficersFile, identity_file
from safehold.vault.sealing import DamagedError, Identity, unseal
from tests.custodian.reported import NOW, Reported, reported
from tests.custodian.serving import serving, short_folder

POLICE = Identity.generate()


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(FixedClock(NOW)) as made:
        yield made


@pytest.fixture
def house(simulator: Simulator) -> Iterator[Reported]:
    with short_folder() as folder, reported(folder, simulator.address) as made:
        OfficersFile(made.runtime.home.custodian / RECIPIENTS_FILE).add("police", POLICE.recipient)
        yield made


@pytest.fixture
def custodian(house: Reported) -> Iterator[LocalCustodian]:
    with contextlib.closing(house.custodian()) as made:
        yield made


def package(custodian: LocalCustodian, access: Access, report_id: str = "") -> bytes:
    output = io.BytesIO()
    size = custodian.package(access, report_id, POLICE.recipient, output)
    assert size == len(output.getvalue())
    return output.getvalue()


def check(custodian: LocalCustodian, made: bytes) -> PackageReport:
    return verify_stream(io.BytesIO(made), [POLICE], custodian.public_key().public)


def members(made: bytes) -> dict[str, bytes]:
    """What is in a package, below the bag's folder."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(unseal([POLICE], made))) as archive:
        for member in archive:
            stream = archive.extractfile(member)
            assert stream is not None
            found[member.name.partition("/")[2]] = stream.read()
    return found


def begin(house: Reported, case: Case) -> Report:
    """The officer begins a report that a person hands in."""
    person = house.runtime.names.person(house.trial, "u-1")
    officer = house.people["officer"]
    return house.runtime.reports.begin(case.case_id, officer, AuthorityCode.INHOPE, person)


def access_to(house: Reported, case: Case, who: str = "") -> Access:
    actor = f"user:{house.people[who].user_id}" if who else "system"
    return Access(case.key_name, case.case_id, actor, "package")


def proposed(house: Reported, case: Case, recipient: str = POLICE.recipient) -> Proposal:
    """The officer proposes to export a case."""
    reviews = house.runtime.reviews
    details = {"recipient": recipient}
    officer = house.people["officer"]
    return reviews.propose(case.case_id, officer, ProposalKind.EXPORT, details, "asked for")


def test_a_filed_report_as_a_package(house: Reported, custodian: LocalCustodian) -> None:
    case = house.case()
    house.upload(b"drawn", uploader="u-2", ip="192.0.2.99")
    report = house.approved(custodian, house.begin(case))
    house.send(custodian, report)
    made = package(custodian, house.access(report, "officer"), report.report_id)
    found = check(custodian, made)
    assert found.findings == ()
    assert found.is_authentic
    assert (found.case_id, found.report_id) == (case.case_id, report.report_id)
    inside = members(made)
    assert inside["data/evidence/001.png"] == b"drawn"
    told = json.loads(inside["data/case.json"])
    assert [one["context"]["uploader"] for one in told["files"][0]["occurrences"]] == ["u-1"]
    assert b"192.0.2.99" not in inside["data/case.json"]
    assert told["demonstration"] is True
    documents = house.read(custodian, report)[1]["documents"]
    assert inside["data/report/report.xml"].decode() == documents[0]["text"]
    answers = [name for name in inside if name.startswith("data/report/receipt-")]
    assert len(answers) == 4
    assert all(inside[name].startswith(b"<?xml") for name in answers)
    # The making of it stands in the log before anything was opened, and in the package itself.
    kinds = [
        json.loads(line)["event"]["kind"]
        for line in inside["data/custody/events.jsonl"].splitlines()
    ]
    assert kinds[-1] == "package.made"
    assert {"case.opened", "report.approved", "report.filed"} <= set(kinds)
    assert audit_report(house.runtime).whole
    assert house.kinds().count("package.made") == 1


def test_only_a_report_that_two_people_agreed_to(
    house: Reported, custodian: LocalCustodian
) -> None:
    report = begin(house, house.case())
    access = house.access(report)
    for state in (report, house.fixed(custodian, report)):
        with pytest.raises(SendRefusedError):
            package(custodian, access, state.report_id)
    fixed = house.runtime.reports.report(report.report_id)
    officer, approver = house.people["officer"], house.people["approver"]
    # The database says that it was approved; the log does not.
    forged = dataclasses.replace(
        fixed, state=ReportState.APPROVED, approved_by=approver.user_id, approved_at=NOW
    )
    write(house, forged)
    with pytest.raises(SendRefusedError):
        package(custodian, access, report.report_id)
    write(house, fixed)
    approved = house.approved_again(fixed)
    for changes in (
        {"approved_by": officer.user_id},
        {"approved_by": None},
        {"prepared_by": approver.user_id},
        {"digest": bytes(32)},
        {"state": ReportState.ABANDONED},
    ):
        write(house, dataclasses.replace(approved, **changes))
        with pytest.raises(SendRefusedError):
            package(custodian, access, report.report_id)
    write(house, approved)
    for who in ("reviewer", "approver", "auditor"):
        with pytest.raises(NotPermittedError):
            package(custodian, house.access(report, who), report.report_id)
    assert "package.made" not in house.kinds()
    assert check(custodian, package(custodian, access, report.report_id)).is_whole
    # Who agreed must still be one who may.
    house.runtime.users.disable(approver.user_id, "operator")
    with pytest.raises(SendRefusedError):
        package(custodian, access, report.report_id)


def write(house: Reported, report: Report) -> None:
    """Write to the database what nobody may."""
    with house.runtime.records.write() as transaction:
        transaction.reports.update(report)


def test_a_whole_case_by_an_approved_export(house: Reported, custodian: LocalCustodian) -> None:
    case = house.case()
    house.upload(b"drawn", uploader="u-2")
    access = access_to(house, case)
    with pytest.raises(SendRefusedError):
        package(custodian, access)
    other = Identity.generate()
    elsewhere = proposed(house, case, other.recipient)
    house.runtime.reviews.approve(elsewhere.proposal_id, house.people["approver"])
    with pytest.raises(SendRefusedError):
        package(custodian, access)
    proposal = proposed(house, case)
    with pytest.raises(SendRefusedError):
        package(custodian, access)
    house.runtime.reviews.approve(proposal.proposal_id, house.people["approver"])
    with pytest.raises(UnknownRecipientError):
        custodian.package(access, "", other.recipient, io.BytesIO())
    with pytest.raises(NotPermittedError):
        package(custodian, access_to(house, case, "reviewer"))
    assert "package.made" not in house.kinds()
    made = package(custodian, access_to(house, case, "officer"))
    found = check(custodian, made)
    assert (found.is_whole, found.is_authentic, found.report_id) == (True, True, "")
    told = json.loads(members(made)["data/case.json"])
    uploaders = [one["context"]["uploader"] for one in told["files"][0]["occurrences"]]
    assert sorted(uploaders) == ["u-1", "u-2"]
    assert not any(name.startswith("data/report/") for name in members(made))
    house.runtime.users.disable(house.people["officer"].user_id, "operator")
    with pytest.raises(SendRefusedError):
        package(custodian, access)


def test_another_case_is_not_to_be_had(house: Reported, custodian: LocalCustodian) -> None:
    report = house.approved(custodian, begin(house, house.case()))
    other = house.case(b"other")
    with pytest.raises(UnknownReportError):
        package(custodian, access_to(house, other), report.report_id)
    wrong = dataclasses.replace(house.access(report), key_name=other.key_name)
    with pytest.raises(RequestError):
        package(custodian, wrong, report.report_id)
    with house.runtime.records.write() as transaction:
        transaction.cases.update(dataclasses.replace(other, state=other.state.CLEARED))
        case = transaction.cases.find(report.case_id)
        assert case is not None
        transaction.cases.update(dataclasses.replace(case, state=case.state.OPEN))
    with pytest.raises(ReportStateError):
        package(custodian, house.access(report), report.report_id)
    assert "package.made" not in house.kinds()


def test_nothing_that_was_written_opens_where_it_fails(
    house: Reported, custodian: LocalCustodian
) -> None:
    case = house.case()
    report = house.approved(custodian, begin(house, case))
    with house.runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    sealed = house.runtime.vault.seal(case.recipient, b"drawM")  # As long, but another.
    house.runtime.objects.delete(evidence.object_name)
    house.runtime.objects.put(evidence.object_name, io.BytesIO(sealed))
    output = io.BytesIO()
    with pytest.raises(DamagedError):
        custodian.package(house.access(report), report.report_id, POLICE.recipient, output)
    left = verify_stream(io.BytesIO(output.getvalue()), [POLICE])
    assert [one.code for one in left.findings] == ["package_damaged"]
    house.runtime.objects.delete(evidence.object_name)
    with pytest.raises(ObjectMissingError):
        custodian.package(house.access(report), report.report_id, POLICE.recipient, io.BytesIO())


def alter(house: Reported, seq: int) -> None:
    """Alter an event, as only who can write to the database can."""
    with house.runtime.engine.begin() as connection:
        found = connection.execute(text("select name from sqlite_master where type='trigger'"))
        for (name,) in list(found):
            connection.execute(text(f'drop trigger "{name}"'))
        changed = text("update audit_events set actor = 'nobody' where seq = :seq")
        connection.execute(changed, {"seq": seq})


@pytest.mark.parametrize(
    ("is_signed", "error"), [(True, AuditError), (False, CheckpointRefusedError)]
)
def test_no_package_while_the_log_is_not_whole(
    house: Reported, custodian: LocalCustodian, is_signed: bool, error: type[Exception]
) -> None:
    report = house.approved(custodian, begin(house, house.case()))
    access = house.access(report)
    if is_signed:
        assert check(custodian, package(custodian, access, report.report_id)).is_whole
    alter(house, 3)
    output = io.BytesIO()
    with pytest.raises(error):
        custodian.package(access, report.report_id, POLICE.recipient, output)
    assert not output.getvalue()


def test_the_commands(
    house: Reported, custodian: LocalCustodian, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = house.approved(custodian, begin(house, house.case()))
    home = ["--home", str(house.runtime.home.folder)]
    made, key, public = tmp_path / "case.age", tmp_path / "identity", tmp_path / "sender.pub"
    key.write_bytes(identity_file(POLICE))
    public.write_text(f"{custodian.public_key()}\n")
    export = [*home, "report", "export", report.report_id, "--output", str(made), "--recipient"]
    verify = ["report", "verify", str(made), "--identity", str(key), "--json"]
    with serving(custodian, *addresses(house.runtime)):
        assert cli.main([*export, "nobody"]) == 64
        assert cli.main([*home, "report", "export", "none", *export[5:], "police"]) == 70
        assert cli.main([*export, "police"]) == 0
        shown = capsys.readouterr().out
        before = made.read_bytes()
        assert cli.main([*export, "police"]) == 64
    assert made.read_bytes() == before
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert cli.main([*verify, "--key", str(public)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["key_fingerprint"] in shown
    assert (told["whole"], told["authentic"], told["report"]) == (True, True, report.report_id)
    assert cli.main(verify) == 2
    made.write_bytes(before[:-1])
    assert cli.main([*verify, "--key", str(public)]) == 1
    assert cli.main([*verify, "--key", str(key)]) == 64
    key.write_bytes(identity_file(Identity.generate()))
    assert cli.main(verify) == 2
    # A custodian that is away leaves nothing behind.
    made.unlink()
    assert cli.main([*export, "police"]) == 70
    assert sorted(path.name for path in tmp_path.iterdir()) == ["identity", "sender.pub"]
