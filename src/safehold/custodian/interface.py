"""The port of the custodian: the only one who can open what is held.

Rules, which every implementation keeps:
- Nothing that is opened is handed out before an audit event of it was appended; where that
  fails, nothing is handed out.
- Originals and sealed context leave only encrypted, and only to a recipient that the operator
  has named (an officer, or one of the file of named recipients). Digests and sizes may be told,
  and so may the words of a flag, an appeal or a note.
- Previews are made for an open view alone, by a worker that has no key; never original bytes.
- It signs checkpoints of an audit log, for each log only ever further on; and statements of its
  own making (`statements`), whose first line no checkpoint can have.
- A report is composed, fixed and sent by it alone, and sent only where the records say that two
  people have agreed to exactly these documents.
- What is sealed of releases is told to an officer alone, who has traced them by the audit log.
- It never decodes what it opens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from safehold.audit.note import NoteKey
from safehold.custodian.refusals import (
    CheckpointRefusedError,
    CustodianAwayError,
    CustodianBusyError,
    CustodianError,
    NoViewError,
    PreviewError,
    RequestError,
    RewrapRefusedError,
    SendRefusedError,
    TraceRefusedError,
    UnknownRecipientError,
)
from safehold.vault.naming import is_object_name
from safehold.vault.sealing import Writer

__all__ = [
    "Access",
    "Attested",
    "Checked",
    "CheckpointRefusedError",
    "Composed",
    "Custodian",
    "CustodianAwayError",
    "CustodianBusyError",
    "CustodianError",
    "NoViewError",
    "PreviewError",
    "PreviewWish",
    "Previewed",
    "RequestError",
    "RewrapRefusedError",
    "Rewrapped",
    "SendRefusedError",
    "Sent",
    "Status",
    "TraceRefusedError",
    "UnknownRecipientError",
    "check_purpose",
]

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ACTOR = re.compile(r"[a-z]{1,16}(:[0-9A-Za-z._-]{1,64})?")
_REASON = re.compile(r"[0-9a-z][0-9a-z._:-]{0,63}")


def check_purpose(actor: str, reason: str) -> None:
    """Whether it is said in the form of the audit log who asks and why. Raises `RequestError`."""
    if not (_ACTOR.fullmatch(actor) and _REASON.fullmatch(reason)):
        raise RequestError("The call does not say in the right form who asks and why.")


@dataclass(frozen=True, slots=True)
class Access:
    """On whose behalf a case is opened; all of it is audited.

    Attributes:
        key_name: name of the case's wrapped key. It decides what is opened.
        case_id: the case, as the caller says.
        actor: who asks: `system`, `user:ID`, `officer:NAME`.
        reason: a code (`canary`, `legal-request:2026-17`), never text about persons.
    """

    key_name: str
    case_id: str
    actor: str
    reason: str

    def __post_init__(self) -> None:
        if not (is_object_name(self.key_name) and _ID.fullmatch(self.case_id)):
            raise RequestError("The access does not name a case in the right form.")
        check_purpose(self.actor, self.reason)


@dataclass(frozen=True, slots=True)
class Status:
    """What the custodian says of itself.

    Attributes:
        identities: how many identities it holds.
        officers: how many present officers there are.
        holds_officer: whether an identity that it holds is a present officer's.
        software: its version.
        environments: of authorities to which it has credentials
            (`reporting.model.Environment`), sorted.
    """

    identities: int
    officers: int
    holds_officer: bool
    software: str
    environments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """What an original is.

    Attributes:
        sha256: of the original (32 bytes).
        size: its bytes.
    """

    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class PreviewWish:
    """What preview is wanted.

    Attributes:
        view_id: of the open view that it is for.
        level: `blurred`, `grey` or `colour` (`ViewLevel`).
        side: longest side in pixels.
        still: number of the still, from 0.
        stills: how many stills the file is to be cut to at most, spread evenly.
        mark: viewer's name and the time, which is drawn across it; at most 80 characters.
    """

    view_id: str
    level: str
    side: int
    still: int
    stills: int
    mark: str


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a preview shows.

    Attributes:
        size: bytes of the preview, a JPEG file without metadata.
        stills: how many stills there are.
        frames: frames of the file, as far as they were counted.
        whole: whether the stills are all frames of the file, and it was read without a fault.
    """

    size: int
    stills: int
    frames: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of keys that were to be wrapped anew.

    Attributes:
        done: so many are wrapped to the present officers.
        missing: so many are not in the key store (any more).
        failed: so many could not be opened or written; they are as they were.
    """

    done: int
    missing: int
    failed: int

    def __add__(self, other: Rewrapped) -> Rewrapped:
        """The sums of two."""
        return Rewrapped(
            self.done + other.done, self.missing + other.missing, self.failed + other.failed
        )


@dataclass(frozen=True, slots=True)
class Composed:
    """What a report says.

    Attributes:
        size: bytes of the documents' JSON (`reporting.documents.to_json`).
        digest: SHA-256 over the documents (32 bytes).
        complete: whether nothing is missing that the authority requires.
    """

    size: int
    digest: bytes
    complete: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a step of a report.

    Attributes:
        state: where the report stands now (`reporting.model.ReportState`).
        trouble: why it needs a person, or empty.
        more: whether there is something more to be sent at once.
        wait_seconds: how long to wait before the next step, where `more` is false and the report
            is not over.
        code: `ok`, or a stable code of what failed.
    """

    state: str
    trouble: str
    more: bool
    wait_seconds: float = 0.0
    code: str = "ok"


