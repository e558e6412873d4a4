"""The port behind which sealed objects are kept: a local folder, or S3.

Names are made by `safehold.cases.names` and reveal nothing. `docs/formats/vault.md` gives every
byte.
"""

from __future__ import annotations

import datetime as dt
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


class VaultFullError(VaultError):
    """There is no space left for an object."""

    code = "vault_full"
    default_message = "The vault is full."
    default_hint = "Free or add space; until then what would be stored is held and refused."


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


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store says of an object.

    Attributes:
        name: its name.
        size: its bytes.
        modified: when it was written, by the store's clock.
    """

    name: str
    size: int
    modified: dt.datetime


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

    def listing(self) -> Iterator[ObjectInfo]:
        """All objects, sorted by name, as `names` has them."""
        ...

    def check(self) -> Room:
        """Write, read and delete a small object; the space there is. Raises `VaultError`."""
        ...


class KeyStore(BlobStore, Protocol):
    """The store of wrapped keys. A key can be wrapped anew, when officers come and go."""

    def replace(self, name: str, content: bytes) -> None:
        """Put other bytes in an object's place, in one step: a reader sees the old or the new.

        It is on the disk when this returns. Raises `ObjectMissingError` where the object is
        not there (one that was deleted never comes back this way) and `VaultError`.
        """
        ...
