"""The PostgreSQL server of the tests; see `safehold.testing.postgres`."""

from safehold.testing.postgres import find_binaries, missing_is_failure, running_server

__all__ = ["find_binaries", "missing_is_failure", "running_server"]
