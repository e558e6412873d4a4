"""A report and what belongs to it.

A report is about one person's occurrences in one case: what another uploader did is another
report. What it says of persons stands here only sealed to the case. Its receipts are sealed to a
key of their own and so outlive the evidence.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass, field

from safehold.errors import SafeholdError
from safehold.ids import CaseId, DocumentId, EvidenceId, ReportId, ServiceId, UserId


class AuthorityCode(enum.StrEnum):
    """To whom a report goes."""

    NCMEC = "ncmec"
    """The CyberTipline of the United States: the one with a machine interface."""

    NCA = "nca"
    PHAROS = "pharos"
    POINT_DE_CONTACT = "point_de_contact"
    CYBERTIP_CA = "cybertip_ca"
    INHOPE = "inhope"
    OTHER = "other"


class Environment(enum.StrEnum):
    """Where a machine's report goes. It follows from the case, never from a choice.

    The cases of a demonstration's service (`accounts.model.Service.demo`) go to the simulator,
    where one is named, or to the authority's test environment; all others to production alone.
    """

    FORM = "form"
    """Nowhere by machine: a person fills in the authority's form."""

    PRODUCTION = "production"
    TEST = "test"
    SIMULATOR = "simulator"


class ReportState(enum.StrEnum):
    """Where a report stands; `safehold.reporting.workflow` has the transitions."""

    DRAFT = "draft"
    """An officer prepares it."""

    WAITING = "waiting"
    """Its documents are fixed; a second person reads and approves them, or sends them back."""

    APPROVED = "approved"
    """To be sent by the custodian, or handed in by a person."""

    SENDING = "sending"
    """The authority has, or may have, a part of it."""

    NEEDS_PERSON = "needs_person"
    """It cannot go on by itself; `Report.trouble` says why."""

    FILED = "filed"
    """The authority has confirmed it."""

    ABANDONED = "abandoned"
    """Nothing was filed, and nothing will be."""


class Trouble(enum.StrEnum):
    """Why a report needs a person."""

    NONE = ""
    UNCLEAR_SUBMIT = "unclear_submit"
    """It is not known whether the authority opened a report; asking blindly would open two."""

    REJECTED = "rejected"
    """The authority refuses what the report says."""

    WRONG_HASH = "wrong_hash"
    """The authority received other bytes than were sent; the report was retracted."""

    UNCLEAR_RETRACT = "unclear_retract"
    """It should be retracted, and it is not known whether it was."""

    EXPIRED = "expired"
    """The authority deletes reports that are not finished in time, and its time is over."""

    GONE = "gone"
    """The authority knows no such report, or has retracted it."""

    EVIDENCE = "evidence"
    """A file that the report names cannot be opened."""

    NOT_UNDERSTOOD = "not_understood"
    """The authority's answer cannot be understood."""


class Relevance(enum.StrEnum):
    """How a file belongs to a report (NCMEC's `fileRelevance`)."""

    REPORTED = "reported"
    SUPPLEMENTAL = "supplemental"


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file of a report: evidence of its case, or of another confirmed case of the same person."""

    case_id: CaseId
    evidence_id: EvidenceId
    relevance: Relevance


@dataclass(frozen=True, slots=True)
class Report:
    """A report.

    Attributes:
        report_id, case_id, service_id: ids.
        uploader: pseudonym (16 bytes) of the person it is about, within the service; None where
            nobody is known.
        authority, environment: to whom, and where.
        state, trouble: where it stands, and why it needs a person.
        attempt: how often it was begun to be sent, from 1; a resolution "send anew" adds one.
        created, updated: moments.
        created_by: who began it.
        files: in the order in which they are sent.
        sealed_details: what the officer adds (JSON of `facts.FilingDetails`), encrypted to the
            case's recipient; empty for nothing.
        sealed_documents: the documents as they were fixed (JSON, see `documents`), encrypted to
            the case's recipient; empty while it is a draft.
        digest: SHA-256 over the fixed documents (`documents.digest`), which is what the second
            person approves; empty while it is a draft.
        prepared_by, prepared_at: who fixed the documents.
        approved_by, approved_at: the second person.
        remote_id: the authority's number of it, or empty.
        filed_at: when the authority confirmed it.
    """

    report_id: ReportId
    case_id: CaseId
    service_id: ServiceId
    uploader: bytes | None
    authority: AuthorityCode
    environment: Environment
    state: ReportState
    created: dt.datetime
    updated: dt.datetime
    created_by: UserId
    trouble: Trouble = Trouble.NONE
    attempt: int = 1
    files: tuple[ReportFile, ...] = ()
    sealed_details: bytes = field(default=b"", repr=False)
    sealed_documents: bytes = field(default=b"", repr=False)
    digest: bytes = b""
    prepared_by: UserId | None = None
    prepared_at: dt.datetime | None = None
    approved_by: UserId | None = None
    approved_at: dt.datetime | None = None
    remote_id: str = ""
    filed_at: dt.datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens with it."""
        return self.state in (ReportState.FILED, ReportState.ABANDONED)


