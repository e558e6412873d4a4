"""What is known of a case for its clock, and the clock. Ids, codes and moments alone."""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass

from safehold.cases.model import CaseState
from safehold.ids import CaseId
from safehold.reporting.model import AuthorityCode


class Rule(enum.StrEnum):
    """Which rule a clock runs by; `rules` says how long."""

    UNDECIDED = "undecided"
    UNDER_WAY = "report_under_way"
    REPORTED = "reported"
    CONFIRMED = "confirmed"
    CLEARED = "cleared"
    EXPIRED = "expired"
    GONE = "gone"


class ClockState(enum.StrEnum):
    """Where a clock stands."""

    UNDECIDED = "undecided"
    """Somebody has to decide the case first; it is kept until then, however long."""

    KEPT = "kept"
    WARN = "warn"
    """Its end is near."""

    DUE = "due"
    """It may be destroyed."""

    HELD = "held"
    """A legal hold stands."""

    GONE = "gone"
    """There is no evidence any more."""


@dataclass(frozen=True, slots=True)
class RetentionFacts:
    """What a clock follows from.

    Attributes:
        case_id, state: of the case.
        decided: when the case came into its state.
        received: when its bytes last came: stored, or come up again; None where nothing is left
            that could be destroyed.
        filed: authority and moment of each report that was filed.
        under_way: whether a report is neither a draft nor over.
        doubtful: whether a report that was given up may be with the authority all the same, and
            when it was given up; or None.
        holds: legal holds that stand on it.
    """

    case_id: CaseId
    state: CaseState
    decided: dt.datetime
    received: dt.datetime | None
    filed: tuple[tuple[AuthorityCode, dt.datetime], ...] = ()
    under_way: bool = False
    doubtful: dt.datetime | None = None
    holds: int = 0


@dataclass(frozen=True, slots=True)
class RetentionClock:
    """Until when a case's evidence is kept.

    Attributes:
        case_id: of the case.
        rule: by which rule.
        since: from when the time counts.
        until: from when it may be destroyed; None where nothing says when.
        state: where it stands.
        holds: legal holds that stand on it.
        reported: whether an authority has, or may have, a report of it.
    """

    case_id: CaseId
    rule: Rule
    since: dt.datetime
    until: dt.datetime | None
    state: ClockState
    holds: int = 0
    reported: bool = False
