"""A new case, as it is opened by an item that is held or blocked."""

from __future__ import annotations

import datetime as dt

from safehold.cases import urgency
from safehold.cases.model import Attention, Case, CaseDigests, CaseState, Evidence, Queue
from safehold.cases.records import Transaction
from safehold.cases.workflow import Deadlines, Finding
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.intake.locker import Locked
from safehold.intake.model import IntakeOptions, Submission
from safehold.screening import Examination


def new_case(
    submission: Submission,
    finding: Finding,
    locked: Locked,
    content: bytes,
    options: IntakeOptions,
) -> Case:
    """The case that an item opens; `locked` is what is in the vault for it."""
    deadlines = deadlines_of(submission.received, options)
    state, deadline = CaseState.OPEN, None
    if locked.evidence is None:
        state, deadline = CaseState.AWAITING_BYTES, deadlines.bytes
    elif finding.queue is Queue.FAULTS:
        deadline = deadlines.fault
    examination = submission.screened.examination
    # The first frame of several does not stand for what the others show.
    picture = examination.shown[0] if _is_picture(examination) else None
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
        pdq=picture.pdq[0] if picture is not None else None,
        pdq_quality=picture.quality if picture is not None else None,
        tier=finding.found.tier,
        urgency=urgency.urgency(finding.found.points, Attention.NONE, 0),
    )


def _is_picture(examination: Examination) -> bool:
    """By digests alone nobody knows how many frames there are; most files have one."""
    return bool(examination.shown) and examination.frame_count <= 1


def deadlines_of(at: dt.datetime, options: IntakeOptions) -> Deadlines:
    """Until when a case that opens at a moment may wait."""
    return Deadlines(
        at + dt.timedelta(hours=options.bytes_wanted_hours),
        at + dt.timedelta(days=options.fault_days),
    )


def keep_evidence(
    transaction: Transaction, evidence: Evidence, submission: Submission, key: DigestKey | None
) -> None:
    """Write an item's evidence, and with a key its exact digests as lists keep them."""
    transaction.cases.add_evidence(evidence)
    exact = submission.screened.examination.exact
    if key is None or exact is None or not exact.size:
        return
    digests = CaseDigests(
        md5=key.keyed(SignalType.MD5, exact.md5),
        sha1=key.keyed(SignalType.SHA1, exact.sha1),
        sha256=key.keyed(SignalType.SHA256, exact.sha256),
    )
    transaction.cases.add_digests(evidence.case_id, digests)
