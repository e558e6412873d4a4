"""What a restored home must not have again."""

from __future__ import annotations

from pathlib import Path

from safehold.storage.backup.making import key_names
from safehold.storage.backup.manifests import DATABASE_FILE, KEYS_FOLDER
from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate
from safehold.storage.records import SqlRecords
from safehold.vault.local import LocalBlobs

_ALL = 1_000_000


def forget_destroyed(home: Path) -> int:
    """Remove the wrapped keys that the restored records say are destroyed; how many there were.

    A second half that is older than the first may have such keys. Its own end is written on it,
    but a key that was put back into a store in use would stay there, against the record of
    destruction that says when its last copy is gone. The database is brought to this release's
    migration.

    Args:
        home: a home that `restore` made, and nobody uses yet.

    Raises:
        DatabaseError, VaultError: the database or the store cannot be used.
    """
    keys = LocalBlobs(home / KEYS_FOLDER)
    engine = sqlite_engine(home / DATABASE_FILE)
    try:
        migrate(engine)
        with SqlRecords(engine).read() as transaction:
            # A row alone must never take away a key that a case or a document still needs.
            needed = set(key_names(transaction))
            destroyed = {one.key_name for one in transaction.destructions.newest(_ALL)}
    finally:
        engine.dispose()
    return sum(keys.delete(name) for name in sorted(destroyed - needed) if name)
