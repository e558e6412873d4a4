"""What people's work on cases leaves behind. Ids, codes and moments; words are sealed."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from safehold.cases.model import Case, CaseState, Queue
from safehold.cases.review.options import ReviewOptions
from safehold.cases.review.refusals import (
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
from safehold.ids import (
    CaseId,
    EvidenceId,
    HoldId,
    NoteId,
    ProposalId,
    ServiceId,
    UserId,
    ViewId,
)

__all__ = [
    "Annotation",
    "CaseLock",
    "Classification",
    "ClearReason",
    "Figures",
    "LegalHold",
    "Likeness",
    "LockedError",
    "NotLockedError",
    "Note",
    "NoteKind",
    "OnHoldError",
    "Order",
    "Proposal",
    "ProposalError",
    "ProposalKind",
    "ProposalState",
    "QueueFilter",
    "QueueRow",
    "RestError",
    "ReviewOptions",
    "SamePersonError",
    "TwoPeopleError",
    "View",
    "ViewLevel",
    "ViewNeededError",
    "ViewRefusedError",
]


class Classification(enum.StrEnum):
    """The industry's classification (the form is in NCMEC's schema, `industryClassification`)."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"


class Annotation(enum.StrEnum):
    """What a person may add to a confirmation; NCMEC's `fileAnnotations`, in words of our own."""

    ANIME_DRAWING = "anime_drawing_virtual"
    POTENTIAL_MEME = "potential_meme"
    VIRAL = "viral"
    SELF_PRODUCTION = "possible_self_production"
    PHYSICAL_HARM = "physical_harm"
    VIOLENCE = "violence_gore"
    BESTIALITY = "bestiality"
    LIVE_STREAMING = "live_streaming"
    INFANT = "infant"
    GENERATIVE_AI = "generative_ai"


class ClearReason(enum.StrEnum):
    """Why a person clears a case."""

    NOT_LISTED_CONTENT = "not_listed_content"
    """It shows something else than what the entry stands for."""

    LEGAL_CONTENT = "legal_content"
    """It is what the entry stands for, and lawful: the entry is wrong."""

    UNREADABLE = "unreadable"
    """A fault: nothing can be seen, and nothing else speaks against it."""

    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CaseLock:
    """Somebody works on a case; nobody else may decide it until `until`."""

    case_id: CaseId
    user_id: UserId
    since: dt.datetime
    until: dt.datetime


class ViewLevel(enum.StrEnum):
    """How much a preview shows."""

    BLURRED = "blurred"
    """Small, grey and blurred."""

    GREY = "grey"
    """Sharp, without colour."""

    COLOUR = "colour"
    """Sharp, in colour."""


@dataclass(frozen=True, slots=True)
class View:
    """One time that somebody looked at a piece of evidence.

    It is written, with its audit event, before a preview is made, and a preview is only made for
    a view that is open. `viewed_whole` is what a report may call viewed: every still of the
    whole file was shown sharp.

    Attributes:
        view_id, case_id, evidence_id, user_id: ids.
        session: keyed digest (16 bytes) of the session that it belongs to.
        opened: when.
        until: when it hides itself.
        ended: when it ended, or None while it is open.
        frames: stills that there are to be shown; 0 until the first was made.
        whole: whether these stills are all frames of the file; once it has ended, whether the
            browser said besides that each of them was seen sharp.
        blurred, sharp, colour: numbers of the stills that were shown so.
        sharp_seconds: how long sharp stills were shown in sum, as the browser tells it, and
            never more than the view was open.
    """

    view_id: ViewId
    case_id: CaseId
    evidence_id: EvidenceId
    user_id: UserId
    session: bytes = field(repr=False)
    opened: dt.datetime
    until: dt.datetime
    ended: dt.datetime | None = None
    frames: int = 0
    whole: bool = False
    blurred: frozenset[int] = frozenset()
    sharp: frozenset[int] = frozenset()
    colour: frozenset[int] = frozenset()
    sharp_seconds: float = 0.0

    @property
    def viewed_whole(self) -> bool:
        """Whether every still of the whole file was shown unblurred, and the view told so."""
        shown = len(self.sharp | self.colour)
        return self.ended is not None and self.whole and 0 < self.frames <= shown

    def is_open(self, now: dt.datetime) -> bool:
        """Whether previews may be made for it."""
        return self.ended is None and now < self.until


