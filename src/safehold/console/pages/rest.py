"""The quiet page: to rest on, at any time, and when a pause is due or the day's budget used up."""

from __future__ import annotations

import math

from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission


def rest(visit: Visit) -> Reply:
    """Something calm to look at, when the pause ends, and where to find help."""
    budget = until = None
    if visit.may(Permission.EVIDENCE_VIEW):
        budget = visit.parts.views.budget(visit.me)
        until = budget.pause_until
    seconds = math.ceil((until - visit.now).total_seconds()) if until is not None else 0
    return visit.page(
        "rest.html",
        budget=budget,
        until=until if seconds > 0 else None,
        seconds=max(0, seconds),
        used_up=budget is not None and budget.used >= budget.allowed,
        help_words=visit.parts.options.help_words.strip(),
    )


ROUTES: tuple[Route, ...] = (Route("GET", "/rest", "rest", Permission.SIGNED_IN, rest),)
