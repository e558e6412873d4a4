"""Objects in a bucket of S3, or of a store that speaks its protocol.

A name is a key below the prefix. What is acknowledged is durable, by the store's own promise;
an object shows whole or not at all. Writing is conditional (`If-None-Match`), and so is
replacing (`If-Match`): the store must know both, as S3, MinIO, Ceph and R2 do; `check` finds
out. Contents above `multipart_bytes` go up in parts, which S3's protocol cannot make
conditional here: for those the name is looked up first. Names are never used twice, so this
loses nothing.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import S3Store

from safehold.vault.interface import (
    ObjectExistsError,
    ObjectInfo,
    ObjectMissingError,
    Room,
    VaultError,
)
from safehold.vault.naming import check_object_name, is_object_name

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ReadableFile

_CHUNK_BYTES = 1 << 20
_PART_BYTES = 8 << 20
_PROBE = b"safehold"


@dataclass(frozen=True, slots=True)
class S3Options:
    """How a bucket is reached.

    Attributes:
        endpoint: address of the service; empty for Amazon's own.
        region: of the bucket.
        access_key_id, secret_access_key: credentials; empty for those that the machine or its
            environment has (a role, a web identity).
        path_style: whether the bucket stands in the path and not in the host name, as other
            services than Amazon's mostly want it. It holds for an `endpoint` alone.
        allow_http: whether an endpoint without TLS is taken.
        timeout_seconds: for one request.
        retries: how often a request is tried again; a store that is away is told after this.
        multipart_bytes: contents above this size go up in parts.
    """

    endpoint: str = ""
    region: str = "us-east-1"
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    path_style: bool = True
    allow_http: bool = False
    timeout_seconds: float = 30.0
    retries: int = 2
    multipart_bytes: int = 64 * 1024**2


class S3Blobs:
    """A `KeyStore` in a bucket. Several threads and machines may use it at once.

    Args:
        bucket: its name.
        prefix: under which all keys stand; empty for none.
        options: how it is reached.
    """

    def __init__(self, bucket: str, prefix: str = "", options: S3Options | None = None) -> None:
        self._options = S3Options() if options is None else options
        with _refusals():
            self._store = _connect(bucket, prefix.strip("/"), self._options)

    def put(self, name: str, content: BinaryIO) -> int:
        """Write an object; returns its size. See `BlobStore.put`."""
        check_object_name(name)
        largest = self._options.multipart_bytes
        body = _read_up_to(content, largest + 1)
        with _refusals():
            if len(body) > largest:
                return self._put_parts(name, body, content)
            try:
                obstore.put(self._store, name, body, mode="create")
            except AlreadyExistsError:
                # A request that is tried again meets what its first try wrote. Encryption is
                # randomised, so equal bytes are those of this very call.
                found = bytes(obstore.get(self._store, name).bytes())
                if found != body or not body:
                    raise ObjectExistsError from None
        return len(body)

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Read an object. Raises `ObjectMissingError` as it is entered."""
        return self._opened(check_object_name(name))

    @contextmanager
    def _opened(self, name: str) -> Iterator[BinaryIO]:
        with _refusals(missing=True):
            found = obstore.open_reader(self._store, name, buffer_size=_PART_BYTES)
        with io.BufferedReader(_Object(found), _CHUNK_BYTES) as stream:
            yield stream

    def delete(self, name: str) -> bool:
        """Remove an object. Returns whether it was there."""
        check_object_name(name)
        with _refusals():
            found = self._exists(name)
            # Also where it seems gone: a store may answer a look-up late.
            obstore.delete(self._store, name)
        return found

    def replace(self, name: str, content: bytes) -> None:
        """Put other bytes in an object's place, in one step. See `KeyStore.replace`."""
        check_object_name(name)
        with _refusals(missing=True):
            found = obstore.head(self._store, name)
        with _refusals():
            try:
                # Somebody may delete it meanwhile; it must not come back.
                obstore.put(self._store, name, content, mode={"e_tag": found["e_tag"]})
            except PreconditionError:
                if not self._exists(name):
                    raise ObjectMissingError from None
                raise

    def names(self) -> Iterator[str]:
        """Names of all objects, sorted."""
        return (info.name for info in self.listing())

    def listing(self) -> Iterator[ObjectInfo]:
        """All objects, sorted by name."""
        with _refusals():
            for batch in obstore.list(self._store, chunk_size=1000):
                for found in batch:
                    if is_object_name(found["path"]):
                        yield ObjectInfo(found["path"], found["size"], found["last_modified"])

    def check(self) -> Room:
        """Write, read and delete a small object; the space there is: not known.

        Raises:
            VaultError: the bucket cannot be used, or does not honour conditional writes.
        """
        key = f".check/{secrets.token_hex(16)}"
        with _refusals():
            obstore.put(self._store, key, _PROBE, mode="create")
            try:
                self._check_probe(key)
            finally:
                obstore.delete(self._store, key)
        return Room(None, None)

    def _check_probe(self, key: str) -> None:
        if bytes(obstore.get(self._store, key).bytes()) != _PROBE:
            raise VaultError
        try:
            obstore.put(self._store, key, b"", mode="create")
        except AlreadyExistsError:
            return
        raise VaultError(
            "The bucket lets objects be overwritten: its service ignores If-None-Match.",
            hint="Use a service that honours conditional writes.",
        )

    def _exists(self, name: str) -> bool:
        try:
            obstore.head(self._store, name)
        except FileNotFoundError:
            return False
        return True

    def _put_parts(self, name: str, start: bytes, content: BinaryIO) -> int:
        if self._exists(name):
            raise ObjectExistsError
        size = 0

        def pieces() -> Iterator[bytes]:
            nonlocal size
            piece = start
            while piece:
                size += len(piece)
                yield piece
                piece = content.read(_CHUNK_BYTES)

        obstore.put(self._store, name, pieces(), use_multipart=True, chunk_size=_PART_BYTES)
        return size