class ProposalKind(enum.StrEnum):
    """What needs two people."""

    CLEAR = "clear"
    """To clear a case with an exact match."""

    CLEAR_SIMILAR = "clear_similar"
    """To clear a case, and what is very near to it, of likeness to the same entries."""

    EXPORT = "export"
    """To export originals, encrypted to a named recipient."""

    PURGE = "purge"
    """To destroy a case's evidence before its time."""

    UNDO = "undo"
    """To undo a person's decision."""


class ProposalState(enum.StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something that one person proposes and another approves.

    Attributes:
        proposal_id, case_id, service_id: ids.
        kind, state: what, and where it stands.
        proposed_by, proposed_at: who and when.
        until: when it expires by itself.
        details: codes of what is proposed (`reason`, `recipient`, `decision`, `radius`).
        decided_by, decided_at: the second person, or None.
    """

    proposal_id: ProposalId
    case_id: CaseId
    service_id: ServiceId
    kind: ProposalKind
    state: ProposalState
    proposed_by: UserId
    proposed_at: dt.datetime
    until: dt.datetime
    details: Mapping[str, str] = field(default_factory=dict)
    decided_by: UserId | None = None
    decided_at: dt.datetime | None = None


class NoteKind(enum.StrEnum):
    """What a colleague's words are about."""

    NOTE = "note"
    CLEAR = "clear"
    ESCALATE = "escalate"
    NEED_MORE = "need_more"
    PROPOSAL = "proposal"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class Note:
    """Words that somebody of the house wrote about a case.

    Attributes:
        note_id, case_id: ids.
        kind: what about.
        user_id: who.
        at: when.
        sealed_text: JSON with `text`, encrypted to the case's recipient.
    """

    note_id: NoteId
    case_id: CaseId
    kind: NoteKind
    user_id: UserId
    at: dt.datetime
    sealed_text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LegalHold:
    """Nothing of a case, or of an uploader's cases, may be destroyed while it stands.

    Attributes:
        hold_id: its id.
        service_id: in which service.
        case_id: the case, or None where it is on an account.
        uploader: pseudonym (16 bytes) of the uploader, or None where it is on a case.
        reference: the authority's reference, a code.
        set_by, set_at: who and when.
        lifted_by, lifted_at: the same of its end, or None.
    """

    hold_id: HoldId
    service_id: ServiceId
    case_id: CaseId | None
    uploader: bytes | None
    reference: str
    set_by: UserId
    set_at: dt.datetime
    lifted_by: UserId | None = None
    lifted_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """A clearing that works by likeness, made by two people.

    What lies within `radius` bits of `pdq` within the service, and is held for likeness to these
    grounds alone, is let go. An exact match, a fault or any other ground is never let go by it.

    Attributes:
        case_id: the case that was cleared.
        service_id: in which service.
        pdq: of the cleared picture (32 bytes).
        radius: in bits, at most `ReviewOptions.likeness_radius`.
        grounds: (list, entry) pairs that were cleared.
        at: when.
        ended: when it was undone, or None.
    """

    case_id: CaseId
    service_id: ServiceId
    pdq: bytes
    radius: int
    grounds: frozenset[tuple[str, str]]
    at: dt.datetime
    ended: dt.datetime | None = None


class Order(enum.StrEnum):
    """The order of a queue."""

    URGENCY = "urgency"
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which open cases to list.

    Attributes:
        queue, service_id, surface, tier, attention: only those; None (or "") for all.
        aside: id of an entry that was set aside: only what it matched.
        state: which state; open ones unless another is asked for.
        for_user: without what others have locked and what this user has passed on or may not
            decide (an appeal against their own decision); None leaves nothing out.
        order: see `Order`.
        after, limit: `QueueRow.cursor` of the last row before, and how many come after it.
    """

    queue: Queue | None = None
    service_id: ServiceId | None = None
    surface: str = ""
    tier: str = ""
    attention: str = ""
    aside: str = ""
    state: CaseState = CaseState.OPEN
    for_user: UserId | None = None
    order: Order = Order.URGENCY
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A case as the queue shows it.

    Attributes:
        case: the case.
        lock: who works on it, or None.
        occurrences: how often it came up.
        cursor: for `QueueFilter.after`.
    """

    case: Case
    lock: CaseLock | None
    occurrences: int
    cursor: str


Figures = Mapping[str, Any]
"""Counts for the page of figures; `interface.ReviewStore.figures` says which."""
