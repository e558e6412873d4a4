"""Alembic migrations, run by `safehold.storage.migrate` and packaged with it."""
