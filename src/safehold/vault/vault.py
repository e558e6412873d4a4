"""The vault: what is held is encrypted to its case and kept, and the key of the case with it.

Each case has an age identity of its own. Its secret half is encrypted to the officers, put into
the key store and forgotten; evidence is encrypted to its public half. So whoever stores evidence
can open none of it, and a case whose wrapped key is shredded cannot be opened by anybody.
No plaintext touches a disk: it comes from a descriptor of memory and is encrypted on the way.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from safehold.vault.interface import BlobStore, VaultError
from safehold.vault.pipes import read_from
from safehold.vault.sealing import Identity, seal, seal_stream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class ContentChangedError(VaultError):
    """The bytes to be stored are not those that were checked."""

    code = "vault_content_changed"
    default_message = "The bytes to be kept are not the bytes that were checked."
    default_hint = "Send the item again."


@dataclass(frozen=True, slots=True)
class VaultOptions:
    """Bounds of the vault.

    Attributes:
        in_memory_bytes: contents up to this size are encrypted in memory, in one piece; longer
            ones as a stream, in a thread of their own.
        chunk_bytes: so much of a longer content is read at a time.
    """

    in_memory_bytes: int = 4 * 1024**2
    chunk_bytes: int = 1024**2


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that is in the vault.

    Attributes:
        object_name: its name.
        size: bytes of the original.
        sealed_size: bytes of the encrypted object.
        sealed_sha256: SHA-256 of the encrypted object (32 bytes).
    """

    object_name: str
    size: int
    sealed_size: int
    sealed_sha256: bytes


class Vault:
    """Encrypts and keeps. Safe to use from several threads; it holds no private key.

    Args:
        objects: where evidence is kept.
        keys: where wrapped keys are kept; another place, with shorter-lived backups.
        options: bounds.
    """

    def __init__(
        self, objects: BlobStore, keys: BlobStore, options: VaultOptions | None = None
    ) -> None:
        self._objects = objects
        self._keys = keys
        self._options = VaultOptions() if options is None else options

    def new_case_key(self, key_name: str, officers: Sequence[str]) -> str:
        """Make the identity of a case and put its secret half, wrapped, into the key store.

        The secret is dropped as this returns. Python cannot wipe it from memory.

        Args:
            key_name: name of the wrapped key.
            officers: recipients of the officers, at least one.

        Returns:
            The public half, to which evidence of the case is encrypted.

        Raises:
            RecipientError: there is no officer, or one's recipient is none.
            ObjectExistsError: the name is taken.
            VaultError: the key store cannot be written.
        """
        identity = Identity.generate()
        wrapped = wrap(identity, officers)
        self._keys.put(key_name, io.BytesIO(wrapped))
        return identity.recipient

    def store(
        self, object_name: str, recipient: str, descriptor: int, sha256: bytes | None = None
    ) -> Stored:
        """Encrypt the bytes of a descriptor into the vault. They are on the disk on return.

        Args:
            object_name: name of the object.
            recipient: public half of the case's identity.
            descriptor: a file that is read by position from 0; its own position stays. Its
                bytes must not change meanwhile.
            sha256: what the bytes must have.

        Raises:
            ContentChangedError: they have another SHA-256; nothing is stored.
            ObjectExistsError: the name is taken.
            RecipientError: `recipient` is none.
            VaultError: the bytes cannot be read, or the vault cannot be written.
        """
        original = _Original(descriptor, self._options.chunk_bytes, sha256)
        if original.expected_size() <= self._options.in_memory_bytes:
            buffer = io.BytesIO()
            sealed = _HashedWriter(buffer)
            seal_stream([recipient], io.BytesIO(original.read_all()), sealed)
            buffer.seek(0)
            written = self._objects.put(object_name, buffer)
        else:
            written, sealed = self._store_stream(object_name, recipient, original)
        return Stored(object_name, original.size, written, sealed.digest.digest())

    def _store_stream(
        self, object_name: str, recipient: str, original: _Original
    ) -> tuple[int, _HashedWriter]:
        writers = []

        def produce(output: BinaryIO) -> None:
            writers.append(_HashedWriter(output))
            source = io.BufferedReader(original, self._options.chunk_bytes)
            seal_stream([recipient], source, writers[0])

        with read_from(produce) as stream:
            written = self._objects.put(object_name, stream)
        return written, writers[0]

    def seal(self, recipient: str, content: bytes) -> bytes:
        """Encrypt some bytes to a case, to be kept elsewhere. Raises `RecipientError`."""
        return seal([recipient], content)

    def delete(self, object_name: str) -> bool:
        """Remove an object, durably. Returns whether it was there."""
        return self._objects.delete(object_name)

    def shred(self, key_name: str) -> bool:
        """Remove a wrapped key, durably: nobody opens the case again once backups expire.

        Returns whether it was there.
        """
        return self._keys.delete(key_name)


def wrap(identity: Identity, officers: Sequence[str]) -> bytes:
    """The secret half of an identity and a line feed, as an age file to the officers."""
    return seal(officers, identity.secret.encode("ascii") + b"\n")


class _Original(io.RawIOBase):
    """The bytes of a descriptor, read by position, hashed on the way and checked at the end."""

    def __init__(self, descriptor: int, chunk: int, sha256: bytes | None) -> None:
        self.size = 0
        self._descriptor = descriptor
        self._chunk = chunk
        self._sha256 = sha256
        self._digest = hashlib.sha256()

    def expected_size(self) -> int:
        """How many bytes there seem to be."""
        try:
            return os.fstat(self._descriptor).st_size
        except OSError as error:
            raise VaultError("The bytes to be kept cannot be read.") from error

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        try:
            content = os.pread(self._descriptor, self._chunk if size < 0 else size, self.size)
        except OSError as error:
            raise VaultError("The bytes to be kept cannot be read.") from error
        self.size += len(content)
        if self._sha256 is not None:
            self._digest.update(content)
            if not content and not hmac.compare_digest(self._digest.digest(), self._sha256):
                raise ContentChangedError
        return content

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read(len(view))
        view[: len(content)] = content
        return len(content)

    def read_all(self) -> bytes:
        """All of it."""
        return b"".join(iter(lambda: self.read(self._chunk), b""))


class _HashedWriter:
    """A stream whose bytes are hashed as they pass."""

    def __init__(self, stream: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self._stream = stream

    def write(self, content: bytes, /) -> int:
        self.digest.update(content)
        return self._stream.write(content)

    def flush(self) -> None:
        self._stream.flush()
