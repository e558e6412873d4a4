"""What is answered is there, also where a commit's outcome is not known or a group is undone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from safehold.cases.records import Transaction, WriteConflictError
from safehold.intake.model import Answer
from safehold.policy.model import Verdict
from safehold.storage.engine import ConflictError, DatabaseError
from safehold.testing.records import MemoryRecords
from tests.intake.house import House, match, submission, with_key
from tests.intake.test_recording import cases


@dataclass
class Uncertain(MemoryRecords):
    """Records of which a test decides what becomes of the next transactions.

    Attributes:
        gate: while it is not set, writers wait before they begin.
        before, after: called in turn before the commit and after it, each for one transaction.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    before: list[Callable[[], None]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.transactions = 0
        self.waiting = threading.Event()

    @contextmanager
    def write(self) -> Iterator[Transaction]:  # type: ignore[override]
        self.transactions += 1
        self.waiting.set()
        assert self.gate.wait(10)
        with super().write() as transaction:
            yield transaction
            if self.before:
                self.before.pop(0)()
        if self.after:
            self.after.pop(0)()


def nothing() -> None:
    """What becomes of a transaction of which the test wants nothing."""


def lose() -> None:
    """The connection is lost."""
    raise DatabaseError


@pytest.fixture
def records() -> Uncertain:
    return Uncertain()


@pytest.fixture
def house(records: Uncertain) -> Iterator[House]:
    made = House(records)
    yield made
    records.gate.set()
    made.commit.close()


def in_one_group(
    house: House, records: Uncertain, *asked: Callable[[], Answer]
) -> list[Future[Answer]]:
    """Ask all at once, so that they share a transaction, the second after a plain one."""
    pool = ThreadPoolExecutor(len(asked) + 1)
    first = pool.submit(house.commit.run, lambda transaction: None)
    assert records.waiting.wait(10)
    answers = []
    for number, ask in enumerate(asked):
        answers.append(pool.submit(ask))
        while house.commit._jobs.qsize() < number + 1:
            assert not answers[-1].done()
    records.gate.set()
    first.result(10)
    pool.shutdown()
    return answers


def assert_all_there(house: House) -> None:
    for case in cases(house):
        with house.records.read() as transaction:
            for item in transaction.cases.evidence(case.case_id):
                assert house.original(case.key_name, item.object_name)
        assert house.open_key(case.key_name).recipient == case.recipient


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_commit_of_unknown_outcome_takes_nothing_from_the_vault(
    house: House, records: Uncertain, idempotent: bool
) -> None:
    items = [submission(b"%d" % n, [match()]) for n in range(2)]
    if idempotent:
        items = [with_key(item, bytes([n]) * 16) for n, item in enumerate(items)]
    # The database commits, and the word of it never comes.
    records.after += [nothing, lose]
    answers = in_one_group(
        house, records, *(lambda item=item: house.recorder.record(item) for item in items)
    )
    assert all(isinstance(answer.exception(), DatabaseError) for answer in answers)
    assert len(cases(house)) == 2
    assert_all_there(house)
    again = [house.recorder.record(item) for item in items]
    assert all(answer.verdict is Verdict.BLOCK or answer.replayed for answer in again)
    assert_all_there(house)


def test_an_answer_replayed_in_a_group_that_is_undone_takes_nothing_from_the_vault(
    house: House, records: Uncertain
) -> None:
    item = with_key(submission(b"x", [match()]), b"k" * 16)

    def broken(transaction: Transaction) -> Answer:
        raise ValueError

    # The three share a transaction, in which the second finds the answer of the first; it is
    # undone, and then the first fails for good and the second is the one that is recorded.
    records.before += [nothing, lose]
    answers = in_one_group(
        house,
        records,
        lambda: house.recorder.record(item),
        lambda: house.recorder.record(item),
        lambda: house.commit.run(broken),
    )
    assert isinstance(answers[0].exception(), DatabaseError)
    assert answers[1].result().verdict is Verdict.BLOCK
    assert len(cases(house)) == 1
    assert_all_there(house)


def test_a_replay_keeps_nothing_of_its_own(house: House, records: Uncertain) -> None:
    item = with_key(submission(b"x", [match()]), b"k" * 16)
    answers = in_one_group(house, records, *[lambda: house.recorder.record(item)] * 2)
    first, second = (answer.result() for answer in answers)
    assert second.replayed is not None
    assert second.replayed.body == first.body()
    assert len(list(house.objects.names())) == len(list(house.keys.names())) == 1
    assert_all_there(house)


def test_what_another_writer_was_in_the_way_of_is_done_anew(
    house: House, records: Uncertain
) -> None:
    def deadlock() -> None:
        raise ConflictError

    assert issubclass(ConflictError, WriteConflictError)
    records.before += [nothing, deadlock, deadlock]
    answers = in_one_group(
        house,
        records,
        *(lambda b=b: house.recorder.record(submission(b, [match()])) for b in (b"1", b"2")),
    )
    assert [answer.result().verdict for answer in answers] == [Verdict.BLOCK] * 2
    assert records.transactions == 4, "the group is done anew as a whole"
    assert_all_there(house)
