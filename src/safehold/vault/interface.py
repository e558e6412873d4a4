"""The port behind which sealed objects are kept: a local folder, or S3.

Names are made by `safehold.vault.vault` and reveal nothing. `docs/formats/vault.md` gives every
byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from safehold.errors import SafeholdError


class VaultError(SafeholdError):
    """The vault cannot be used: it is away, full or may not be written."""

    code = "vault"
    default_message = "The vault cannot be written or read."
    default_hint = "Check that its disk or bucket is there, may be written and is not full."


class ObjectExistsError(VaultError):
    """An object of that name is there already; objects are written once."""

    code = "vault_object_exists"
    default_message = "An object of that name is in the vault already."


class ObjectMissingError(VaultError):
    """There is no object of that name."""

    code = "vault_object_missing"
    default_message = "The vault lacks an object that it should have."
    default_hint = "Restore it from a backup; 'safehold vault verify' names what is missing."


@dataclass(frozen=True, slots=True)
class Room:
    """Space of a store in bytes; None where the store does not say."""

    total: int | None
    free: int | None


class BlobStore(Protocol):
    """Objects that are written once, whole or not at all, and survive a loss of power."""

    def put(self, name: str, content: BinaryIO) -> int:
        """Write an object; returns its size. It is on the disk when this returns.

        Raises `ObjectExistsError` (what was there is untouched) or `VaultError`.
        """
        ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises `ObjectMissingError`."""
        ...

    def delete(self, name: str) -> bool:
        """Remove an object, durably. Returns whether it was there."""
        ...

    def names(self) -> Iterator[str]:
        """Names of all objects, sorted; unfinished ones are not among them."""
        ...

    def check(self) -> Room:
        """Write, read and delete a small object; the space there is. Raises `VaultError`."""
        ...
