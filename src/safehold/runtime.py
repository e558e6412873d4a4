"""The one composition root: it joins settings, stores, snapshots, workers and policy.

Everything heavy is made when it is first asked for, so that a command pays only for what it
uses. `Runtime` is a context manager; leaving it ends what was started.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from safehold import __version__
from safehold.clock import Clock, SystemClock
from safehold.config import CONFIG_FILE, Settings
from safehold.errors import SafeholdError
from safehold.hashing.keyed import KEY_BYTES, DigestKey
from safehold.kernels.accelerate import KernelCache, secure_folder

if TYPE_CHECKING:
    from safehold.lists.service import ListService
    from safehold.matching.snapshot import Snapshot
    from safehold.media.sandbox.pool import WorkerPool
    from safehold.screening import ExamineOptions, Screening

DATABASE_FILE = "safehold.db"
SNAPSHOT_FOLDER = "snapshots"
DIGEST_KEY_FILE = "digest.key"


class HomeError(SafeholdError):
    """The data folder cannot be used."""

    code = "home"
    default_message = "The data folder cannot be used."
    default_hint = "Check that it belongs to you, or name another with --home."


class DigestKeyError(SafeholdError):
    """The key of the exact digests is not what it was."""

    code = "digest_key"
    default_message = "The digest key in the data folder is missing or damaged."
    default_hint = "Restore digest.key from your backup, or remove the home and add the lists anew."


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder and where things lie in it."""

    folder: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / DATABASE_FILE

    @property
    def snapshots(self) -> Path:
        """The folder of snapshots."""
        return self.folder / SNAPSHOT_FOLDER

    @property
    def digest_key(self) -> Path:
        """The file of the key of exact digests."""
        return self.folder / DIGEST_KEY_FILE

    def prepare(self) -> None:
        """Make the folder with mode 0700, or check that it is ours.

        Raises `HomeError`, also for a folder of other things that is open to others: closing
        it would shut them out (`--home /tmp`).
        """
        try:
            foreign = self._is_another_folder()
            if not foreign:
                secure_folder(self.folder)
        except (OSError, SafeholdError) as error:
            raise HomeError from error
        if foreign:
            raise HomeError(
                "The folder named as home is open to others and holds other things.",
                hint="Name a folder of its own with --home, or close this one: chmod 700.",
            )

    def _is_another_folder(self) -> bool:
        if not self.folder.is_dir() or not self.folder.stat().st_mode & 0o077:
            return False
        ours = (self.database, self.digest_key, self.folder / CONFIG_FILE)
        return any(self.folder.iterdir()) and not any(file.exists() for file in ours)

    def load_digest_key(self) -> DigestKey:
        """The home's key; made on first use, and never again while lists are there."""
        self.prepare()
        try:
            secret = self.digest_key.read_bytes()
        except FileNotFoundError:
            if self.database.exists():
                raise DigestKeyError from None
            secret = _written_once(self.digest_key, secrets.token_bytes(KEY_BYTES))
        except OSError as error:
            raise DigestKeyError from error
        if len(secret) != KEY_BYTES:
            raise DigestKeyError
        return DigestKey(secret)


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

        key = self.digest_key
        return ListService(self._list_store(), self.home.snapshots, key, self.clock)

    def _list_store(self) -> Any:
        from safehold.storage import engine
        from safehold.storage.digest_key import bind_digest_key
        from safehold.storage.list_store import SqlListStore
        from safehold.storage.migrate import migrate

        database = (
            engine.postgres_engine(self.settings.database)
            if self.settings.database
            else engine.sqlite_engine(self.home.database)
        )
        self._stack.callback(database.dispose)
        migrate(database)
        bind_digest_key(database, self.digest_key.fingerprint())
        return SqlListStore(database)

    @functools.cached_property
    def examine_options(self) -> ExamineOptions:
        """How items are examined."""
        from safehold.screening import ExamineOptions

        return ExamineOptions(self.settings.media, self.settings.borders)

    @functools.cached_property
    def kernel_folder(self) -> Path:
        """Where this version's compiled kernels are cached; another version compiles anew."""
        versions = f"{__version__}-numba{metadata.version('numba')}-{sys.implementation.cache_tag}"
        return self.settings.kernel_cache / versions

    @functools.cached_property
    def workers(self) -> WorkerPool:
        """Locked worker processes that examine items; they start to warm up at once."""
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
            settings={"kernel_cache": str(self.kernel_folder)},
            workers=self.settings.workers,
            limits=self.settings.media,
        )
        return self._stack.enter_context(WorkerPool(options))

    def missing_protections(self) -> tuple[str, ...]:
        """What this machine does not give to hold the workers; for the operator to know."""
        return self.workers.protections.missing if "workers" in self.__dict__ else ()

    def snapshots(self, names: Sequence[str] | None) -> list[Snapshot]:
        """Snapshots of the named lists, or of all, each checked as a whole."""
        opened = self.lists.open(names)
        for snapshot in opened:
            self._stack.callback(snapshot.close)
        return list(opened)

    def screening(self, snapshots: Sequence[Snapshot]) -> Screening:
        """Matching and policy over open snapshots."""
        from safehold.matching.match import Matcher
        from safehold.screening import Screening

        options = self.settings.matching
        matcher = Matcher(snapshots, options)
        return Screening(matcher, options.quality_floor, self.settings.policy)


def _written_once(path: Path, content: bytes) -> bytes:
    """Write a small secret file, whole or not at all, on the disk when this returns.

    Where another process was faster, what it wrote stands, and is what is returned.
    """
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return path.read_bytes()
    except OSError:
        fresh.replace(path)  # a file system without links
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return content
