"""How the house is: database, vault, custodian, servers, lists, messages, checkpoints, reports.

Each part is looked at by itself, so that one that cannot be asked hides no other. What is said
are codes and numbers; the page has the words.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from safehold.accounts.model import CANARY_SERVICE
from safehold.custodian.compose import reporting_stands
from safehold.errors import SafeholdError
from safehold.fleet.model import ALIVE
from safehold.outbox.model import MessageState
from safehold.policy.model import Reason

if TYPE_CHECKING:
    from safehold.custodian.interface import Custodian
    from safehold.runtime.service import ServiceRuntime

Value = str | int | float | dt.datetime
Found = tuple["HealthState", str, Mapping[str, Value]]


class HealthState(enum.StrEnum):
    """How a part is."""

    GOOD = "good"
    NOTE = "note"
    """It does its work, and somebody should look."""

    BAD = "bad"


@dataclass(frozen=True, slots=True)
class HealthLine:
    """How one part of the house is.

    Attributes:
        part: `database`, `vault`, `space`, `faults`, `officers`, `custodian`, `servers`,
            `server`, `lists`, `messages`, `checkpoint` or `reporting`.
        state: how it is.
        code: what is said of it; the page of health has the words of each.
        values: numbers and moments for these words; never of persons.
    """

    part: str
    state: HealthState
    code: str
    values: Mapping[str, Value] = field(default_factory=dict)


def look(runtime: ServiceRuntime, custodian: Custodian) -> Sequence[HealthLine]:
    """Look at every part, now. Nothing is raised: what cannot be asked has the state `bad`."""
    house = _House(runtime, custodian)
    parts: tuple[tuple[str, Callable[[], Iterator[Found]]], ...] = (
        ("database", house.database),
        ("vault", house.vault),
        ("space", house.space),
        ("faults", house.faults),
        ("officers", house.officers),
        ("custodian", house.custodian),
        ("servers", house.servers),
        ("lists", house.lists),
        ("messages", house.messages),
        ("checkpoint", house.checkpoint),
        ("reporting", house.reporting),
    )
    lines = []
    for part, ask in parts:
        try:
            for state, code, values in ask():
                name = "server" if code.startswith("server_") else part
                lines.append(HealthLine(name, state, code, values))
        except (SafeholdError, OSError) as error:
            code = error.code if isinstance(error, SafeholdError) else "os_error"
            lines.append(HealthLine(part, HealthState.BAD, "failed", {"code": code}))
    return lines


class _House:
    """One look at each part."""

    def __init__(self, runtime: ServiceRuntime, custodian: Custodian) -> None:
        self._runtime = runtime
        self._custodian = custodian

    def database(self) -> Iterator[Found]:
        self._runtime.records.check()
        yield HealthState.GOOD, "database_good", {}

    def vault(self) -> Iterator[Found]:
        self._runtime.objects.check()
        self._runtime.keys.check()
        yield HealthState.GOOD, "vault_good", {}

    def space(self) -> Iterator[Found]:
        free = self._runtime.room()
        least = self._runtime.settings.intake.min_free_bytes
        if free is None:
            yield HealthState.GOOD, "space_unknown", {}
            return
        values: dict[str, Value] = {"free": _mib(free), "least": _mib(least)}
        if free < least:
            yield HealthState.BAD, "space_full", values
        elif free < 2 * least:
            yield HealthState.NOTE, "space_low", values
        else:
            yield HealthState.GOOD, "space_good", values

    def faults(self) -> Iterator[Found]:
        bounds = self._runtime.settings.intake
        with self._runtime.records.read() as transaction:
            cases, size = transaction.cases.fault_space()
        share = max(cases / max(bounds.fault_cases, 1), size / max(bounds.fault_bytes, 1))
        state = HealthState.GOOD if share < 0.8 else HealthState.NOTE
        if share >= 1:
            state = HealthState.BAD
        code = "faults_full" if state is HealthState.BAD else "faults_held"
        yield state, code, {"cases": cases, "share": round(100 * min(share, 1.0))}

    def officers(self) -> Iterator[Found]:
        number = len(self._runtime.officers.recipients())
        state = HealthState.GOOD if number else HealthState.BAD
        yield state, "officers_known" if number else "officers_none", {"number": number}

    def custodian(self) -> Iterator[Found]:
        status = self._custodian.status()
        if not status.holds_officer:
            yield HealthState.BAD, "custodian_stranger", {"software": status.software}
        else:
            values: dict[str, Value] = {
                "identities": status.identities,
                "software": status.software,
            }
            yield HealthState.GOOD, "custodian_good", values

    def servers(self) -> Iterator[Found]:
        now = self._runtime.clock.now()
        with self._runtime.records.read() as transaction:
            servers = transaction.fleet.servers(now - ALIVE)
            canaries = {s.server_id: transaction.fleet.canary(s.server_id) for s in servers}
        expected = self._runtime.settings.work.servers
        values: dict[str, Value] = {"number": len(servers), "expected": expected}
        if len(servers) < expected:
            yield HealthState.BAD, "servers_few", values
        else:
            yield HealthState.GOOD, "servers_running", values
        minutes = self._runtime.settings.work.canary_minutes
        for server in servers:
            result = canaries[server.server_id]
            said: dict[str, Value] = {"version": server.version, "started": server.started}
            if result is None:
                # One that has just started has had no canary yet.
                young = now - server.started < dt.timedelta(minutes=2 * minutes)
                state = HealthState.GOOD if young or not minutes else HealthState.NOTE
                yield state, "server_no_canary", said
                continue
            said |= {"at": result.at, "canary": result.code}
            if result.code != "ok":
                yield HealthState.BAD, "server_canary_failed", said
            elif minutes and now - result.at > dt.timedelta(minutes=2 * minutes):
                yield HealthState.NOTE, "server_canary_old", said
            else:
                yield HealthState.GOOD, "server_canary_good", said

    def lists(self) -> Iterator[Found]:
        infos = self._runtime.lists.show()
        updated = {str(info.name): info.confirmed for info in infos}
        own = [info for info in infos if info.name != CANARY_SERVICE]
        now = self._runtime.clock.now()
        missing, stale = set(), set()
        for surface in self._runtime.surfaces.all().values():
            for name in surface.required_lists if surface.enabled else ():
                found = surface.list_fault(name, updated, now)
                if found is Reason.LIST_MISSING:
                    missing.add(name)
                elif found is Reason.LIST_STALE:
                    stale.add(name)
        values: dict[str, Value] = {
            "number": len(own),
            "missing": len(missing),
            "stale": len(stale),
        }
        if missing or stale:
            yield HealthState.BAD, "lists_faulty", values
        elif not own:
            yield HealthState.NOTE, "lists_none", values
        else:
            yield HealthState.GOOD, "lists_good", values

    def messages(self) -> Iterator[Found]:
        with self._runtime.records.read() as transaction:
            counts = transaction.outbox.counts()
        waiting = counts.get(MessageState.PENDING, 0)
        failed = counts.get(MessageState.DEAD, 0)
        state = HealthState.NOTE if failed else HealthState.GOOD
        code = "messages_failed" if failed else "messages_good"
        yield state, code, {"waiting": waiting, "failed": failed}

    def checkpoint(self) -> Iterator[Found]:
        with self._runtime.records.read() as transaction:
            checkpoints = transaction.audit.checkpoints()
            events, _ = transaction.audit.head()
        if not checkpoints:
            yield HealthState.NOTE, "checkpoint_none", {"events": events}
            return
        last = checkpoints[-1]
        values: dict[str, Value] = {"at": last.at, "until": last.seq, "after": events - last.seq}
        minutes = 2 * self._runtime.settings.work.checkpoint_minutes
        old = self._runtime.clock.now() - last.at > dt.timedelta(minutes=minutes)
        if old and last.seq < events:
            yield HealthState.BAD, "checkpoint_old", values
        else:
            yield HealthState.GOOD, "checkpoint_good", values

    def reporting(self) -> Iterator[Found]:
        found = reporting_stands(self._runtime, self._custodian)
        counts: dict[str, Value] = {"cases": found.unreported, "reports": len(found.stuck)}
        if found.missing:
            yield HealthState.BAD, "reporting_unready", {"missing": ", ".join(found.missing)}
        if found.stuck:
            yield HealthState.BAD, "reports_stuck", counts
        if found.unreported:
            yield HealthState.BAD, "cases_unreported", counts
        if found.missing is None:
            yield HealthState.NOTE, "reporting_unknown", {}
        elif not (found.missing or found.stuck or found.unreported):
            yield HealthState.GOOD, "reporting_good", {}


def _mib(size: int) -> int:
    return size // (1024 * 1024)
