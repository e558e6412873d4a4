"""A case and what belongs to it.

A case is opened by a hold or a block (or by a flag) and stands for some exact bytes within one
service: the same bytes again join it as a new occurrence. What is said of persons (uploader,
address, file name, words) stands here only sealed to the case, or as a pseudonym that is keyed
by service.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from safehold.errors import SafeholdError
from safehold.ids import (
    CaseId,
    DecisionId,
    EvidenceId,
    OccurrenceId,
    ServiceId,
    StatementId,
)
from safehold.policy.model import Verdict

Ground = tuple[str, str]
"""Why something was held: (list, entry id), or ("", reason code)."""


class CaseState(enum.StrEnum):
    """Where a case stands; `safehold.cases.workflow` has the transitions."""

    AWAITING_BYTES = "awaiting_bytes"
    """Known by digests or by a flag alone; the bytes are asked for, until the deadline."""

    OPEN = "open"
    """Waits for a person's decision."""

    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    EXPIRED = "expired"
    """Nobody decided and its time is over: bytes never came, or a fault's short retention."""


class Attention(enum.StrEnum):
    """What an open case asks for, beside a decision."""

    NONE = ""
    MORE = "more"
    """Somebody asked for more to go on."""

    APPEALED = "appealed"
    """An uploader's appeal has opened it again: to somebody else than who decided."""

    UNDONE = "undone"
    """Two people have undone a decision."""

    ESCALATED = "escalated"
    """Somebody asked for a colleague with more experience."""


class Queue(enum.StrEnum):
    """To which queue of reviewers a case belongs."""

    MATCHES = "matches"
    FAULTS = "faults"
    """Held only since something could not be checked; quota and retention of its own."""

    FLAGS = "flags"
    """Flagged by users, without a match."""


@dataclass(frozen=True, slots=True)
class Case:
    """A case.

    Attributes:
        case_id: its id.
        service_id: whose it is.
        content: keyed digest (16 bytes) of the bytes it stands for, unique within the service.
        state, queue: where it stands.
        verdict: what policy said: hold or block; allow where it was only flagged.
        surface: where the first occurrence was.
        opened, updated: moments.
        recipient: the public half of its age identity.
        key_name: name of the wrapped secret half in the key store.
        canary: made by a canary; purges itself and counts in no figure.
        deadline: until when bytes are awaited, or when a fault expires; None for neither.
        cleared: the grounds that a person cleared; the same bytes are allowed while no other
            ground is found.
        pdq, pdq_quality: of the picture as stored, to group near duplicates; None if unknown.
        tier: of the list that it matches whose word counts most; empty for none.
        urgency: 0 (least) to 100; `safehold.cases.urgency` says how it comes about.
        attention: see `Attention`.
        purged: when its evidence and key were destroyed, or None.
    """

    case_id: CaseId
    service_id: ServiceId
    content: bytes
    state: CaseState
    queue: Queue
    verdict: Verdict
    surface: str
    opened: dt.datetime
    updated: dt.datetime
    recipient: str
    key_name: str
    canary: bool = False
    deadline: dt.datetime | None = None
    cleared: frozenset[Ground] = frozenset()
    pdq: bytes | None = None
    pdq_quality: int | None = None
    tier: str = ""
    urgency: int = 0
    attention: Attention = Attention.NONE
    purged: dt.datetime | None = None


class OccurrenceKind(enum.StrEnum):
    """How the bytes came up."""

    UPLOAD = "upload"
    DIGESTS = "digests"
    SCAN = "scan"
    GENERATION = "generation"
    """A picture that went into a generation service, or came out of it."""

    RETRO = "retro"
    """Allowed before, and found by its kept digests when a list had grown."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that the bytes of a case came up.

    Attributes:
        occurrence_id, case_id, service_id: ids.
        kind: how they came up.
        at: when.
        surface: where.
        uploader: pseudonym (16 bytes) of the uploader within the service, or None.
        receipt: the receipt that the caller got.
        sealed_context: context of persons (JSON), encrypted to the case's recipient.
    """

    occurrence_id: OccurrenceId
    case_id: CaseId
    service_id: ServiceId
    kind: OccurrenceKind
    at: dt.datetime
    surface: str
    uploader: bytes | None
    receipt: str
    sealed_context: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Original bytes in the vault.

    Attributes:
        evidence_id, case_id: ids.
        object_name: its name in the vault, which reveals nothing.
        size: bytes of the original.
        sealed_size: bytes of the encrypted object.
        sealed_sha256: SHA-256 of the encrypted object, by which the vault is verified without
            any key.
        sealed_manifest: digests, size, format and time of the original (JSON), encrypted to the
            case's recipient.
        created: when it was stored.
    """

    evidence_id: EvidenceId
    case_id: CaseId
    object_name: str
    size: int
    sealed_size: int
    sealed_sha256: bytes
    sealed_manifest: bytes = field(repr=False)
    created: dt.datetime = field(compare=False)


@dataclass(frozen=True, slots=True)
class CaseDigests:
    """Exact digests of the bytes that a case stands for, keyed as those of lists are (16 bytes)."""

    md5: bytes = field(repr=False)
    sha1: bytes = field(repr=False)
    sha256: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision on a case, by policy or by a person. Never changed.

    Attributes:
        decision_id, case_id: ids.
        occurrence_id: which occurrence it was made on; None for a person's.
        at: when.
        actor: `policy`, or `user:ID`.
        verdict: what was decided.
        reasons: codes, sorted.
        details: for policy's: `grounds` (pairs, see `Ground`), `matches` (list, tier, entry,
            classification, signal, distance, variant, orientation, conflict), `lists` (name to
            version), `scores` (classifiers), `software` (version), where remote matchers were
            asked `matchers` (name and code of each), where matches were suppressed `suppressed`
            (of how many entries), and where the file says something of its
            making `claims` (`safehold.provenance.forms`) and `conflicts` (codes). JSON.
    """

    decision_id: DecisionId
    case_id: CaseId
    occurrence_id: OccurrenceId | None
    at: dt.datetime
    actor: str
    verdict: Verdict
    reasons: tuple[str, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


class StatementKind(enum.StrEnum):
    """What somebody said about a case."""

    FLAG = "flag"
    APPEAL = "appeal"


@dataclass(frozen=True, slots=True)
class Statement:
    """A user's flag or an uploader's appeal.

    Attributes:
        statement_id, case_id, service_id: ids.
        kind: which of the two.
        at: when.
        author: pseudonym (16 bytes) of who said it, within the service, or None.
        reason: a code of the caller's, or empty.
        receipt: the receipt that was given, or one made for it; later decisions name it.
        sealed_text: who and what (JSON), encrypted to the case's recipient.
    """

    statement_id: StatementId
    case_id: CaseId
    service_id: ServiceId
    kind: StatementKind
    at: dt.datetime
    author: bytes | None
    reason: str
    receipt: str
    sealed_text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases to list.

    Attributes:
        service_id, state, queue: only those; None for all.
        canaries: whether canaries are among them.
        after: only cases with larger ids, to go on with the next page.
        limit: at most so many.
    """

    service_id: ServiceId | None = None
    state: CaseState | None = None
    queue: Queue | None = None
    canaries: bool = False
    after: CaseId | None = None
    limit: int = 100


class UnknownCaseError(SafeholdError):
    """A case that does not exist, or is of another service."""

    code = "case_unknown"
    default_message = "There is no such case."
