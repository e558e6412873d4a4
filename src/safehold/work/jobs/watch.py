"""Looking at what goes wrong silently: lists that grow old, space, the custodian, reports.

Each is looked at by itself, so that one that cannot be asked hides no other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from safehold.cases.records import Records
from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.intake.model import IntakeOptions
from safehold.lists.model import ListInfo
from safehold.outbox.model import AlarmCode
from safehold.policy.model import Reason
from safehold.policy.surfaces import SurfaceOptions, Surfaces
from safehold.reporting.standing import Standing
from safehold.work.alarms import Alarms
from safehold.work.ports import OK, Outcome, Stop
from safehold.work.schedule import Timing

_BY_REASON = {
    Reason.LIST_MISSING: AlarmCode.LIST_MISSING,
    Reason.LIST_STALE: AlarmCode.LIST_STALE,
}


class ShownLists(Protocol):
    """Knows the lists there are. `safehold.lists.service.ListService` is one."""

    def show(self) -> Sequence[ListInfo]:
        """All lists."""
        ...


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked at.

    Attributes:
        lists: the lists there are.
        surfaces: which of them are required, and how old they may be.
        room: free bytes in the vault; None where it does not say.
        records: where it is asked how much space holds for faults have.
        custodian: asks the custodian for a sign of life, and raises where none comes; None
            where there is none to ask.
        bounds: how much space there must be.
        reports: how reporting stands; None where nothing is reported from here.
    """

    lists: ShownLists
    surfaces: Surfaces
    room: Callable[[], int | None]
    records: Records
    custodian: Callable[[], object] | None
    bounds: IntakeOptions
    reports: Callable[[], Standing] | None = None


class Watch:
    """Looks at everything and writes the alarms that are due.

    Args:
        watched: what is looked at.
        clock: the present moment.
        alarms: where alarms are written.
        timing: how often it is looked.
    """

    name = "watch"

    def __init__(self, watched: Watched, clock: Clock, alarms: Alarms, timing: Timing) -> None:
        self.timing = timing
        self._watched = watched
        self._clock = clock
        self._alarms = alarms

    def run(self, stop: Stop) -> Outcome:
        """Look at everything; fails with the code of the first that could not be looked at."""
        codes: list[str] = []
        alarms = 0
        for look in (self._lists, self._room, self._faults, self._custodian, self._reports):
            try:
                for code, subject in look():
                    self._alarms.write(code, subject)
                    alarms += 1
            except (SafeholdError, OSError) as error:
                codes.append(error.code if isinstance(error, SafeholdError) else "os_error")
        return Outcome(codes[0] if codes else OK, {"alarms": alarms})

    def _lists(self) -> Iterable[tuple[AlarmCode, str]]:
        surfaces = self._watched.surfaces.all().values()
        return list_faults(surfaces, self._watched.lists.show(), self._clock.now())

    def _room(self) -> Iterable[tuple[AlarmCode, str]]:
        free = self._watched.room()
        if free is not None and free < self._watched.bounds.min_free_bytes:
            yield AlarmCode.DISK_FULL, ""

    def _faults(self) -> Iterable[tuple[AlarmCode, str]]:
        with self._watched.records.read() as transaction:
            cases, size = transaction.cases.fault_space()
        bounds = self._watched.bounds
        if cases >= bounds.fault_cases or size >= bounds.fault_bytes:
            yield AlarmCode.FAULT_SPACE_FULL, ""

    def _custodian(self) -> Iterable[tuple[AlarmCode, str]]:
        if self._watched.custodian is None:
            return
        try:
            self._watched.custodian()
        except (SafeholdError, OSError):
            yield AlarmCode.CUSTODIAN_DOWN, ""

    def _reports(self) -> Iterable[tuple[AlarmCode, str]]:
        if self._watched.reports is None:
            return
        found = self._watched.reports()
        if found.missing:
            yield AlarmCode.REPORTING_UNREADY, ""
        if found.unreported:
            yield AlarmCode.CASES_UNREPORTED, ""
        for report_id in found.stuck:
            yield AlarmCode.REPORT_STUCK, report_id


def list_faults(
    surfaces: Iterable[SurfaceOptions], lists: Iterable[ListInfo], now: dt.datetime
) -> list[tuple[AlarmCode, str]]:
    """What is wrong with the lists that surfaces require, each once. I/O-free.

    A surface that is switched off requires none.
    """
    updated = {str(info.name): info.confirmed for info in lists}
    found = {
        (_BY_REASON[reason], name)
        for surface in surfaces
        if surface.enabled
        for name in surface.required_lists
        for reason in replace(surface, required_lists=(name,)).list_faults(updated, now)
    }
    return sorted(found)
