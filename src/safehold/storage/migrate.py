"""Bringing a database to the version of its tables that this release uses."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from safehold.storage.engine import BEGIN, DatabaseError

HEAD = "0015"
"""The newest migration; a test compares it with the folder."""

_VERSIONS = sa.table("alembic_version")
_POSTGRES_LOCK = 0x5AFE_401D
"""Advisory lock under which PostgreSQL databases are migrated, one process at a time."""


class DatabaseVersionError(DatabaseError):
    """A database that a newer release has migrated."""

    code = "database_version"
    default_message = "The database belongs to a newer release."
    default_hint = "Install that release again, or restore a backup."


def migrate(engine: sa.Engine) -> None:
    """Make or upgrade the tables, in one transaction. Cheap when there is nothing to do.

    Raises:
        DatabaseVersionError: the database is newer than this release.
        DatabaseError: the database cannot be reached or changed.
    """
    try:
        if current_version(engine) == HEAD:
            return
        _upgrade(engine)
    except sa.exc.SQLAlchemyError as error:
        raise DatabaseError from error


def current_version(engine: sa.Engine) -> str | None:
    """The last migration that a database has been through, or None."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(_VERSIONS.name):
            return None
        version = connection.scalar(sa.select(sa.column("version_num")).select_from(_VERSIONS))
        return None if version is None else str(version)


def _upgrade(engine: sa.Engine) -> None:
    # Alembic takes a while to import and is needed once in the life of a database.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    immediate = engine.execution_options(**{BEGIN: "IMMEDIATE"})
    with immediate.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(
                sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _POSTGRES_LOCK}
            )
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, HEAD)
        except CommandError as error:
            raise DatabaseVersionError from error
