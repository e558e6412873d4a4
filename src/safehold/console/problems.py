"""Errors as answers: a page, or JSON for the console's own script."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping

from safehold.cases.destruction import DestructionError, RetentionError
from safehold.cases.model import UnknownCaseError
from safehold.cases.review.model import (
    LockedError,
    NotLockedError,
    OnHoldError,
    ProposalError,
    RestError,
    SamePersonError,
    TwoPeopleError,
    ViewNeededError,
    ViewRefusedError,
)
from safehold.cases.review.refusals import NotPermittedError
from safehold.cases.workflow import TransitionError
from safehold.console.errors import (
    BodyTimeoutError,
    BodyTooLargeError,
    BusyError,
    CsrfError,
    ForbiddenError,
    MediaTypeError,
    MethodError,
    PageMissingError,
)
from safehold.console.visit import Reply, Visit
from safehold.custodian.interface import (
    CustodianAwayError,
    NoViewError,
    PreviewError,
    SendRefusedError,
)
from safehold.errors import SafeholdError
from safehold.reporting.model import (
    NotConfiguredError,
    ReportChangedError,
    ReportEnvironmentError,
    ReportIncompleteError,
    ReportStateError,
    UnknownReportError,
)
from safehold.users.model import (
    ConfirmError,
    SessionError,
    SignInError,
    SignInWaitError,
    UnknownUserError,
    UserExistsError,
)

STATUSES: Mapping[type[SafeholdError], int] = {
    PageMissingError: 404,
    UnknownCaseError: 404,
    UnknownUserError: 404,
    UnknownReportError: 404,
    MethodError: 405,
    ForbiddenError: 403,
    CsrfError: 403,
    ConfirmError: 403,
    BodyTooLargeError: 413,
    BodyTimeoutError: 408,
    MediaTypeError: 415,
    BusyError: 503,
    LockedError: 409,
    NotLockedError: 409,
    ProposalError: 409,
    TransitionError: 409,
    UserExistsError: 409,
    ReportStateError: 409,
    ReportChangedError: 409,
    ReportEnvironmentError: 409,
    NotConfiguredError: 409,
    DestructionError: 409,
    ReportIncompleteError: 422,
    RetentionError: 403,
    SendRefusedError: 403,
    ViewNeededError: 403,
    TwoPeopleError: 403,
    SamePersonError: 403,
    NotPermittedError: 403,
    OnHoldError: 403,
    RestError: 429,
    SignInWaitError: 429,
    ViewRefusedError: 410,
    NoViewError: 410,
    PreviewError: 422,
    CustodianAwayError: 503,
    SessionError: 401,
    SignInError: 401,
}
"""HTTP statuses by type of error, its nearest base first; 400 for all others."""


class InternalError(SafeholdError):
    """Something that nobody expected; the log has its type, under the number of the request."""

    code = "internal"
    default_message = "Something went wrong here."
    default_hint = "It is in the console's log. Go back and try again."


def status_of(error: SafeholdError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, InternalError):
        return 500
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 400)


def problem(error: SafeholdError, visit: Visit, *, as_json: bool = False) -> Reply:
    """The answer to a request that an error ended."""
    headers = _headers(error, visit.now)
    message = visit.text(error.message)
    hint = visit.text(error.hint) if error.hint else ""
    status = status_of(error)
    if as_json:
        told = {"code": error.code, "message": message, "hint": hint}
        if isinstance(error, RestError):
            told["until"] = error.until.astimezone(dt.UTC).isoformat()
        body = json.dumps(told).encode("utf-8")
        return Reply(body, status, "application/json", headers)
    page = visit.page(
        "error.html",
        status,
        message=message,
        hint=hint,
        error_status=status,
        until=error.until if isinstance(error, RestError) else None,
    )
    return Reply(page.body, page.status, page.media_type, headers)


def _headers(error: SafeholdError, now: dt.datetime) -> Mapping[str, str]:
    if isinstance(error, MethodError):
        return {"Allow": ", ".join(error.allowed)}
    if isinstance(error, RestError):
        return {"Retry-After": str(max(1, math.ceil((error.until - now).total_seconds())))}
    if isinstance(error, SignInWaitError):
        return {"Retry-After": str(max(1, error.seconds))}
    if isinstance(error, BusyError):
        return {"Retry-After": "5"}
    return {}
