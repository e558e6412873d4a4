"""Which pages of a filled house's console each of its people can open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from safehold.cases.model import Case, CaseState, Queue
from safehold.cases.review.model import ProposalState, QueueFilter
from safehold.policy.model import Verdict
from safehold.reporting.interface import ReportFilter

if TYPE_CHECKING:
    from safehold.testing.console_site import Site


@dataclass(frozen=True, slots=True)
class Stop:
    """A page.

    Attributes:
        name: a word for it.
        address: path and query.
    """

    name: str
    address: str


OUTSIDE: Sequence[Stop] = (Stop("sign-in", "/sign-in"), Stop("set-up", "/set-up"))
"""Pages for those who are not signed in."""


def cases(site: Site, wanted: QueueFilter) -> list[Case]:
    """Cases in the order of the queue that nobody works on."""
    with site.runtime.records.read() as transaction:
        rows = transaction.reviews.queue(wanted, site.clock.now())
    return [row.case for row in rows if row.lock is None]


def waiting(site: Site, verdict: Verdict, *, tier: str = "") -> list[Case]:
    """Open cases of matches that nobody works on and nothing was said about."""
    found = cases(site, QueueFilter(queue=Queue.MATCHES, tier=tier))
    with site.runtime.records.read() as transaction:
        held = {hold.case_id for hold in transaction.reviews.holds()}
        named = {one.case_id for one in transaction.reviews.proposals()}
    return [
        case
        for case in found
        if case.verdict is verdict and not case.attention and case.case_id not in held | named
    ]


def reporting(site: Site) -> list[Stop]:
    """The pages of reports: the list, a case's people, and one report of each state."""
    service = site.runtime.reports
    first = {one.state: one for one in service.reports(ReportFilter())}
    people = [Stop("case-people", f"/cases/{case.case_id}/report") for case in service.to_report(1)]
    of_states = [
        Stop(f"report-{state}", f"/reports/{one.report_id}?documents=1")
        for state, one in first.items()
    ]
    return [Stop("reports", "/reports"), *people, *of_states]


def tour(site: Site) -> dict[str, Sequence[Stop]]:
    """The pages of each, in an order that tells a story.

    The page `taken` is of a case that nobody has taken yet; the reviewer's is taken by whoever
    goes there.
    """
    exact, *_, taken = waiting(site, Verdict.BLOCK, tier="confirmed")
    grouped = next(
        case
        for case in waiting(site, Verdict.HOLD)
        if site.runtime.reviews.dossier(case.case_id, site.person("robin").user).group
    )
    some = {
        "fault": QueueFilter(queue=Queue.FAULTS),
        "flag": QueueFilter(queue=Queue.FLAGS),
        "appeal": QueueFilter(attention="appealed"),
        "escalated": QueueFilter(attention="escalated"),
        "confirmed": QueueFilter(state=CaseState.CONFIRMED),
        "cleared": QueueFilter(state=CaseState.CLEARED),
    }
    of_cases = [
        Stop(f"case-{name}", f"/cases/{cases(site, wanted)[0].case_id}")
        for name, wanted in some.items()
    ]
    with site.runtime.records.read() as transaction:
        proposals = transaction.reviews.proposals(ProposalState.OPEN)
        last = sum(1 for _ in transaction.audit.events())
    approvals = [Stop(f"approval-{one.kind}", f"/approvals/{one.proposal_id}") for one in proposals]
    shared = [Stop("queue", "/queue"), Stop("case-exact", f"/cases/{exact.case_id}")]
    reviewing = [
        Stop("queue-filtered", "/queue?queue=matches&tier=confirmed&mine=1"),
        Stop("queue-empty", "/queue?queue=flags&attention=escalated"),
        Stop("case-similar", f"/cases/{grouped.case_id}"),
        Stop("group", f"/cases/{grouped.case_id}/group"),
    ]
    reports = reporting(site)
    keeping = [Stop("retention", "/retention"), Stop("records", "/retention/records")]
    own = [Stop("account", "/account"), Stop("passkey", "/account/passkey"), Stop("rest", "/rest")]
    noor = site.person("noor").user.user_id
    return {
        "robin": [
            *shared,
            Stop("case-taken", f"/cases/{taken.case_id}"),
            *reviewing,
            *of_cases,
            Stop("approvals", "/approvals"),
            *approvals,
            Stop("lists", "/lists"),
            *own,
        ],
        "ada": [
            *shared,
            *approvals,
            Stop("holds", "/holds"),
            Stop("figures", "/figures"),
            *(stop for stop in reports if stop.name == "report-waiting"),
            *own,
        ],
        "noor": [
            *shared,
            of_cases[4],
            Stop("approvals", "/approvals"),
            Stop("holds", "/holds"),
            *reports,
            *keeping,
        ],
        "sam": [
            Stop("audit", "/audit"),
            Stop("audit-empty", "/audit?kind=case.split&to=2020-01-01"),
            Stop("audit-event", f"/audit/events/{last}"),
            Stop("checkpoints", "/audit/checkpoints"),
            Stop("figures", "/figures"),
            Stop("transparency", "/transparency"),
            *keeping,
            Stop("lists", "/lists"),
            Stop("health", "/health"),
            Stop("users", "/users"),
            Stop("user", f"/users/{noor}"),
            Stop("account", "/account"),
            Stop("no-such-page", "/nowhere"),
            Stop("not-allowed", "/queue"),
        ],
    }
