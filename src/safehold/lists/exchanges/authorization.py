"""How credentials stand in calls."""

from __future__ import annotations

import base64

from safehold.lists.exchanges.model import Credentials


def basic(credentials: Credentials) -> str:
    """The header of basic authentication (RFC 7617)."""
    pair = f"{credentials.user}:{credentials.password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


def bearer(key: str) -> str:
    """The header of a bearer token (RFC 6750, section 2.1)."""
    return f"Bearer {key}"
