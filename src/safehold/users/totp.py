"""One-time codes by time (TOTP, RFC 6238): six digits, HMAC-SHA-1, steps of 30 seconds.

SHA-1 is what every authenticator knows; RFC 6238 builds on HMAC, whose strength does not rest on
SHA-1 being free of collisions.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
"""Steps before and after the present one whose code is taken, for clocks that are not exact."""
SECRET_BYTES = 20
"""As long as the hash, as RFC 4226, section 4, recommends."""
ISSUER = "Safehold"


@dataclass(frozen=True, slots=True)
class TotpEnrolment:
    """What an authenticator is told.

    Attributes:
        secret: in base 32, to be typed.
        uri: `otpauth://` address.
        svg: the address as a QR code, for a page; without style or script.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    svg: str = field(repr=False)


def new_secret(random_bytes: Callable[[int], bytes]) -> bytes:
    """A new secret (20 bytes)."""
    return random_bytes(SECRET_BYTES)


def enrolment(secret: bytes, name: str) -> TotpEnrolment:
    """What an authenticator is told of a secret.

    Args:
        secret: 20 bytes.
        name: of the user, which the authenticator shows.
    """
    import segno

    text = base64.b32encode(secret).decode("ascii").rstrip("=")
    label = f"{quote(ISSUER)}:{quote(name)}"
    query = urlencode({"secret": text, "issuer": ISSUER})
    uri = f"otpauth://totp/{label}?{query}"
    # Dark on light whatever the page's colours are: readers do not know the reverse.
    svg = segno.make(uri, error="m", micro=False).svg_inline(
        scale=5, dark="#000", light="#fff", border=4, svgclass=None, lineclass=None
    )
    return TotpEnrolment(text, uri, svg)


def code_at(secret: bytes, step: int) -> str:
    """The code of a time step (six digits)."""
    import pyotp

    text = base64.b32encode(secret).decode("ascii")
    return pyotp.HOTP(text, digits=DIGITS).at(step)


def step_at(moment: dt.datetime) -> int:
    """The number of a moment's time step."""
    return int(moment.timestamp()) // STEP_SECONDS


def matching_step(secret: bytes, typed: str, now: dt.datetime, after: int) -> int | None:
    """The time step whose code was typed, or None.

    Args:
        secret: of the user.
        typed: six digits; spaces are left out.
        now: the present moment.
        after: the last step whose code was taken; its code and older ones are not taken again.
    """
    code = typed.replace(" ", "")
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    present = step_at(now)
    found = None
    for step in range(present - WINDOW, present + WINDOW + 1):
        # All are compared, so that time does not tell which.
        if hmac.compare_digest(code_at(secret, step), code) and step > after:
            found = step
    return found
