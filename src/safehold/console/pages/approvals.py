"""What needs a second person."""

from __future__ import annotations

from safehold.console.visit import Route

ROUTES: tuple[Route, ...] = ()
