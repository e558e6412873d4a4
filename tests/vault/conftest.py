"""Fixtures: one server for S3 in a session, an empty bucket for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.interface import KeyStore
from safehold.vault.local import LocalBlobs
from safehold.vault.s3 import S3Blobs, S3Options
from tests.vault.stores import Bucket, new_bucket, s3_server

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Options]:
    with s3_server() as options:
        yield options


@pytest.fixture
def bucket(s3: S3Options) -> Bucket:
    return new_bucket(s3, f"bucket-{next(_NUMBERS)}")


@pytest.fixture(params=["local", "s3", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    """An empty store of each kind."""
    if request.param == "local":
        return LocalBlobs(tmp_path / "objects")
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return S3Blobs(bucket.name, "some/prefix", bucket.options)
    return MemoryBlobs()
