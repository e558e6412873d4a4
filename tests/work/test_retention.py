"""The job that destroys what is over, has it signed, and tells what two people must decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from safehold.retention.service import RetentionService
from safehold.vault.interface import VaultError
from safehold.work.jobs.retention import Retention
from safehold.work.schedule import Timing


class Recorded:
    """A service of retention that counts what it is told to count."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts
        self.attests: list[Any] = []

    def run(self, attest: Any, stop: Callable[[], bool]) -> Mapping[str, int]:
        self.attests.append(attest)
        if stop():
            raise VaultError
        return Counter(self.counts)


def job(counts: Mapping[str, int], told: list[tuple[int, int]]) -> tuple[Retention, Recorded]:
    service = Recorded(counts)
    made = Retention(
        cast(RetentionService, service),
        lambda _: (b"text", b"signature"),
        lambda due, near: told.append((due, near)),
        Timing(60.0),
    )
    return made, service


def test_what_two_people_must_decide_is_told() -> None:
    told: list[tuple[int, int]] = []
    made, service = job({"destroyed": 2, "signed": 1, "due": 3, "warn": 4, "finished": 0}, told)
    outcome = made.run(lambda: False)
    assert (outcome.code, outcome.counts) == ("ok", {"destroyed": 2, "signed": 1})
    assert told == [(3, 4)]
    assert service.attests[0](None) == (b"text", b"signature")
    job({}, told)[0].run(lambda: False)
    assert told[-1] == (0, 0)


def test_a_store_that_is_away_is_the_jobs_failure() -> None:
    told: list[tuple[int, int]] = []
    with pytest.raises(VaultError):
        job({}, told)[0].run(lambda: True)
    assert told == []
