"""`KeptStore`: the fake, SQLite and PostgreSQL keep the same."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from safehold.ids import ChunkId, ListName, ServiceId
from safehold.retro.model import Chunk, ChunkHead, Mark, Pass, Version
from safehold.storage.records import SqlRecords

T0 = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SHOP, FORUM = ServiceId("shop"), ServiceId("forum")
NAME = ListName("partner")


def chunk(name: str, **more: Any) -> Chunk:
    head = ChunkHead(ChunkId(name), 0, SHOP, "default", T0, 3, 768, {"partner": 4})
    return Chunk(replace(head, **more), f"digests {name}".encode(), f"contexts {name}".encode())


def names(kept: Any, after: int = 0, limit: int | None = None) -> list[str]:
    return [head.chunk_id for head in kept.heads(after, limit)]


def test_chunks_are_numbered_packed_and_forgotten(records: Any) -> None:
    with records.write() as transaction:
        kept = transaction.kept
        assert (kept.last(), kept.heads(), kept.surfaces()) == (0, [], [])
        kept.add([])
        kept.add([chunk("a"), chunk("b", expires=T0 + HOUR)])
        kept.add([chunk("c", service_id=FORUM, surface="avatar", expires=T0 + 2 * HOUR)])
    with records.read() as transaction:
        kept = transaction.kept
        assert [head.number for head in kept.heads()] == [1, 2, 3]
        assert (names(kept, 1), names(kept, 0, 2)) == (["b", "c"], ["a", "b"])
        assert kept.last() == 3
        first = kept.chunk(ChunkId("a"))
        assert first == replace(chunk("a"), head=replace(chunk("a").head, number=1))
        assert kept.chunk(ChunkId("none")) is None
        wanted = [ChunkId("c"), ChunkId("none"), ChunkId("a")]
        assert dict(kept.digests(wanted)) == {"a": b"digests a", "c": b"digests c"}
        assert sorted(kept.surfaces()) == [(FORUM, "avatar"), (SHOP, "default")]
    with records.write() as transaction:
        kept = transaction.kept
        assert kept.replace([ChunkId("a"), ChunkId("b")], chunk("ab", items=6))
        # One of them is gone: nothing is done.
        assert not kept.replace([ChunkId("c"), ChunkId("a")], chunk("ca"))
        assert (names(kept), kept.last()) == (["c", "ab"], 4)
        assert kept.forget(T0 - HOUR, 9) == 0
        assert kept.forget(T0, 9) == 6
        assert kept.forget_beyond(SHOP, "avatar", T0, 9) == 0
        assert kept.forget_beyond(FORUM, "avatar", T0 + 2 * HOUR, 9) == 0
        assert kept.forget_beyond(FORUM, "avatar", T0 + HOUR, 9) == 3
        # Numbers are not given again.
        assert (names(kept), kept.last()) == ([], 4)
        kept.add([chunk("d"), chunk("e"), chunk("f")])
        assert kept.forget(T0, 2) == 6
        assert names(kept) == ["f"]


def test_of_two_processes_that_move_a_mark_one_is_overtaken(records: Any) -> None:
    going = Pass(Version(7, T0), 9, 3)
    with records.write() as transaction:
        kept = transaction.kept
        assert (kept.mark(NAME), kept.marks()) == (None, [])
        assert kept.save(Mark(NAME, 1, None, 0, going))
        assert not kept.save(Mark(NAME, 1))
        assert not kept.save(Mark(NAME, 3))
    with records.write() as transaction:
        kept = transaction.kept
        assert kept.mark(NAME) == Mark(NAME, 1, None, 0, going)
        ended = Mark(NAME, 2, Version(7, T0), 9)
        assert kept.save(ended)
        assert kept.save(Mark(ListName("another"), 1))
        assert kept.marks() == [Mark(ListName("another"), 1), ended]
        kept.forget_mark(NAME)
        assert kept.mark(NAME) is None
        assert not kept.save(Mark(NAME, 3))


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
def test_whoever_has_read_to_a_number_has_seen_all_below(
    request: pytest.FixtureRequest, backend: str
) -> None:
    """Rule 1: two writers at once commit in the order of their numbers."""
    engine: sa.Engine = request.getfixturevalue(backend)
    records = SqlRecords(engine)
    with records.read() as transaction:
        start = transaction.kept.last()
    failed: list[int] = []

    def write(who: int) -> None:
        for n in range(15):
            with records.write() as transaction:
                transaction.kept.add([chunk(f"at-once-{backend}-{who}-{n}")])

    threads = [threading.Thread(target=write, args=(who,)) for who in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        with records.read() as transaction:
            numbers = [head.number for head in transaction.kept.heads(start)]
        if numbers != list(range(start + 1, start + 1 + len(numbers))):
            failed.append(len(numbers))
    for thread in threads:
        thread.join()
    assert not failed
    with records.write() as transaction:
        assert transaction.kept.last() == start + 45
        assert transaction.kept.forget(T0, 1_000) >= 45 * 3
