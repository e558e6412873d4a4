"""The queue: which cases wait, in which order. Nothing of what was held is shown here."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from safehold.cases.model import Attention, CaseState, Queue
from safehold.cases.review.model import LockedError, Order, QueueFilter
from safehold.console.pages.facts import urgency
from safehold.console.visit import Reply, Route, Visit
from safehold.ids import ID_LENGTH, ServiceId
from safehold.lists.model import Tier
from safehold.users.roles import Permission

_TRIES = 5
"""How many cases "Take the next" tries that others take first."""

_ASIDES = 50
"""Entries that were set aside, the newest, whose cases are shown as groups."""

_FIELD_LENGTH = 128
_KEPT = ("queue", "service", "surface", "tier", "attention", "aside", "state", "order", "mine")
"""Fields of the filter, in the order of the address."""

_Enum = TypeVar("_Enum", bound=enum.StrEnum)

STATES = (CaseState.OPEN, CaseState.AWAITING_BYTES, CaseState.CONFIRMED, CaseState.CLEARED)
TIERS = (Tier.CONFIRMED, Tier.SUSPECTED, Tier.LOCAL)


def _choice(kind: type[_Enum], given: str, otherwise: _Enum) -> _Enum:
    """A member of an enumeration by its value. An address that names none shows the usual."""
    try:
        return kind(given)
    except ValueError:
        return otherwise


def fields_of(given: Mapping[str, str]) -> Mapping[str, str]:
    """The fields of a filter, checked, without those that are empty: for addresses and forms."""
    chosen = {
        "queue": _choice(Queue, given.get("queue", ""), Queue.MATCHES).value,
        "service": given.get("service", "")[:_FIELD_LENGTH],
        "surface": given.get("surface", "")[:_FIELD_LENGTH],
        "tier": given.get("tier", "") if given.get("tier", "") in TIERS else "",
        "attention": _choice(Attention, given.get("attention", ""), Attention.NONE).value,
        "aside": given.get("aside", "")[:ID_LENGTH],
        "state": _choice(CaseState, given.get("state", ""), CaseState.OPEN).value,
        "order": _choice(Order, given.get("order", ""), Order.URGENCY).value,
        "mine": "1" if given.get("mine") else "",
    }
    return MappingProxyType({name: chosen[name] for name in _KEPT if chosen[name]})


def filter_of(visit: Visit, fields: Mapping[str, str]) -> QueueFilter:
    """The filter that fields ask for."""
    return QueueFilter(
        queue=Queue(fields["queue"]),
        service_id=ServiceId(fields["service"]) if "service" in fields else None,
        surface=fields.get("surface", ""),
        tier=fields.get("tier", ""),
        attention=fields.get("attention", ""),
        aside=fields.get("aside", ""),
        state=CaseState(fields["state"]),
        for_user=visit.me.user_id if "mine" in fields else None,
        order=Order(fields["order"]),
        limit=visit.parts.options.page_rows,
    )


def show(visit: Visit) -> Reply:
    """The page of the queue."""
    fields = fields_of(visit.query)
    wanted = filter_of(visit, fields)
    after = visit.query.get("after", "")[:_FIELD_LENGTH]
    rows, total = visit.parts.reviews.queue(replace(wanted, after=after))
    with visit.parts.records.read() as transaction:
        counts = transaction.cases.counts()
        asides = [
            (aside, transaction.reviews.count_queue(QueueFilter(aside=aside.aside_id), visit.now))
            for aside in transaction.hits.asides()[:_ASIDES]
        ]
    return visit.page(
        "queue.html",
        rows=rows,
        urgency=urgency,
        total=total,
        fields=fields,
        tabs=[(queue, counts.get((wanted.state, queue), 0)) for queue in Queue],
        services=dict(sorted(visit.parts.service_names().items(), key=lambda item: item[1])),
        people={user.user_id: user.name for user in visit.parts.users.users()},
        asides=asides,
        orders=tuple(Order),
        states=STATES,
        tiers=TIERS,
        attentions=tuple(kind for kind in Attention if kind is not Attention.NONE),
        further=rows[-1].cursor if len(rows) == wanted.limit else "",
        started=bool(after),
    )


def take_next(visit: Visit) -> Reply:
    """Take the next case that is free, and open it."""
    fields = fields_of(visit.form)
    wanted = filter_of(visit, fields)
    for _ in range(_TRIES):
        case_id = visit.parts.reviews.next_case(visit.me, wanted)
        if case_id is None:
            break
        try:
            visit.parts.reviews.take(case_id, visit.me)
        except LockedError:
            continue  # somebody else was quicker
        return visit.redirect(visit.url("case", case_id=case_id, done="taken", **_back(fields)))
    return visit.redirect(visit.url("queue", done="queue_empty", **fields))


def _back(fields: Mapping[str, str]) -> Mapping[str, str]:
    """The queue that a case was taken from goes along, so that the next comes from there too."""
    return {"from": fields["queue"]}


ROUTES: tuple[Route, ...] = (
    Route("GET", "/queue", "queue", Permission.CASES_READ, show),
    Route("POST", "/queue/next", "queue_next", Permission.CASES_DECIDE, take_next),
)
