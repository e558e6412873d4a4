"""Making sure that a database is only used with the digest key that its entries have.

With another key no exact digest would ever match again, and nothing would show it.
"""

from __future__ import annotations

import sqlalchemy as sa

from safehold.storage.engine import DatabaseError
from safehold.storage.schema import digest_key


class OtherKeyError(DatabaseError):
    """The database belongs to a home with another digest key."""

    code = "database_key"
    default_message = "The database was filled under another digest key than this home's."
    default_hint = "Copy digest.key from the home that made the lists, or use another database."


def bind_digest_key(engine: sa.Engine, fingerprint: bytes) -> None:
    """Remember the key of a new database, or check it against the one that is remembered.

    Args:
        engine: a migrated database.
        fingerprint: of the home's key (`DigestKey.fingerprint`).

    Raises:
        OtherKeyError: the database has another key.
        DatabaseError: the database cannot be read or written.
    """
    found = _remembered(engine)
    if found is None:
        try:
            with engine.begin() as connection:
                row = {"slot": 1, "fingerprint": fingerprint}
                connection.execute(sa.insert(digest_key).values(row))
        except sa.exc.IntegrityError:
            pass  # Another process was first; its key counts.
        except sa.exc.SQLAlchemyError as error:
            raise DatabaseError from error
        found = _remembered(engine)
    if found != fingerprint:
        raise OtherKeyError


def _remembered(engine: sa.Engine) -> bytes | None:
    try:
        with engine.connect() as connection:
            found = connection.scalar(sa.select(digest_key.c.fingerprint))
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseError from error
    return None if found is None else bytes(found)
