"""Making a backup of a home that runs."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from safehold.errors import UsageError
from safehold.storage.backup.files import copy_files, failures, new_folder, sha256_of, sync_file
from safehold.storage.backup.manifests import (
    DATABASE_FILE,
    FORMAT,
    HOME_FOLDER,
    KEY_FORMAT,
    KEY_MANIFEST_FILE,
    KEYS_FOLDER,
    MANIFEST_FILE,
    OBJECTS_FOLDER,
    BackupError,
    KeyManifest,
    Manifest,
    write_manifest,
)
from safehold.storage.engine import FILE_MODE, sqlite_engine
from safehold.storage.migrate import HEAD
from safehold.storage.records import SqlRecords, SqlTransaction
from safehold.vault.interface import BlobStore, ObjectMissingError
from safehold.vault.local import LocalBlobs


@dataclass(frozen=True, slots=True)
class Sealed:
    """An object that the records name.

    Attributes:
        item_id: of the evidence or the kept document.
        object_name, key_name: its name, and that of the wrapped key that opens it.
        size: bytes of the original.
        sealed_size, sealed_sha256: of the object.
    """

    item_id: str
    object_name: str
    key_name: str
    size: int
    sealed_size: int
    sealed_sha256: bytes

    @property
    def evidence_id(self) -> str:
        """The id, by the name that `vault.verify` knows it by."""
        return self.item_id


@dataclass(frozen=True, slots=True)
class Source:
    """What a backup is made of.

    Attributes:
        engine: the database in use.
        objects, keys: the vault's stores.
        files: small files of the first half: their names below the home, and where they lie.
        secret_files: those of the second half.
        software: this version.
        key_life: for how long the second half may be kept.
    """

    engine: sa.Engine
    objects: BlobStore
    keys: BlobStore
    files: Mapping[str, Path]
    secret_files: Mapping[str, Path]
    software: str
    key_life: dt.timedelta


@dataclass(frozen=True, slots=True)
class Made:
    """What was made; `keys` is None where there is no second half."""

    manifest: Manifest
    keys: KeyManifest | None


def sealed_items(transaction: SqlTransaction) -> Iterator[Sealed]:
    """All objects that the records name: evidence, then kept documents."""
    for item in transaction.cases.all_evidence():
        case = transaction.cases.find(item.case_id)
        key_name = "" if case is None else case.key_name
        sealed = (item.sealed_size, item.sealed_sha256)
        yield Sealed(item.evidence_id, item.object_name, key_name, item.size, *sealed)
    for kept in transaction.reports.all_documents():
        sealed = (kept.sealed_size, kept.sealed_sha256)
        yield Sealed(kept.document_id, kept.object_name, kept.key_name, kept.size, *sealed)


def key_names(transaction: SqlTransaction) -> Iterator[str]:
    """Names of all wrapped keys that there should be: of cases, then of kept documents."""
    yield from transaction.cases.key_names()
    for kept in transaction.reports.all_documents():
        yield kept.key_name


def make(
    source: Source,
    folder: Path,
    key_folder: Path | None,
    now: dt.datetime,
    progress: Callable[[], None] = lambda: None,
) -> Made:
    """Make a backup.

    Args:
        source: what of.
        folder: for the first half; it is empty, or not there yet.
        key_folder: for the second, or None. Neither lies in the other.
        now: the present moment.
        progress: called after each object and each key.

    Raises:
        UsageError: a folder holds something, or one lies in the other.
        BackupError, VaultError: something cannot be read or written.
    """
    check_apart(folder, key_folder)
    for new in (folder, *([key_folder] if key_folder else [])):
        new_folder(new)
    backup, made = secrets.token_hex(8), now.isoformat(timespec="seconds")
    with failures():
        # First the files: what was signed last must not be beyond the end of the log.
        copy_files(source.files, folder / HOME_FOLDER)
        database = folder / DATABASE_FILE
        _copy_database(source.engine, database)
        engine = sqlite_engine(database)
        try:
            with SqlRecords(engine).read() as copied:
                objects = [item.object_name for item in sealed_items(copied)]
                keys = list(key_names(copied))
        finally:
            engine.dispose()
            _one_file(database)
        sync_file(database)
        digest = sha256_of(database)
        left = _copy_all(source, objects, (source.objects, folder / OBJECTS_FOLDER), progress)
        manifest = Manifest(
            backup, made, source.software, HEAD, digest, len(objects) - sum(map(len, left)), *left
        )
        kept = None
        if key_folder is not None:
            copy_files(source.secret_files, key_folder / HOME_FOLDER)
            left = _copy_all(source, keys, (source.keys, key_folder / KEYS_FOLDER), progress)
            expires = (now + source.key_life).isoformat(timespec="seconds")
            kept = KeyManifest(backup, made, expires, len(keys) - sum(map(len, left)), *left)
            write_manifest(key_folder / KEY_MANIFEST_FILE, KEY_FORMAT, asdict(kept))
        write_manifest(folder / MANIFEST_FILE, FORMAT, asdict(manifest))
    return Made(manifest, kept)


def check_apart(folder: Path, key_folder: Path | None) -> None:
    """Raise `UsageError` where one half lies in the other."""
    if key_folder is None:
        return
    first, second = folder.resolve(), key_folder.resolve()
    if first == second or first in second.parents or second in first.parents:
        raise UsageError(
            "The keys must not lie in the folder of the backup, nor that in theirs.",
            hint="Who has both can open everything, for as long as both are kept.",
        )


def _copy_all(
    source: Source,
    names: Iterable[str],
    ends: tuple[BlobStore, Path],
    progress: Callable[[], None],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Copy what is named from a store to a folder; names that are gone, and that are missing."""
    store, folder = ends
    target, absent = LocalBlobs(folder), []
    for name in names:
        try:
            with store.open(name) as stream:
                target.put(name, stream)
        except ObjectMissingError:
            absent.append(name)
        progress()
    if not absent:
        return (), ()
    # What was destroyed meanwhile no record names any more.
    with SqlRecords(source.engine).read() as now:
        named = {item.object_name for item in sealed_items(now)} | set(key_names(now))
    gone = tuple(name for name in absent if name not in named)
    return gone, tuple(name for name in absent if name in named)


def _copy_database(engine: sa.Engine, path: Path) -> None:
    """SQLite's online backup: one moment of the database, while others write."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
    raw = engine.raw_connection()
    try:
        source = raw.driver_connection
        if not isinstance(source, sqlite3.Connection):
            raise BackupError("Only a database of SQLite is backed up so.")
        with contextlib.closing(sqlite3.connect(path)) as target:
            source.backup(target)
    finally:
        raw.close()


def _one_file(path: Path) -> None:
    """Leave no log beside a database: all of it is in the one file."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
