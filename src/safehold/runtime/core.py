"""The one composition root: it joins settings, stores, snapshots, workers and policy.

Everything heavy is made when it is first asked for, so that a command pays only for what it
uses. `Runtime` is a context manager; leaving it ends what was started.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from safehold import __version__
from safehold.clock import Clock, SystemClock
from safehold.config import Settings
from safehold.hashing.keyed import DigestKey
from safehold.kernels.accelerate import KernelCache, secure_folder
from safehold.runtime.home import Home, HomeError
from safehold.runtime.trust_list import read_trust_list

if TYPE_CHECKING:
    import sqlalchemy as sa

    from safehold.lists.importing import ImportLimits
    from safehold.lists.service import ListService
    from safehold.lists.sync.service import SyncService
    from safehold.matching.interface import OpenList
    from safehold.media.sandbox.pool import WorkerPool
    from safehold.screening import ExamineOptions, Screening
    from safehold.storage.list_store import SqlListStore
    from safehold.storage.sync_store import SqlSyncStore


class Runtime:
    """All parts of one home, made on demand."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.home = Home(settings.home)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @functools.cached_property
    def digest_key(self) -> DigestKey:
        """The key of exact digests."""
        return self.home.load_digest_key()

    @functools.cached_property
    def lists(self) -> ListService:
        """Adding, showing and opening lists."""
        from safehold.lists.service import ListService

        return ListService(
            self.list_store,
            self.home.snapshots,
            self.digest_key,
            self.clock,
            self.import_limits,
            self.settings.growth,
        )

    @property
    def import_limits(self) -> ImportLimits:
        """Bounds of what is read of lists."""
        from safehold.lists.importing import ImportLimits

        return ImportLimits(quality_floor=self.settings.matching.quality_floor)

    @functools.cached_property
    def list_store(self) -> SqlListStore:
        """Where lists and their entries are kept."""
        from safehold.storage.list_store import SqlListStore

        return SqlListStore(self.engine)

    @functools.cached_property
    def syncs(self) -> SqlSyncStore:
        """Where the states of synchronisations are kept."""
        from safehold.storage.sync_store import SqlSyncStore

        return SqlSyncStore(self.engine)

    @functools.cached_property
    def sync(self) -> SyncService:
        """Brings lists up to date from their exchanges."""
        from safehold.lists.entry_rows import RowChecker
        from safehold.runtime.syncing import sync_service

        floor = self.settings.matching.quality_floor
        return sync_service(self, RowChecker(self.digest_key, floor))

    @functools.cached_property
    def engine(self) -> sa.Engine:
        """The database, with its tables brought up to date."""
        from safehold.storage import engine
        from safehold.storage.digest_key import bind_digest_key
        from safehold.storage.migrate import migrate

        fingerprint = self.digest_key.fingerprint()
        database = (
            engine.postgres_engine(self.settings.database)
            if self.settings.database
            else engine.sqlite_engine(self.home.database)
        )
        self._stack.callback(database.dispose)
        migrate(database)
        bind_digest_key(database, fingerprint)
        return database

    @functools.cached_property
    def examine_options(self) -> ExamineOptions:
        """How items are examined."""
        from safehold.screening import ExamineOptions

        settings = self.settings
        return ExamineOptions(settings.media, settings.borders, settings.provenance)

    @functools.cached_property
    def kernel_folder(self) -> Path:
        """Where this version's compiled kernels are cached; another version compiles anew."""
        versions = f"{__version__}-numba{metadata.version('numba')}-{sys.implementation.cache_tag}"
        return self.settings.kernel_cache / versions

    @functools.cached_property
    def workers(self) -> WorkerPool:
        """Locked worker processes that examine items; they start to warm up at once."""
        return self._stack.enter_context(self.new_workers())

    def new_workers(self) -> WorkerPool:
        """A pool of its own, which the caller closes. One thread uses a pool."""
        from safehold.media.sandbox.interface import SandboxOptions
        from safehold.media.sandbox.pool import WorkerPool
        from safehold.screening import JOB, WARM_UP

        try:
            secure_folder(self.kernel_folder)
        except OSError as error:
            raise HomeError(
                "The folder of compiled kernels cannot be used.",
                hint="SAFEHOLD_KERNEL_CACHE names another.",
            ) from error
        KernelCache.announce()
        options = SandboxOptions(
            job=JOB,
            warm_up=WARM_UP,
            settings={
                "kernel_cache": str(self.kernel_folder),
                "provenance": dataclasses.asdict(self.settings.provenance),
                "anchors": read_trust_list(self.settings.provenance.trust_list),
            },
            workers=self.settings.workers,
            limits=self.settings.media,
        )
        return WorkerPool(options)

    def missing_protections(self) -> tuple[str, ...]:
        """What this machine does not give to hold the workers; for the operator to know."""
        return self.workers.protections.missing if "workers" in self.__dict__ else ()

    def snapshots(self, names: Sequence[str] | None) -> list[OpenList]:
        """The named lists, or all, open for matching, each snapshot checked as a whole."""
        opened = self.lists.open(names)
        for snapshot in opened:
            self._stack.callback(snapshot.close)
            snapshot.preload()
        return list(opened)

    def changed_lists(
        self, since: Sequence[tuple[str, int]]
    ) -> tuple[list[OpenList], tuple[str, ...]]:
        """Of each list what changed after a version; and the lists that are open whole instead."""
        opened: list[OpenList] = []
        whole = []
        for name, version in since:
            changed = self.lists.open_since(name, version)
            if changed is None:
                whole.append(name)
                opened += self.snapshots([name])
            else:
                opened.append(changed)
        return opened, tuple(whole)

    def screening(self, snapshots: Sequence[OpenList]) -> Screening:
        """Matching and policy over open snapshots."""
        from safehold.matching.match import Matcher
        from safehold.screening import Screening

        options = self.settings.matching
        matcher = Matcher(snapshots, options)
        thresholds = {
            name: chosen.threshold
            for name, chosen in self.settings.lists.items()
            if chosen.threshold >= 0
        }
        return Screening(matcher, options.quality_floor, self.settings.policy, thresholds)
