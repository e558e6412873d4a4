"""What arrives at the authority, from an upload on, keeps to its schema."""

from __future__ import annotations

import contextlib
from pathlib import Path

from safehold.clock import FixedClock
from safehold.reporting.cybertip.schema import Schema
from safehold.testing.cybertip_simulator import Simulator
from tests.custodian.reported import NOW, reported


def test_a_report_with_a_further_file(tmp_path: Path, schema: Schema) -> None:
    clock = FixedClock(NOW)
    with (
        Simulator(clock) as simulator,
        reported(tmp_path, simulator.address, clock) as house,
        contextlib.closing(house.custodian()) as custodian,
    ):
        house.upload(b"second", file_name="<b>&.png")
        first, _ = house.case(b"first"), house.case(b"second")
        report = house.begin(first, escalate="At once.", words="<&> \N{SNOWMAN}")
        [other] = house.runtime.reports.other_files(report.report_id)
        officer = house.people["officer"]
        report = house.runtime.reports.add_file(report.report_id, officer, other.evidence_id)
        sent = house.send(custodian, house.approved(custodian, report))
        assert sent[-1].state == "filed"
    [done] = simulator.finished.values()
    assert schema.validate(done.xml) == ()
    assert len(done.files) == 2
    for file in done.files:
        assert file.details_xml is not None
        assert schema.validate(file.details_xml) == ()
        assert file.md5.encode() in file.details_xml
        assert b"<fileViewedByEsp>false</fileViewedByEsp>" in file.details_xml
