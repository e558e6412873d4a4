"""Whether the gate lives, and whether it can do its work: codes, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from safehold.clock import Clock
from safehold.engine.checks import Checks
from safehold.engine.documents import Reply
from safehold.engine.engine import Engine
from safehold.engine.lists import ListWatch
from safehold.gate.upstream import Upstream
from safehold.policy.surfaces import SurfaceOptions
from safehold.runtime.log import Log


@dataclass(frozen=True, slots=True)
class HealthParts:
    """What is looked at.

    Attributes:
        checks: what must be true, by code.
        surface: whose required lists must be there.
        lists, engine, upstream: what the gate works with.
    """

    checks: Mapping[str, Callable[[], bool]]
    surface: SurfaceOptions
    lists: ListWatch
    engine: Engine
    upstream: Upstream


class Health:
    """What `/safehold/health/live` and `/safehold/health/ready` say."""

    def __init__(self, parts: HealthParts, clock: Clock, log: Log) -> None:
        self._parts = parts
        self._clock = clock
        self._checks = Checks(parts.checks, {}, log)
        self._reachable = False
        self.lists_unreadable = False
        self.ending = False

    def close(self) -> None:
        """End the threads."""
        self._checks.close()

    async def check(self) -> None:
        """Run all checks once."""
        await self._checks.run()

    async def look_up(self) -> None:
        """Look whether the upstream can be reached."""
        self._reachable = await self._parts.upstream.reachable()

    def live(self) -> Reply:
        """`/safehold/health/live`."""
        return Reply(200, b'{"status": "live"}')

    def ready(self) -> Reply:
        """`/safehold/health/ready`."""
        reasons = sorted(self.reasons())
        if reasons:
            return Reply(503, json.dumps({"status": "unready", "reasons": reasons}).encode())
        notes = sorted(self.notes())
        return Reply(200, json.dumps({"status": "ready", "notes": notes}).encode())

    def reasons(self) -> set[str]:
        """Codes of all that keeps the gate from its work."""
        reasons = set(self._checks.failed)
        if self.ending:
            reasons.add("closing")
        if not self._parts.engine.ready:
            reasons.add("decoder")
        lists = self._parts.lists.current
        if lists is None or self.lists_unreadable:
            reasons.add("lists")
        updated = {} if lists is None else lists.updated
        faults = self._parts.surface.list_faults(updated, self._clock.now())
        reasons.update(fault.value for fault in faults)
        return reasons

    def notes(self) -> set[str]:
        """Codes of what an operator may want to know, and what keeps nobody from anything."""
        notes = set()
        if not self._parts.surface.required_lists:
            notes.add("no_required_lists")
        lists = self._parts.lists.current
        if lists is not None and not lists.known:
            notes.add("no_lists")
        if not self._reachable:
            notes.add("upstream_away")
        return notes
