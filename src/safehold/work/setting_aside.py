"""What entries that match too much are set aside with, joined from a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safehold.work.jobs.floods import FloodParts

if TYPE_CHECKING:
    from safehold.config import Settings
    from safehold.ids import ListName
    from safehold.runtime.service import ServiceRuntime


def flood_parts(runtime: ServiceRuntime) -> FloodParts:
    """What entries are set aside with."""
    settings = runtime.settings
    bounds = [settings.flood.items, *(flood_bound(settings, name) for name in settings.lists)]
    looked = [bound for bound in bounds if bound and settings.flood.minutes]
    return FloodParts(
        records=runtime.records,
        lists=runtime.list_store,
        ids=runtime.ids,
        clock=runtime.clock,
        messages=runtime.alarm_messages,
        options=settings.flood,
        bound=lambda name: flood_bound(settings, name),
        smallest=min(looked, default=None),
    )


def flood_bound(settings: Settings, name: ListName | str) -> int:
    """How many different items an entry of a list may match; 0 for any number."""
    own = settings.lists.get(str(name))
    return settings.flood.items if own is None or own.flood_items < 0 else own.flood_items
