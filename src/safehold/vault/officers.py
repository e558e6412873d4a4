"""Officers: the people whose keys open what is held.

`officers.txt` is an age recipients file: one recipient a line, before each a comment with the
officer's name, so `age -R officers.txt` takes it as it is:

    # officer: anna
    age1...

Whoever can change this file decides who can open later cases: it belongs to the operator, and
the server needs to read it only. A file of the same form lists the named recipients to whom
the custodian may export.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyrage

from safehold.errors import SafeholdError, UsageError
from safehold.vault.durable import create_file, replace_file
from safehold.vault.interface import VaultError
from safehold.vault.passphrase import WORK_FACTOR, encrypt
from safehold.vault.sealing import Identity, KeyMismatchError, RecipientError, check_recipient

MAX_OFFICERS = 64
MAX_FILE_BYTES = 64 * 1024
"""Largest file of officers or of an identity."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_COMMENT = re.compile(r"#\s*officer:\s*(.*)")
_SECRET_PREFIX = "AGE-SECRET-KEY-1"  # noqa: S105 - what a secret begins with


class OfficerKeyError(SafeholdError):
    """An officer's identity cannot be opened: a wrong passphrase, or another kind of file."""

    code = "officer_key"
    default_message = "The officer's identity cannot be opened."
    default_hint = "Check the passphrase, and that the file is the one that init wrote."


class OfficersFileError(SafeholdError):
    """The file of officers is missing, empty or cannot be understood."""

    code = "officers_file"
    default_message = "The file of officers cannot be used."
    default_hint = "It has an age recipient (age1...) on each line; lines with # are comments."


@dataclass(frozen=True, slots=True)
class Officer:
    """Somebody to whom keys are wrapped.

    Attributes:
        name: letters, digits, `.`, `_`, `-`; empty for a line without a name.
        recipient: public half of the officer's age identity.
    """

    name: str
    recipient: str


