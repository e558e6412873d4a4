"""A database answers to one digest key only."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from safehold.hashing.keyed import DigestKey
from safehold.storage.digest_key import OtherKeyError, bind_digest_key
from safehold.storage.engine import sqlite_engine
from safehold.storage.migrate import migrate

ONE, OTHER = (DigestKey(bytes([n]) * 32).fingerprint() for n in (1, 2))


@pytest.fixture
def database(tmp_path: Path) -> sa.Engine:
    engine = sqlite_engine(tmp_path / "lists.db")
    migrate(engine)
    return engine


def test_the_first_key_stays(database: sa.Engine) -> None:
    bind_digest_key(database, ONE)
    bind_digest_key(database, ONE)
    with pytest.raises(OtherKeyError):
        bind_digest_key(database, OTHER)
    bind_digest_key(database, ONE)


def test_another_connection_sees_it(database: sa.Engine, tmp_path: Path) -> None:
    bind_digest_key(database, ONE)
    with pytest.raises(OtherKeyError):
        bind_digest_key(sqlite_engine(tmp_path / "lists.db"), OTHER)
