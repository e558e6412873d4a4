"""A visit: one request by somebody, and the answer. What pages are written against.

A page is a plain function from a `Visit` to a `Reply`; it runs in a thread, may use the parts'
stores and the custodian, and never sees cookies, headers or the framework.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from safehold.users.model import Session, User
from safehold.users.roles import Permission, permissions

if TYPE_CHECKING:
    from safehold.console.catalog import Catalog
    from safehold.console.ports import ConsoleParts


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        body: of the page, or of a file.
        status: HTTP status.
        media_type: of the body.
        headers: further ones; `Cache-Control: no-store` and the security headers are always
            added.
        cookie: a new session token for the cookie; "" to remove it; None to leave it.
        kept: what the browser keeps while somebody is at an identity provider; "" to remove it.
        file: a file that is sent in place of `body`, piece by piece from where it stands, and
            closed afterwards; or None.
    """

    body: bytes
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    cookie: str | None = None
    kept: str | None = None
    file: BinaryIO | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who may make it.

    Attributes:
        parts: what the console is joined from.
        user, session: who asks; None on the pages of signing in, where a session that has not
            come to its last stage is found by `token`.
        token: the session's token, of which `parts.sign_in` needs the plain form; empty where
            there is no session.
        client: keyed digest (16 bytes) of browser and address.
        address: where the request came from; of IPv6 the network of 64 bits.
        catalog: texts in the visitor's language: `visit.catalog.text("Queue")`.
        path: the variable parts of the path (`case_id`).
        query: of the address; the last of values that are repeated.
        form: of a POST, without the CSRF token; the last of values that are repeated.
        form_lists: all values of each field.
        now: the moment of the request.
        route: name of the route.
        csrf: the token that forms of this visit carry, also before somebody has signed in.
        kept: what the browser has kept, see `Reply.kept`.
        document: what was handed in with a form of a route that `uploads`, or None.
    """

    parts: ConsoleParts
    user: User | None
    session: Session | None
    token: str
    client: bytes
    address: str
    catalog: Catalog
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]
    form_lists: Mapping[str, tuple[str, ...]]
    now: dt.datetime
    route: str
    csrf: str = field(default="", repr=False)
    kept: str = field(default="", repr=False)
    document: bytes | None = field(default=None, repr=False)

    @property
    def me(self) -> User:
        """Who asks, on pages that nobody else reaches."""
        assert self.user is not None
        return self.user

    def may(self, permission: Permission) -> bool:
        """Whether who asks has a permission; for showing a button or not."""
        return self.user is not None and permission in permissions(self.user.roles)

    def page(self, template: str, status: int = 200, **values: Any) -> Reply:
        """A page from a template.

        For every template there are `visit`, `t` (text), `n` (plural), `may`, `csrf` (the token
        of forms), `moment` and `ago` (moments in words) and `url` (address of a route).
        """
        return Reply(self.parts.templates.render(template, self, values), status)

    def url(self, name: str, /, **values: object) -> str:
        """Address of a route; values that its path does not name go into the query."""
        return self.parts.templates.url(name, values)

    def redirect(self, address: str) -> Reply:
        """See another page (303)."""
        return Reply(b"", 303, headers={"Location": address})

    def text(self, message: str, **values: object) -> str:
        """A text in the visitor's language."""
        return self.catalog.text(message, **values)


Handler = Callable[[Visit], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A page or an action.

    Attributes:
        method: `GET` or `POST`. A GET changes nothing.
        path: such as `/cases/{case_id}`.
        name: unique; `url(name, case_id=...)` makes its address.
        permission: what it needs; None on the pages of signing in alone.
        handler: the page.
        streams: whether its POST body is JSON from the console's own script.
        shows: whether a GET of it puts on record that something was shown; then a HEAD, which
            shows nothing, is refused.
        uploads: whether its POST body is a multipart form with a document (`uploads`).
    """

    method: str
    path: str
    name: str
    permission: Permission | None
    handler: Handler
    streams: bool = False
    shows: bool = False
    uploads: bool = False
