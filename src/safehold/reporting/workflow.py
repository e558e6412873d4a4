"""The states of a report and what leads from one to the next. I/O-free.

1. An officer's `DRAFT` is fixed (`fix`): its documents are sealed, and it waits for a second
   person (`WAITING`).
2. The second person is not who fixed it. They approve the digest of what they have read
   (`approve`, `APPROVED`), or it is sent back (`send_back`): then its fixed documents are gone, and
   it is a draft again. An approved one goes back only while nothing of it was sent or handed in.
3. By machine: the first call makes it `SENDING`; the authority's confirmation `FILED`; what cannot
   go on by itself `NEEDS_PERSON`, with the reason.
4. A form is handed in by a person, who types in what the authority confirmed (`acknowledge`).
5. Who resolves a report that needs a person says that it is to be sent anew, with a new attempt
   (where the authority refused what it says, or a file cannot be opened, it is a draft again and
   two people agree anew), or that it was filed after all, with the authority's number (not where
   the authority refused it, or it was retracted), or that it is given up.
6. What is filed or given up never changes again. A report that may be with the authority is not
   given up as if it were not: only a person's word in `resolve` ends it.
"""

from __future__ import annotations

import datetime as dt
import enum
import hmac
import re
from dataclasses import replace

from safehold.cases.review.refusals import SamePersonError
from safehold.errors import UsageError
from safehold.ids import UserId
from safehold.reporting.model import (
    Environment,
    Report,
    ReportChangedError,
    ReportState,
    ReportStateError,
    Trouble,
)

_REFERENCE = re.compile(r"[0-9A-Za-z][0-9A-Za-z ._:/#-]{0,99}")
_BEFORE_ANYTHING = frozenset({ReportState.DRAFT, ReportState.WAITING, ReportState.APPROVED})


class Resolution(enum.StrEnum):
    """What a person says of a report that cannot go on by itself."""

    SEND_ANEW = "send_anew"
    """The authority has none that counts: it is sent again."""

    FILED = "filed"
    """The authority has it, under a number."""

    ABANDON = "abandon"
    """It is not with the authority, and is not to be."""


class ReportReferenceError(UsageError):
    """A number or a reference of an authority that cannot be one."""

    code = "report_reference"
    default_message = "That is no reference that can be kept."
    default_hint = "At most 100 letters, digits, spaces and . _ : / # -"


def check_reference(text: str) -> str:
    """An authority's number or reference, without spaces around it.

    Raises:
        ReportReferenceError: it is empty, or has something else than letters, digits and marks.
    """
    stripped = text.strip()
    if _REFERENCE.fullmatch(stripped) is None:
        raise ReportReferenceError
    return stripped


def fix(
    report: Report, sealed_documents: bytes, digest: bytes, user_id: UserId, now: dt.datetime
) -> Report:
    """An officer has read the documents and hands them to a second person (rule 1)."""
    _require(report, ReportState.DRAFT)
    return replace(
        report,
        state=ReportState.WAITING,
        sealed_documents=sealed_documents,
        digest=digest,
        prepared_by=user_id,
        prepared_at=now,
        approved_by=None,
        approved_at=None,
        updated=now,
    )


def approve(report: Report, user_id: UserId, digest: bytes, now: dt.datetime) -> Report:
    """A second person agrees to exactly these documents (rule 2).

    Raises:
        ReportStateError: it does not wait.
        SamePersonError: it is who fixed them.
        ReportChangedError: the documents are others.
    """
    _require(report, ReportState.WAITING)
    if user_id == report.prepared_by:
        raise SamePersonError
    if not hmac.compare_digest(digest, report.digest):
        raise ReportChangedError
    return replace(
        report, state=ReportState.APPROVED, approved_by=user_id, approved_at=now, updated=now
    )


def send_back(report: Report, now: dt.datetime) -> Report:
    """Back to a draft, without its fixed documents (rule 2)."""
    _require(report, ReportState.WAITING, ReportState.APPROVED)
    return _draft(report, now)


