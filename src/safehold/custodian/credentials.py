"""Credentials of the CyberTipline, which the custodian alone reads.

Each is read anew when it is needed, so a password that was changed counts at once.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from safehold.reporting.model import Environment, NotConfiguredError
from safehold.reporting.options import CybertipOptions

MAX_PASSWORD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and its password."""

    username: str
    password: str = field(repr=False)


SIMULATED = Credential("simulator", "simulator")
"""What a simulator that was started without others takes."""


class Credentials:
    """The credentials that the settings name.

    A simulator takes the place of the test environment and is asked with its credentials, where
    there are any.
    """

    def __init__(self, options: CybertipOptions) -> None:
        self._options = options

    def find(self, environment: Environment) -> Credential:
        """The credentials of an environment.

        Raises:
            NotConfiguredError: there are none, or their file cannot be read or is open to others.
        """
        options = self._options
        if environment is Environment.PRODUCTION:
            return _read(options.username, options.password_file)
        if environment is Environment.SIMULATOR and options.simulator:
            if not options.test_username:
                return SIMULATED
            return _read(options.test_username, options.test_password_file)
        if environment is Environment.TEST and not options.simulator:
            return _read(options.test_username, options.test_password_file)
        raise NotConfiguredError

    def environments(self) -> tuple[str, ...]:
        """The environments to which there are credentials, sorted."""
        found = []
        for environment in Environment:
            try:
                self.find(environment)
            except NotConfiguredError:
                continue
            found.append(environment.value)
        return tuple(sorted(found))


def _read(username: str, file: str) -> Credential:
    if not username or not file:
        raise NotConfiguredError
    try:
        with Path(file).open("rb") as stream:
            found = os.fstat(stream.fileno())
            content = stream.read(MAX_PASSWORD_BYTES + 1)
        if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid():
            raise NotConfiguredError(
                "The file with the authority's password is open to others.",
                hint="It must belong to the custodian's user, with mode 0600.",
            )
        password = content.decode("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise NotConfiguredError("The file with the authority's password cannot be read.") from None
    if not password or len(content) > MAX_PASSWORD_BYTES:
        raise NotConfiguredError("The file with the authority's password holds none.")
    return Credential(username, password)
