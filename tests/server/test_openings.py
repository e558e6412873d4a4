"""Lists that take long to be opened, or cannot be: nothing else waits for them."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from safehold.engine.lists import ListWatch
from safehold.engine.openings import REST, Openings
from safehold.errors import SafeholdError
from safehold.ids import ListName
from safehold.lists import service
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryState, ListInfo, SnapshotMissingError
from safehold.lists.service import ListService, layers_of
from safehold.matching.errors import SnapshotDamagedError
from safehold.matching.interface import OpenList
from safehold.runtime.log import json_log
from tests.server.test_growing import NAME, Site, draft, screening

OTHER = ListName("b")


class Slow:
    """Lists of which one is opened only when it may be."""

    def __init__(self, lists: ListService) -> None:
        self.lists = lists
        self.may = threading.Event()
        self.may.set()
        self.begun = threading.Event()
        self.error: SafeholdError | None = None
        self.given: list[OpenList] = []

    def show(self) -> list[ListInfo]:
        return self.lists.show()

    def open(self, names: Sequence[str] | None = None) -> tuple[OpenList, ...]:
        if names == [NAME]:
            self.begun.set()
            assert self.may.wait(60)
            if self.error is not None:
                raise self.error
        opened = self.lists.open(names)
        self.given += opened
        return opened

    def advance(self, opened: OpenList, name: str) -> OpenList | None:
        return self.lists.advance(opened, name)

    def is_moved(self, opened: OpenList, name: str) -> bool:
        return self.lists.is_moved(opened, name)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(service, "SMALL_LIST", 0)
    monkeypatch.setattr("safehold.engine.lists.PATIENCE", 0.01)
    made = Site(tmp_path)
    made.put(*(draft(n) for n in range(50)))
    yield made
    made.engine.dispose()


def put_other(site: Site, n: int) -> None:
    with site.store.importing(OTHER) as session:
        session.stage([draft(n)])
        session.apply(ImportPlan(site.clock.now()))


def until(watch: ListWatch, name: str, version: int) -> None:
    """Look until a list is there; the threads that open lists need their time."""
    for _ in range(3_000):
        watch.refresh()
        assert watch.current is not None
        if watch.current.versions.get(name) == version:
            return
        threading.Event().wait(0.01)
    pytest.fail("the list was not opened")


def test_other_lists_change_while_a_list_is_made_anew(site: Site) -> None:
    source = Slow(site.services[0])
    watch = ListWatch(source, screening, json_log(io.StringIO()))
    put_other(site, 150)
    watch.refresh()
    assert watch.current is not None
    moment = watch.current.updated[NAME]
    source.may.clear()
    source.begun.clear()
    site.put(*(draft(n) for n in range(50, 120)))  # more than is matched beside a snapshot
    put_other(site, 151)
    assert watch.refresh()
    assert source.begun.wait(60)
    # The other list is as it is now; this one as it was, and as old as it was.
    assert watch.current.versions == {"a": 1, "b": 2}
    assert watch.current.updated[NAME] == moment
    assert site.found(watch) == {*range(50), 150, 151}
    put_other(site, 152)
    assert watch.refresh()
    assert site.found(watch) == {*range(50), 150, 151, 152}
    assert not watch.refresh()
    source.may.set()
    until(watch, NAME, 2)
    assert site.found(watch) == {*range(120), 150, 151, 152}
    assert watch.current.updated[NAME] > moment
    watch.close()
    _all_closed(source)


def test_the_end_waits_for_no_list(site: Site) -> None:
    source = Slow(site.services[0])
    watch = ListWatch(source, screening, json_log(io.StringIO()))
    watch.refresh()
    source.may.clear()
    source.begun.clear()
    site.put(*(draft(n) for n in range(50, 120)))
    watch.refresh()
    assert source.begun.wait(60)
    [opening] = (t for t in threading.enumerate() if t.name == "list-opening")
    watch.close()
    assert opening.is_alive()
    source.may.set()
    opening.join(60)
    _all_closed(source)


def test_a_list_that_fails_late_is_missing_rests_and_comes_back(site: Site) -> None:
    source = Slow(site.services[0])
    watch = ListWatch(source, screening, json_log(io.StringIO()))
    watch.refresh()
    assert watch.current is not None
    source.may.clear()
    source.begun.clear()
    source.error = SnapshotMissingError()
    site.put(*(draft(n) for n in range(50, 120)))
    watch.refresh()
    source.may.set()
    while NAME in watch.current.updated:
        watch.refresh()
    # What is open goes on being matched.
    assert site.found(watch) == set(range(50))
    source.error = None
    until(watch, NAME, 2)
    assert site.found(watch) == set(range(120))
    assert set(watch.current.updated) == {NAME}
    watch.close()
    _all_closed(source)


def test_an_opening_that_fails_rests_the_longer_the_longer_it_took() -> None:
    may, tries = threading.Event(), 0

    def fail(name: str) -> OpenList:
        nonlocal tries
        tries += 1
        assert may.wait(60)
        raise SnapshotMissingError

    openings = Openings(fail)
    openings.begin("a")
    assert [openings.take("a"), openings.take("a")] == [None, None]
    may.set()
    with pytest.raises(SnapshotMissingError):
        openings.take("a", 60)
    for _ in range(2 * REST):
        assert openings.rests("a")
        openings.begin("a")
        assert openings.take("a") is None
    assert not openings.rests("a")
    assert tries == 1
    openings.begin("a")
    with pytest.raises(SnapshotMissingError):
        openings.take("a", 60)
    # At once: it costs nothing to try again.
    assert not openings.rests("a")
    assert list(openings) == []


def test_a_fault_of_the_software_is_a_list_that_is_not_open() -> None:
    def fail(name: str) -> OpenList:
        raise ZeroDivisionError

    openings = Openings(fail)
    openings.begin("a")
    with pytest.raises(SafeholdError) as caught:
        openings.take("a", 60)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_snapshot_that_goes_bad_under_a_server_is_opened_anew(site: Site) -> None:
    watch = site.watches[0]
    watch.refresh()
    with watch.using():
        generation = watch._generation
        assert generation is not None
        base = layers_of(generation.snapshots[NAME])[0]
    with pytest.raises(SnapshotDamagedError):
        base._mark_damaged()
    with pytest.raises(SnapshotDamagedError):
        site.found(watch)
    for _ in range(3_000):
        if watch.refresh():
            break
        threading.Event().wait(0.01)
    assert site.found(watch) == set(range(50))
    watch.close()


def test_a_restored_database_at_the_same_version_is_noticed(site: Site) -> None:
    watch = site.watches[0]
    watch.refresh()
    site.put(draft(60))
    watch.refresh()
    assert site.found(watch) == {*range(50), 60}
    with site.engine.begin() as connection:
        # Between two looks: a backup of version 1 comes back, and another change upon it.
        connection.exec_driver_sql("DELETE FROM entries WHERE entry_id = 'e0060'")
        connection.exec_driver_sql("DELETE FROM list_changes WHERE version = 2")
        connection.exec_driver_sql("DELETE FROM list_versions WHERE version = 2")
        connection.exec_driver_sql("UPDATE lists SET version = 1, active = 50, active_pdq = 50")
    site.put(draft(61), draft(3, EntryState.WITHDRAWN))
    assert watch.current is not None
    until(watch, NAME, 2)
    for _ in range(3_000):
        if site.found(watch) == {*range(50), 61} - {3}:
            break
        threading.Event().wait(0.01)
        watch.refresh()
    assert site.found(watch) == {*range(50), 61} - {3}
    watch.close()


def _all_closed(source: Slow) -> None:
    for opened in source.given:
        assert layers_of(opened)[0]._closed.is_set()