class StepKind(enum.StrEnum):
    """A call of the CyberTipline's interface."""

    SUBMIT = "submit"
    UPLOAD = "upload"
    FILE_INFO = "file_info"
    FINISH = "finish"
    RETRACT = "retract"


class StepPhase(enum.StrEnum):
    """What is known of a call. `STARTED` is written before it is made."""

    STARTED = "started"
    DONE = "done"
    """The authority has confirmed it."""

    REFUSED = "refused"
    """The authority has said that it did not do it; `code` says why."""

    NOT_SENT = "not_sent"
    """It surely did not reach the authority."""

    UNCLEAR = "unclear"
    """Nobody knows."""


@dataclass(frozen=True, slots=True)
class ReportStep:
    """An entry of a report's journal. Never changed.

    Attributes:
        report_id: of the report.
        attempt: of which attempt.
        number: of the entry within the report, from 1 without gaps.
        kind, file: which call; number of the file from 0, or None.
        phase: what is known of it.
        at: when.
        code: the authority's responseCode, or None.
        status: the HTTP status, or None.
        remote_report, remote_file: the authority's ids, or empty.
        md5: keyed name (16 bytes) of the MD5 that the authority computed, or empty.
        request_id: the header `Request-ID`, or empty.
        document_id: the answer as it came, kept in the vault; None where there is none.
    """

    report_id: ReportId
    attempt: int
    number: int
    kind: StepKind
    file: int | None
    phase: StepPhase
    at: dt.datetime
    code: int | None = None
    status: int | None = None
    remote_report: str = ""
    remote_file: str = ""
    md5: bytes = b""
    request_id: str = ""
    document_id: DocumentId | None = None


class DocumentKind(enum.StrEnum):
    """What is kept beside evidence, and longer."""

    RECEIPT = "receipt"
    """An authority's answer, as it came."""

    ACKNOWLEDGEMENT = "acknowledgement"
    """What an authority confirmed to a person, as the person typed it in."""

    DESTRUCTION_REQUEST = "destruction_request"
    """The document by which an authority asks that evidence be destroyed."""


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document in the vault, with a key of its own.

    Attributes:
        document_id, case_id, service_id: ids.
        report_id: of the report it belongs to, or None.
        kind: what it is.
        object_name, key_name, recipient: as evidence of a case has them.
        size, sealed_size, sealed_sha256: as `cases.model.Evidence` has them.
        created: when it was kept.
    """

    document_id: DocumentId
    case_id: CaseId
    service_id: ServiceId
    report_id: ReportId | None
    kind: DocumentKind
    object_name: str
    key_name: str
    recipient: str
    size: int
    sealed_size: int
    sealed_sha256: bytes
    created: dt.datetime


class UnknownReportError(SafeholdError):
    """A report that does not exist."""

    code = "report_unknown"
    default_message = "There is no such report."


class ReportStateError(SafeholdError):
    """What was asked for is not possible in the state of the report."""

    code = "report_state"
    default_message = "The report is in another state than this needs."
    default_hint = "Load it again: somebody else has changed it."


class ReportChangedError(SafeholdError):
    """The documents are not those that were read."""

    code = "report_changed"
    default_message = "The report says something else now than what you have read."
    default_hint = "Read it again, then go on."


class ReportIncompleteError(SafeholdError):
    """Something that the authority requires is missing."""

    code = "report_incomplete"
    default_message = "The report is not complete."
    default_hint = "Its page names what is missing."


class ReportEnvironmentError(SafeholdError):
    """A report of a case that is nobody's trial cannot go to a test environment, or reversed."""

    code = "report_environment"
    default_message = "Reports of this case cannot go there."
    default_hint = "Cases of services added with --demo go to tests alone, all others never."


class NotConfiguredError(SafeholdError):
    """No credentials for the authority's environment."""

    code = "report_not_configured"
    default_message = "The authority's credentials are not configured."
    default_hint = "The settings of the group 'cybertip' name them."
