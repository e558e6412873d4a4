"""Figures of review, counted in the plainest way: what the statements in SQL are checked by."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from safehold.cases.model import Case, CaseState, DecisionRecord
from safehold.cases.review.model import Figures, View
from safehold.ids import CaseId

Window = tuple[dt.datetime, dt.datetime]
_POLICY = "policy"
_DECIDED = ("cleared", "confirmed")


def memory_figures(
    cases: Sequence[Case],
    decisions: Mapping[CaseId, Sequence[DecisionRecord]],
    views: Sequence[View],
    window: Window,
) -> Figures:
    """See `ReviewStore.figures`."""
    since, until = window
    opened = [case for case in cases if since <= case.opened < until]
    by_people = [
        (case, decision)
        for case in cases
        for decision in decisions[case.case_id]
        if decision.actor.startswith("user:") and since <= decision.at < until
    ]
    done = [(c, d) for c, d in by_people if d.reasons and d.reasons[0] in _DECIDED]
    days = Counter(_day(case.opened) for case in opened)
    decided_days = Counter(_day(decision.at) for _, decision in done)
    open_cases = [case for case in cases if case.state is CaseState.OPEN]
    return {
        "by_surface": [
            (surface, verdict, number)
            for (surface, verdict), number in sorted(
                Counter((case.surface, case.verdict.value) for case in opened).items()
            )
        ],
        "by_list": sorted(
            Counter(name for case in opened for name in lists_of(decisions[case.case_id])).items()
        ),
        "by_day": [
            (day, days[day], decided_days[day]) for day in sorted(days.keys() | decided_days.keys())
        ],
        "decided": sorted(Counter(d.reasons[0] for _, d in by_people if d.reasons).items()),
        "hours_to_decide": _percentiles(done),
        "exposure": _exposure(views, window),
        "cleared_by_list": _cleared(done, decisions),
        "open": len(open_cases),
        "oldest_open": min(case.opened for case in open_cases).isoformat() if open_cases else None,
    }


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).date().isoformat()


def lists_of(decisions: Sequence[DecisionRecord]) -> set[str]:
    """The lists that policy's first decision on a case names."""
    first = next((d for d in decisions if d.actor == _POLICY), None)
    if first is None:
        return set()
    return {str(match["list_name"]) for match in first.details.get("matches", ())}


def _percentiles(
    done: Sequence[tuple[Case, DecisionRecord]],
) -> tuple[float, float] | None:
    firsts: dict[CaseId, float] = {}
    for case, decision in sorted(done, key=lambda pair: pair[1].at):
        waited = (decision.at - case.opened).total_seconds() / 3600
        firsts.setdefault(case.case_id, waited)
    hours = sorted(firsts.values())
    if not hours:
        return None
    return hours[math.ceil(len(hours) * 0.5) - 1], hours[math.ceil(len(hours) * 0.9) - 1]


def _exposure(views: Sequence[View], window: Window) -> list[tuple[str, int, int, float]]:
    since, until = window
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for view in views:
        if not since <= view.opened < until:
            continue
        row = found[view.user_id]
        row[0] += 1
        row[1] += bool(view.sharp | view.colour)
        row[2] += view.sharp_seconds
    return [(user, int(a), int(b), c) for user, (a, b, c) in sorted(found.items())]


def _cleared(
    done: Sequence[tuple[Case, DecisionRecord]],
    decisions: Mapping[CaseId, Sequence[DecisionRecord]],
) -> list[tuple[str, int, int]]:
    last: dict[CaseId, str] = {}
    for case, decision in sorted(done, key=lambda pair: (pair[1].at, pair[1].decision_id)):
        last[case.case_id] = decision.reasons[0]
    total: Counter[str] = Counter()
    cleared: Counter[str] = Counter()
    for case_id, state in last.items():
        for name in lists_of(decisions[case_id]):
            total[name] += 1
            cleared[name] += state == "cleared"
    return [(name, cleared[name], number) for name, number in sorted(total.items())]
