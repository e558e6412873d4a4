"""What is S3's own: parts, tries that are repeated, services that are away or too simple."""

from __future__ import annotations

import dataclasses
import io
import os
import time
from typing import Any

import obstore
import pytest

from safehold.clock import SystemClock
from safehold.errors import UsageError
from safehold.vault.factory import open_blobs
from safehold.vault.interface import ObjectExistsError, ObjectMissingError, VaultError
from safehold.vault.local import LocalBlobs
from safehold.vault.s3 import S3Blobs, S3Options
from tests.vault.stores import NAME, OTHER, Bucket, put, read, with_small_parts


def test_long_contents_go_up_in_parts(bucket: Bucket) -> None:
    store = S3Blobs(bucket.name, "", with_small_parts(bucket))
    content = os.urandom(20_000_000)
    assert put(store, NAME, content) == len(content)
    assert read(store, NAME) == content
    with pytest.raises(ObjectExistsError):
        put(store, NAME, b"x" * 2_000_000)
    assert read(store, NAME) == content


def test_parts_that_break_off_leave_nothing(bucket: Bucket) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 12_000_000:
                raise ObjectMissingError("broken")
            return super().read(size)

    store = S3Blobs(bucket.name, "", with_small_parts(bucket))
    with pytest.raises(ObjectMissingError, match="broken"):
        store.put(NAME, Breaking(bytes(20_000_000)))
    assert list(store.names()) == []


def test_two_prefixes_are_two_stores(bucket: Bucket) -> None:
    one = S3Blobs(bucket.name, "/one/", bucket.options)
    two = S3Blobs(bucket.name, "two", bucket.options)
    both = S3Blobs(bucket.name, "", bucket.options)
    put(one, NAME, b"1")
    put(two, OTHER, b"2")
    assert (list(one.names()), list(two.names())) == ([NAME], [OTHER])
    assert list(both.names()) == []


def test_a_repeated_try_meets_its_own_write(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the first try was lost, so the second is told that the object exists."""
    store = S3Blobs(bucket.name, "", bucket.options)
    real = obstore.put

    def twice(*arguments: Any, **options: Any) -> Any:
        real(*arguments, **options)
        return real(*arguments, **options)

    monkeypatch.setattr(obstore, "put", twice)
    assert put(store, NAME, b"sealed") == 6
    monkeypatch.undo()
    with pytest.raises(ObjectExistsError):
        put(store, NAME, b"others")


def test_what_is_deleted_during_a_replacement_stays_deleted(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Blobs(bucket.name, "", bucket.options)
    put(store, NAME, b"wrapped")
    real = obstore.head

    def head(*arguments: Any, **options: Any) -> Any:
        found = real(*arguments, **options)
        obstore.delete(*arguments, **options)
        return found

    monkeypatch.setattr(obstore, "head", head)
    with pytest.raises(ObjectMissingError):
        store.replace(NAME, b"anew")
    monkeypatch.undo()
    assert list(store.names()) == []


def test_what_another_replaced_meanwhile_is_not_overwritten(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3Blobs(bucket.name, "", bucket.options)
    put(store, NAME, b"wrapped")
    real = obstore.head
    calls = 0

    def head(client: Any, name: str) -> Any:
        nonlocal calls
        calls += 1
        found = real(client, name)
        if calls == 1:
            obstore.put(client, name, b"by another")
        return found

    monkeypatch.setattr(obstore, "head", head)
    with pytest.raises(VaultError):
        store.replace(NAME, b"mine")
    monkeypatch.undo()
    assert read(store, NAME) == b"by another"


def test_a_service_that_ignores_conditions_is_told(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = obstore.put

    def unconditional(*arguments: Any, mode: str = "", **options: Any) -> Any:
        return real(*arguments, **options)

    monkeypatch.setattr(obstore, "put", unconditional)
    store = S3Blobs(bucket.name, "", bucket.options)
    with pytest.raises(VaultError, match="If-None-Match"):
        store.check()


def test_a_bucket_that_is_not_there(bucket: Bucket) -> None:
    store = S3Blobs("no-such-bucket", "", bucket.options)
    with pytest.raises(VaultError) as caught:
        put(store, NAME, b"content")
    assert not isinstance(caught.value, ObjectMissingError)
    with pytest.raises(VaultError):
        list(store.names())
    with pytest.raises(VaultError):
        store.check()


def test_a_service_that_is_away_is_told_soon() -> None:
    options = S3Options(
        endpoint="http://127.0.0.1:9",
        access_key_id="very",
        secret_access_key="secret",
        allow_http=True,
        timeout_seconds=2.0,
        retries=1,
    )
    store = S3Blobs("bucket", "", options)
    began = time.monotonic()
    with pytest.raises(VaultError) as caught:
        put(store, NAME, b"content")
    assert time.monotonic() - began < 10
    assert "127.0.0.1" not in caught.value.message + caught.value.hint
    assert "secret" not in repr(options)


def test_http_is_refused_unless_allowed(bucket: Bucket) -> None:
    options = dataclasses.replace(bucket.options, allow_http=False)
    with pytest.raises(VaultError):
        put(S3Blobs(bucket.name, "", options), NAME, b"content")


def test_a_location_decides(bucket: Bucket, tmp_path: os.PathLike[str]) -> None:
    clock = SystemClock()
    location = f"s3://{bucket.name}/a/b"
    store = open_blobs(location, clock, bucket.options)
    assert isinstance(store, S3Blobs)
    put(store, NAME, b"content")
    assert list(S3Blobs(bucket.name, "a/b", bucket.options).names()) == [NAME]
    assert isinstance(open_blobs(f"{tmp_path}/objects", clock), LocalBlobs)


@pytest.mark.parametrize(
    "location", ["s3://", "ftp://host/x", "s3://key:secret@bucket", "s3://bucket/x?y=1"]
)
def test_locations_that_are_none(location: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_blobs(location, SystemClock())
    assert "secret" not in str(caught.value)
