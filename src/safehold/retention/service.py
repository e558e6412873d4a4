"""Clocks of evidence, and destroying what is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from safehold.audit.model import EventDraft
from safehold.cases.destroying import SYSTEM, Plan
from safehold.cases.destruction import Destruction, Ground
from safehold.cases.model import UnknownCaseError
from safehold.errors import SafeholdError
from safehold.ids import CaseId, DestructionId
from safehold.retention import rules
from safehold.retention.model import ClockState, RetentionClock
from safehold.retention.parts import Attest, RetentionParts
from safehold.vault.interface import VaultError

_PAGE = 500
_SIGNED_AT_ONCE = 200


def never() -> bool:
    """Nobody wants it to stop."""
    return False


class RetentionService:
    """What the console, the commands and the job call. Safe to use from several threads."""

    def __init__(self, parts: RetentionParts) -> None:
        self._parts = parts

    def clock_of(self, case_id: CaseId) -> RetentionClock:
        """The clock of a case. Raises `UnknownCaseError`."""
        with self._parts.records.read() as transaction:
            facts = transaction.retention.facts(case_id)
        if facts is None:
            raise UnknownCaseError
        return rules.rule_of(facts, self._parts.options, self._parts.clock.now())

    def list(
        self, state: str | None = None, after: str = "", limit: int = 50
    ) -> Sequence[RetentionClock]:
        """Clocks of cases with evidence, by id: in a state, or in any; those after an id.

        What is gone is told by `destructions`.
        """
        found = []
        for clock in self._clocks(CaseId(after) if after else None):
            if state is None or clock.state == state:
                found.append(clock)
                if len(found) == limit:
                    break
        return found

    def counts(self) -> Mapping[str, int]:
        """How many cases with evidence have a clock in each state."""
        return Counter(clock.state.value for clock in self._clocks(None))

    def overview(
        self, after: str, limit: int
    ) -> tuple[Mapping[str, int], Mapping[str, Sequence[RetentionClock]]]:
        """`counts`, and of each state what `list` gives, in one pass over all cases."""
        counts: Counter[str] = Counter()
        rows: dict[str, list[RetentionClock]] = {}
        for clock in self._clocks(None):
            counts[clock.state.value] += 1
            of_state = rows.setdefault(clock.state.value, [])
            if clock.case_id > after and len(of_state) < limit:
                of_state.append(clock)
        return counts, rows

    def run(
        self, attest: Attest | None = None, stop: Callable[[], bool] = never
    ) -> Mapping[str, int]:
        """Do what is due; again is fine, and so is a kill at any moment.

        What goes by itself is destroyed, what was begun is finished, and what is destroyed gets
        its signed record.

        Args:
            attest: has records signed; None to leave that for later.
            stop: whether to end between two steps.

        Returns:
            Counts: `destroyed` by itself, `finished` of what was begun, `signed`, and what was
            found `due` for two people or near its end (`warn`).

        Raises:
            VaultError, OSError: something cannot be destroyed just now; all else is done.
        """
        counts: Counter[str] = Counter()
        failure: Exception | None = None
        try:
            counts["finished"] += self._parts.destroyer.finish_all()
        except (VaultError, OSError) as error:
            failure = error  # What is stuck holds up nothing else.
        for clock in list(self._clocks(None)):
            if stop():
                return counts
            if self._parts.options.automatic_cleared and rules.goes_by_itself(clock):
                counts["destroyed"] += self._destroy(clock.case_id)
            elif clock.state in (ClockState.DUE, ClockState.WARN):
                counts[clock.state.value] += 1
        if attest is not None:
            counts["signed"] += self._sign(attest, stop)
        if failure is not None:
            raise failure
        return counts

    def destructions(self, limit: int) -> Sequence[Destruction]:
        """Destructions, the newest first."""
        with self._parts.records.read() as transaction:
            return transaction.destructions.newest(limit)

    def record(self, destruction_id: DestructionId) -> Destruction | None:
        """One destruction."""
        with self._parts.records.read() as transaction:
            return transaction.destructions.find(destruction_id)

    def _clocks(self, after: CaseId | None) -> Iterator[RetentionClock]:
        options, now = self._parts.options, self._parts.clock.now()
        while True:
            with self._parts.records.read() as transaction:
                found = transaction.retention.page(after, _PAGE)
            yield from (rules.rule_of(facts, options, now) for facts in found)
            if len(found) < _PAGE:
                return
            after = found[-1].case_id

    def _destroy(self, case_id: CaseId) -> int:
        """Destroy what goes by itself, looked at anew under the lock of its case; how many."""
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            case = transaction.cases.find(case_id, lock=True)
            facts = transaction.retention.facts(case_id)
            if case is None or facts is None:
                return 0
            clock = rules.rule_of(facts, self._parts.options, self._parts.clock.now())
            if not rules.goes_by_itself(clock):
                return 0
            evidence = transaction.cases.evidence(case_id)
            plan = Plan(Ground.CLEARED)
            begun = self._parts.destroyer.begin(transaction, case, evidence, plan)
        self._parts.destroyer.finish_now(begun.destruction_id)
        return 1

    def _sign(self, attest: Attest, stop: Callable[[], bool]) -> int:
        """Have records signed; one that fails holds up no other, and is tried again."""
        signed = 0
        while True:
            before = signed
            with self._parts.records.read() as transaction:
                waiting = transaction.destructions.unsigned(_SIGNED_AT_ONCE)
            for destruction in waiting:
                if stop():
                    return signed
                try:
                    text, signature = attest(destruction)
                except SafeholdError:
                    continue
                signed += self._keep(destruction.destruction_id, text, signature)
            # After a custodian that was away there may be many.
            if len(waiting) < _SIGNED_AT_ONCE or signed == before:
                return signed

    def _keep(self, destruction_id: DestructionId, text: bytes, signature: bytes) -> int:
        with self._parts.records.write() as transaction:
            transaction.audit.lock()
            found = transaction.destructions.find(destruction_id, lock=True)
            if found is None or found.signature:
                return 0
            kept = replace(found, statement=text, signature=signature)
            transaction.destructions.update(kept)
            data = {"destruction": destruction_id}
            now = self._parts.clock.now()
            event = EventDraft(
                "destruction.signed", now, SYSTEM, found.service_id, found.case_id, data
            )
            transaction.audit.append([event])
        return 1
