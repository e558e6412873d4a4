"""Whether a case was reported: what review and retention ask."""

from __future__ import annotations

from typing import cast

from safehold.cases.records import Transaction
from safehold.ids import CaseId
from safehold.reporting.records import ReportTransaction


def is_reported(transaction: Transaction, case_id: CaseId) -> bool:
    """See `ReportStore.is_reported`. The transaction is one of all stores."""
    return cast(ReportTransaction, transaction).reports.is_reported(case_id)
