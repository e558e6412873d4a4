"""Whether two people have agreed that something leaves the house, by the records and the log."""

from __future__ import annotations

from safehold.cases.model import Case
from safehold.cases.review.model import Proposal, ProposalKind, ProposalState
from safehold.custodian.asking import SYSTEM
from safehold.custodian.interface import SendRefusedError
from safehold.ids import UserId
from safehold.reporting.model import Report, ReportState
from safehold.reporting.records import ReportTransaction
from safehold.users.roles import Permission, permissions

_AGREED = frozenset(
    {
        ReportState.APPROVED,
        ReportState.SENDING,
        ReportState.NEEDS_PERSON,
        ReportState.FILED,
    }
)
_ABOUT = frozenset({"report.fixed", "report.approved", "report.sent_back"})


def check_report(transaction: ReportTransaction, report: Report) -> None:
    """That two people who still may have agreed to exactly a report's documents.

    The last events about its documents say so, too: one fixed them, then the other approved
    them, both with their digest.

    Raises:
        SendRefusedError: it is not so.
    """
    if report.state not in _AGREED:
        raise SendRefusedError
    check_two(transaction, report)
    first, second = report.prepared_by, report.approved_by
    if (
        first is None
        or second is None
        or not _may(transaction, first, Permission.REPORTS_PREPARE)
        or not _may(transaction, second, Permission.REPORTS_APPROVE)
    ):
        raise SendRefusedError


def check_two(transaction: ReportTransaction, report: Report) -> None:
    """That two people whom the house knows have agreed to a report's documents, by the log.

    Whether they still may is not asked: what is begun to be sent is brought to its end.

    Raises:
        SendRefusedError: it is not so.
    """
    first, second = report.prepared_by, report.approved_by
    if first is None or second is None or first == second:
        raise SendRefusedError
    if None in (transaction.users.user(first), transaction.users.user(second)):
        raise SendRefusedError
    digest = report.digest.hex()
    about = [
        (event.draft.kind, event.draft.actor, event.draft.data.get("digest", ""))
        for event in transaction.audit.events_of(report.case_id)
        if event.draft.kind in _ABOUT and event.draft.data.get("report") == report.report_id
    ]
    if about[-2:] != [
        ("report.fixed", f"user:{first}", digest),
        ("report.approved", f"user:{second}", digest),
    ]:
        raise SendRefusedError


def check_export(
    transaction: ReportTransaction, case: Case, recipient: tuple[str, str], actor: str
) -> Proposal:
    """The proposal by which two people who still may have agreed to export a case.

    It was approved, for this recipient, and the audit log says so. A user who asks is who
    proposed it.

    Args:
        transaction: of the records.
        case: the case.
        recipient: age recipient and name of who is to get it.
        actor: who asks.

    Raises:
        SendRefusedError: there is none.
    """
    for proposal in reversed(transaction.reviews.proposals_of(case.case_id)):
        first, second = proposal.proposed_by, proposal.decided_by
        if (
            proposal.kind is ProposalKind.EXPORT
            and proposal.state is ProposalState.APPROVED
            and proposal.details.get("recipient") in recipient
            and actor in (SYSTEM, f"user:{first}")
            and second is not None
            and first != second
            and _may(transaction, first, Permission.EVIDENCE_EXPORT)
            and _may(transaction, second, Permission.APPROVALS_DECIDE)
            and _is_logged(transaction, proposal)
        ):
            return proposal
    raise SendRefusedError


def _may(transaction: ReportTransaction, user_id: UserId, permission: Permission) -> bool:
    """Whether somebody is there, not disabled, and has a permission now."""
    user = transaction.users.user(user_id)
    return user is not None and user.disabled is None and permission in permissions(user.roles)


def _is_logged(transaction: ReportTransaction, proposal: Proposal) -> bool:
    wanted = {
        ("proposal.made", f"user:{proposal.proposed_by}"),
        ("proposal.approved", f"user:{proposal.decided_by}"),
    }
    return wanted <= {
        (event.draft.kind, event.draft.actor)
        for event in transaction.audit.events_of(proposal.case_id)
        if event.draft.data.get("proposal") == proposal.proposal_id
    }
