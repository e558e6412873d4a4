"""A home with confirmed cases of a trial's service, its people, and its custodian."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safehold.accounts.model import Service
from safehold.cases.model import Case
from safehold.cases.review.choices import Confirmation
from safehold.cases.review.model import Annotation, Classification, ViewLevel
from safehold.clock import Clock, FixedClock
from safehold.config import load_settings
from safehold.custodian.compose import local_custodian
from safehold.custodian.interface import Access, Composed, Custodian, Sent
from safehold.custodian.local import LocalCustodian
from safehold.custodian.setting_up import Plan, set_up
from safehold.ids import ServiceId
from safehold.intake.model import Context
from safehold.provenance.model import Reading
from safehold.reporting.facts import FilingDetails
from safehold.reporting.model import AuthorityCode, Report
from safehold.runtime.service import ServiceRuntime
from safehold.users.model import Session, Stage, User
from safehold.users.roles import Role
from safehold.vault.officers import read_identity
from safehold.vault.sealing import Identity
from tests.intake.house import match, submission

NOW = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
TRIAL = "trial"
CONTEXT = Context(
    uploader="u-1",
    uploader_address="someone@mail.example",
    ip="198.51.100.7",
    port=4711,
    time="2026-03-04T11:59:00+01:00",
    file_name="a b.png",
    screen_name="somebody",
    url="https://forum.example/1",
)
CONFIG = """
[surfaces.public]
public = true

[reporter]
first_name = "Ada"
last_name = "Example"
email = "trust@house.example"
organisation = "Example House"

[reporting]
authorities = ["ncmec"]

[cybertip]
simulator = "{simulator}"
call_seconds = 5.0
"""


@dataclass
class Reported:
    """The home and its people."""

    runtime: ServiceRuntime
    identity: Identity
    trial: ServiceId
    people: dict[str, User]

    def custodian(self) -> LocalCustodian:
        """The real one, in this process."""
        return local_custodian(self.runtime, [self.identity])

    def upload(self, content: bytes, reading: Reading | None = None, **context: Any) -> None:
        """Somebody uploads some listed bytes, which say something of their making."""
        item = submission(content, [match()], service=self.trial)
        if reading is not None:
            examination = replace(item.screened.examination, reading=reading)
            item = replace(item, screened=replace(item.screened, examination=examination))
        said = replace(CONTEXT, **context)
        self.runtime.recorder.record(replace(item, context=said, received=self.runtime.clock.now()))

    def case(self, content: bytes = b"drawn", **context: Any) -> Case:
        """A confirmed case of some bytes."""
        self.upload(content, **context)
        found = self.find(content)
        reviewer = self.people["reviewer"]
        self.runtime.reviews.take(found.case_id, reviewer)
        chosen = Confirmation(Classification.B2, frozenset({Annotation.GENERATIVE_AI}))
        self.runtime.reviews.confirm(found.case_id, reviewer, chosen)
        return self.find(content)

    def find(self, content: bytes) -> Case:
        """The case of some bytes."""
        digest = hashlib.sha256(content).digest()
        name = self.runtime.names.content(self.trial, digest)
        with self.runtime.records.read() as transaction:
            case = transaction.cases.find_content(self.trial, name)
        assert case is not None
        return case

    def look(self, case: Case, *, level: ViewLevel = ViewLevel.GREY) -> None:
        """The reviewer looks at the whole of a case's picture, before it is decided."""
        user, views = self.people["reviewer"], self.runtime.views
        session = Session(bytes(32), user.user_id, Stage.FULL, NOW, NOW, NOW, bytes(16))
        with self.runtime.records.read() as transaction:
            [evidence] = transaction.cases.evidence(case.case_id)
        self.runtime.reviews.take(case.case_id, user)
        view = views.open(case.case_id, evidence.evidence_id, user, session)
        views.showing(view.view_id, user, session, level, 0)
        views.shown(view.view_id, level, 0, 1, whole=True)
        views.end(view.view_id, user, session, 1.0, {0})

    def begin(self, case: Case, uploader: str = "u-1", **details: Any) -> Report:
        """The officer begins a report about somebody."""
        officer, service = self.people["officer"], self.runtime.reports
        person = self.runtime.names.person(self.trial, uploader)
        report = service.begin(case.case_id, officer, AuthorityCode.NCMEC, person)
        if details:
            service.set_details(report.report_id, officer, FilingDetails(**details))
        return service.report(report.report_id)

    def access(self, report: Report, who: str = "") -> Access:
        """On behalf of somebody, or of the machine."""
        with self.runtime.records.read() as transaction:
            case = transaction.cases.find(report.case_id)
        assert case is not None
        actor = f"user:{self.people[who].user_id}" if who else "system"
        return Access(case.key_name, case.case_id, actor, f"report:{report.report_id}")

    def read(
        self, custodian: Custodian, report: Report, who: str = "officer"
    ) -> tuple[Composed, dict[str, Any]]:
        """What a report says."""
        output = io.BytesIO()
        made = custodian.compose_report(self.access(report, who), report.report_id, output)
        assert made.size == len(output.getvalue())
        return made, json.loads(output.getvalue())

    def fixed(self, custodian: Custodian, report: Report) -> Report:
        """The officer reads and fixes it."""
        made, told = self.read(custodian, report)
        assert made.complete, told["findings"]
        custodian.fix_report(self.access(report, "officer"), report.report_id, made.digest)
        return self.runtime.reports.report(report.report_id)

    def approved(self, custodian: Custodian, report: Report) -> Report:
        """Two people agree to it."""
        return self.approved_again(self.fixed(custodian, report))

    def approved_again(self, fixed: Report) -> Report:
        """The second person agrees to what is fixed."""
        service = self.runtime.reports
        service.approve(fixed.report_id, self.people["approver"], fixed.digest)
        return service.report(fixed.report_id)

    def send(self, custodian: Custodian, report: Report, steps: int = 50) -> list[Sent]:
        """Have it sent, for so many steps at most."""
        made: list[Sent] = []
        while len(made) < steps and (not made or made[-1].more):
            made.append(custodian.send_report(self.access(report), report.report_id))
        return made

    def kinds(self) -> list[str]:
        """The kinds of all audit events."""
        with self.runtime.records.read() as transaction:
            return [event.draft.kind for event in transaction.audit.events()]


@contextlib.contextmanager
def reported(folder: Path, simulator: str, clock: Clock | None = None) -> Iterator[Reported]:
    """A home in a folder, whose reports go to a simulator."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    address = simulator.removesuffix("/ispws")
    (home / "config.toml").write_text(CONFIG.format(simulator=address))
    settings = load_settings(home=home, database="")
    with ServiceRuntime(settings, clock or FixedClock(NOW)) as runtime:
        key = home / "officer.key"
        set_up(runtime, Plan("officer", key, None, "shop"))
        trial = Service(ServiceId(runtime.ids()), TRIAL, runtime.clock.now(), demo=True)
        with runtime.records.write() as transaction:
            transaction.accounts.add_service(trial)
        people = {
            name: runtime.users.add(name, frozenset({role}), "operator")[0]
            for name, role in (
                ("reviewer", Role.REVIEWER),
                ("officer", Role.OFFICER),
                ("approver", Role.APPROVER),
                ("auditor", Role.AUDITOR),
            )
        }
        yield Reported(runtime, read_identity(key, None), trial.service_id, people)
