"""One case, and what is done with it."""

from __future__ import annotations

from safehold.console.visit import Route

ROUTES: tuple[Route, ...] = ()
