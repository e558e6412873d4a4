"""Group commit: each write is answered once it is durable, and fails alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from safehold.cases.commit import ClosedError, GroupCommit
from safehold.cases.records import Transaction
from safehold.fleet.model import CanaryResult
from safehold.ids import ServerId
from safehold.testing.records import MemoryRecords
from tests.intake.house import NOW


class Counted(MemoryRecords):
    """Counts transactions, and holds the first until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.transactions = 0
        self.begun = threading.Event()
        self.go_on = threading.Event()

    @contextmanager
    def write(self) -> Iterator[Transaction]:  # type: ignore[override]
        self.transactions += 1
        self.begun.set()
        assert self.go_on.wait(10)
        with super().write() as transaction:
            yield transaction


def note(name: str, transaction: Transaction) -> str:
    transaction.fleet.add_canary(CanaryResult(ServerId(name), NOW, "ok", 1.0))
    return name


def noted(records: MemoryRecords, name: str) -> bool:
    with records.read() as transaction:
        return transaction.fleet.canary(ServerId(name)) is not None


def in_threads(commit: GroupCommit, names: list[str], broken: str = "") -> dict[str, object]:
    """Run writes at once; what each gave or raised."""
    results: dict[str, object] = {}

    def run(name: str) -> None:
        def write(transaction: Transaction) -> str:
            note(name, transaction)
            if name == broken:
                raise ValueError(name)
            return name

        try:
            results[name] = commit.run(write)
        except ValueError as error:
            results[name] = error

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    return _joined(threads, results)


def _joined(threads: list[threading.Thread], results: dict[str, object]) -> dict[str, object]:
    for thread in threads:
        thread.join(10)
    return results


def test_writes_that_wait_share_a_transaction() -> None:
    records = Counted()
    commit = GroupCommit(records)
    first = threading.Thread(target=commit.run, args=(lambda t: note("first", t),))
    first.start()
    assert records.begun.wait(10)
    threading.Timer(0.3, records.go_on.set).start()
    names = [f"n{n}" for n in range(20)]
    results = in_threads(commit, names)
    first.join(10)
    commit.close()
    assert results == {name: name for name in names}
    assert all(noted(records, name) for name in ["first", *names])
    assert records.transactions < 10


def test_one_that_fails_undoes_itself_alone() -> None:
    records = Counted()
    commit = GroupCommit(records)
    first = threading.Thread(target=commit.run, args=(lambda t: note("first", t),))
    first.start()
    assert records.begun.wait(10)
    threading.Timer(0.3, records.go_on.set).start()
    results = in_threads(commit, ["a", "b", "c", "d"], broken="c")
    first.join(10)
    commit.close()
    assert isinstance(results.pop("c"), ValueError)
    assert results == {"a": "a", "b": "b", "d": "d"}
    assert [noted(records, name) for name in "abcd"] == [True, True, False, True]


def test_after_the_end_nothing_is_taken() -> None:
    commit = GroupCommit(MemoryRecords())
    commit.close()
    commit.close()
    with pytest.raises(ClosedError):
        commit.run(lambda t: None)
