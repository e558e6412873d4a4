"""Verification names the first event that is not what it was."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.audit.chain import UnreadableEventError, link
from safehold.audit.model import GENESIS, Checkpoint, Event
from safehold.audit.note import CheckpointVerifier
from safehold.audit.verify import AuditReport, Problem, ProblemKind, verify
from tests.audit.logs import KEY, LOG_ID, chain, checkpoint, draft, end, relinked

LENGTH = 30
EVENTS = chain(LENGTH)
STORED = [checkpoint(EVENTS, seq) for seq in (10, 20, LENGTH)]
GENUINE = CheckpointVerifier(LOG_ID, [KEY])

places = st.integers(1, LENGTH)


def check(
    events: Sequence[Event],
    head: tuple[int, bytes] = end(EVENTS),
    checkpoints: Sequence[Checkpoint] = (),
) -> AuditReport:
    return verify(iter(events), head, checkpoints, GENUINE)


def first(report: AuditReport) -> tuple[ProblemKind, int]:
    assert len(report.problems) == 1
    assert not report.whole
    return report.problems[0].kind, report.problems[0].seq


def altered(n: int) -> list[Event]:
    events = list(EVENTS)
    event = events[n - 1]
    events[n - 1] = dataclasses.replace(
        event, draft=dataclasses.replace(event.draft, subject="other")
    )
    return events


def swapped(one: int, other: int) -> list[Event]:
    events = list(EVENTS)
    events[one - 1], events[other - 1] = events[other - 1], events[one - 1]
    return events


def test_a_whole_log() -> None:
    assert check(EVENTS) == AuditReport(LENGTH, 0, 0, ())
    assert check(EVENTS, checkpoints=STORED) == AuditReport(LENGTH, 3, LENGTH, ())
    assert check([], (0, GENESIS)).whole
    assert check([], (0, GENESIS), [checkpoint([], 0)]) == AuditReport(0, 1, 0, ())


@given(places)
def test_an_altered_event(n: int) -> None:
    report = check(altered(n))
    assert first(report) == (ProblemKind.ALTERED, n)
    assert report.events == n - 1


@given(places, st.sampled_from(["kind", "actor", "service", "subject", "at", "data"]))
def test_any_altered_field(n: int, name: str) -> None:
    events = list(EVENTS)
    value = getattr(draft(n + 100), name)
    if getattr(events[n - 1].draft, name) == value:
        value = "x"
    changed = dataclasses.replace(events[n - 1].draft, **{name: value})
    events[n - 1] = dataclasses.replace(events[n - 1], draft=changed)
    assert first(check(events)) == (ProblemKind.ALTERED, n)


@given(places, st.booleans())
def test_an_altered_hash_or_link(n: int, which: bool) -> None:
    events = list(EVENTS)
    events[n - 1] = (
        dataclasses.replace(events[n - 1], hash=bytes(32))
        if which
        else dataclasses.replace(events[n - 1], previous=b"\1" * 32)
    )
    assert first(check(events)) == (ProblemKind.ALTERED, n)


@given(places)
def test_an_altered_event_with_its_hash_made_anew(n: int) -> None:
    events = altered(n)
    events[n - 1] = link(events[n - 1].previous, n, events[n - 1].draft)
    assert first(check(events)) == (ProblemKind.ALTERED, n)


@given(places)
def test_a_deleted_event(n: int) -> None:
    events = EVENTS[: n - 1] + EVENTS[n:]
    kind = ProblemKind.MISSING if n < LENGTH else ProblemKind.TRUNCATED
    assert first(check(events)) == (kind, n)


@given(places)
def test_a_deleted_event_whose_place_the_next_ones_take(n: int) -> None:
    rest = [dataclasses.replace(e, seq=e.seq - 1) for e in EVENTS[n:]]
    kind = ProblemKind.ALTERED if n < LENGTH else ProblemKind.TRUNCATED
    assert first(check(EVENTS[: n - 1] + rest)) == (kind, n)


@given(places, places)
def test_two_events_that_changed_places(one: int, other: int) -> None:
    one, other = sorted((one, other))
    if one != other:
        assert first(check(swapped(one, other))) == (ProblemKind.REORDERED, one)


@given(places, places)
def test_two_events_that_changed_numbers(one: int, other: int) -> None:
    one, other = sorted((one, other))
    if one != other:
        events = [dataclasses.replace(e, seq=n) for n, e in enumerate(swapped(one, other), 1)]
        assert first(check(events)) == (ProblemKind.REORDERED, one)


@given(places, places)
def test_two_events_whose_content_changed_places(one: int, other: int) -> None:
    one, other = sorted((one, other))
    if one != other:
        events = [
            dataclasses.replace(old, draft=new.draft)
            for old, new in zip(EVENTS, swapped(one, other), strict=True)
        ]
        assert first(check(events)) == (ProblemKind.REORDERED, one)


@given(places)
def test_an_event_that_stands_twice(n: int) -> None:
    assert first(check([*EVENTS[:n], *EVENTS[n - 1 :]])) == (ProblemKind.REORDERED, n + 1)


@given(st.integers(0, LENGTH - 1))
def test_a_log_that_was_cut_short(length: int) -> None:
    short = EVENTS[:length]
    assert first(check(short)) == (ProblemKind.TRUNCATED, length + 1)
    # With its head: the chain agrees with itself, and only a checkpoint tells.
    assert check(short, end(short)).whole
    known = [c for c in STORED if c.seq > length]
    report = check(short, end(short), known)
    assert first(report) == (ProblemKind.TRUNCATED, length + 1)


@given(places)
def test_hashes_made_anew_from_an_event_on(n: int) -> None:
    events = relinked(altered(n), n - 1)
    # The head tells, unless it was made anew too.
    assert first(check(events)) == (ProblemKind.ALTERED, LENGTH)
    assert check(events, end(events)).whole
    report = check(events, end(events), STORED)
    seen = next(c.seq for c in STORED if c.seq >= n)
    assert first(report) == (ProblemKind.CHECKPOINT_MISMATCH, seen)
    assert report.problems[0].since == max([c.seq for c in STORED if c.seq < n], default=0)
    assert report.problems[0].since < n <= report.problems[0].seq


@given(places)
def test_an_event_removed_and_all_made_anew(n: int) -> None:
    events = relinked(EVENTS[: n - 1] + EVENTS[n:], n - 1)
    assert check(events, end(events)).whole
    report = check(events, end(events), STORED)
    kind, seq = first(report)
    assert report.problems[0].since < n
    if n <= 20:
        assert (kind, seq) == (ProblemKind.CHECKPOINT_MISMATCH, 10 if n <= 10 else 20)
    else:
        assert (kind, seq) == (ProblemKind.TRUNCATED, LENGTH)


@given(places, places)
def test_hashes_made_anew_for_a_part(n: int, length: int) -> None:
    last = min(n + length, LENGTH - 1)
    if n > last:
        return
    events = relinked(altered(n), n - 1)[:last] + EVENTS[last:]
    kind, seq = first(check(events))
    assert (kind, seq) == (ProblemKind.ALTERED, last)
    report = check(events, checkpoints=STORED)
    problem = report.problems[0]
    assert problem.since < n <= problem.seq <= last


def test_a_checkpoint_vouches_for_the_event_before_a_break() -> None:
    # Event 11 was altered, given another `previous` and its own hash anew.
    forged = link(b"\1" * 32, 11, draft(500))
    events = [*EVENTS[:10], forged, *EVENTS[11:]]
    assert first(check(events)) == (ProblemKind.ALTERED, 10)
    assert first(check(events, checkpoints=STORED)) == (ProblemKind.ALTERED, 11)


def test_heads_that_do_not_fit() -> None:
    assert first(check(EVENTS, (LENGTH, bytes(32)))) == (ProblemKind.ALTERED, LENGTH)
    assert first(check(EVENTS, end(EVENTS[:12]))) == (ProblemKind.ALTERED, 13)
    assert first(check([], (0, b"\1" * 32))) == (ProblemKind.ALTERED, 0)


def test_a_wrong_signature_is_named_beside_the_log_s_problem() -> None:
    forged = [dataclasses.replace(STORED[0], hash=bytes(32)), *STORED[1:]]
    report = check(EVENTS, checkpoints=forged)
    assert first(report) == (ProblemKind.BAD_SIGNATURE, 10)
    assert (report.events, report.checkpoints, report.since) == (LENGTH, 2, LENGTH)
    both = check(altered(5), checkpoints=forged)
    assert both.problems == (
        Problem(ProblemKind.ALTERED, 5, 0),
        Problem(ProblemKind.BAD_SIGNATURE, 10, 0),
    )


def test_a_forged_checkpoint_beyond_the_end_is_no_truncation() -> None:
    more = relinked([*EVENTS, *EVENTS], LENGTH)
    forged = dataclasses.replace(checkpoint(more, 40), at=STORED[0].at.replace(year=2025))
    assert first(check(EVENTS, checkpoints=[forged])) == (ProblemKind.BAD_SIGNATURE, 40)


@pytest.mark.parametrize(
    ("readable", "seq", "expected"),
    [
        (4, 5, (ProblemKind.ALTERED, 5)),
        (4, 7, (ProblemKind.MISSING, 5)),
        (0, 1, (ProblemKind.ALTERED, 1)),
    ],
)
def test_an_event_that_cannot_be_read(
    readable: int, seq: int, expected: tuple[ProblemKind, int]
) -> None:
    def events() -> Iterator[Event]:
        yield from EVENTS[:readable]
        raise UnreadableEventError(seq)

    assert first(verify(events(), end(EVENTS), STORED, GENUINE)) == expected


def test_an_unreadable_event_while_another_is_looked_for() -> None:
    def events() -> Iterator[Event]:
        yield from altered(3)[:8]
        raise UnreadableEventError(9)

    assert first(verify(events(), end(EVENTS), (), GENUINE)) == (ProblemKind.ALTERED, 3)


def test_what_the_signer_remembers_counts_where_checkpoints_were_removed() -> None:
    def remembering(events: list[Event], seq: int) -> AuditReport:
        return verify(iter(events), end(events), (), GENUINE, end(EVENTS[:seq]))

    assert remembering(EVENTS, 20).whole
    rewritten = relinked(altered(7), 6)
    assert check(rewritten, end(rewritten)).whole, "there is nothing else that could tell"
    assert first(remembering(rewritten, 20)) == (ProblemKind.CHECKPOINT_MISMATCH, 20)
    assert first(remembering(EVENTS[:15], 20)) == (ProblemKind.TRUNCATED, 16)
    report = verify(iter(EVENTS), end(EVENTS), STORED, GENUINE, end(EVENTS))
    assert report == AuditReport(LENGTH, 3, LENGTH, ()), "a checkpoint says so already"


def test_columns_of_another_type_are_an_alteration() -> None:
    events = list(EVENTS)
    texts: dict[str, Any] = {"previous": "text", "hash": "text"}
    events[4] = dataclasses.replace(events[4], **texts)
    assert first(check(events))[0] is ProblemKind.ALTERED