class OfficersFile:
    """The officers, in a file. Each change is atomic, durable and made under a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Officer, ...]:
        """All officers in the order of the file; none where there is no file.

        Raises:
            OfficersFileError: the file cannot be read or understood.
        """
        try:
            with self._path.open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise OfficersFileError from error
        return _parse(content)

    def recipients(self) -> tuple[str, ...]:
        """The recipients of all officers, at least one. Raises `OfficersFileError`."""
        found = tuple(officer.recipient for officer in self.read())
        if not found:
            raise OfficersFileError("There is no officer, so nothing could be opened again.")
        return found

    def add(self, name: str, recipient: str) -> Officer:
        """Add an officer.

        Raises:
            UsageError: the name is not possible or taken, or the recipient is there already.
            RecipientError: the recipient is none.
            OfficersFileError: the file cannot be read or written.
        """
        if _NAME.fullmatch(name) is None:
            raise UsageError("An officer's name has letters, digits, '.', '_' and '-' only.")
        officer = Officer(name, check_recipient(recipient.strip()))
        with self._locked():
            present = self.read()
            if any(other.name == name for other in present):
                raise UsageError("There is an officer of that name already.")
            if any(other.recipient == officer.recipient for other in present):
                raise UsageError("There is an officer with that recipient already.")
            if len(present) >= MAX_OFFICERS:
                raise UsageError(f"There cannot be more than {MAX_OFFICERS} officers.")
            self._write((*present, officer))
        return officer

    def remove(self, name: str) -> Officer:
        """Remove an officer. Keys stay wrapped to the officer until they are wrapped anew.

        Raises:
            UsageError: there is no such officer, or it is the last.
            OfficersFileError: the file cannot be read or written.
        """
        with self._locked():
            present = self.read()
            left = tuple(officer for officer in present if officer.name != name)
            if len(left) == len(present) or not name:
                raise UsageError("There is no officer of that name.")
            if not left:
                raise UsageError(
                    "The last officer cannot be removed.", hint="Add another officer first."
                )
            self._write(left)
        return next(officer for officer in present if officer.name == name)

    def _write(self, officers: tuple[Officer, ...]) -> None:
        lines = ["# Safehold: to whom the keys of cases are wrapped. An age recipients file."]
        for officer in officers:
            if officer.name:
                lines.append(f"# officer: {officer.name}")
            lines.append(officer.recipient)
        try:
            replace_file(self._path, ("\n".join(lines) + "\n").encode("ascii"))
        except OSError as error:
            raise OfficersFileError("The file of officers cannot be written.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            descriptor = os.open(
                self._path.with_name(f".{self._path.name}.lock"),
                os.O_RDWR | os.O_CREAT | os.O_CLOEXEC,
                0o600,
            )
        except OSError as error:
            raise OfficersFileError("The file of officers cannot be written.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _parse(content: bytes) -> tuple[Officer, ...]:
    if len(content) > MAX_FILE_BYTES:
        raise OfficersFileError
    officers: list[Officer] = []
    name = ""
    try:
        for line in (line.strip() for line in content.decode("utf-8").splitlines()):
            if line.startswith("#"):
                comment = _COMMENT.fullmatch(line)
                if comment is not None:
                    name = comment[1] if _NAME.fullmatch(comment[1]) else ""
            elif line:
                officers.append(Officer(name, check_recipient(line)))
                name = ""
    except (UnicodeDecodeError, RecipientError) as error:
        raise OfficersFileError from error
    return tuple(officers)


def new_officer_identity(passphrase: str, work_factor: int = WORK_FACTOR) -> tuple[bytes, Identity]:
    """An officer's new identity.

    The file is one that age itself takes (`age -d -i FILE`): an identity file, encrypted to the
    passphrase by scrypt. To make or to open it takes 256 MiB of memory for about half a second.

    Args:
        passphrase: not empty.
        work_factor: base-2 logarithm of scrypt's N; less than the default in tests only.

    Returns:
        The bytes of the file, and the identity.
    """
    if not passphrase:
        raise UsageError("The passphrase is empty.")
    identity = Identity.generate()
    return encrypt(identity_file(identity), passphrase, work_factor), identity


def identity_file(identity: Identity) -> bytes:
    """An age identity file in the clear."""
    return f"# public key: {identity.recipient}\n{identity.secret}\n".encode("ascii")


def unlock(content: bytes, passphrase: str | None) -> Identity:
    """The identity in a file, encrypted to a passphrase or in the clear.

    Args:
        content: of the file.
        passphrase: None where the file needs none.

    Raises:
        OfficerKeyError: the passphrase is wrong or missing, or it is no identity file.
    """
    if not content.lstrip().startswith((b"#", _SECRET_PREFIX.encode())):
        if passphrase is None:
            raise OfficerKeyError("The officer's identity is protected by a passphrase.")
        try:
            content = pyrage.passphrase.decrypt(content, passphrase)
        except pyrage.DecryptError as error:
            raise OfficerKeyError from error
    for line in content.decode("utf-8", "replace").splitlines():
        if line.startswith(_SECRET_PREFIX):
            try:
                return Identity.parse(line)
            except KeyMismatchError:
                break
    # Without the cause and without the text: both may hold the secret.
    raise OfficerKeyError("The file has no age identity.")


def read_identity(path: Path, passphrase: str | None) -> Identity:
    """The identity in a file on the disk. Raises `OfficerKeyError`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise OfficerKeyError("The officer's identity file cannot be read.") from error
    if len(content) > MAX_FILE_BYTES:
        raise OfficerKeyError
    return unlock(content, passphrase)


def write_identity(path: Path, content: bytes) -> None:
    """Write an identity's file, mode 0600, never over another.

    Raises:
        UsageError: there is a file already.
        VaultError: it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        create_file(path, content)
    except FileExistsError:
        raise UsageError("There is a file of that name already.") from None
    except OSError as error:
        raise VaultError("The officer's identity file cannot be written.") from error
