"""Whether who asks for something of a report may have it, by the records and not by their word."""

from __future__ import annotations

from safehold.cases.model import Case, UnknownCaseError
from safehold.cases.review.refusals import NotPermittedError
from safehold.custodian.interface import Access, RequestError
from safehold.ids import CaseId, ReportId, UserId
from safehold.reporting.model import Report, UnknownReportError
from safehold.reporting.records import ReportTransaction
from safehold.users.model import User
from safehold.users.roles import Permission, permissions

SYSTEM = "system"
"""The actor of jobs, and of commands that an operator runs on the custodian's machine."""

_USER = "user:"


def case_of(transaction: ReportTransaction, access: Access) -> Case:
    """The case that an access names, with its key.

    Raises:
        UnknownCaseError: there is none.
        RequestError: the key is another case's.
    """
    case = transaction.cases.find(CaseId(access.case_id))
    if case is None:
        raise UnknownCaseError
    if case.key_name != access.key_name:
        raise RequestError("The access names another case's key.")
    return case


def report_of(
    transaction: ReportTransaction, access: Access, report_id: str, *, lock: bool = False
) -> Report:
    """A report about the case that an access names.

    Raises:
        UnknownReportError: there is none, or it is about another case.
        UnknownCaseError, RequestError: see `case_of`.
    """
    case_of(transaction, access)
    report = transaction.reports.find(ReportId(report_id), lock=lock)
    if report is None or report.case_id != access.case_id:
        raise UnknownReportError
    return report


def user_of(transaction: ReportTransaction, actor: str, *allowed: Permission) -> User:
    """The user who asks, as they are now, with one of some permissions.

    Raises:
        NotPermittedError: it is no user, they are gone or disabled, or their roles do not.
    """
    user = None
    if actor.startswith(_USER):
        user = transaction.users.user(UserId(actor.removeprefix(_USER)))
    if user is None or user.disabled is not None:
        raise NotPermittedError
    if permissions(user.roles).isdisjoint(allowed):
        raise NotPermittedError
    return user


def check_may(transaction: ReportTransaction, actor: str, *allowed: Permission) -> None:
    """That the operator asks, or a user with one of some permissions; else as `user_of`."""
    if actor != SYSTEM:
        user_of(transaction, actor, *allowed)
