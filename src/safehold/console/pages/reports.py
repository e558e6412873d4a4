"""Reports to authorities: what is to be done, and whom a case's reports are about."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from safehold.accounts.model import Service
from safehold.cases.model import Case, CaseState, UnknownCaseError
from safehold.console.pages import fields
from safehold.console.pages.facts import short_code
from safehold.console.visit import Reply, Route, Visit
from safehold.ids import CaseId, ReportId
from safehold.reporting.facts import FilingFacts
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import AuthorityCode, Environment, Report, ReportState
from safehold.users.roles import Permission

if TYPE_CHECKING:
    from safehold.reporting.service import PersonOfCase

NOBODY = "unknown"
"""Stands in forms for a person of whom no id is known."""

BANNERS = frozenset({Environment.TEST, Environment.SIMULATOR})
"""Environments that no report in earnest goes to, which every page of such a report says."""

UNFINISHED = (
    ReportState.NEEDS_PERSON,
    ReportState.WAITING,
    ReportState.DRAFT,
    ReportState.APPROVED,
    ReportState.SENDING,
)
"""States in which something is still to be done, those first in which somebody waits."""

_UNREPORTED_SHOWN = 50


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """An authority that a report can be begun for.

    Attributes:
        code: which.
        environment: where a report would go.
        needed: whether it is one that this person's report must go to, beside those filed.
        present: a report about this person to it that is not over, or None.
    """

    code: AuthorityCode
    environment: Environment
    needed: bool
    present: Report | None


def fields_of(given: Mapping[str, str]) -> Mapping[str, str]:
    """The fields of the list's filter, checked; empty for all."""
    state, authority = given.get("state", ""), given.get("authority", "")
    return MappingProxyType(
        {
            "state": state if state in set(ReportState) else "",
            "authority": authority if authority in set(AuthorityCode) else "",
        }
    )


def show(visit: Visit) -> Reply:
    """What is to be done, and the reports that a filter names."""
    service = visit.parts.reports
    chosen = fields_of(visit.query)
    state, authority = chosen["state"], chosen["authority"]
    limit = visit.parts.options.page_rows
    wanted = ReportFilter(
        states=frozenset({ReportState(state)} if state else ReportState),
        authority=AuthorityCode(authority) if authority else None,
        before=ReportId(visit.query["before"][:64]) if visit.query.get("before") else None,
        limit=limit,
    )
    rows = list(service.reports(wanted))
    return visit.page(
        "reports.html",
        unreported=service.to_report(_UNREPORTED_SHOWN),
        counts=service.counts(),
        rows=rows,
        further=rows[-1].report_id if len(rows) == limit else "",
        fields=chosen,
        states=tuple(ReportState),
        unfinished=UNFINISHED,
        authorities=tuple(AuthorityCode),
        short_code=short_code,
        banners=BANNERS,
        **_names(visit),
    )


def show_case(visit: Visit) -> Reply:
    """The people of a case, each with their reports and the authorities to choose from."""
    case = case_of(visit, fields.case_id(visit))
    people = visit.parts.reports.people(case.case_id)
    service = _service(visit, case)
    # What was destroyed may have come again since.
    with visit.parts.records.read() as transaction:
        has_evidence = bool(transaction.cases.evidence(case.case_id))
    can = case.state is CaseState.CONFIRMED and has_evidence and not case.canary
    return visit.page(
        "case_report.html",
        case=case,
        people_of=[(person, _choices(visit, case, service, person)) for person in people],
        can=can,
        demo=service.demo,
        short_code=short_code,
        nobody=NOBODY,
        banners=BANNERS,
        **_names(visit),
    )


def case_of(visit: Visit, case_id: CaseId) -> Case:
    """A case. Raises `UnknownCaseError`."""
    with visit.parts.records.read() as transaction:
        case = transaction.cases.find(case_id)
    if case is None:
        raise UnknownCaseError
    return case


def person_code(uploader: bytes | None) -> str:
    """How forms name a person of a case."""
    return NOBODY if uploader is None else uploader.hex()


def _service(visit: Visit, case: Case) -> Service:
    with visit.parts.records.read() as transaction:
        found = {one.service_id: one for one in transaction.accounts.services()}
    if case.service_id not in found:
        raise UnknownCaseError
    return found[case.service_id]


def _choices(visit: Visit, case: Case, service: Service, person: PersonOfCase) -> Sequence[Choice]:
    """The authorities, those of the house first, each with whether it is needed."""
    from safehold.reporting.authorities.registry import AUTHORITIES, needed  # they need lxml
    from safehold.reporting.environment import environment_of

    parts = visit.parts
    filed = [one for one in person.reports if one.state is ReportState.FILED]
    # Whether another authority is enough follows from what was filed and where the house is.
    facts = FilingFacts(
        report_id=ReportId(""),
        case_id=case.case_id,
        authority=AuthorityCode.NCMEC,
        environment=Environment.FORM,
        service=service.name,
        opened=case.opened,
        files=(),
        filed_elsewhere=tuple((one.authority.value, one.remote_id) for one in filed),
        demo=service.demo,
    )
    wanted = set(needed(facts, parts.reporter, parts.reporting))
    own = [AuthorityCode(code) for code in parts.reporting.authorities]
    order = [*own, *(code for code in AUTHORITIES if code not in own)]
    return [
        Choice(
            code,
            environment_of(code, service, parts.cybertip),
            code in wanted,
            next((r for r in person.reports if r.authority is code and not r.is_over), None),
        )
        for code in order
    ]


def _names(visit: Visit) -> dict[str, Any]:
    return {
        "people": {user.user_id: user.name for user in visit.parts.users.users()},
        "services": visit.parts.service_names(),
    }


ROUTES: tuple[Route, ...] = (
    Route("GET", "/reports", "reports", Permission.REPORTS_READ, show),
    Route("GET", "/cases/{case_id}/report", "case_report", Permission.REPORTS_READ, show_case),
)
