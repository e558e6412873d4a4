"""Encryption: the age format (C2SP, age-encryption.org/v1), by pyrage.

pyrage holds the interpreter's lock while it works (about 1.7 ns a byte here), so long contents
go through streams that let other threads run between pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyrage
from pyrage import x25519

from safehold.vault.interface import VaultError


class RecipientError(VaultError):
    """What was given is not the public half of an X25519 age identity."""

    code = "vault_recipient"
    default_message = "That is not an age recipient."
    default_hint = "A recipient begins with 'age1'."


class KeyMismatchError(VaultError):
    """None of the identities opens what was sealed."""

    code = "vault_key"
    default_message = "None of the keys at hand opens this."
    default_hint = "Use the key of an officer to whom it was sealed."


class DamagedError(VaultError):
    """What was sealed was cut short or altered since."""

    code = "vault_damaged"
    default_message = "A sealed object is damaged."
    default_hint = "Keep it as it is and restore a copy from a backup."


class Reader(Protocol):
    """What is read from: fewer bytes than asked for mean nothing, none mean the end."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""
        ...


class Writer(Protocol):
    """What is written to; it takes all of what it is given."""

    def write(self, content: bytes, /) -> int:
        """Returns the number of bytes."""
        ...

    def flush(self) -> None:
        """Pass on what was kept back."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """An X25519 age identity.

    Attributes:
        recipient: its public half, `age1...`.
        secret: its secret half, `AGE-SECRET-KEY-1...`.
    """

    recipient: str
    secret: str = field(repr=False)

    @classmethod
    def generate(cls) -> Identity:
        """A new one, from the operating system's randomness."""
        made = x25519.Identity.generate()
        return cls(str(made.to_public()), str(made))

    @classmethod
    def parse(cls, secret: str) -> Identity:
        """The identity of a secret half. Raises `KeyMismatchError`."""
        try:
            made = x25519.Identity.from_str(secret.strip())
        except pyrage.IdentityError:
            # The cause is left out: its text may hold what was read.
            raise KeyMismatchError("That is not an age identity.") from None
        return cls(str(made.to_public()), str(made))


def check_recipient(text: str) -> str:
    """The recipient itself. Raises `RecipientError`."""
    try:
        return str(x25519.Recipient.from_str(text))
    except pyrage.RecipientError as error:
        raise RecipientError from error


def seal(recipients: Sequence[str], content: bytes) -> bytes:
    """Encrypt some bytes to recipients: an age file.

    Raises:
        RecipientError: one of them is none, or there is none at all.
    """
    return bytes(pyrage.encrypt(content, _recipients(recipients)))


def unseal(identities: Sequence[Identity], sealed: bytes) -> bytes:
    """Decrypt an age file.

    Raises:
        KeyMismatchError: none of the identities opens it.
        DamagedError: it is no age file, cut short, or altered.
    """
    try:
        return bytes(pyrage.decrypt(sealed, _identities(identities)))
    except pyrage.DecryptError as error:
        raise _refusal(error) from error


def seal_stream(recipients: Sequence[str], reader: Reader, writer: Writer) -> None:
    """Encrypt a stream. What the reader or the writer raises is raised here.

    An `OSError` of the reader is raised as `VaultError`.
    """
    source, sink = _Source(reader), _Sink(writer)
    try:
        pyrage.encrypt_io(source, sink, _recipients(recipients))
    except (pyrage.EncryptError, OSError) as error:
        raise source.failure or sink.failure or VaultError() from error


def unseal_stream(identities: Sequence[Identity], reader: Reader, writer: Writer) -> None:
    """Decrypt a stream. What was written before an error must not be used.

    Raises:
        KeyMismatchError: none of the identities opens it.
        DamagedError: it is no age file, cut short, or altered.
        Exception: whatever the reader or the writer raised.
    """
    source, sink = _Source(reader), _Sink(writer)
    try:
        pyrage.decrypt_io(source, sink, _identities(identities))
    except (pyrage.DecryptError, OSError) as error:  # OSError for damage behind the header.
        raise source.failure or sink.failure or _refusal(error) from error


class _Source:
    """Keeps what a reader raised, of which pyrage gives on only the text."""

    def __init__(self, reader: Reader) -> None:
        self.failure: BaseException | None = None
        self._reader = reader

    def read(self, size: int = -1) -> bytes:
        try:
            return self._reader.read(size)
        except OSError as error:
            # Only a writer's own errors go on as they are; what cannot be read is the vault's.
            self.failure = VaultError()
            self.failure.__cause__ = error
            raise
        except BaseException as error:
            self.failure = error
            raise


class _Sink:
    """Keeps what a writer raised."""

    def __init__(self, writer: Writer) -> None:
        self.failure: BaseException | None = None
        self._writer = writer

    def write(self, content: bytes) -> int:
        try:
            return self._writer.write(content)
        except BaseException as error:
            self.failure = error
            raise

    def flush(self) -> None:
        try:
            self._writer.flush()
        except BaseException as error:
            self.failure = error
            raise


def _recipients(texts: Sequence[str]) -> list[x25519.Recipient]:
    if not texts:
        raise RecipientError("There is nobody to encrypt to.")
    try:
        return [x25519.Recipient.from_str(text) for text in texts]
    except pyrage.RecipientError as error:
        raise RecipientError from error


def _identities(identities: Sequence[Identity]) -> list[x25519.Identity]:
    return [x25519.Identity.from_str(identity.secret) for identity in identities]


def _refusal(error: Exception) -> VaultError:
    return KeyMismatchError() if "No matching keys" in str(error) else DamagedError()
