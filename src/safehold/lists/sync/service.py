"""Synchronisations as a whole: what the command and the job call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from safehold.errors import UsageError
from safehold.ids import ListName
from safehold.lists.exchanges import registry
from safehold.lists.exchanges.model import (
    Credentials,
    ExchangeKind,
    ExchangeOptions,
    ExchangeSettingsError,
)
from safehold.lists.importing import Importer
from safehold.lists.model import Tier, list_name
from safehold.lists.sync import feed as feeds
from safehold.lists.sync.asking import Asking, SyncOptions
from safehold.lists.sync.machine import Source, Synchroniser, SyncParts, Told, never
from safehold.lists.sync.model import SyncState
from safehold.lists.sync.owners import Bound, check_owner, source_of

FILE = "file://"
BUCKET = "s3://"


class UnknownExchangeError(UsageError):
    """An exchange that the settings do not name."""

    code = "exchange_unknown"
    default_message = "The settings name no such exchange."
    default_hint = "An exchange is a table [exchanges.NAME] of config.toml."


@dataclass(frozen=True, slots=True)
class SyncSources:
    """What exchanges are made of.

    Attributes:
        options: the settings of all exchanges, by name.
        credentials: reads the credentials of one.
        bucket: opens a feed in a bucket: its tag, and its content.
        folder: a private folder for feeds on their way.
        importer: reads list files.
        open, peer: opens what a peer has shared; what stands for a peer (`feed.FeedParts`).
    """

    options: Mapping[str, ExchangeOptions]
    credentials: Callable[[ExchangeOptions], Credentials]
    bucket: Callable[
        [ExchangeOptions, Credentials], tuple[Callable[[], str], Callable[[], IO[bytes]]]
    ]
    folder: Path
    importer: Importer
    open: Callable[[ExchangeOptions, bytes, int], tuple[int, bytes]]
    peer: Callable[[ExchangeOptions], str]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one exchange stands.

    Attributes:
        name: the exchange.
        list_name: its list.
        options: its settings.
        state: the state of its synchronisation; None before the first run.
    """

    name: str
    list_name: ListName
    options: ExchangeOptions
    state: SyncState | None

    def is_stale(self, now: dt.datetime, since: dt.datetime) -> bool:
        """Whether the last good run is too long ago; where there was none, the settings' start."""
        oldest = dt.timedelta(hours=self.options.stale_hours)
        good = self.state.good if self.state is not None else None
        return bool(oldest) and now - (good or since) > oldest


class SyncService:
    """Runs the synchronisation of each exchange that the settings name."""

    def __init__(self, parts: SyncParts, sources: SyncSources) -> None:
        self._parts = parts
        self._sources = sources

    def names(self) -> tuple[str, ...]:
        """All exchanges, by name."""
        return tuple(sorted(self._sources.options))

    def standing(self, name: str) -> Standing:
        """Where an exchange stands.

        Raises:
            UnknownExchangeError: there is none of that name.
            ListNameError: no list can have the name that its settings give.
        """
        options = self._options(name)
        place = list_name(options.list or name)
        return Standing(name, place, options, self._parts.syncs.find(place, name))

    def run(
        self,
        name: str,
        stop: Callable[[], bool] = never,
        told: Told | None = None,
        *,
        full: bool = False,
    ) -> SyncState:
        """Bring the list of an exchange up to date; the state as it was written last.

        Args:
            name: the exchange.
            stop: is asked between pages whether to end.
            told: is told of each page.
            full: whether everything is asked for anew, from the very beginning.

        Raises:
            UnknownExchangeError, ExchangeSettingsError, CredentialsError: the settings.
            SyncOvertakenError: another process runs the same.
            DatabaseError: nothing can be written.
        """
        standing = self.standing(name)
        options = standing.options
        kind = registry.kind_of(name, options)
        try:
            tier = Tier(options.tier)
        except ValueError:
            raise ExchangeSettingsError(
                f"The setting exchanges.{name}.tier names no tier."
            ) from None
        credentials = self._sources.credentials(options)
        if kind in (ExchangeKind.FEED, ExchangeKind.SAFEHOLD):
            return self._feed(standing, (tier, credentials), stop, again=full)
        exchange = Bound(registry.exchange(kind, options, credentials), source_of(options))
        if full and standing.state is not None:
            state = standing.state
            check_owner(self._parts.lists, standing.list_name, kind.value, state)
            fresh = replace(state, number=state.number + 1, cursor="", began=None)
            self._parts.syncs.save(fresh)
        source = Source(
            name, kind.value, standing.list_name, tier, exchange, options.max_withdrawn_share
        )
        return Synchroniser(self._parts).run(source, stop, told)

    def _feed(
        self,
        standing: Standing,
        chosen: tuple[Tier, Credentials],
        stop: Callable[[], bool],
        *,
        again: bool,
    ) -> SyncState:
        feeds.check(standing.options)
        parts, sources = self._parts, self._sources
        tier, credentials = chosen
        feed = feeds.Feed(
            standing.name,
            standing.list_name,
            tier,
            self._place(standing.options, credentials),
            standing.options,
        )
        asking = Asking(SyncOptions(), parts.sleep, parts.chance, stop)
        needed = feeds.FeedParts(
            parts.lists,
            parts.syncs,
            sources.importer,
            sources.folder,
            parts.clock,
            asking,
            sources.open,
            sources.peer,
        )
        return feeds.sync_feed(feed, needed, again=again)

    def _place(self, options: ExchangeOptions, credentials: Credentials) -> feeds.Place:
        if options.url.startswith(BUCKET):
            return feeds.Bucket(*self._sources.bucket(options, credentials), options.max_bytes)
        if options.url.startswith(("/", FILE)):
            path = Path(options.url.removeprefix(FILE))
            return feeds.LocalFile(path, options.max_bytes)
        return feeds.Web(options, credentials, self._parts.send)

    def _options(self, name: str) -> ExchangeOptions:
        options = self._sources.options.get(name)
        if options is None:
            raise UnknownExchangeError
        return options
