"""Telling exchanges what people decided about their entries (`safehold.lists.opinions.model`).

Decisions are found in the audit log, whose order is that in which they were committed; what was
decided before the first look is not told. An opinion is claimed, sent, and then marked: a process
that is killed between sends it again, and of two processes one sends it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import CaseState, DecisionRecord
from safehold.cases.records import Records, Transaction
from safehold.cases.settling import UNDONE
from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.hashing.model import SignalType
from safehold.ids import CaseId, EntryId, ListName
from safehold.intake.parts import AlarmMessages
from safehold.lists.exchanges import registry
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeOptions,
    ExchangeRefusedError,
)
from safehold.lists.interface import ListStore
from safehold.lists.model import Tier, UnknownListError
from safehold.lists.opinions.model import (
    Opinion,
    OpinionState,
    OpinionUnfitError,
    Stance,
    Subject,
    next_try,
)
from safehold.outbound.model import Call, OutboundStatusError, Reply
from safehold.outbox.model import Alarm, AlarmCode
from safehold.work.decided import EVENTS, KINDS, is_real, last_decision
from safehold.work.ports import Outcome, Stop
from safehold.work.schedule import Timing

AT_ONCE = 1
"""Opinions that are claimed at once: one may take twenty calls, each as long as its time-out."""
CLAIM = dt.timedelta(minutes=60)
"""How long they are hidden from others."""
KEPT = dt.timedelta(days=365)
"""For how long it is known what was sent."""

POSTPONED = dt.timedelta(hours=1)
"""How long an opinion waits on a case that is open again."""

_DECIDED = {
    Stance.AFFIRMATIVE: CaseState.CONFIRMED,
    Stance.NEGATIVE: CaseState.CLEARED,
}
_HOLD_NOTHING = frozenset({Tier.NEGATIVE.value, Tier.OBSERVE.value})
_ABOUT_ENTRY = frozenset({"not_listed_content", "legal_content"})
"""Reasons of a clearing that say something of the entry."""
_SIGNALS = (SignalType.SHA256, SignalType.SHA1, SignalType.MD5, SignalType.PDQ)
_BUSY = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class OpinionParts:
    """What opinions are made and sent with.

    Attributes:
        records: cases, the audit log, opinions.
        lists: entries.
        exchanges: settings of exchanges that take opinions, by name.
        credentials: reads the credentials of one.
        send: makes one call.
        ids: makes ids.
        clock: the present moment.
        chance: gives a number from 0 to 1.
        messages: from an alarm to its messages.
    """

    records: Records
    lists: ListStore
    exchanges: Mapping[str, ExchangeOptions]
    credentials: Callable[[ExchangeOptions], Credentials]
    send: Callable[[Call], Reply]
    ids: Callable[[], str]
    clock: Clock
    chance: Callable[[], float]
    messages: AlarmMessages


class TellOpinions:
    """Gathers and sends opinions."""

    name = "opinions"

    def __init__(self, parts: OpinionParts, timing: Timing) -> None:
        self.timing = timing
        self._parts = parts
        self._sources = {o.list or name: (name, o) for name, o in parts.exchanges.items()}

    def run(self, stop: Stop) -> Outcome:
        """Read what was decided, then send what is due."""
        counts: Counter[str] = Counter()
        while self._gather(counts) and not stop():
            pass
        while not stop() and self._send(counts, stop):
            pass
        with self._parts.records.write() as transaction:
            transaction.opinions.forget(self._parts.clock.now() - KEPT, 1_000)
        return Outcome(counts=counts)

    def _gather(self, counts: Counter[str]) -> bool:
        """Queue what follows from some events; whether there are more."""
        with self._parts.records.write() as transaction:
            head, _ = transaction.audit.head()
            read = transaction.opinions.mark()
            if read is None or read > head:  # the first look, or another log
                transaction.opinions.move(read, head)
                return False
            events = list(itertools.islice(transaction.audit.events(read), EVENTS))
            if not events:
                return False
            decided = dict.fromkeys(e.draft.subject for e in events if e.draft.kind in KINDS)
            for subject in decided:
                for opinion in self._opinions(transaction, CaseId(subject)):
                    counts["queued"] += transaction.opinions.put(opinion)
            last = events[-1].seq
            return transaction.opinions.move(read, last) and last < head

    def _opinions(self, transaction: Transaction, case_id: CaseId) -> list[Opinion]:
        case = transaction.cases.find(case_id)
        decisions = transaction.cases.decisions(case_id)
        stance = stance_of(decisions)
        if case is None or stance is None or not is_real(transaction, case):
            return []
        decision = last_decision(decisions)
        assert decision is not None
        found = []
        for (name, entry_id), signal in matched(decisions).items():
            source = self._sources.get(name)
            if source is None:
                continue
            exchange, options = source
            found.append(
                Opinion(
                    self._parts.ids(),
                    exchange,
                    ListName(name),
                    EntryId(entry_id),
                    case_id,
                    signal,
                    stance,
                    decision.at,
                    decision.at + dt.timedelta(hours=options.opinion_hours),
                )
            )
        return found

    def _send(self, counts: Counter[str], stop: Stop) -> bool:
        """Send some of what is due; whether there may be more."""
        now = self._parts.clock.now()
        until = now + CLAIM
        with self._parts.records.write() as transaction:
            claimed = transaction.opinions.claim(now, until, AT_ONCE)
        for opinion in claimed:
            if stop():
                return False
            after = self._told(opinion)
            counts[after.state.value] += 1
            with self._parts.records.write() as transaction:
                if transaction.opinions.write(after, until):
                    self._say(transaction, after)
        return len(claimed) == AT_ONCE

    def _told(self, opinion: Opinion) -> Opinion:
        """Send one, if its decision still stands; what became of it."""
        now = self._parts.clock.now()
        with self._parts.records.read() as transaction:
            case = transaction.cases.find(opinion.case_id)
            stands = stance_of(transaction.cases.decisions(opinion.case_id)) is opinion.stance
        options = self._parts.exchanges.get(opinion.exchange)
        if case is None or not stands or options is None:
            return replace(opinion, state=OpinionState.DROPPED, due=now)
        if case.state is not _DECIDED[opinion.stance]:
            return replace(opinion, due=now + POSTPONED)  # it is open again
        asked: float | None = None
        try:
            self._call(opinion, options)
        except OpinionUnfitError as error:
            return replace(opinion, state=OpinionState.DEAD, code=error.code, due=now)
        except ExchangeRefusedError as error:
            return replace(opinion, state=OpinionState.DEAD, code=error.code, due=now)
        except OutboundStatusError as error:
            if error.status < 500 and error.status not in _BUSY:
                return replace(opinion, state=OpinionState.DEAD, code=error.code, due=now)
            code, asked = error.code, error.retry_after
        except SafeholdError as error:
            code = error.code
        else:
            return replace(opinion, state=OpinionState.SENT, code="", due=now)
        again = next_try(opinion, now, asked, self._parts.chance)
        tried = replace(opinion, attempts=opinion.attempts + 1, code=code)
        if again is None:
            return replace(tried, state=OpinionState.DEAD, due=now)
        return replace(tried, due=again)

    def _call(self, opinion: Opinion, options: ExchangeOptions) -> None:
        """Make the calls that tell an opinion."""
        try:
            entry = self._parts.lists.entry(opinion.list_name, opinion.entry_id)
        except UnknownListError:
            entry = None
        pdq = entry.pdq if entry is not None else None
        subject = Subject(opinion.entry_id, opinion.signal, opinion.stance, pdq)
        module = registry.opinions(opinion.exchange, options)
        calls = module.send(options, self._parts.credentials(options), subject)
        try:
            call = next(calls)
            while True:
                call = calls.send(self._parts.send(call))
        except StopIteration:
            return

    def _say(self, transaction: Transaction, opinion: Opinion) -> None:
        now = self._parts.clock.now()
        kind = {
            OpinionState.SENT: "list.opinion_sent",
            OpinionState.DEAD: "list.opinion_dead",
        }.get(opinion.state)
        if kind is None:
            return
        data: dict[str, Detail] = {
            "opinion": opinion.opinion_id,
            "stance": opinion.stance.value,
            "code": opinion.code,
        }
        event = EventDraft(kind, now, "system", subject=str(opinion.list_name), data=data)
        transaction.audit.append([event])
        if opinion.state is OpinionState.DEAD:
            alarm = Alarm(AlarmCode.OPINION_DEAD, now, str(opinion.list_name))
            transaction.outbox.add(self._parts.messages(alarm))


def stance_of(decisions: Sequence[DecisionRecord]) -> Stance | None:
    """What the decisions on a case say of the entries that it matches; None for nothing."""
    decision = last_decision(decisions)
    if decision is None or UNDONE in decision.reasons:
        return None
    if CaseState.CONFIRMED.value in decision.reasons:
        return Stance.AFFIRMATIVE
    return Stance.NEGATIVE if decision.details.get("reason") in _ABOUT_ENTRY else None


def matched(decisions: Sequence[DecisionRecord]) -> dict[tuple[str, str], SignalType]:
    """The entries that the bytes of a case match, each with the surest kind of digest."""
    found: dict[tuple[str, str], SignalType] = {}
    for decision in decisions:
        matches: Sequence[Mapping[str, Any]] = decision.details.get("matches", ())
        for match in matches:
            if match.get("tier") in _HOLD_NOTHING:
                continue
            try:
                signal = SignalType(str(match.get("signal")))
            except ValueError:
                continue  # of a remote matcher
            entry = (str(match.get("list_name")), str(match.get("entry_id")))
            known = found.get(entry)
            if known is None or _SIGNALS.index(signal) < _SIGNALS.index(known):
                found[entry] = signal
    return found
