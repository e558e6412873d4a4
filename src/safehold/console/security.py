"""What keeps a browser's requests and answers apart from those of other sites. I/O-free.

Sources: OWASP's cheat sheets on CSRF and session management; Content Security Policy Level 3;
Fetch Metadata (W3C); RFC 6265bis on the prefix `__Host-`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from safehold.errors import UsageError
from safehold.runtime.listening import is_loopback
from safehold.runtime.networks import Network, parse_networks

NO_STORE = "no-store"
FOR_EVER = "public, max-age=31536000, immutable"

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: a browser would then send `Origin: null` with forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Permissions-Policy": ", ".join(
        f"{name}=()"
        for name in (
            "accelerometer",
            "browsing-topics",
            "camera",
            "display-capture",
            "geolocation",
            "gyroscope",
            "magnetometer",
            "microphone",
            "midi",
            "payment",
            "serial",
            "usb",
        )
    ),
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}

STRICT_TRANSPORT = "max-age=63072000"

SESSION_COOKIE = "safehold"
FORM_COOKIE = "safehold-form"
KEPT_COOKIE = "safehold-kept"
_KEPT_SECONDS = 600


def security_headers(secure: bool) -> Mapping[str, str]:
    """The headers that every answer has."""
    if secure:
        return _HEADERS | {"Strict-Transport-Security": STRICT_TRANSPORT}
    return _HEADERS


@dataclass(frozen=True, slots=True)
class Origins:
    """The addresses under which people reach the console.

    Attributes:
        allowed: scheme, host and port of each, as in an `Origin` header.
    """

    allowed: frozenset[str]

    @classmethod
    def of(cls, addresses: Iterable[str]) -> Origins:
        """From addresses; one on this machine stands for all names of this machine."""
        found: set[str] = set()
        for address in addresses:
            parts = urlsplit(address)
            hosts = {parts.netloc}
            if is_loopback(parts.hostname or ""):
                end = f":{parts.port}" if parts.port else ""
                hosts |= {f"{name}{end}" for name in ("localhost", "127.0.0.1", "[::1]")}
            found |= {f"{parts.scheme}://{host}".lower() for host in hosts}
        return cls(frozenset(found))

    def knows_host(self, host: str) -> bool:
        """Whether a `Host` header names the console.

        Another site's name that was bound to this address (DNS rebinding) does not.
        """
        wanted = host.lower()
        return any(_without_default_port(origin) in _hosts(wanted) for origin in self.allowed)

    def is_own(self, headers: Mapping[str, str]) -> bool:
        """Whether a form was sent from one of the console's own pages.

        A browser says so by `Origin`, or at least by `Sec-Fetch-Site`; who says neither is no
        browser of today, and refused.
        """
        site = headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        origin = headers.get("origin")
        if origin is None:
            return site is not None
        return origin.lower() in self.allowed


def _without_default_port(origin: str) -> str:
    scheme, _, host = origin.partition("://")
    return host.removesuffix(":443" if scheme == "https" else ":80")


def _hosts(host: str) -> tuple[str, ...]:
    return (host, host.removesuffix(":443"), host.removesuffix(":80"))


def may_be_fetched(headers: Mapping[str, str]) -> bool:
    """Whether a GET may be answered: another site may link to a page and load nothing."""
    if headers.get("sec-fetch-site") in (None, "same-origin", "none"):
        return True
    return (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )


def came_by_link(headers: Mapping[str, str]) -> bool:
    """Whether a page was asked for from another site; the session's cookie is then not sent."""
    return headers.get("sec-fetch-site") in ("cross-site", "same-site")


def cookie_name(name: str, secure: bool) -> str:
    """With the prefix that ties it to this very host, where that works."""
    return f"__Host-{name}" if secure else name


def set_cookie(name: str, value: str, secure: bool) -> str:
    """A `Set-Cookie` header; an empty value removes the cookie.

    The session's is `SameSite=Strict`. The other two must come along when somebody returns from
    an identity provider or follows a link; they open nothing.
    """
    same_site = "Strict" if name == SESSION_COOKIE else "Lax"
    parts = [f"{cookie_name(name, secure)}={value}", "Path=/", "HttpOnly", f"SameSite={same_site}"]
    if secure:
        parts.append("Secure")
    if not value:
        parts.append("Max-Age=0")
    elif name == KEPT_COOKIE:
        parts.append(f"Max-Age={_KEPT_SECONDS}")
    return "; ".join(parts)


class ProxiesError(UsageError):
    """A network of proxies that is none."""

    code = "console_proxies"
    default_message = "The setting console.proxies names something that is no network."
    default_hint = "Write networks such as 172.16.0.0/12 or fd00::/8."


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks by their texts. Raises `ProxiesError`."""
    try:
        return parse_networks(texts)
    except ValueError:
        raise ProxiesError from None


def client_digest(key: bytes, browser: str, address: str) -> bytes:
    """16 bytes of what a session is bound to; `address` is empty where that does not count."""
    text = f"{len(browser)}\0{browser}\0{address}".encode()
    return hashlib.blake2b(text, digest_size=16, key=key, person=b"console client").digest()


def safe_next(address: str, otherwise: str = "/") -> str:
    """An address within the console to go to after signing in; anything else is `otherwise`."""
    plain = address.isascii() and address.isprintable() and " " not in address
    if plain and address.startswith("/") and not address.startswith("//") and "\\" not in address:
        return address
    return otherwise
