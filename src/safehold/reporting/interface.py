"""The port behind which reports are kept. It takes part in a transaction (`records`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from safehold.cases.model import Case
from safehold.ids import CaseId, DocumentId, ReportId, ServiceId
from safehold.reporting.model import (
    AuthorityCode,
    Environment,
    KeptDocument,
    Report,
    ReportState,
    ReportStep,
)


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Which reports to list, the newest first.

    Attributes:
        states: only those; empty for all.
        authority, service_id: only those; None for all.
        before: only ids that are smaller, for the next page.
        limit: at most so many.
    """

    states: frozenset[ReportState] = frozenset()
    authority: AuthorityCode | None = None
    service_id: ServiceId | None = None
    before: ReportId | None = None
    limit: int = 50


class ReportStore(Protocol):
    """Reports, their journals and what is kept of them."""

    def add(self, report: Report) -> None:
        """Add a report."""
        ...

    def update(self, report: Report) -> None:
        """Write what can change: all but ids, uploader, authority, `created` and `created_by`."""
        ...

    def find(self, report_id: ReportId, *, lock: bool = False) -> Report | None:
        """One report; with `lock`, held against other writers until the transaction ends."""
        ...

    def list(self, wanted: ReportFilter) -> Sequence[Report]:
        """Reports that a filter names, the newest (the largest id) first."""
        ...

    def counts(self) -> Mapping[ReportState, int]:
        """How many there are in each state."""
        ...

    def of_case(self, case_id: CaseId) -> Sequence[Report]:
        """Reports about a case, and those with a file of it, by id."""
        ...

    def is_reported(self, case_id: CaseId) -> bool:
        """Whether a report with this case or a file of it was filed, or may have been.

        So it is from the moment at which it is begun to be sent (`SENDING`, `NEEDS_PERSON`,
        `FILED`), and for forms from `APPROVED` on. `ABANDONED` ones count only where a journal
        says that the authority may have it.
        """
        ...

    def filed_about(self, service_id: ServiceId, uploader: bytes) -> Sequence[Report]:
        """Filed reports about a person, by id."""
        ...

    def unreported(self, before: dt.datetime, limit: int) -> Sequence[Case]:
        """Confirmed cases that no report is about; no canaries, nor what is destroyed.

        Also those that lack a report about somebody whose id is known: each is another report.
        Those confirmed, and where it is about somebody brought by them, before a moment, the
        longest unchanged first. Abandoned reports count as none.
        """
        ...

    def count_unreported(self, before: dt.datetime) -> int:
        """How many `unreported` there are in all."""
        ...

    def add_step(self, step: ReportStep) -> None:
        """Add an entry to a journal. A number that is there already is an error."""
        ...

    def steps(self, report_id: ReportId) -> Sequence[ReportStep]:
        """A report's journal, by number."""
        ...

    def recent_steps(
        self, environment: Environment, since: dt.datetime, limit: int
    ) -> Sequence[ReportStep]:
        """Entries of all journals of an environment since a moment, the newest first."""
        ...

    def add_document(self, document: KeptDocument) -> None:
        """Add a document, whose bytes are in the vault already."""
        ...

    def document(self, document_id: DocumentId) -> KeptDocument | None:
        """One document."""
        ...

    def documents(self, case_id: CaseId) -> Sequence[KeptDocument]:
        """A case's documents, in order of time."""
        ...

    def all_documents(self) -> Iterator[KeptDocument]:
        """All documents, in batches, to verify the vault and to wrap their keys anew."""
        ...
