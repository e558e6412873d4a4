"""A new case, as it is opened by an item that is held or blocked."""

from __future__ import annotations

import datetime as dt

from safehold.cases.model import Case, CaseState, Queue
from safehold.cases.workflow import Finding
from safehold.intake.locker import Locked
from safehold.intake.model import IntakeOptions, Submission


def new_case(
    submission: Submission,
    finding: Finding,
    locked: Locked,
    content: bytes,
    options: IntakeOptions,
) -> Case:
    """The case that an item opens; `locked` is what is in the vault for it."""
    state, deadline = CaseState.OPEN, None
    if locked.evidence is None:
        state = CaseState.AWAITING_BYTES
        deadline = submission.received + dt.timedelta(hours=options.bytes_wanted_hours)
    elif finding.queue is Queue.FAULTS:
        deadline = submission.received + dt.timedelta(days=options.fault_days)
    variants = submission.screened.examination.variants
    return Case(
        case_id=locked.case_id,
        service_id=submission.service_id,
        content=content,
        state=state,
        queue=finding.queue,
        verdict=finding.verdict,
        surface=submission.surface,
        opened=submission.received,
        updated=submission.received,
        recipient=locked.recipient,
        key_name=locked.key_name,
        canary=submission.canary,
        deadline=deadline,
        pdq=variants[0].pdq[0] if variants else None,
        pdq_quality=variants[0].quality if variants else None,
    )
