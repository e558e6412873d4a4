"""A case store in memory, for tests of what stands above the port.

It passes the same conformance suite as the stores in SQL.
"""

from __future__ import annotations

import builtins
import copy
import dataclasses
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

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
    UnknownCaseError,
)
from safehold.ids import CaseId, ServiceId
from safehold.storage.engine import DatabaseError

_WAITING = frozenset({CaseState.AWAITING_BYTES, CaseState.OPEN})


class MemoryCases:
    """A `CaseStore` that forgets everything with the process."""

    def __init__(self) -> None:
        self._cases: dict[CaseId, Case] = {}
        self._contents: dict[tuple[ServiceId, bytes], CaseId] = {}
        self._occurrences: list[Occurrence] = []
        self._evidence: list[Evidence] = []
        self._decisions: list[DecisionRecord] = []
        self._statements: list[Statement] = []
        self._digests: dict[CaseId, CaseDigests] = {}

    def copy(self) -> MemoryCases:
        """An independent copy."""
        other = MemoryCases()
        for name, values in vars(self).items():
            setattr(other, name, copy.copy(values))
        return other

    def add(self, case: Case) -> bool:
        """Add a case. Returns False, and adds nothing, where the service has those bytes."""
        if (case.service_id, case.content) in self._contents:
            return False
        _refuse_twice(case.case_id, self._cases)
        self._contents[case.service_id, case.content] = case.case_id
        self._cases[case.case_id] = case
        return True

    def update(self, case: Case) -> None:
        """Write what can change of a case. Raises `UnknownCaseError` where there is none."""
        there = self._cases.get(case.case_id)
        if there is None:
            raise UnknownCaseError
        self._cases[case.case_id] = dataclasses.replace(
            there,
            state=case.state,
            queue=case.queue,
            verdict=case.verdict,
            updated=case.updated,
            deadline=case.deadline,
            cleared=case.cleared,
            canary=case.canary,
            pdq=case.pdq,
            pdq_quality=case.pdq_quality,
            recipient=case.recipient,
            key_name=case.key_name,
            tier=case.tier,
            urgency=case.urgency,
            attention=case.attention,
            purged=case.purged,
        )

    def find(self, case_id: CaseId, *, lock: bool = False) -> Case | None:
        """One case; transactions that write are alone, so there is nothing to lock."""
        return self._cases.get(case_id)

    def find_content(
        self, service_id: ServiceId, content: bytes, *, lock: bool = False
    ) -> Case | None:
        """The case of some bytes within a service."""
        case_id = self._contents.get((service_id, content))
        return None if case_id is None else self._cases[case_id]

    def find_contents(self, contents: Sequence[tuple[ServiceId, bytes]]) -> Sequence[Case]:
        """The cases of several items at once, by id; items without one are left out."""
        found = {self._contents[pair] for pair in contents if pair in self._contents}
        return [self._cases[case_id] for case_id in sorted(found)]

    def list(self, wanted: CaseFilter) -> Sequence[Case]:
        """Cases in the order of their ids."""
        found = [
            case
            for case_id, case in sorted(self._cases.items())
            if wanted.service_id in (None, case.service_id)
            and wanted.state in (None, case.state)
            and wanted.queue in (None, case.queue)
            and (wanted.canaries or not case.canary)
            and (wanted.after is None or case_id > wanted.after)
        ]
        return found[: wanted.limit]

    def due(self, now: dt.datetime, limit: int) -> Sequence[Case]:
        """Cases awaiting bytes or open whose deadline has passed, the longest due first."""
        found = [
            (case.deadline, case.case_id)
            for case in self._cases.values()
            if case.state in _WAITING and case.deadline is not None and case.deadline <= now
        ]
        return [self._cases[case_id] for _, case_id in sorted(found)[:limit]]

    def counts(self) -> Mapping[tuple[CaseState, Queue], int]:
        """How many cases there are in each state and queue, without canaries."""
        return Counter((c.state, c.queue) for c in self._cases.values() if not c.canary)

    def fault_space(self) -> tuple[int, int]:
        """Cases of the fault queue that wait, and the bytes of their sealed evidence, in all."""
        faults = {
            case.case_id
            for case in self._cases.values()
            if case.state in _WAITING and case.queue is Queue.FAULTS
        }
        return len(faults), sum(e.sealed_size for e in self._evidence if e.case_id in faults)

    def delete(self, case_id: CaseId) -> None:
        """Remove a case and everything of it."""
        case = self._cases.pop(case_id, None)
        if case is None:
            return
        del self._contents[case.service_id, case.content]
        self._occurrences = [o for o in self._occurrences if o.case_id != case_id]
        self._evidence = [e for e in self._evidence if e.case_id != case_id]
        self._decisions = [d for d in self._decisions if d.case_id != case_id]
        self._statements = [s for s in self._statements if s.case_id != case_id]
        self._digests.pop(case_id, None)

    def add_occurrence(self, occurrence: Occurrence) -> None:
        """Add an occurrence."""
        self._required(occurrence.case_id)
        _refuse_twice(occurrence.occurrence_id, (o.occurrence_id for o in self._occurrences))
        self._occurrences.append(occurrence)

    def occurrences(self, case_id: CaseId) -> Sequence[Occurrence]:
        """A case's occurrences, in order of time."""
        found = [o for o in self._occurrences if o.case_id == case_id]
        return sorted(found, key=lambda o: (o.at, o.occurrence_id))

    def cases_of_uploader(self, service_id: ServiceId, uploader: bytes) -> Sequence[CaseId]:
        """The cases in which an uploader occurs, by id."""
        found = {
            occurrence.case_id
            for occurrence in self._occurrences
            if (occurrence.service_id, occurrence.uploader) == (service_id, uploader)
        }
        return sorted(found)

    def add_evidence(self, evidence: Evidence) -> None:
        """Add evidence, whose bytes are in the vault already."""
        self._required(evidence.case_id)
        _refuse_twice(evidence.evidence_id, (e.evidence_id for e in self._evidence))
        self._evidence.append(evidence)

    def evidence(self, case_id: CaseId) -> Sequence[Evidence]:
        """A case's evidence, in order of time."""
        found = [e for e in self._evidence if e.case_id == case_id]
        return sorted(found, key=lambda e: (e.created, e.evidence_id))

    def remove_evidence(self, case_id: CaseId) -> int:
        """Remove the rows of a case's evidence; how many."""
        kept = [e for e in self._evidence if e.case_id != case_id]
        removed = len(self._evidence) - len(kept)
        self._evidence = kept
        return removed

    def all_evidence(self) -> Iterator[Evidence]:
        """All evidence, by id."""
        return iter(sorted(self._evidence, key=lambda e: e.evidence_id))

    def key_names(self) -> Iterator[str]:
        """Names of the wrapped keys of all cases."""
        return iter([case.key_name for _, case in sorted(self._cases.items())])

    def add_digests(self, case_id: CaseId, digests: CaseDigests) -> None:
        """Keep the exact digests of a case's bytes, where they are not kept yet."""
        self._digests.setdefault(case_id, digests)

    def digests(self, case_id: CaseId) -> CaseDigests | None:
        """The exact digests of a case's bytes, where they are kept."""
        return self._digests.get(case_id)

    def add_decision(self, decision: DecisionRecord) -> None:
        """Add a decision."""
        self._required(decision.case_id)
        _refuse_twice(decision.decision_id, (d.decision_id for d in self._decisions))
        # As they come back from JSON.
        details = json.loads(json.dumps(dict(decision.details)))
        self._decisions.append(dataclasses.replace(decision, details=details))

    def decisions(self, case_id: CaseId) -> Sequence[DecisionRecord]:
        """A case's decisions, in order of time."""
        found = [d for d in self._decisions if d.case_id == case_id]
        return sorted(found, key=lambda d: (d.at, d.decision_id))

    def add_statement(self, statement: Statement) -> None:
        """Add a flag or an appeal."""
        self._required(statement.case_id)
        _refuse_twice(statement.statement_id, (s.statement_id for s in self._statements))
        self._statements.append(statement)

    def statements(self, case_id: CaseId) -> Sequence[Statement]:
        """A case's flags and appeals, in order of time."""
        found: builtins.list[Statement] = [s for s in self._statements if s.case_id == case_id]
        return sorted(found, key=lambda s: (s.at, s.statement_id))

    def _required(self, case_id: CaseId) -> None:
        """What a foreign key says."""
        if case_id not in self._cases:
            raise DatabaseError


def _refuse_twice(new: str, there: Iterable[str]) -> None:
    """What a primary key says."""
    if new in there:
        raise DatabaseError
