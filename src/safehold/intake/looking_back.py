"""Items that were allowed, and match now that a list has grown: recorded once, and told."""

from __future__ import annotations

from safehold.cases.model import Case
from safehold.cases.records import Transaction
from safehold.cases.workflow import found_grounds, present_verdict
from safehold.intake.finding import finding_of
from safehold.intake.model import Submission
from safehold.intake.parts import IntakeParts
from safehold.outbox.webhooks import matched_body, messages_for


def is_recorded(transaction: Transaction, case: Case | None, submission: Submission) -> bool:
    """Whether an item that is looked at again stands in its case already, for all that is found.

    A process that looks back may be killed after it has recorded an item and before it has noted
    that; then the same item comes again. What is found for the first time is recorded.
    """
    if submission.earlier is None or case is None:
        return False
    occurrences = transaction.cases.occurrences(case.case_id)
    own = {o.occurrence_id for o in occurrences if o.receipt == submission.earlier.receipt}
    if not own:
        return False
    decisions = transaction.cases.decisions(case.case_id)
    found = found_grounds(d for d in decisions if d.occurrence_id in own)
    return finding_of(submission).grounds <= found


def tell_match(
    transaction: Transaction, submission: Submission, case: Case, parts: IntakeParts
) -> None:
    """Tell the service of an item that it was told to allow."""
    if submission.earlier is None:
        return
    now = parts.clock.now()
    webhooks = [w for w in transaction.outbox.webhooks(case.service_id) if w.disabled is None]
    body = matched_body(
        submission.earlier.receipt,
        submission.context.reference,
        present_verdict(case).value,
        now,
    )
    transaction.outbox.add(messages_for(webhooks, body, now, parts.ids))
