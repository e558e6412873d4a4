"""Stores to run the same tests on: a local folder, S3 over loopback, and the fake."""

from __future__ import annotations

import io
import os
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from moto.server import ThreadedMotoServer

from safehold.vault.interface import BlobStore
from safehold.vault.s3 import S3Options

NAME = "a1" * 16
OTHER = "b2" * 16


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of a real server on loopback."""

    name: str
    options: S3Options


@contextmanager
def s3_server() -> Iterator[S3Options]:
    """A server that speaks S3 on a free port of loopback, which keeps all in memory."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        yield S3Options(
            endpoint=f"http://127.0.0.1:{port}",
            access_key_id="test",
            secret_access_key="test",
            allow_http=True,
            timeout_seconds=10.0,
            retries=1,
        )
    finally:
        server.stop()


def new_bucket(options: S3Options, name: str) -> Bucket:
    """Make a bucket."""
    request = urllib.request.Request(f"{options.endpoint}/{name}", method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200
    return Bucket(name, options)


def with_small_parts(bucket: Bucket) -> S3Options:
    """Settings under which contents above 1 MiB go up in parts."""
    return replace(bucket.options, multipart_bytes=1024**2)


def put(store: BlobStore, name: str, content: bytes) -> int:
    return store.put(name, io.BytesIO(content))


def read(store: BlobStore, name: str) -> bytes:
    with store.open(name) as stream:
        return stream.read()


@contextmanager
def descriptor_of(content: bytes) -> Iterator[int]:
    """A file in memory with these bytes, whose position is not at its beginning."""
    descriptor = os.memfd_create("test")
    try:
        os.write(descriptor, content)
        yield descriptor
    finally:
        os.close(descriptor)
