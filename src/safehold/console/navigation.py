"""The navigation: which pages stand there, in which order, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safehold.console.catalog import mark
from safehold.console.routing import RouteTable
from safehold.console.visit import Visit
from safehold.errors import SafeholdError
from safehold.reporting.model import ReportState

ENTRIES = (
    ("queue", mark("Queue")),
    ("approvals", mark("Approvals")),
    ("reports", mark("Reports")),
    ("holds", mark("Legal holds")),
    ("retention", mark("Retention")),
    ("figures", mark("Figures")),
    ("lists", mark("Lists")),
    ("audit", mark("Audit log")),
    ("health", mark("Health")),
    ("users", mark("Users")),
    ("rest", mark("Rest")),
)
"""Names of routes and their titles; a route is shown to those who may open it."""

_BELONGS = {
    "approval": "approvals",
    "case": "queue",
    "group": "queue",
    "hold": "holds",
    "report": "reports",
    "transparency": "figures",
    "user": "users",
    "view": "queue",
}
"""Pages without an entry of their own, by the first word of their route's name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the navigation.

    Attributes:
        address: of the page.
        title: in the visitor's language.
        current: `page` where it is the page that is shown, `true` where that belongs to it,
            else empty; for `aria-current`.
        waiting: how much there waits for somebody; 0 for nothing, and where that is not counted.
    """

    address: str
    title: str
    current: str
    waiting: int = 0


def shown_to(visit: Visit, routes: RouteTable) -> Sequence[Entry]:
    """The entries that somebody may open."""
    if visit.user is None:
        return ()
    first = visit.route.split("_")[0]
    family = _BELONGS.get(first, first)
    entries = []
    for name, title in ENTRIES:
        if name in routes:
            permission = routes.named(name).permission
            if permission is not None and visit.may(permission):
                current = "page" if name == visit.route else "true" if name == family else ""
                waiting = _waiting(visit) if name == "reports" else 0
                entries.append(Entry(routes.url(name), visit.text(title), current, waiting))
    return entries


def _waiting(visit: Visit) -> int:
    """Reports that wait for a person. Where they cannot be counted a page is shown all the same."""
    try:
        counts = visit.parts.reports.counts()
    except SafeholdError:
        return 0
    return sum(counts.get(state, 0) for state in (ReportState.WAITING, ReportState.NEEDS_PERSON))
