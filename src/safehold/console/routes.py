"""All pages and actions of the console."""

from __future__ import annotations

from safehold.console.pages import (
    account,
    approvals,
    audit,
    case,
    decide,
    figures,
    group,
    health,
    holds,
    home,
    lists,
    queue,
    rest,
    signin,
    transparency,
    users,
    views,
    words,
)
from safehold.console.visit import Route

ROUTES: tuple[Route, ...] = (
    *home.ROUTES,
    *signin.ROUTES,
    *account.ROUTES,
    *users.ROUTES,
    *queue.ROUTES,
    *case.ROUTES,
    *decide.ROUTES,
    *words.ROUTES,
    *views.ROUTES,
    *group.ROUTES,
    *approvals.ROUTES,
    *holds.ROUTES,
    *lists.ROUTES,
    *audit.ROUTES,
    *figures.ROUTES,
    *transparency.ROUTES,
    *health.ROUTES,
    *rest.ROUTES,
)
