"""From a request to the page that answers it: session, permission, CSRF token, handler.

This is the one place that decides who reaches a page. It knows no framework and runs in a
thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from safehold.console.bodies import Fields, last_of
from safehold.console.catalog import choose
from safehold.console.errors import CsrfError, ForbiddenError
from safehold.console.ports import ConsoleParts
from safehold.console.problems import InternalError, problem
from safehold.console.security import safe_next
from safehold.console.visit import Reply, Route, Visit
from safehold.errors import SafeholdError
from safehold.users.model import Session, SessionError, Stage, User

CSRF_FIELD = "csrf"
SIGN_IN = "sign_in"
STEPS = {Stage.FACTOR: "sign_in_factor", Stage.SETUP: "set_up"}
"""Names of the routes to which those go who may not be here yet."""

SIGN_OUT = "sign_out"
SETTING_UP = "/set-up"
TOO_LATE = "too_late"
"""Of the table of flashes: a form of signing in that was left open too long."""

_FORM_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Call:
    """A request for a route.

    Attributes:
        route: which.
        path, query, form: variable parts, query and fields; those of the CSRF token among them.
        given_csrf: the token in the header `X-CSRF`, or empty.
        token, form_token, kept: the cookies: of the session, of forms before there is one, of
            a sign-in by an identity provider.
        client, address: see `Visit`.
        languages: the header Accept-Language.
        location: path and query, to come back to.
        own_page: whether a POST was sent from the console's own page.
        document: what was handed in with the form, or None.
    """

    route: Route
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Fields
    given_csrf: str = field(repr=False)
    token: str = field(repr=False)
    form_token: str = field(repr=False)
    kept: str = field(repr=False)
    client: bytes
    address: str
    languages: str
    location: str
    own_page: bool
    document: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent.

    Attributes:
        reply: the page's.
        form_token: a new token for the cookie of forms, or None.
        user_id: who asked, for the log; or empty.
        error: type of an error that nobody expected, for the log; or empty.
    """

    reply: Reply
    form_token: str | None = field(default=None, repr=False)
    user_id: str = ""
    error: str = ""


class Console:
    """Answers calls."""

    def __init__(
        self, parts: ConsoleParts, token: Callable[[int], str] = secrets.token_urlsafe
    ) -> None:
        self._parts = parts
        self._token = token

    def answer(self, call: Call) -> Answer:
        """The answer to a call. Never raises an error of the program or of a page."""
        user, session = self._who(call)
        fresh = None
        if session is not None:
            basis = call.token
        else:
            basis = call.form_token or (fresh := self._token(_FORM_TOKEN_BYTES))
        visit = self._visit(call, user, session, basis)
        error = ""
        try:
            reply = self._reply(call, visit, basis, session)
        except SessionError:
            reply = self._to_sign_in(call, visit, None)
        except CsrfError as stale:
            reply = self._anew(call, visit, session, stale)
        except SafeholdError as known:
            reply = problem(known, visit, as_json=call.route.streams)
        except Exception as unknown:  # noqa: BLE001 - whatever a page does, the visitor is answered
            error = type(unknown).__name__
            reply = problem(InternalError(), visit, as_json=call.route.streams)
        return Answer(reply, fresh, user.user_id if user else "", error)

    def _who(self, call: Call) -> tuple[User | None, Session | None]:
        if not call.token:
            return None, None
        try:
            return self._parts.sign_in.session(call.token, call.client)
        except SessionError:
            return None, None

    def _visit(self, call: Call, user: User | None, session: Session | None, basis: str) -> Visit:
        full = session is not None and session.stage is Stage.FULL
        preferred = user.preferences.language if user else ""
        lists = {name: values for name, values in call.form.items() if name != CSRF_FIELD}
        return Visit(
            parts=self._parts,
            user=user if full else None,
            session=session if full else None,
            token=call.token if session is not None else "",
            client=call.client,
            address=call.address,
            catalog=choose(preferred, call.languages),
            path=call.path,
            query=call.query,
            form=last_of(lists),
            form_lists=lists,
            now=self._parts.clock.now(),
            route=call.route.name,
            csrf=self._parts.sign_in.csrf(basis),
            kept=call.kept,
            document=call.document,
        )

    def _reply(self, call: Call, visit: Visit, basis: str, session: Session | None) -> Reply:
        permission = call.route.permission
        if permission is not None:
            if visit.user is None:
                return self._to_sign_in(call, visit, session)
            if not visit.may(permission):
                raise ForbiddenError
        if call.route.method == "POST":
            given = call.given_csrf or last_of(call.form).get(CSRF_FIELD, "")
            known = bool(visit.token or call.form_token)
            if not (known and call.own_page and self._parts.sign_in.check_csrf(basis, given)):
                raise CsrfError
        return call.route.handler(visit)

    def _anew(self, call: Call, visit: Visit, session: Session | None, stale: CsrfError) -> Reply:
        """What becomes of a form whose token is not right.

        One of signing in that was left open too long, or sent from a second tab, leads to where
        its sender is now, which is kinder than an error and does nothing. A form of another site
        stays refused, and who is still signed in learns that signing out did not happen.
        """
        if call.route.permission is not None or call.route.streams or not call.own_page:
            return problem(stale, visit, as_json=call.route.streams)
        if session is not None and session.stage is Stage.FULL:
            if call.route.name == SIGN_OUT:
                return problem(stale, visit)
            return visit.redirect(safe_next(visit.form.get("next", "")))
        if session is not None:
            return visit.redirect(visit.url(STEPS[session.stage], done=TOO_LATE))
        step = STEPS[Stage.SETUP] if call.route.path.startswith(SETTING_UP) else SIGN_IN
        back = safe_next(visit.form.get("next", ""), "")
        return visit.redirect(visit.url(step, done=TOO_LATE, next=back))

    def _to_sign_in(self, call: Call, visit: Visit, session: Session | None) -> Reply:
        """To the step of signing in, and back to this one afterwards where that is a page."""
        if call.route.streams:
            return problem(SessionError(), visit, as_json=True)
        back = safe_next(call.location, "") if call.route.method == "GET" else ""
        step = SIGN_IN if session is None else STEPS.get(session.stage, SIGN_IN)
        return visit.redirect(visit.url(step, next="" if back == "/" else back))
