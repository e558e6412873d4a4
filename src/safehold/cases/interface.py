"""The port behind which cases are kept. It takes part in a transaction (`records`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from safehold.cases.model import (
    Case,
    CaseDigests,
    CaseFilter,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    Queue,
    Statement,
)
from safehold.ids import CaseId, ServiceId


class CaseStore(Protocol):
    """Cases and what belongs to them. Nothing but a case itself is ever changed."""

    def add(self, case: Case) -> bool:
        """Add a case. Returns False, and adds nothing, where the service has those bytes.

        Another transaction that adds the same bytes at the same time is waited for.
        """
        ...

    def update(self, case: Case) -> None:
        """Write what can change: all but ids, content, surface and `opened`.

        A case whose key was destroyed gets another recipient and key name.
        """
        ...

    def find(self, case_id: CaseId, *, lock: bool = False) -> Case | None:
        """One case; with `lock`, held against other writers until the transaction ends."""
        ...

    def find_content(
        self, service_id: ServiceId, content: bytes, *, lock: bool = False
    ) -> Case | None:
        """The case of some bytes within a service."""
        ...

    def find_contents(self, contents: Sequence[tuple[ServiceId, bytes]]) -> Sequence[Case]:
        """The cases of several items at once, in one question; items without one are left out."""
        ...

    def list(self, wanted: CaseFilter) -> Sequence[Case]:
        """Cases in the order of their ids."""
        ...

    def due(self, now: dt.datetime, limit: int) -> Sequence[Case]:
        """Cases awaiting bytes or open whose deadline has passed, the longest due first."""
        ...

    def counts(self) -> Mapping[tuple[CaseState, Queue], int]:
        """How many cases there are in each state and queue, without canaries."""
        ...

    def fault_space(self) -> tuple[int, int]:
        """Cases of the fault queue that wait, and the bytes of their sealed evidence, in all."""
        ...

    def delete(self, case_id: CaseId) -> None:
        """Remove a case and everything of it. The audit log keeps its events."""
        ...

    def add_occurrence(self, occurrence: Occurrence) -> None:
        """Add an occurrence."""
        ...

    def occurrences(self, case_id: CaseId) -> Sequence[Occurrence]:
        """A case's occurrences, in order of time."""
        ...

    def cases_of_uploader(self, service_id: ServiceId, uploader: bytes) -> Sequence[CaseId]:
        """The cases in which an uploader occurs, by id."""
        ...

    def add_evidence(self, evidence: Evidence) -> None:
        """Add evidence, whose bytes are in the vault already."""
        ...

    def evidence(self, case_id: CaseId) -> Sequence[Evidence]:
        """A case's evidence, in order of time."""
        ...

    def remove_evidence(self, case_id: CaseId) -> int:
        """Remove the rows of a case's evidence, whose objects are destroyed; how many."""
        ...

    def all_evidence(self) -> Iterator[Evidence]:
        """All evidence, in batches, to verify the vault."""
        ...

    def key_names(self) -> Iterator[str]:
        """Names of the wrapped keys of all cases, in batches."""
        ...

    def add_digests(self, case_id: CaseId, digests: CaseDigests) -> None:
        """Keep the exact digests of a case's bytes, where they are not kept yet."""
        ...

    def digests(self, case_id: CaseId) -> CaseDigests | None:
        """The exact digests of a case's bytes, where they are kept."""
        ...

    def add_decision(self, decision: DecisionRecord) -> None:
        """Add a decision."""
        ...

    def decisions(self, case_id: CaseId) -> Sequence[DecisionRecord]:
        """A case's decisions, in order of time."""
        ...

    def add_statement(self, statement: Statement) -> None:
        """Add a flag or an appeal."""
        ...

    def statements(self, case_id: CaseId) -> Sequence[Statement]:
        """A case's flags and appeals, in order of time."""
        ...
