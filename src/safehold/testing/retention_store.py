"""What clocks of evidence follow from, read from the stores in memory in the plainest way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from safehold.cases.model import Case, CaseFilter
from safehold.ids import CaseId
from safehold.reporting.model import ReportState, StepKind
from safehold.retention.model import RetentionFacts

if TYPE_CHECKING:
    from safehold.testing.records import MemoryTransaction

_ALL = 1_000_000
_UNDER_WAY = (
    ReportState.WAITING,
    ReportState.APPROVED,
    ReportState.SENDING,
    ReportState.NEEDS_PERSON,
)


class MemoryRetention:
    """A `RetentionStore` over the other stores of one transaction."""

    def __init__(self, transaction: MemoryTransaction) -> None:
        self._transaction = transaction

    def facts(self, case_id: CaseId) -> RetentionFacts | None:
        """Of one case."""
        there = self._transaction
        case = there.cases.find(case_id)
        if case is None:
            return None
        reports = there.reports.of_case(case_id)
        filed = [(one.filed_at, one.authority) for one in reports if one.state is ReportState.FILED]
        given_up = [
            one.updated
            for one in reports
            if one.state is ReportState.ABANDONED
            and any(step.kind is StepKind.FINISH for step in there.reports.steps(one.report_id))
        ]
        return RetentionFacts(
            case_id=case_id,
            state=case.state,
            decided=case.updated,
            received=self._received(case),
            filed=tuple((authority, at) for at, authority in sorted(filed) if at is not None),
            under_way=any(one.state in _UNDER_WAY for one in reports),
            doubtful=max(given_up, default=None),
            holds=len(there.reviews.holds_on(case_id)),
        )

    def _received(self, case: Case) -> dt.datetime | None:
        """When its bytes, or anything else that is sealed to its key, last came."""
        there = self._transaction
        stored = [one.created for one in there.cases.evidence(case.case_id)]
        if not stored and case.purged is not None and case.updated <= case.purged:
            return None
        came = [one.at for one in there.cases.occurrences(case.case_id)]
        return max((case.opened, *stored, *came))

    def page(self, after: CaseId | None, limit: int) -> Sequence[RetentionFacts]:
        """Of several cases that have something left, by id; those after an id."""
        cases = self._transaction.cases.list(CaseFilter(after=after, limit=_ALL))
        found = (self.facts(case.case_id) for case in cases)
        return [one for one in found if one is not None and one.received is not None][:limit]
