"""Opening a store by its location, so that a setting decides where objects are kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from safehold.clock import Clock
from safehold.errors import UsageError
from safehold.vault.interface import KeyStore
from safehold.vault.local import LocalBlobs

if TYPE_CHECKING:
    from safehold.vault.s3 import S3Options


def open_blobs(location: str, clock: Clock, s3: S3Options | None = None) -> KeyStore:
    """The store at a location.

    Args:
        location: a folder, or `s3://bucket/prefix`.
        clock: tells which unfinished files are old enough to be removed.
        s3: how a bucket is reached.

    Raises:
        UsageError: the location names no bucket, another kind of store, or support for S3 is
            not installed.
        VaultError: the folder cannot be made.
    """
    if "://" not in location:
        folder = LocalBlobs(Path(location))
        folder.sweep(clock.now())
        return folder
    parts = urlsplit(location)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.username:
        raise UsageError("A store is a folder or s3://bucket/prefix.")
    try:
        from safehold.vault.s3 import S3Blobs
    except ImportError as error:
        raise UsageError(
            "Support for S3 is not installed.", hint="pip install 'safehold[s3]'"
        ) from error
    return S3Blobs(parts.netloc, parts.path, s3)
