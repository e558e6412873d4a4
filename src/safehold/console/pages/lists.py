"""The lists there are: how far each is trusted, how old it is, and who needs it.

No entry, no digest and no id of an entry is shown here, to nobody.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from safehold.accounts.model import CANARY_SERVICE
from safehold.console.visit import Reply, Route, Visit
from safehold.lists.model import ListInfo
from safehold.policy.model import Reason
from safehold.policy.surfaces import SurfaceOptions
from safehold.users.roles import Permission


@dataclass(frozen=True, slots=True)
class Shown:
    """A list as the page shows it.

    Attributes:
        info: the list; None for one that is required and is not there.
        name: its name.
        is_old: whether it has neither changed nor been confirmed to be current for longer than
            the house's setting says.
        required_by: the surfaces that require it.
        missing_on, stale_on: those of them for which it is missing, or too old.
    """

    info: ListInfo | None
    name: str
    is_old: bool
    required_by: tuple[str, ...]
    missing_on: tuple[str, ...]
    stale_on: tuple[str, ...]


def lists(visit: Visit) -> Reply:
    """All lists, with what is wrong with them."""
    infos = [info for info in visit.parts.lists() if info.name != CANARY_SERVICE]
    hours = visit.parts.options.list_max_age_hours
    oldest = dt.timedelta(hours=hours) if hours else None
    shown = shown_lists(infos, visit.parts.surfaces.all(), visit.now, oldest)
    surfaces = visit.parts.surfaces.all()
    return visit.page(
        "lists.html",
        lists=shown,
        faulty=sum(bool(item.missing_on or item.stale_on) for item in shown),
        switched_off=sorted(name for name, s in surfaces.items() if not s.enabled),
        max_age_hours=hours,
    )


def shown_lists(
    infos: Sequence[ListInfo],
    surfaces: Mapping[str, SurfaceOptions],
    now: dt.datetime,
    oldest: dt.timedelta | None,
) -> list[Shown]:
    """The lists that there are and those that are required, by name. I/O-free.

    Args:
        infos: the lists there are.
        surfaces: by name; one that is switched off requires none.
        now: the present moment.
        oldest: age from which a list is called old; None for no such age.
    """
    known = {str(info.name): info for info in infos}
    confirmed = {name: info.confirmed for name, info in known.items()}
    using = {name: s for name, s in surfaces.items() if s.enabled}
    required = {name for surface in using.values() for name in surface.required_lists}
    found = []
    for name in sorted(known.keys() | required):
        by = sorted(place for place, s in using.items() if name in s.required_lists)
        faults = {place: using[place].list_fault(name, confirmed, now) for place in by}
        info = known.get(name)
        found.append(
            Shown(
                info=info,
                name=name,
                is_old=info is not None and oldest is not None and now - info.confirmed > oldest,
                required_by=tuple(by),
                missing_on=tuple(p for p in by if faults[p] is Reason.LIST_MISSING),
                stale_on=tuple(p for p in by if faults[p] is Reason.LIST_STALE),
            )
        )
    return found


ROUTES: tuple[Route, ...] = (Route("GET", "/lists", "lists", Permission.LISTS_READ, lists),)
