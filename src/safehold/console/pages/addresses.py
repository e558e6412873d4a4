"""Addresses that a visitor may be sent to."""

from __future__ import annotations

from safehold.console.security import safe_next

HOME = "/"
LONGEST = 512
"""Characters of an address to go back to; the console's own are far shorter."""

_SIGNING_IN = ("/sign-in", "/sign-out", "/set-up")


def local_address(text: str) -> str:
    """An address to go back to after signing in, if it is one of the console's own, else ""."""
    if len(text) > LONGEST or text.startswith(_SIGNING_IN):
        return ""
    return safe_next(text, "")
