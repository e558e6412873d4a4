"""What published figures are made of, read from the stores in memory in the plainest way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from safehold.cases.destruction import Ground
from safehold.cases.model import Case, CaseFilter, StatementKind
from safehold.ids import ServiceId
from safehold.reporting.model import ReportState
from safehold.transparency.model import History, Orders, Window
from safehold.transparency.reading import PERSON, POLICY, Parts, history

if TYPE_CHECKING:
    from safehold.testing.records import MemoryTransaction

_ALL = 1_000_000


class MemoryTransparency:
    """`TransparencyStore` over the other stores of one transaction."""

    def __init__(self, transaction: MemoryTransaction) -> None:
        self._transaction = transaction

    def histories(self, window: Window) -> Iterator[History]:
        """See `TransparencyStore.histories`."""
        for case in self._transaction.cases.list(CaseFilter(limit=_ALL)):
            if not self._is_of(window, case.service_id):
                continue
            parts = self._parts(case)
            moments = [case.opened, *parts.flags, *parts.appeals]
            moments += [at for at, _, _ in parts.rulings]
            moments += [at for _, at in parts.filed]
            if any(map(window.holds, moments)):
                yield history(parts)

    def orders(self, window: Window) -> Orders:
        """See `TransparencyStore.orders`."""
        held = [
            hold
            for hold in self._transaction.reviews.holds(standing=False)
            if window.holds(hold.set_at) and self._is_of(window, hold.service_id)
        ]
        destroyed = [
            one
            for one in self._transaction.destructions.newest(_ALL)
            if one.ground is Ground.AUTHORITY
            and window.holds(one.begun)
            and self._is_of(window, one.service_id)
        ]
        return Orders(len(held), len(destroyed))

    def _is_of(self, window: Window, service_id: ServiceId) -> bool:
        """Whether it is of the service that was asked for, or no trial's where none was."""
        if window.service_id is not None:
            return window.service_id == service_id
        service = self._transaction.accounts.service(service_id)
        return service is None or not service.demo

    def _parts(self, case: Case) -> Parts:
        parts = Parts(case.opened, case.surface, case.verdict.value)
        for decision in self._transaction.cases.decisions(case.case_id):
            if decision.actor.startswith(PERSON):
                parts.rulings.append((decision.at, decision.reasons, decision.details))
            elif decision.actor == POLICY and not parts.first:
                parts.first = decision.details
        for statement in self._transaction.cases.statements(case.case_id):
            flag = statement.kind is StatementKind.FLAG
            (parts.flags if flag else parts.appeals).append(statement.at)
        for report in self._transaction.reports.of_case(case.case_id):
            if report.case_id == case.case_id and report.state is ReportState.FILED:
                assert report.filed_at is not None
                parts.filed.append((report.authority.value, report.filed_at))
        parts.filed.sort(key=lambda one: one[1])
        return parts
