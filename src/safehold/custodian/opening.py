"""Opening what is sealed to a case, with the officers' identities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from safehold.vault.interface import BlobStore
from safehold.vault.sealing import (
    DamagedError,
    Identity,
    KeyMismatchError,
    Writer,
    unseal,
    unseal_stream,
)

MAX_WRAPPED_BYTES = 64 * 1024
"""Largest wrapped key that is read: one for 64 officers has about 7 KiB."""


class Opening(Protocol):
    """Opens what is sealed to a case. It writes no audit event: who uses it does, before."""

    def unseal(self, key_name: str, sealed: bytes) -> bytes:
        """What some bytes hold that are sealed to the case with that wrapped key.

        Raises `ObjectMissingError`, `KeyMismatchError` or `DamagedError`.
        """
        ...

    def stream(self, key_name: str, object_name: str, output: Writer) -> None:
        """Write an original of the case to `output`; before an error, a part of it.

        Raises as `unseal` does, and whatever `output` raises.
        """
        ...


class CaseOpener:
    """`Opening` with identities of officers and the vault's stores."""

    def __init__(self, identities: Sequence[Identity], objects: BlobStore, keys: BlobStore) -> None:
        self._identities = identities
        self._objects = objects
        self._keys = keys

    def identity(self, key_name: str) -> Identity:
        """The identity of a case, by the name of its wrapped key.

        Raises:
            ObjectMissingError: there is no such key (any more).
            KeyMismatchError: it is wrapped to none of the identities.
            DamagedError: it holds no identity.
        """
        with self._keys.open(key_name) as stream:
            wrapped = stream.read(MAX_WRAPPED_BYTES)
        secret = unseal(self._identities, wrapped)
        try:
            return Identity.parse(secret.decode("ascii"))
        except (UnicodeDecodeError, KeyMismatchError):
            raise DamagedError("A wrapped key holds no age identity.") from None

    def unseal(self, key_name: str, sealed: bytes) -> bytes:
        """See `Opening.unseal`."""
        return unseal([self.identity(key_name)], sealed)

    def stream(self, key_name: str, object_name: str, output: Writer) -> None:
        """See `Opening.stream`."""
        identity = self.identity(key_name)
        with self._objects.open(object_name) as stream:
            unseal_stream([identity], stream, output)
