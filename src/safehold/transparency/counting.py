"""Figures of a period from the histories of cases. I/O-free."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from safehold.transparency.asked import ASKED_BY, NOT_COUNTED
from safehold.transparency.model import (
    History,
    Method,
    Orders,
    Publication,
    Row,
    Ruling,
    Table,
    Unit,
    Window,
)
from safehold.transparency.suppress import one, parts_of_whole, rate

_DECIDED = ("confirmed", "cleared")
_FOUND = {"block": "blocked", "hold": "held", "allow": "flagged"}


@dataclass
class _Tally:
    """What is counted on the way through all histories."""

    found: Counter[str] = field(default_factory=Counter)
    surfaces: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    undone: int = 0
    generated: int = 0
    reported: Counter[str] = field(default_factory=Counter)
    listed: Counter[str] = field(default_factory=Counter)
    cleared: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    appeals: Counter[str] = field(default_factory=Counter)
    hours: dict[str, list[float]] = field(default_factory=dict)

    def waited(self, what: str, start: dt.datetime, end: dt.datetime) -> None:
        self.hours.setdefault(what, []).append((end - start).total_seconds() / 3600)


def publish(
    histories: Iterable[History], orders: Orders, window: Window, service: str, least: int
) -> Publication:
    """Figures that may be published: each table with small counts hidden (`suppress`)."""
    tally = _Tally()
    for history in histories:
        _count(tally, history, window)
    tables = (
        _whole("found", {name: tally.found[name] for name in _FOUND.values()}, least),
        _whole("found_by_surface", dict(sorted(tally.surfaces.items())), least),
        _whole("found_by_method", {str(way): tally.methods[way] for way in Method}, least),
        _whole("decided", {state: tally.decided[state] for state in _DECIDED}, least),
        _single("generated", {"generated": tally.generated, "undone": tally.undone}, least),
        _whole("reported", dict(sorted(tally.reported.items())), least),
        _hours(tally.hours, least),
        _cleared(tally, least),
        _whole(
            "flags", {name: tally.flags[name] for name in ("confirmed", "cleared", "open")}, least
        ),
        _whole(
            "appeals", {name: tally.appeals[name] for name in ("upheld", "reversed", "open")}, least
        ),
        _single("orders", {"holds": orders.holds, "destructions": orders.destructions}, least),
    )
    return Publication(window, service, least, tables, NOT_COUNTED)


def _count(tally: _Tally, history: History, window: Window) -> None:
    if window.holds(history.opened):
        tally.found[_FOUND.get(history.verdict, "held")] += 1
        tally.surfaces[history.surface] += 1
        tally.methods[history.method] += 1
    _count_rulings(tally, history, window)
    for authority, at in history.filed:
        if window.holds(at):
            tally.reported[authority] += 1
    _count_filing_time(tally, history, window)
    for at in history.flags:
        if window.holds(at):
            after = _first_after(history.rulings, at)
            tally.flags["open" if after is None else after.state] += 1
            if after is not None:
                tally.waited("flag_to_decision", at, after.at)
    for at in history.appeals:
        if window.holds(at):
            _count_appeal(tally, history, at)


def _count_rulings(tally: _Tally, history: History, window: Window) -> None:
    within = [ruling for ruling in history.rulings if window.holds(ruling.at)]
    tally.undone += sum(ruling.state == "undone" for ruling in within)
    made = [ruling for ruling in within if ruling.state in _DECIDED]
    if not made:
        return
    last = made[-1]
    tally.decided[last.state] += 1
    tally.generated += last.state == "confirmed" and last.generated
    for name in history.lists:
        tally.listed[name] += 1
        tally.cleared[name] += last.state == "cleared"
    first = _first_after(history.rulings, history.opened)
    if first is not None and window.holds(first.at):
        tally.waited("found_to_decision", history.opened, first.at)


def _count_filing_time(tally: _Tally, history: History, window: Window) -> None:
    if not history.filed or not window.holds(history.filed[0][1]):
        return
    filed = history.filed[0][1]
    tally.waited("found_to_report", history.opened, filed)
    confirmed = [r.at for r in history.rulings if r.state == "confirmed" and r.at <= filed]
    if confirmed:
        tally.waited("confirmed_to_report", confirmed[-1], filed)


def _count_appeal(tally: _Tally, history: History, at: dt.datetime) -> None:
    after = _first_after(history.rulings, at)
    if after is None:
        tally.appeals["open"] += 1
        return
    tally.waited("appeal_to_decision", at, after.at)
    tally.appeals["reversed" if after.state == "cleared" else "upheld"] += 1


def _first_after(rulings: Sequence[Ruling], at: dt.datetime) -> Ruling | None:
    """The first confirmation or clearing at a moment or later."""
    return next((r for r in rulings if r.at >= at and r.state in _DECIDED), None)


def _whole(code: str, parts: Mapping[str, int], least: int) -> Table:
    shown = parts_of_whole(parts, least)
    rows = tuple(Row(name, value) for name, value in shown.parts.items())
    return Table(code, Unit.COUNT, rows, shown.total, ASKED_BY[code])


def _single(code: str, counts: Mapping[str, int], least: int) -> Table:
    rows = tuple(Row(name, one(count, least)) for name, count in counts.items())
    return Table(code, Unit.COUNT, rows, None, ASKED_BY[code])


def _hours(waited: Mapping[str, list[float]], least: int) -> Table:
    rows: list[Row] = []
    for what in (
        "found_to_decision",
        "confirmed_to_report",
        "found_to_report",
        "flag_to_decision",
        "appeal_to_decision",
    ):
        hours = sorted(waited.get(what, ()))
        enough = len(hours) >= least
        rows.append(Row(f"{what}_median", _nearest(hours, 0.5) if enough else None))
        rows.append(Row(f"{what}_nine_of_ten", _nearest(hours, 0.9) if enough else None))
    return Table("hours", Unit.HOURS, tuple(rows), None, ASKED_BY["hours"])


def _nearest(hours: Sequence[float], share: float) -> float:
    """A percentile by the nearest rank, to one digit."""
    return round(hours[math.ceil(len(hours) * share) - 1], 1)


def _cleared(tally: _Tally, least: int) -> Table:
    """Of what people decided, how much they cleared: the rate of error of what was found."""
    every = sum(tally.decided.values())
    rows = [Row("all", rate(tally.decided["cleared"], every, least))]
    rows += [
        Row(f"list:{name}", rate(tally.cleared[name], tally.listed[name], least))
        for name in sorted(tally.listed)
    ]
    asked = ASKED_BY["cleared_percent"]
    return Table("cleared_percent", Unit.PERCENT, tuple(rows), None, asked)