def begin_sending(report: Report, now: dt.datetime) -> Report:
    """The first call is about to be made (rule 3)."""
    _require(report, ReportState.APPROVED)
    if report.environment is Environment.FORM:
        raise ReportStateError
    return replace(report, state=ReportState.SENDING, updated=now)


def filed(report: Report, remote_id: str, at: dt.datetime) -> Report:
    """The authority has confirmed it (rule 3)."""
    _require(report, ReportState.SENDING)
    return replace(
        report,
        state=ReportState.FILED,
        trouble=Trouble.NONE,
        remote_id=remote_id,
        filed_at=at,
        updated=at,
    )


def needs_person(report: Report, trouble: Trouble, now: dt.datetime) -> Report:
    """It cannot go on by itself (rule 3)."""
    _require(report, ReportState.SENDING)
    if trouble is Trouble.NONE:
        raise ReportStateError
    return replace(report, state=ReportState.NEEDS_PERSON, trouble=trouble, updated=now)


def resolutions(trouble: Trouble) -> frozenset[Resolution]:
    """What a person may say of a report in trouble (rule 5)."""
    if trouble is Trouble.NONE:
        return frozenset()
    if trouble in (Trouble.REJECTED, Trouble.WRONG_HASH):
        return frozenset({Resolution.SEND_ANEW, Resolution.ABANDON})
    return frozenset(Resolution)


def resolve(report: Report, resolution: Resolution, remote_id: str, now: dt.datetime) -> Report:
    """A person says how it goes on (rule 5).

    Raises:
        ReportStateError: it needs nobody, or that cannot be said of its trouble.
        ReportReferenceError: it was filed, and the number is none.
    """
    _require(report, ReportState.NEEDS_PERSON)
    if resolution not in resolutions(report.trouble):
        raise ReportStateError
    if resolution is Resolution.FILED:
        number = check_reference(remote_id)
        return replace(
            report,
            state=ReportState.FILED,
            trouble=Trouble.NONE,
            remote_id=number,
            filed_at=now,
            updated=now,
        )
    if resolution is Resolution.ABANDON:
        return replace(report, state=ReportState.ABANDONED, updated=now)
    anew = replace(report, attempt=report.attempt + 1, trouble=Trouble.NONE, remote_id="")
    if report.trouble in (Trouble.REJECTED, Trouble.EVIDENCE):
        return _draft(anew, now)
    return replace(anew, state=ReportState.APPROVED, updated=now)


def acknowledge(report: Report, reference: str, at: dt.datetime, now: dt.datetime) -> Report:
    """A form was handed in, and the authority has confirmed it (rule 4).

    Raises:
        ReportStateError: it is not approved, or no form.
        ReportReferenceError: the reference is none, or the moment lies ahead, or before it was
            approved.
    """
    _require(report, ReportState.APPROVED)
    if report.environment is not Environment.FORM:
        raise ReportStateError
    too_early = report.approved_at is not None and at < report.approved_at - _DAY
    if at > now or too_early:
        raise ReportReferenceError(
            "The authority cannot have confirmed it then.",
            hint="Type in the day on which it did.",
        )
    return replace(
        report,
        state=ReportState.FILED,
        remote_id=check_reference(reference),
        filed_at=at,
        updated=now,
    )


def abandon(report: Report, now: dt.datetime) -> Report:
    """It is given up before anything was sent (rule 6)."""
    if report.state not in _BEFORE_ANYTHING:
        raise ReportStateError
    return replace(report, state=ReportState.ABANDONED, updated=now)


_DAY = dt.timedelta(days=1)
"""A day that a person types in has no time, and may be that of another zone."""


def _draft(report: Report, now: dt.datetime) -> Report:
    return replace(
        report,
        state=ReportState.DRAFT,
        sealed_documents=b"",
        digest=b"",
        prepared_by=None,
        prepared_at=None,
        approved_by=None,
        approved_at=None,
        updated=now,
    )


def _require(report: Report, *states: ReportState) -> None:
    if report.state not in states:
        raise ReportStateError
