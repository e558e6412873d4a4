"""The state machine that keeps a list true to an exchange of many pages.

The rules:

1. A run goes from the checkpoint of the last finished run to the end of what there is now. Each
   page is written in one transaction with the cursor behind it, on top of the state from which
   the step started: a process that is killed leaves the list at a boundary of pages, the next run
   goes on there, and of two processes one goes on and the other stops.
2. What a source says has its time, and an older word never stands against a younger one: pages
   may come in any order, twice, or again after a restart.
3. What is busy or fails on the way is asked again, later each time, as `SyncOptions` says. A page
   that stays damaged is asked for in parts (`narrow`), and what stays damaged then is passed over
   and counted, if it is known where to go on. A page whose address is no longer good, or cannot
   be made, begins the run again from its checkpoint; a page that leads to an address that cannot
   be is not taken.
4. A row that cannot be read is left out and counted; the rest goes on.
5. A run that fails leaves its cursor where it is. The list is confirmed as current (as of the
   moment when the run began) only when a run has finished.
6. A list belongs to one source: what was made from a file or by another exchange is not touched.
7. A source that names all its entries in each run (`Page.replaces`) withdraws those that the
   pages of a run, as a whole, have not named. Where these are too many, nothing is withdrawn, and
   the next run asks for all pages anew; where a page was lost, nothing is withdrawn either.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from safehold.clock import Clock
from safehold.errors import SafeholdError
from safehold.ids import ListName
from safehold.lists.entry_rows import RowChecker
from safehold.lists.exchanges.interface import Exchange
from safehold.lists.exchanges.model import (
    ExchangeRefusedError,
    Page,
    PageAddressError,
    PageBusyError,
    PageDamagedError,
    PageExpiredError,
)
from safehold.lists.interface import ImportPlan, ListStore
from safehold.lists.model import Tier
from safehold.lists.sync.asking import Asking, StoppedError, SyncOptions
from safehold.lists.sync.interface import SyncStore
from safehold.lists.sync.model import (
    ListShrankError,
    SyncCounts,
    SyncError,
    SyncOvertakenError,
    SyncState,
)
from safehold.lists.sync.owners import check_owner
from safehold.lists.sync.rows import Rows, rows_of
from safehold.outbound.model import (
    MAX_URL,
    Call,
    OutboundError,
    OutboundTooLongError,
    Reply,
)

MAX_CURSOR = 4_096
"""Longest cursor, in characters."""

Told = Callable[[SyncState], None]
"""Called after each page with the state that was written."""


@dataclass(frozen=True, slots=True)
class Source:
    """One exchange and the list that it fills.

    Attributes:
        name: the exchange's name in the settings.
        kind: its kind, which the list names as its source.
        list_name, tier: the list.
        exchange: builds the calls and parses the answers.
        max_withdrawn_share: as in `ExchangeOptions`.
    """

    name: str
    kind: str
    list_name: ListName
    tier: Tier
    exchange: Exchange
    max_withdrawn_share: float = 1.0


@dataclass(frozen=True, slots=True)
class SyncParts:
    """What the machine is made of.

    Attributes:
        lists, syncs: where entries and states are kept, in one database.
        checker: checks rows, and keys exact digests.
        clock: the present moment.
        send: makes a call.
        sleep: waits, in seconds.
        chance: gives numbers from 0 to 1.
    """

    lists: ListStore
    syncs: SyncStore
    checker: RowChecker
    clock: Clock
    send: Callable[[Call], Reply]
    sleep: Callable[[float], None]
    chance: Callable[[], float]


def never() -> bool:
    """A run that is never asked to stop."""
    return False


class Synchroniser:
    """Runs synchronisations. Keeps nothing between runs."""

    def __init__(self, parts: SyncParts, options: SyncOptions | None = None) -> None:
        self._parts = parts
        self._options = options or SyncOptions()

    def run(
        self, source: Source, stop: Callable[[], bool] = never, told: Told | None = None
    ) -> SyncState:
        """Bring a list up to date, or go on with what an earlier run has begun.

        Args:
            source: what is to be synchronised.
            stop: is asked between pages whether to end; the next run goes on there.
            told: is told of each page.

        Returns:
            The state as it was written last. Its `code` says how the run ended.

        Raises:
            SyncOvertakenError: another process runs the same; nothing is lost.
            ExchangeSettingsError: the list was made from another source.
            DatabaseError: nothing can be written.
        """
        parts = self._parts
        found = parts.syncs.find(source.list_name, source.name)
        check_owner(parts.lists, source.list_name, source.kind, found)
        state = found or SyncState(source.list_name, source.name)
        try:
            return _Run(parts, self._options, source, (stop, told)).go(state)
        except SyncOvertakenError:
            raise
        except SafeholdError as error:
            if not isinstance(error, _EXPECTED):
                raise
            return failed(parts.syncs, source.list_name, source.name, (error.code, parts.clock))


_EXPECTED = (
    OutboundError,
    PageDamagedError,
    PageAddressError,
    PageBusyError,
    ExchangeRefusedError,
    SyncError,
)
"""What a run may end with; anything else is this machine's own fault."""

