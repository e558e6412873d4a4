"""The lists there are."""

from __future__ import annotations

from safehold.console.visit import Route

ROUTES: tuple[Route, ...] = ()
