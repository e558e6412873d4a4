"""Addresses that a visitor may be sent to."""

from __future__ import annotations

from urllib.parse import urlsplit

HOME = "/"
LONGEST = 512
"""Characters of an address to go back to; the console's own are far shorter."""

_SIGNING_IN = ("/sign-in", "/sign-out", "/set-up")


def local_address(text: str) -> str:
    r"""An address to go back to after signing in, if it is one of the console's own, else "".

    Only a plain absolute path with a query is taken. Browsers read `//host`, `/\host` and paths
    with tabs or line ends in them as addresses of other hosts, so none of these is.
    """
    if not text.startswith("/") or text.startswith("//") or len(text) > LONGEST:
        return ""
    if "\\" in text or not text.isascii() or any(not "!" <= letter <= "~" for letter in text):
        return ""
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or parts.path.startswith(_SIGNING_IN):
        return ""
    return text
