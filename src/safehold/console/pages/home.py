"""The console's own address: on to the first page that somebody may open."""

from __future__ import annotations

from safehold.console.navigation import ENTRIES
from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission


def home(visit: Visit) -> Reply:
    """On to the first page of the navigation that is open to who asks."""
    from safehold.console.routes import ROUTES

    for name, _ in ENTRIES:
        for route in ROUTES:
            if route.name == name and route.permission and visit.may(route.permission):
                return visit.redirect(visit.url(name))
    return visit.page("home.html")


ROUTES = (Route("GET", "/", "home", Permission.SIGNED_IN, home),)
