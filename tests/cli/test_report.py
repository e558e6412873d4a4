"""`safehold report`: where reports stand, sending them now, and the schema in use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from safehold.cli import main as cli
from safehold.clock import SystemClock
from safehold.custodian.compose import addresses, schema_file
from safehold.custodian.local import LocalCustodian
from safehold.reporting.model import StepKind
from safehold.testing.cybertip_simulator import Fault, Simulator
from tests.cli.conftest import Result
from tests.conftest import KERNEL_CACHE
from tests.custodian.reported import CONTEXT, Reported, reported
from tests.custodian.serving import serving, short_folder


@dataclass
class Here:
    """A home whose custodian answers, and the command in this process."""

    house: Reported
    custodian: LocalCustodian
    simulator: Simulator
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Result:
        self.capsys.readouterr()
        home = str(self.house.runtime.home.folder)
        code = cli.main(["--home", home, "report", *arguments])
        shown = self.capsys.readouterr()
        return Result(code, shown.out, shown.err)


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setenv("SAFEHOLD_KERNEL_CACHE", str(KERNEL_CACHE))
    with (
        short_folder() as folder,
        Simulator() as simulator,
        reported(folder, simulator.address, SystemClock()) as house,
        contextlib.closing(house.custodian()) as custodian,
        serving(custodian, *addresses(house.runtime)),
    ):
        yield Here(house, custodian, simulator, capsys)


def test_show_and_send(report: Here) -> None:
    house = report.house
    begun = house.approved(report.custodian, house.begin(house.case()))
    house.case(b"another")
    shown = report("show")
    assert shown.code == 0
    assert "approved" in shown.out
    assert "Confirmed cases without a report: 1, of which 0 for too long." in shown.out
    sent = report("send", "--json")
    assert (sent.code, [row["state"] for row in sent.rows]) == (0, ["filed"])
    assert len(report.simulator.finished) == 1
    one = report("show", begun.report_id, "--json")
    [row] = one.rows
    assert (row["state"], row["number"]) == ("filed", str(next(iter(report.simulator.reports))))
    assert [step["call"] for step in row["steps"] if step["phase"] == "done"] == [
        *("submit", "upload", "file_info", "finish")
    ]
    plain = shown.out + one.out + report("show", begun.report_id).out
    for said in (CONTEXT.ip, CONTEXT.uploader_address, CONTEXT.screen_name, CONTEXT.file_name):
        assert said not in plain
    assert "report.read" not in house.kinds()[-1:]
    told = report("show", begun.report_id, "--documents")
    assert CONTEXT.ip in told.out
    assert house.kinds()[-1] == "report.read"
    assert report("send", "--json").out == ""
    assert report("show", "--documents").code == 64


def test_send_says_what_needs_a_person_and_what_waits(report: Here) -> None:
    house = report.house
    first = house.approved(report.custodian, house.begin(house.case()))
    report.simulator.fail(StepKind.SUBMIT, Fault.DROP_AFTER)
    sent = report("send", first.report_id)
    assert sent.code == 1
    assert "needs_person" in sent.out
    assert "unclear_submit" in sent.out
    again = report("send", first.report_id, "--json")
    assert (again.code, again.rows[0]["code"]) == (1, "custodian_send")
    second = house.approved(report.custodian, house.begin(house.case(b"second")))
    report.simulator.fail(StepKind.SUBMIT, Fault.EMPTY_401)
    waits = report("send", second.report_id, "--json")
    assert (waits.code, waits.rows[0]["code"]) == (2, "authority_credentials")


def test_schema(report: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    file = schema_file(report.house.runtime)
    assert "There is none" in report("schema", "show").out
    assert file.read() is None
    refused = report("schema", "refresh", "--environment", "production")
    assert (refused.code, file.read()) == (70, None)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert report("schema", "refresh").code == 1
    assert file.read() is None
    assert report("schema", "refresh", "--yes").code == 0
    assert file.read() is not None
    assert "is the present one" in report("schema", "refresh").out
    old = b"""<?xml version="1.0"?><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
        <xs:element name="report"/><xs:element name="former"/></xs:schema>"""
    file.write(old)
    changed = report("schema", "refresh", "--yes")
    assert "removed" in changed.out
    assert "former" in changed.out
    assert file.read() != old
    assert "sha256" in report("schema", "show").out
    assert Path(report.house.runtime.home.custodian / "cybertip.xsd").stat().st_mode & 0o077 == 0
