"""How reporting stands: what alarms and the page of health say of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from safehold.ids import ReportId
from safehold.reporting.environment import NO_PRODUCTION, can_report
from safehold.reporting.interface import ReportFilter
from safehold.reporting.model import ReportState
from safehold.reporting.options import CybertipOptions, ReportingOptions
from safehold.reporting.records import ReportTransaction

_MOST = 500
"""So many reports that are not over are looked at."""

_NOT_OVER = frozenset(ReportState) - {ReportState.FILED, ReportState.ABANDONED}


@dataclass(frozen=True, slots=True)
class Standing:
    """How reporting stands.

    Attributes:
        missing: codes of what is missing so that nobody can be reported to; empty where somebody
            can be; None where the custodian must be asked and cannot be.
        unreported: confirmed cases that no report is about for `reporting.alarm_hours`.
        stuck: reports that are not over and have not gone on for as long. Each keeps its case from
            being counted above, so that a draft that is forgotten must show here.
    """

    missing: tuple[str, ...] | None
    unreported: int
    stuck: tuple[ReportId, ...]


def standing(
    transaction: ReportTransaction,
    options: ReportingOptions,
    cybertip: CybertipOptions,
    environments: Sequence[str] | None,
    now: dt.datetime,
) -> Standing:
    """How reporting stands.

    Args:
        transaction: to read.
        options: settings of reports.
        cybertip: settings of the CyberTipline.
        environments: to which the custodian has credentials; None where it cannot be asked.
        now: the present moment.
    """
    before = now - dt.timedelta(hours=options.alarm_hours)
    wanted = ReportFilter(states=_NOT_OVER, limit=_MOST)
    stuck = [one.report_id for one in transaction.reports.list(wanted) if one.updated <= before]
    missing: tuple[str, ...] | None = can_report(options, cybertip, environments or ())
    if environments is None and missing and NO_PRODUCTION in missing:
        missing = None  # Whether there are credentials is the custodian's to say.
    return Standing(missing, transaction.reports.count_unreported(before), tuple(sorted(stuck)))
