"""Backups of a home on SQLite: made while it runs, in two halves, and put back.

    DIR/backup.json          what this is (`Manifest`); written last, so a part has none
    DIR/safehold.db          the database, by SQLite's online backup
    DIR/vault/ab/ab34...     sealed objects, as they lie in the vault
    DIR/home/...             officers and the custodian's folder
    KEYS/keys.json           what this is, and until when it may be kept (`KeyManifest`)
    KEYS/keys/q7/q7...       wrapped keys
    KEYS/home/...            the home's small secret files and its settings

The halves belong in two places. Whoever has the first alone can open nothing, and a key that is
shredded is gone once the last second half with it is. So second halves are short-lived.

Small files are copied first, then the database. What it names is written before the row that
names it, so it is there afterwards; what was destroyed meanwhile is noted as gone. Files have
mode 0600 and are on the disk before the manifest is.
"""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safehold.errors import SafeholdError
from safehold.vault.durable import create_file

FORMAT = "safehold backup 1"
KEY_FORMAT = "safehold key backup 1"
MANIFEST_FILE = "backup.json"
KEY_MANIFEST_FILE = "keys.json"
DATABASE_FILE = "safehold.db"
OBJECTS_FOLDER = "vault"
KEYS_FOLDER = "keys"
HOME_FOLDER = "home"
MAX_MANIFEST_BYTES = 16 * 1024**2
"""Largest manifest that is read."""


class BackupError(SafeholdError):
    """A backup that cannot be made, or is none."""

    code = "backup"
    default_message = "The backup cannot be used."
    default_hint = "Use the folders as 'safehold backup make' wrote them, whole."


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the first half says of itself.

    Attributes:
        backup: its id.
        made: when it was begun (ISO 8601, UTC).
        software: the version that made it.
        migration: version of the database's tables.
        database_sha256: SHA-256 of the database's file, in hexadecimal.
        objects: how many objects it has.
        gone: names of objects that were destroyed while it was made.
        missing: names of objects that the records name and the vault did not have.
    """

    backup: str
    made: str
    software: str
    migration: str
    database_sha256: str
    objects: int
    gone: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyManifest:
    """What the second half says of itself.

    Attributes:
        backup: id of the first half that was made with it.
        made: when that was begun.
        expires: when it must be destroyed: records of destruction promise it.
        keys: how many keys it has.
        gone, missing: as in `Manifest`, of keys.
    """

    backup: str
    made: str
    expires: str
    keys: int
    gone: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """What a first half says of itself. Raises `BackupError`."""
    return Manifest(**_read_manifest(folder / MANIFEST_FILE, FORMAT, Manifest))


def read_key_manifest(folder: Path) -> KeyManifest:
    """What a second half says of itself. Raises `BackupError`."""
    return KeyManifest(**_read_manifest(folder / KEY_MANIFEST_FILE, KEY_FORMAT, KeyManifest))


def write_manifest(path: Path, form: str, fields: Mapping[str, Any]) -> None:
    """Write a manifest, durably. Raises `OSError`."""
    text = json.dumps({"format": form, **fields}, indent=2, sort_keys=True)
    create_file(path, text.encode("utf-8") + b"\n")


def _read_manifest(path: Path, form: str, kind: type[Manifest | KeyManifest]) -> dict[str, Any]:
    """The fields of a manifest, each of the type that it should have. Raises `BackupError`."""
    try:
        with path.open("rb") as stream:
            found = json.load(io.BytesIO(stream.read(MAX_MANIFEST_BYTES)))
        if found.pop("format") != form or set(found) != set(kind.__dataclass_fields__):
            raise BackupError
        for name, value in found.items():
            if name in ("gone", "missing"):
                found[name] = tuple(str(one) for one in value)
            elif not isinstance(value, int if name in ("objects", "keys") else str):
                raise BackupError
        for name in {"made", "expires"} & set(found):
            if dt.datetime.fromisoformat(found[name]).tzinfo is None:
                raise BackupError
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError from error
    return dict(found)
