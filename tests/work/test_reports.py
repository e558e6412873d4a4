"""The job that has reports sent, and the alarms of reporting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import cast

from safehold.custodian.interface import Access, CustodianAwayError, SendRefusedError, Sent
from safehold.errors import SafeholdError
from safehold.ids import CaseId, ReportId, ServiceId, UserId
from safehold.intake.model import IntakeOptions
from safehold.outbox.model import AlarmCode
from safehold.policy.surfaces import Surfaces
from safehold.reporting.model import AuthorityCode, Environment, Report, ReportState
from safehold.reporting.standing import Standing
from safehold.testing.records import MemoryRecords
from safehold.work.alarms import Alarms
from safehold.work.jobs.reports import SendReports
from safehold.work.jobs.watch import ShownLists, Watch, Watched
from safehold.work.schedule import Timing
from tests.work.test_jobs import Site, go_on

AT = dt.datetime(2026, 5, 6, 12, tzinfo=dt.UTC)
EVERY = Timing(10.0)
MORE = Sent("sending", "", more=True)
FILED = Sent("filed", "", more=False)


def report(name: str) -> Report:
    return Report(
        report_id=ReportId(name),
        case_id=CaseId(f"case-{name}"),
        service_id=ServiceId("s"),
        uploader=None,
        authority=AuthorityCode.NCMEC,
        environment=Environment.SIMULATOR,
        state=ReportState.APPROVED,
        created=AT,
        updated=AT,
        created_by=UserId("u"),
    )


class Custodian:
    """Answers as it is told, and remembers who was asked for."""

    def __init__(self, **answers: Sequence[Sent | SafeholdError]) -> None:
        self.answers = {name: list(given) for name, given in answers.items()}
        self.asked: list[tuple[str, str, str]] = []

    def send_report(self, access: Access, report_id: str) -> Sent:
        self.asked.append((report_id, access.actor, access.reason))
        answer = self.answers[report_id].pop(0)
        if isinstance(answer, SafeholdError):
            raise answer
        return answer


class Due:
    def __init__(self, *names: str) -> None:
        self.names = names

    def due(self, limit: int) -> Sequence[Report]:
        return [report(name) for name in self.names][:limit]


def job(custodian: Custodian, *names: str) -> SendReports:
    return SendReports(Due(*names), lambda case: "k" * 32, custodian, EVERY)


def test_each_goes_on_until_it_is_over_or_must_wait() -> None:
    waits = Sent("sending", "", more=False, wait_seconds=60.0, code="authority_away")
    custodian = Custodian(a=[MORE, MORE, FILED], b=[MORE, waits], c=[FILED])
    outcome = job(custodian, "a", "b", "c").run(go_on)
    assert outcome.code == "authority_away"
    assert outcome.counts == {"steps": 6, "filed": 2}
    assert custodian.asked[0] == ("a", "system", "report:a")
    assert [name for name, _, _ in custodian.asked] == [*"aaabbc"]


def test_one_that_is_refused_holds_up_no_other() -> None:
    person = Sent("needs_person", "rejected", more=False)
    custodian = Custodian(a=[SendRefusedError()], b=[person])
    outcome = job(custodian, "a", "b").run(go_on)
    assert (outcome.code, outcome.counts) == ("custodian_send", {"steps": 1, "needs_person": 1})


def test_a_custodian_that_is_away_is_asked_once() -> None:
    custodian = Custodian(a=[CustodianAwayError()], b=[FILED])
    assert job(custodian, "a", "b").run(go_on).code == "custodian_away"
    assert len(custodian.asked) == 1


def test_pace_is_no_failure_and_an_end_is_heeded() -> None:
    paced = Sent("approved", "", more=False, wait_seconds=9.0, code="pace_hour")
    assert job(Custodian(a=[paced]), "a").run(go_on).code == "ok"
    custodian = Custodian(a=[MORE, MORE])
    assert job(custodian, "a", "b").run(lambda: True).counts == {}
    assert custodian.asked == []


def test_alarms() -> None:
    site = Site()

    def raised(standing: Standing) -> list[tuple[str, str]]:
        site.raised.clear()
        watched = Watched(
            lists=cast(ShownLists, _NoLists()),
            surfaces=Surfaces({}),
            room=lambda: None,
            records=MemoryRecords(),
            custodian=None,
            bounds=IntakeOptions(),
            reports=lambda: standing,
        )
        alarms: Alarms = site.alarms
        Watch(watched, site.clock, alarms, EVERY).run(go_on)
        return list(site.raised)

    assert raised(Standing((), 0, ())) == []
    assert raised(Standing(("no_authority",), 2, (ReportId("r1"),))) == [
        (AlarmCode.REPORTING_UNREADY, ""),
        (AlarmCode.CASES_UNREPORTED, ""),
        (AlarmCode.REPORT_STUCK, "r1"),
    ]


class _NoLists:
    def show(self) -> Sequence[object]:
        return []
