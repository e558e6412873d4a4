"""Verifying the vault without any key: is everything there, whole and as it was stored?

Rules:
- What the records name must be in the store, with the size and the SHA-256 (of the encrypted
  object) that the records have.
- Every case's wrapped key must be in the key store.
- What no record names is an orphan: a crash between vault and database left it, or somebody put
  it there. A young one is only pending, since its record may be about to be committed.
- The records are read before the stores are listed, so what is stored meanwhile is never a
  finding but pending: it is younger than what was pending as the verification began. What is
  missing is looked up in the records once more, since it may have been purged meanwhile.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from safehold.clock import Clock
from safehold.vault.interface import BlobStore, ObjectMissingError, VaultError

PENDING_AGE = dt.timedelta(hours=1)
"""Until this age an object that no record names is pending."""

_CHUNK_BYTES = 1 << 20


class FindingKind(enum.StrEnum):
    """What is wrong."""

    MISSING = "missing"
    SIZE_DIFFERS = "size_differs"
    ALTERED = "altered"
    UNREADABLE = "unreadable"
    ORPHAN = "orphan"
    KEY_MISSING = "key_missing"
    KEY_ORPHAN = "key_orphan"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        kind: what.
        name: of the object or the wrapped key.
        evidence_id: of the evidence; empty for orphans and keys.
    """

    kind: FindingKind
    name: str
    evidence_id: str = ""


class SealedItem(Protocol):
    """What the records say of an object; `safehold.cases.model.Evidence` is one."""

    @property
    def evidence_id(self) -> str:
        """Id of the evidence."""
        ...

    @property
    def object_name(self) -> str:
        """Name of its object."""
        ...

    @property
    def sealed_size(self) -> int:
        """Bytes of the encrypted object."""
        ...

    @property
    def sealed_sha256(self) -> bytes:
        """SHA-256 of the encrypted object."""
        ...


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """What the records say of an object that is no evidence: see `SealedItem`.

    Attributes:
        evidence_id: id of what it holds.
        object_name, sealed_size, sealed_sha256: as `SealedItem` has them.
    """

    evidence_id: str
    object_name: str
    sealed_size: int
    sealed_sha256: bytes


class Verifier:
    """Compares stores with records.

    Args:
        objects, keys: the stores.
        clock: tells how old an orphan is.
        still_named: asked once more with the name of what is missing, whether the records
            still name it.

    Attributes:
        objects_read, bytes_read, keys_seen, pending: what was seen so far.
    """

    def __init__(
        self,
        objects: BlobStore,
        keys: BlobStore,
        clock: Clock,
        still_named: Callable[[str], bool] = lambda name: True,
    ) -> None:
        self.objects_read = 0
        self.bytes_read = 0
        self.keys_seen = 0
        self.pending = 0
        self._objects = objects
        self._keys = keys
        self._clock = clock
        self._still_named = still_named

    def run(self, evidence: Iterable[SealedItem], key_names: Iterable[str]) -> Iterator[Finding]:
        """All that is wrong: evidence in the given order, then orphans, then keys.

        Raises:
            VaultError: a store cannot be used at all.
        """
        named = set()
        # Of now: to read a large vault takes longer than anything is pending.
        oldest = self._clock.now() - PENDING_AGE
        for item in evidence:
            named.add(item.object_name)
            kind = self._examine(item)
            if kind is not None:
                yield Finding(kind, item.object_name, item.evidence_id)
        wanted = set(key_names)
        yield from self._orphans(self._objects, named, FindingKind.ORPHAN, oldest)
        yield from self._wrapped_keys(wanted, oldest)

    def _examine(self, item: SealedItem) -> FindingKind | None:
        digest = hashlib.sha256()
        size = 0
        try:
            with self._objects.open(item.object_name) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
        except ObjectMissingError:
            return FindingKind.MISSING if self._still_named(item.object_name) else None
        except (OSError, VaultError):
            return FindingKind.UNREADABLE
        finally:
            self.objects_read += 1
            self.bytes_read += size
        if size != item.sealed_size:
            return FindingKind.SIZE_DIFFERS
        return None if digest.digest() == item.sealed_sha256 else FindingKind.ALTERED

    def _orphans(
        self, store: BlobStore, named: set[str], kind: FindingKind, oldest: dt.datetime
    ) -> Iterator[Finding]:
        for info in store.listing():
            if info.name in named:
                continue
            if info.modified > oldest:
                self.pending += 1
            else:
                yield Finding(kind, info.name)

    def _wrapped_keys(self, wanted: set[str], oldest: dt.datetime) -> Iterator[Finding]:
        there = set(self._keys.names())
        self.keys_seen = len(there)
        for name in sorted(wanted - there):
            if self._still_named(name):
                yield Finding(FindingKind.KEY_MISSING, name)
        yield from self._orphans(self._keys, wanted, FindingKind.KEY_ORPHAN, oldest)