@dataclass(frozen=True, slots=True)
class Attested:
    """A statement of the custodian's.

    Attributes:
        text: the statement, UTF-8, its first line `safehold statement 1 KIND`.
        signature: 64 bytes of Ed25519 over it, by the key that signs checkpoints.
    """

    text: bytes
    signature: bytes


class Custodian(Protocol):
    """Opens, within the rules above. Safe to use from several threads."""

    def status(self) -> Status:
        """What it says of itself."""
        ...

    def public_key(self) -> NoteKey:
        """The public half of the key that signs checkpoints."""
        ...

    def sign(self, text: bytes) -> bytes:
        """Sign the text of a checkpoint (`safehold.audit.note`): 64 bytes of Ed25519.

        Raises `CheckpointRefusedError`.
        """
        ...

    def check(self, access: Access, object_name: str) -> Checked:
        """Decrypt an object to its end and say what the original is.

        Raises `ObjectMissingError`, `KeyMismatchError` or `DamagedError`.
        """
        ...

    def preview(
        self, access: Access, object_name: str, wish: PreviewWish, output: Writer
    ) -> Previewed:
        """Write a preview of an original to `output`, made anew by a keyless worker.

        Raises `NoViewError`, `PreviewError`, `CustodianBusyError`, and as `check` does.
        """
        ...

    def words(self, access: Access, sealed: bytes) -> str:
        """The words (`text`) of a sealed statement or note, and nothing else of it.

        Raises as `check` does.
        """
        ...

    def export(self, access: Access, object_name: str, recipient: str, output: Writer) -> int:
        """Write an original to `output`, encrypted to a named recipient; returns bytes written.

        What was written before an error must be thrown away. Raises `UnknownRecipientError` and
        as `check` does.
        """
        ...

    def open_sealed(self, access: Access, sealed: bytes, recipient: str) -> bytes:
        """Encrypt sealed context or a manifest of a case anew, to a named recipient.

        Raises `UnknownRecipientError` and as `check` does.
        """
        ...

    def rewrap(self, key_names: Sequence[str], actor: str, reason: str) -> Rewrapped:
        """Wrap keys, and the key of checkpoints, to the present officers.

        Raises `RewrapRefusedError`.
        """
        ...

    def shred(self, access: Access) -> bool:
        """Remove a case's wrapped key, durably. Returns whether it was there."""
        ...

    def compose_report(self, access: Access, report_id: str, output: Writer) -> Composed:
        """Write a report's documents to `output` as JSON: as fixed, or as they would be now.

        Raises `UnknownReportError` and as `check` does.
        """
        ...

    def fix_report(self, access: Access, report_id: str, digest: bytes) -> None:
        """Compose a draft once more and keep its documents, sealed; a second person is next.

        `access.actor` is who has read them. Raises `ReportChangedError` where the digest is
        another, `ReportIncompleteError`, `ReportStateError`, and as `check` does.
        """
        ...

    def send_report(self, access: Access, report_id: str) -> Sent:
        """Make the next call of an approved report, and keep what the authority answers.

        Raises `SendRefusedError`, `NotConfiguredError`, `UnknownReportError`.
        """
        ...

    def keep_document(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        """Keep a document (`reporting.model.DocumentKind`) of a case, under a key of its own.

        `report_id` may be empty. Returns the document's id. Raises `VaultError`.
        """
        ...

    def read_document(self, access: Access, document_id: str, output: Writer) -> int:
        """Write a kept document to `output`; returns its size."""
        ...

    def package(self, access: Access, report_id: str, recipient: str, output: Writer) -> int:
        """Write a case's evidence package to `output`, encrypted to a named recipient.

        With a `report_id` it is that report's files and documents, which must be approved by two
        people; else the whole case, for which an approved proposal to export to that recipient
        must stand. Returns bytes written. Raises `UnknownRecipientError`, `SendRefusedError`
        and as `check` does.
        """
        ...

    def attest_destruction(self, destruction_id: str) -> Attested:
        """Look that everything of a destruction is gone, and sign the record of it.

        Raises `DestructionError` where something is left.
        """
        ...

    def open_releases(self, actor: str, trace_id: str, output: Writer) -> int:
        """Write what is sealed of the releases that a trace has found; returns bytes written.

        It is JSON: `{"releases": {ID: {"told": {...}} or {"error": CODE}}}`, see
        `safehold.ledger.sealed`. `actor` is the officer who traced (`user:ID`), a short while
        ago. Raises `NotPermittedError`, `TraceRefusedError`.
        """
        ...

    def fetch_schema(self, environment: str, output: Writer) -> int:
        """Write the authority's present schema to `output`; returns its size.

        Raises `NotConfiguredError`, `OutboundError`.
        """
        ...
