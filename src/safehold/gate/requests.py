"""Callers' requests as they come: paths, who asks, and by which address they came.

A path is taken in one spelling only. What could mean one thing to the gate and another to the
upstream (dots, encoded slashes, what is encoded twice) is no path, so a route that is closed
cannot be spelled as one that is open.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from safehold.cases.names import KeyedNames
from safehold.gate.interface import Route, SocketRoute
from safehold.gate.model import Account, ClosedRouteError, GateError
from safehold.ids import ServiceId
from safehold.runtime.networks import Network, client_address, is_in, neighbourhood

MAX_PATH = 4_096
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(r"[/\\%\x00-\x1f\x7f]")
_HOST = re.compile(rb"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_NAME = re.compile(r"\{([a-z_]+)(:rest)?\}")
_KEPT_SEGMENT = "-._~!$&'()*+,;=:@"


class UnnamedAccountError(GateError):
    """The operator's front did not name the account."""

    code = "account_unnamed"
    default_message = "The call names no account."


def parts_of(raw: bytes) -> tuple[str, ...]:
    """A path's parts, decoded once; `/` alone has none. A slash at the end is an empty part.

    Raises:
        ClosedRouteError: it is not in the one spelling that is taken.
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise ClosedRouteError from None
    if not text.startswith("/") or len(text) > MAX_PATH or _ESCAPE.search(text):
        raise ClosedRouteError
    if text == "/":
        return ()
    *parts, last = text[1:].split("/")
    return (*map(_part, parts), _part(last) if last or not parts else "")


def _part(text: str) -> str:
    try:
        part = unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise ClosedRouteError from None
    if part in ("", ".", "..") or _FORBIDDEN.search(part):
        raise ClosedRouteError
    return part


def path_of(parts: Iterable[str]) -> str:
    """The one spelling of a path."""
    return "/" + "/".join(quote(part, safe=_KEPT_SEGMENT) for part in parts)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A pattern, taken apart: each part is fixed, or a name; a rest takes one part or more."""

    parts: tuple[tuple[str, bool], ...]
    rest: bool

    @classmethod
    def of(cls, text: str) -> _Pattern:
        found: list[tuple[str, bool]] = []
        rest = False
        for part in text.removeprefix("/").split("/") if text != "/" else ():
            match = _NAME.fullmatch(part)
            found.append((match[1] if match else part, match is not None))
            rest = bool(match and match[2])
        return cls(tuple(found), rest)

    @property
    def fixed(self) -> bool:
        return not any(named for _, named in self.parts)

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """What the names stand for, or None."""
        own = self.parts
        if parts[-1:] == ("",) and own[-1:] != (("", False),):
            return None  # a slash at the end is taken where a pattern has one
        if len(parts) < len(own) or (len(parts) > len(own) and not self.rest):
            return None
        if any(not named and text != part for (text, named), part in zip(own, parts, strict=False)):
            return None
        params = {text: part for (text, named), part in zip(own, parts, strict=False) if named}
        if self.rest:
            params[own[-1][0]] = "/".join(parts[len(own) - 1 :])
        return params


class Table:
    """The routes that are let through."""

    def __init__(self, routes: Sequence[Route], sockets: Sequence[SocketRoute]) -> None:
        """Routes without names stand before all others, else the first that fits counts."""
        made = [(_Pattern.of(route.pattern), route) for route in routes]
        self._routes = sorted(made, key=lambda pair: not pair[0].fixed)
        self._sockets = [(_Pattern.of(route.pattern), route) for route in sockets]

    def find(self, method: str, parts: Sequence[str]) -> tuple[Route, Mapping[str, str]] | None:
        """The route of a call, and what its names stand for; None for a method it does not take.

        Raises:
            ClosedRouteError: there is no such route.
        """
        method = "GET" if method == "HEAD" else method
        known = False
        for pattern, route in self._routes:
            params = pattern.match(parts)
            if params is not None:
                known = True
                if route.method == method:
                    return route, params
        if not known:
            raise ClosedRouteError
        return None

    def find_socket(self, parts: Sequence[str]) -> tuple[SocketRoute, Mapping[str, str]]:
        """The route of a socket. Raises `ClosedRouteError`."""
        for pattern, route in self._sockets:
            params = pattern.match(parts)
            if params is not None:
                return route, params
        raise ClosedRouteError


@dataclass(frozen=True, slots=True)
class Callers:
    """Tells who asks.

    Attributes:
        names: keyed names.
        service: of which service.
        account_header: in which the operator's front names the account, lower case; or empty.
        proxies: networks whose word is taken for a caller's address and scheme.
    """

    names: KeyedNames
    service: ServiceId
    account_header: bytes
    proxies: tuple[Network, ...]

    def account(self, headers: Mapping[bytes, bytes], peer: str) -> Account:
        """Who asks.

        Raises:
            UnnamedAccountError: the operator's front did not say.
        """
        address = self.address(headers, peer)
        name = self._name(headers) or neighbourhood(address)
        pseudonym = self.names.person(self.service, name)
        assert pseudonym is not None
        return Account(name, pseudonym, address)

    def has_credentials(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a call says by itself whose it is."""
        return bool(self.account_header or _credentials(headers))

    def address(self, headers: Mapping[bytes, bytes], peer: str) -> str:
        """From where a call came."""
        forwarded = headers.get(b"x-forwarded-for", b"").decode("latin-1")
        return client_address(peer, forwarded, self.proxies)

    def origin(self, headers: Mapping[bytes, bytes], peer: str, scheme: str) -> str:
        """Scheme and host by which a caller reached the gate; empty where it does not say."""
        host = headers.get(b"host", b"")
        if is_in(peer, self.proxies):
            host = headers.get(b"x-forwarded-host", host)
            said = headers.get(b"x-forwarded-proto", b"").decode("latin-1").strip().lower()
            scheme = said if said in ("http", "https") else scheme
        if _HOST.fullmatch(host) is None:
            return ""
        return f"{scheme}://{host.decode('ascii')}"

    def _name(self, headers: Mapping[bytes, bytes]) -> str:
        if self.account_header:
            said = headers.get(self.account_header, b"").strip()
            if not said:
                raise UnnamedAccountError
            return said.decode("utf-8", "backslashreplace")
        credentials = _credentials(headers)
        if not credentials:
            return ""
        # The key is one that is about persons: who knows it could try keys that are guessed.
        digest = hashlib.sha256(credentials).digest()
        keyed = self.names.request(self.service, b"gate account", digest)
        return f"credentials:{keyed.hex()}"


def _credentials(headers: Mapping[bytes, bytes]) -> bytes:
    for name in (b"authorization", b"x-api-key"):
        value = headers.get(name, b"").strip()
        if value:
            return name + b"\0" + value
    return b""
