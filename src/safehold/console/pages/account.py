"""One's own settings, factors and sessions."""

from __future__ import annotations

from safehold.console.visit import Route

ROUTES: tuple[Route, ...] = ()
