"""Whether all is well: what the processes and stores say of themselves, in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from safehold.console.catalog import mark
from safehold.console.health_lines import HealthLine, HealthState
from safehold.console.visit import Reply, Route, Visit
from safehold.users.roles import Permission

PARTS: Mapping[str, str] = MappingProxyType(
    {
        "database": mark("Database"),
        "vault": mark("Vault"),
        "space": mark("Space in the vault"),
        "faults": mark("Space for faults"),
        "officers": mark("Officers"),
        "custodian": mark("Custodian"),
        "servers": mark("Servers"),
        "server": mark("One server"),
        "lists": mark("Lists"),
        "messages": mark("Messages"),
        "checkpoint": mark("Signed audit log"),
        "reporting": mark("Reports to authorities"),
    }
)

STATES: Mapping[HealthState, str] = MappingProxyType(
    {
        HealthState.GOOD: mark("good"),
        HealthState.NOTE: mark("to be looked at"),
        HealthState.BAD: mark("bad"),
    }
)

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "database_good": mark("It can be read and written."),
        "vault_good": mark("Evidence and keys can be read and written."),
        "space_unknown": mark("The store does not say how much space is left."),
        "space_good": mark("{free} MiB are free; {least} MiB must be."),
        "space_low": mark("Only {free} MiB are free; {least} MiB must be."),
        "space_full": mark("{free} MiB are free and {least} MiB must be: nothing can be held."),
        "faults_held": mark("Held for faults alone: {cases}; {share} % of the room is taken."),
        "faults_full": mark("Held for faults alone: {cases}. No more are taken."),
        "officers_known": mark("Evidence is locked to so many officers: {number}."),
        "officers_none": mark("There is none, so nothing can be held."),
        "custodian_good": mark(
            "It answers and holds {identities} identities (version {software})."
        ),
        "custodian_stranger": mark("It answers and holds no present officer's key."),
        "servers_running": mark("Running: {number}."),
        "servers_few": mark("Running: {number} of {expected}."),
        "server_no_canary": mark("Version {version}. No canary has gone through it yet."),
        "server_canary_good": mark("Version {version}. Its last canary was found and held."),
        "server_canary_old": mark("Version {version}. Its last canary was long ago."),
        "server_canary_failed": mark("Version {version}. Its last canary failed: {canary}."),
        "lists_good": mark("Lists: {number}. All that are required are there and new enough."),
        "lists_none": mark("There is none, so nothing can be found."),
        "lists_faulty": mark("Required and missing: {missing}. Required and too old: {stale}."),
        "messages_good": mark("Waiting: {waiting}. None was given up."),
        "messages_failed": mark("Waiting: {waiting}. Given up: {failed}."),
        "checkpoint_none": mark("Nothing was signed yet, of {events} events."),
        "checkpoint_good": mark("Signed up to event {until}; {after} events since."),
        "checkpoint_old": mark("Signed up to event {until} and not since; {after} events follow."),
        "reporting_good": mark("An authority can be reported to, and nothing waits too long."),
        "reporting_unknown": mark(
            "Whether an authority can be reported to is for the custodian to say."
        ),
        "reporting_unready": mark("Nobody can be reported to ({missing})."),
        "reports_stuck": mark("Reports that have not gone on for too long: {reports}."),
        "cases_unreported": mark("Confirmed cases without a report for too long: {cases}."),
        "failed": mark("It cannot be asked ({code})."),
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """A line in words.

    Attributes:
        part: of the house.
        state: how it is.
        state_words: the same in words.
        words: what is said of it.
        at: a moment that belongs to it, or None.
    """

    part: str
    state: HealthState
    state_words: str
    words: str
    at: dt.datetime | None


def health(visit: Visit) -> Reply:
    """All parts, with the worst named first above them."""
    lines = visit.parts.health()
    worst = HealthState.GOOD
    for state in (HealthState.NOTE, HealthState.BAD):
        if any(line.state is state for line in lines):
            worst = state
    return visit.page(
        "health.html",
        lines=[_told(visit, line) for line in lines],
        worst=worst.value,
        bad=sum(line.state is HealthState.BAD for line in lines),
        noted=sum(line.state is HealthState.NOTE for line in lines),
    )


def _told(visit: Visit, line: HealthLine) -> Told:
    at = line.values.get("at")
    return Told(
        part=visit.text(PARTS[line.part]),
        state=line.state,
        state_words=visit.text(STATES[line.state]),
        words=visit.text(WORDS[line.code], **line.values),
        at=at if isinstance(at, dt.datetime) else None,
    )


ROUTES: tuple[Route, ...] = (Route("GET", "/health", "health", Permission.HEALTH_READ, health),)
