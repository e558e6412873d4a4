"""Whether a case's evidence must still be kept: what review asks before it destroys anything."""

from __future__ import annotations

from typing import cast

from safehold.cases.destruction import Ground, RetentionError
from safehold.cases.model import Case
from safehold.cases.records import Transaction
from safehold.clock import Clock
from safehold.ids import DocumentId
from safehold.reporting.model import DocumentKind
from safehold.retention import rules
from safehold.retention.interface import RetentionTransaction
from safehold.retention.options import RetentionOptions


class Keeping:
    """`ReviewParts.keeps`: the rules of retention, within the transaction that destroys."""

    def __init__(self, options: RetentionOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock

    def __call__(
        self, transaction: Transaction, case: Case, ground: Ground, document: DocumentId
    ) -> None:
        """Raises `RetentionError` where it must still be kept."""
        there = cast(RetentionTransaction, transaction)
        facts = there.retention.facts(case.case_id)
        if facts is None:
            raise RetentionError
        kept = there.reports.document(document) if document else None
        has_document = (
            kept is not None
            and kept.case_id == case.case_id
            and kept.kind is DocumentKind.DESTRUCTION_REQUEST
        )
        clock = rules.rule_of(facts, self._options, self._clock.now())
        if not rules.may_destroy(clock, ground, has_document=has_document):
            raise RetentionError
