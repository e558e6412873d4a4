"""Synchronisations that are killed, or run twice at once, on each database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from safehold.lists.model import Tier
from safehold.lists.sync.machine import Source, Synchroniser
from safehold.lists.sync.model import SyncOvertakenError
from tests.lists.syncing import (
    NAME,
    Book,
    House,
    KilledError,
    KilledLists,
    KilledSyncs,
    Steps,
    pages,
)
from tests.storage.conftest import empty


@pytest.fixture(params=["sqlite", "postgres"])
def house(request: pytest.FixtureRequest) -> House:
    engine: sa.Engine = request.getfixturevalue(request.param)
    if request.param == "postgres":
        empty(engine)
    return House(engine)


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[House]:
    """A house that was filled by one unbroken run."""
    made = House.in_folder(tmp_path)
    assert made.run(Book(*pages())).code == "ok"
    yield made
    made.engine.dispose()


def same(ours: House, theirs: House) -> None:
    assert ours.all() == theirs.all()
    mine, other = ours.lists.get(NAME), theirs.lists.get(NAME)
    assert (mine.active, mine.other, mine.counts) == (other.active, other.other, other.counts)
    assert mine.checked is not None


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(6))
def test_killed_at_every_boundary_it_ends_equal(
    house: House, whole: House, step: int, after: bool
) -> None:
    steps, book = Steps(step, after=after), Book(*pages())
    parts = replace(
        house.parts(book),
        lists=KilledLists(house.lists, steps),  # type: ignore[arg-type]
        syncs=KilledSyncs(house.syncs, steps),  # type: ignore[arg-type]
    )
    killed = False
    try:
        Synchroniser(parts).run(Source("there", "ncmec", NAME, Tier.CONFIRMED, book))
    except KilledError:
        killed = True
    # There are five steps: the beginning, three pages with rows and one without.
    assert killed == (step < 5)
    state = house.run(book)
    assert (state.code, state.began) == ("ok", None)
    same(house, whole)
    expected = whole.syncs.find(NAME, "there")
    assert expected is not None
    if killed and not (after and step == 4):
        assert state.counts == expected.counts


def test_two_at_once_end_as_one(house: House, whole: House) -> None:
    gate = threading.Barrier(2)
    came: list[str] = []

    def run() -> None:
        book = Book(*pages())
        source = Source("there", "ncmec", NAME, Tier.CONFIRMED, book)
        machine = Synchroniser(house.parts(book))
        gate.wait(30)
        for _ in range(20):
            try:
                came.append(machine.run(source).code)
                return
            except SyncOvertakenError:
                came.append("overtaken")

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert came.count("ok") == 2
    same(house, whole)
