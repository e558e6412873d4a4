"""How long evidence is kept. I/O-free.

1. **Undecided**: while a case is open or awaits bytes its evidence is kept, however long.
2. **A report under way** (with a second person, to be sent, or in trouble) keeps it.
3. **Reported**: `reported_days` (a year at least) from the authority's receipt, for each report
   that was filed; the latest counts. US law, 18 USC 2258A(h)(1), and the UK's SI 2026/268 ask for
   a year. What Cybertip.ca alone was told of is kept `canada_days` (Canadian law: 21 days).
   Clearing, undoing or giving up a report later shortens none of that. Where the same bytes came
   again since the last report, they are kept `confirmed_days` from then at least.
4. **Confirmed** and not reported: `confirmed_days` (a year at least) from its receipt or the
   decision, whichever is later.
5. **Cleared** or **expired**, and never reported: `appeal_days` from then. These are pictures of
   people of whom nothing was found to be wrong; then they go.
6. A **legal hold** keeps everything while it stands.
7. `warn_days` before its end a clock says so. For 5 nobody needs to be warned.

Before its end evidence is destroyed only where an authority has asked for it with a document that
is kept (18 USC 2258B(c)); what was cleared and never reported two people may destroy at once.
"""

from __future__ import annotations

import datetime as dt

from safehold.cases.destruction import Ground
from safehold.cases.model import CaseState
from safehold.reporting.model import AuthorityCode
from safehold.retention.model import ClockState, RetentionClock, RetentionFacts, Rule
from safehold.retention.options import RetentionOptions

__all__ = ["ClockState", "RetentionClock", "RetentionFacts", "Rule", "may_destroy", "rule_of"]

_WAITING = frozenset({CaseState.OPEN, CaseState.AWAITING_BYTES})
_BY_ITSELF = frozenset({Rule.CLEARED, Rule.EXPIRED})
"""Rules of what goes without two people, where the settings say so."""


def rule_of(facts: RetentionFacts, options: RetentionOptions, now: dt.datetime) -> RetentionClock:
    """The clock of a case."""
    rule, since, until = _until(facts, options)
    reported = bool(facts.filed) or facts.under_way or facts.doubtful is not None
    state = _state(facts, rule, until, options, now)
    return RetentionClock(facts.case_id, rule, since, until, state, facts.holds, reported)


def goes_by_itself(clock: RetentionClock) -> bool:
    """Whether evidence is destroyed without two people: it is due, and by rule 5."""
    return clock.state is ClockState.DUE and clock.rule in _BY_ITSELF and not clock.reported


def may_destroy(clock: RetentionClock, ground: Ground, *, has_document: bool) -> bool:
    """Whether evidence may be destroyed now, on a ground."""
    if clock.state in (ClockState.HELD, ClockState.UNDECIDED, ClockState.GONE):
        return False
    if ground is Ground.AUTHORITY:
        return has_document and clock.rule is not Rule.UNDER_WAY
    if ground is Ground.EARLY:
        return clock.rule in _BY_ITSELF and not clock.reported
    return clock.state is ClockState.DUE


def _until(
    facts: RetentionFacts, options: RetentionOptions
) -> tuple[Rule, dt.datetime, dt.datetime | None]:
    received = facts.received
    if received is None:
        return Rule.GONE, facts.decided, None
    if facts.state in _WAITING:
        return Rule.UNDECIDED, received, None
    if facts.under_way:
        return Rule.UNDER_WAY, received, None
    reported = dt.timedelta(days=options.reported_days)
    canada = dt.timedelta(days=options.canada_days)
    ends = [
        (at + (canada if authority is AuthorityCode.CYBERTIP_CA else reported), at)
        for authority, at in facts.filed
    ]
    if facts.doubtful is not None:
        ends.append((facts.doubtful + reported, facts.doubtful))
    confirmed = dt.timedelta(days=options.confirmed_days)
    if ends:
        until, since = max(ends)
        if received > max(at for _, at in ends):
            # What came since has not been reported: it has a time of its own.
            until, since = max((until, since), (received + confirmed, received))
        return Rule.REPORTED, since, until
    since = max(received, facts.decided)
    if facts.state is CaseState.CONFIRMED:
        return Rule.CONFIRMED, since, since + confirmed
    rule = Rule.CLEARED if facts.state is CaseState.CLEARED else Rule.EXPIRED
    return rule, since, since + dt.timedelta(days=options.appeal_days)


def _state(
    facts: RetentionFacts,
    rule: Rule,
    until: dt.datetime | None,
    options: RetentionOptions,
    now: dt.datetime,
) -> ClockState:
    if rule is Rule.GONE:
        return ClockState.GONE
    if facts.holds:
        return ClockState.HELD
    if rule is Rule.UNDECIDED:
        return ClockState.UNDECIDED
    if until is None:
        return ClockState.KEPT
    if now >= until:
        return ClockState.DUE
    near = rule not in _BY_ITSELF and now >= until - dt.timedelta(days=options.warn_days)
    return ClockState.WARN if near else ClockState.KEPT
