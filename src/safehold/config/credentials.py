"""Credentials of exchanges and remote matchers: from a private file, or from the environment."""

from __future__ import annotations

import dataclasses
import os
import stat
import tomllib
from pathlib import Path

from safehold.config.settings import variable as read_variable
from safehold.errors import UsageError
from safehold.lists.exchanges.model import Credentials

MAX_BYTES = 64 * 1024
_NAMES = frozenset(field.name for field in dataclasses.fields(Credentials))


class CredentialsError(UsageError):
    """Credentials that cannot be read. No message holds any part of them, or the file's name."""

    code = "credentials"
    default_message = "The credentials of an exchange or a matcher cannot be read."
    default_hint = (
        "It is TOML with user, password, key or second_key, in a file of this user alone (mode "
        "0600) or in an environment variable."
    )


def read_credentials(file: str, variable: str) -> Credentials:
    """What a source is shown.

    Args:
        file: a TOML file, or empty. Nobody but its owner may read it, and that is this user or
            root.
        variable: the name of an environment variable with the same text, or empty.

    Raises:
        CredentialsError: both are given, or it cannot be read.
    """
    if file and variable:
        raise CredentialsError("Credentials stand in a file or in a variable, and not in both.")
    if file:
        text = _private(Path(file).expanduser())
    elif variable:
        text = read_variable(variable)
        if not text:
            raise CredentialsError("The environment variable of credentials is not set.")
    else:
        return Credentials()
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise CredentialsError from None
    known = values.keys() <= _NAMES and all(isinstance(v, str) for v in values.values())
    if not known or any(not v.isprintable() for v in values.values()):
        raise CredentialsError
    return Credentials(**values)


def _private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
                raise CredentialsError("The file of credentials may be read by others.")
            if found.st_uid not in (0, os.geteuid()):
                raise CredentialsError("The file of credentials belongs to somebody else.")
            return file.read(MAX_BYTES).decode("utf-8")
    except (OSError, ValueError):
        raise CredentialsError from None