_UNFORESEEN = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What a shape of an answer that nobody thought of may lead to."""


class _Run:
    """One run. For one thread."""

    def __init__(
        self,
        parts: SyncParts,
        options: SyncOptions,
        source: Source,
        between: tuple[Callable[[], bool], Told | None],
    ) -> None:
        self._parts = parts
        self._options = options
        self._source = source
        self._stop, self._told = between
        self._asking = Asking(options, parts.sleep, parts.chance, self._stop)
        self._seen: set[bytes] = set()

    def go(self, state: SyncState) -> SyncState:
        now = self._parts.clock.now()
        exchange = self._source.exchange
        if state.began is None:
            begun = replace(state, cursor=exchange.begin(state.cursor, now), began=now)
            state = self._save(replace(begun, counts=SyncCounts()))
        for _ in range(self._options.restarts + 1):
            try:
                return self._pages(state)
            except StoppedError:
                return self._current()
            except PageExpiredError:
                state = self._current()
                self._seen.clear()
                cursor = exchange.restart(state.cursor, self._parts.clock.now())
                state = self._save(replace(state, cursor=cursor))
        raise PageAddressError

    def _pages(self, state: SyncState) -> SyncState:
        for _ in range(self._options.max_pages):
            if self._stop():
                return state
            self._note(state.cursor)
            try:
                page = self._fetch(state.cursor)
            except (PageDamagedError, OutboundTooLongError):
                state = self._around(state)
                continue
            state = self._take(state, page)
            if self._told is not None:
                self._told(state)
            if page.finished:
                # Killed before this, the next run does it.
                assert state.good is not None
                self._parts.lists.confirm(state.list_name, state.good)
                return state
        raise PageAddressError

    def _note(self, cursor: str) -> None:
        """A page that was read before in this run leads round in a circle."""
        if len(cursor) > MAX_CURSOR:
            raise PageAddressError
        place = hashlib.blake2b(cursor.encode("utf-8"), digest_size=16).digest()
        if place in self._seen:
            raise PageAddressError
        self._seen.add(place)

    def _around(self, state: SyncState) -> SyncState:
        """The state from which to go on where a page stays damaged (rule 3)."""
        exchange = self._source.exchange
        narrowed = exchange.narrow(state.cursor)
        if narrowed is not None:
            return self._save(replace(state, cursor=narrowed))
        behind = exchange.pass_over(state.cursor)
        if behind is None:
            raise PageDamagedError
        counts = replace(state.counts, pages_lost=state.counts.pages_lost + 1)
        return self._save(replace(state, cursor=behind, counts=counts))

    def _take(self, state: SyncState, page: Page) -> SyncState:
        """Write a page, and the state behind it, in one transaction."""
        now, source = self._parts.clock.now(), self._source
        assert state.began is not None
        if not page.finished and not self._leads_on(page.cursor):
            raise PageAddressError
        rows = rows_of(page.statements, self._parts.checker, state.began, timed=not page.replaces)
        after = replace(state, cursor=page.cursor, counts=_counts(state.counts, page, rows))
        after = replace(after, number=state.number + 1)
        if page.finished:
            after = replace(after, began=None, ended=now, good=state.began, failures=0, code="ok")
        named = page.replaces and not after.counts.pages_lost
        older = state.began if page.finished and named else None
        plan = ImportPlan(
            now,
            source.tier,
            source.kind,
            max_withdrawn_share=source.max_withdrawn_share,
            withdraw_older=older,
            sync=after,
        )
        if not rows.drafts and not page.finished:
            self._parts.syncs.save(after)
            return after
        try:
            with self._parts.lists.importing(state.list_name) as session:
                session.stage(rows.drafts)
                outcome = session.apply(plan)
        except ListShrankError:
            # The next run asks for all of its pages: this one's are no whole list.
            again = self._source.exchange.restart(state.cursor, now)
            self._save(replace(state, cursor=again, began=now, counts=SyncCounts()))
            raise
        assert outcome.sync is not None
        return outcome.sync

    def _fetch(self, cursor: str) -> Page:
        """A page, asked for as often as the options allow."""
        exchange, send = self._source.exchange, self._parts.send

        def fetch() -> Page:
            try:
                call = exchange.call(cursor)
            except _UNFORESEEN as error:
                raise PageExpiredError from error
            reply = send(call)
            try:
                return exchange.read(cursor, reply)
            except _UNFORESEEN as error:
                raise PageDamagedError from error

        return self._asking.until(fetch, lambda status: exchange.refusal(cursor, status))

    def _leads_on(self, cursor: str) -> bool:
        """Whether the next page can be asked for."""
        try:
            url = self._source.exchange.call(cursor).url
        except _UNFORESEEN:
            return False
        return len(cursor) <= MAX_CURSOR and len(url) <= MAX_URL

    def _save(self, state: SyncState) -> SyncState:
        state = replace(state, number=state.number + 1)
        self._parts.syncs.save(state)
        return state

    def _current(self) -> SyncState:
        found = self._parts.syncs.find(self._source.list_name, self._source.name)
        if found is None:
            raise SyncOvertakenError
        return found


def failed(syncs: SyncStore, name: ListName, exchange: str, how: tuple[str, Clock]) -> SyncState:
    """Write that a run ended without having finished, and why."""
    code, clock = how
    state = syncs.find(name, exchange) or SyncState(name, exchange)
    state = replace(
        state,
        number=state.number + 1,
        ended=clock.now(),
        failures=state.failures + 1,
        code=code,
    )
    syncs.save(state)
    return state


def _counts(before: SyncCounts, page: Page, rows: Rows) -> SyncCounts:
    return replace(
        before,
        pages=before.pages + 1,
        rows=before.rows + len(page.statements) + sum(page.faults.values()),
        tombstones=before.tombstones + rows.tombstones,
        unusable=_sum(before.unusable, page.unusable, rows.unusable),
        faults=_sum(before.faults, page.faults, rows.faults),
    )


def _sum(*counts: Mapping[str, int]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(sorted(total.items()))
