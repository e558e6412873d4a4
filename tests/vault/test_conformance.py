"""What every store of objects must do: the local folder, S3 and the fake."""

from __future__ import annotations

import datetime as dt
import io
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from safehold.vault.interface import KeyStore, ObjectExistsError, ObjectMissingError
from tests.vault.stores import NAME, OTHER, put, read


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_001])
def test_what_was_put_is_read(store: KeyStore, size: int) -> None:
    content = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000 + 1)
    assert put(store, NAME, content[:size]) == size
    assert read(store, NAME) == content[:size]


def test_reading_in_pieces(store: KeyStore) -> None:
    content = bytes(range(256)) * 5000
    put(store, NAME, content)
    with store.open(NAME) as stream:
        pieces = list(iter(lambda: stream.read(10_007), b""))
        assert stream.read(1) == b""
    assert b"".join(pieces) == content
    assert {len(piece) for piece in pieces[:-1]} == {10_007}


def test_a_stream_may_give_less_than_was_asked_for(store: KeyStore) -> None:
    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(777, size) if size is not None and size > 0 else 777)

    assert store.put(NAME, Dripping(b"x" * 5000)) == 5000
    assert read(store, NAME) == b"x" * 5000


def test_objects_are_written_once(store: KeyStore) -> None:
    put(store, NAME, b"first")
    with pytest.raises(ObjectExistsError):
        put(store, NAME, b"second")
    assert read(store, NAME) == b"first"
    assert list(store.names()) == [NAME]


def test_of_many_writers_one_wins(store: KeyStore) -> None:
    won: list[bytes] = []
    lost: list[bytes] = []

    def write(content: bytes) -> None:
        try:
            put(store, NAME, content)
            won.append(content)
        except ObjectExistsError:
            lost.append(content)

    threads = [threading.Thread(target=write, args=(bytes([i]) * 1000,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    assert read(store, NAME) == won[0]


def test_a_stream_that_fails_leaves_nothing(store: KeyStore) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        store.put(NAME, Breaking())
    assert list(store.names()) == []
    put(store, NAME, b"now it goes")


def test_what_is_missing(store: KeyStore) -> None:
    with pytest.raises(ObjectMissingError), store.open(NAME):
        pass
    assert store.delete(NAME) is False
    with pytest.raises(ObjectMissingError):
        store.replace(NAME, b"new")
    assert list(store.names()) == []


def test_deleting(store: KeyStore) -> None:
    put(store, NAME, b"content")
    put(store, OTHER, b"other")
    assert store.delete(NAME) is True
    assert store.delete(NAME) is False
    with pytest.raises(ObjectMissingError), store.open(NAME):
        pass
    assert list(store.names()) == [OTHER]


def test_a_deleted_object_does_not_come_back_by_replacing(store: KeyStore) -> None:
    put(store, NAME, b"content")
    store.delete(NAME)
    with pytest.raises(ObjectMissingError):
        store.replace(NAME, b"new")
    assert list(store.names()) == []


def test_replacing(store: KeyStore) -> None:
    put(store, NAME, b"old and longer")
    store.replace(NAME, b"new")
    assert read(store, NAME) == b"new"
    assert [info.size for info in store.listing()] == [3]


def test_listing_is_sorted_and_says_sizes_and_times(store: KeyStore) -> None:
    names = [f"{i * 7919 % 100:02d}" + "x" * 24 for i in range(40)]
    before = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=2)
    for place, name in enumerate(names):
        put(store, name, b"." * place)
    found = list(store.listing())
    assert [info.name for info in found] == sorted(names)
    assert list(store.names()) == sorted(names)
    assert {info.name: info.size for info in found} == {n: i for i, n in enumerate(names)}
    after = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    assert all(before <= info.modified <= after for info in found)


def test_checking_leaves_nothing(store: KeyStore) -> None:
    room = store.check()
    assert room.free is None or room.total is None or 0 < room.free <= room.total
    assert list(store.names()) == []


@pytest.mark.parametrize("name", ["", "a" * 25, "A" * 32, "../" + "a" * 30, "a" * 65, "ä" * 30])
def test_names_that_are_none(store: KeyStore, name: str) -> None:
    for call in (
        lambda: put(store, name, b""),
        lambda: store.delete(name),
        lambda: store.replace(name, b""),
        lambda: store.open(name),
    ):
        with pytest.raises(ValueError, match="not a name"):
            call()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.integers(0, 20), st.binary(max_size=300), max_size=6))
def test_a_store_is_a_mapping(store: KeyStore, contents: dict[int, bytes]) -> None:
    named = {f"{number:026d}": content for number, content in contents.items()}
    try:
        for name, content in named.items():
            put(store, name, content)
        assert {name: read(store, name) for name in store.names()} == named
    finally:
        for name in named:
            assert store.delete(name)