class _Object(io.RawIOBase):
    """An object of the store as a stream of Python's own."""

    def __init__(self, found: ReadableFile) -> None:
        self._found = found

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        with _refusals():
            piece = memoryview(self._found.read(len(view)))
        view[: len(piece)] = piece
        return len(piece)


class S3Object:
    """One object of a bucket that somebody else writes, to be read as it is."""

    def __init__(self, bucket: str, key: str, options: S3Options) -> None:
        self._key = key
        with _refusals():
            self._store = _connect(bucket, "", options)

    def tag(self) -> str:
        """What changes with its content; empty where the store tells none."""
        with _refusals(missing=True):
            return obstore.head(self._store, self._key)["e_tag"] or ""

    def open(self) -> BinaryIO:
        """Its content, to be read once."""
        with _refusals(missing=True):
            found = obstore.open_reader(self._store, self._key, buffer_size=_PART_BYTES)
        return io.BufferedReader(_Object(found), _CHUNK_BYTES)


def _connect(bucket: str, prefix: str, options: S3Options) -> S3Store:
    config: dict[str, str | bool] = {"region": options.region}
    if options.endpoint:
        config["endpoint"] = options.endpoint
        config["virtual_hosted_style_request"] = not options.path_style
    if options.access_key_id:
        config["access_key_id"] = options.access_key_id
        config["secret_access_key"] = options.secret_access_key
    seconds = timedelta(seconds=options.timeout_seconds)
    return S3Store(
        bucket,
        prefix=prefix or None,
        config=config,  # type: ignore[arg-type] # keys are chosen one by one
        client_options={"allow_http": options.allow_http, "timeout": seconds},
        retry_config={"max_retries": options.retries, "retry_timeout": seconds},
    )


def _read_up_to(content: BinaryIO, size: int) -> bytes:
    """The beginning of a stream, `size` bytes of it if it has so many."""
    pieces = []
    while size > 0 and (piece := content.read(min(size, _CHUNK_BYTES))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


@contextmanager
def _refusals(*, missing: bool = False) -> Iterator[None]:
    """The store's refusals as Safehold's errors, which name no address."""
    try:
        yield
    except FileNotFoundError as error:
        # Where no object was asked for, it is the bucket that is not there.
        raise (ObjectMissingError if missing else VaultError) from error
    except (BaseError, OSError) as error:
        raise VaultError from error
