"""Whether the server lives, and whether it can do its work: codes, and nothing more."""

from __future__ import annotations

import datetime as dt
import json

from safehold.engine.checks import Checks
from safehold.engine.documents import Reply
from safehold.engine.engine import Engine
from safehold.engine.lists import ListWatch
from safehold.fleet.model import CanaryResult
from safehold.ids import ServerId
from safehold.server.ports import ServerParts

RECENT_CANARY = dt.timedelta(hours=3)
"""Where the last canary is older, readiness notes it."""

CUSTODIAN_AWAY = "custodian_away"
"""The code of a canary whose evidence nobody was there to open. The door does its work without
the custodian, so this is noted and alarmed and takes no server out of service."""


class Health:
    """What `/health/live` and `/health/ready` say."""

    def __init__(
        self, parts: ServerParts, server_id: ServerId, lists: ListWatch, engine: Engine
    ) -> None:
        self._parts = parts
        self._server_id = server_id
        self._lists = lists
        self._engine = engine
        self._started = parts.clock.now()
        self._checks = Checks(parts.checks, {"canary": self._look_for_canary}, parts.log)
        self._canary: CanaryResult | None = None
        self.lists_unreadable = False
        self.ending = False

    def close(self) -> None:
        """End the threads; a check that hangs is left behind."""
        self._checks.close()

    def live(self) -> Reply:
        """`/health/live`."""
        return Reply(200, b'{"status": "live"}')

    def ready(self) -> Reply:
        """`/health/ready`."""
        reasons = sorted(self.reasons())
        if reasons:
            return Reply(503, json.dumps({"status": "unready", "reasons": reasons}).encode())
        notes = sorted(self.notes())
        return Reply(200, json.dumps({"status": "ready", "notes": notes}).encode())

    def reasons(self) -> set[str]:
        """Codes of all that keeps this server from its work."""
        now = self._parts.clock.now()
        reasons = set(self._checks.failed)
        if self.ending:
            reasons.add("closing")
        if not self._engine.ready:
            reasons.add("decoder")
        lists = self._lists.current
        if lists is None or self.lists_unreadable:
            reasons.add("lists")
        updated = {} if lists is None else lists.updated
        for surface in self._parts.surfaces.all().values():
            if surface.enabled:
                reasons.update(fault.value for fault in surface.list_faults(updated, now))
        if self._canary_failed(now):
            reasons.add("canary_failed")
        return reasons

    def notes(self) -> set[str]:
        """Codes of what an operator may want to know, and what keeps nobody from anything."""
        notes = set(self._parts.notes)
        surfaces = self._parts.surfaces.all().values()
        if not any(surface.required_lists for surface in surfaces if surface.enabled):
            notes.add("no_required_lists")
        if any(not surface.enabled for surface in surfaces):
            notes.add("surface_off")
        lists = self._lists.current
        if lists is not None and not lists.versions.keys() - {self._parts.canary_list}:
            notes.add("no_lists")
        canary, now = self._canary, self._parts.clock.now()
        if canary is None or now - canary.at > RECENT_CANARY:
            notes.add("no_recent_canary")
        elif canary.code == CUSTODIAN_AWAY:
            notes.add("custodian_away")
        return notes

    def oldest_list(self) -> float:
        """Seconds since the oldest open list was brought up to date; 0 where there is none."""
        lists = self._lists.current
        updated = {} if lists is None else dict(lists.updated)
        updated.pop(str(self._parts.canary_list), None)
        if not updated:
            return 0.0
        return (self._parts.clock.now() - min(updated.values())).total_seconds()

    async def check(self) -> None:
        """Run all checks once."""
        await self._checks.run()

    def _look_for_canary(self) -> bool:
        self._canary = self._parts.door.canary(self._server_id)
        return True

    def _canary_failed(self, now: dt.datetime) -> bool:
        canary = self._canary
        if canary is not None and canary.code not in ("ok", CUSTODIAN_AWAY):
            return True
        hours = self._parts.options.canary_max_age_hours
        if not hours:
            return False
        # A server that has just started has had no canary yet.
        since = self._started if canary is None else canary.at
        return now - since > dt.timedelta(hours=hours)
