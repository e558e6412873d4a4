"""Who may trace, and that it stands in the audit log before anything is told."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from safehold.cases.review.refusals import NotPermittedError
from safehold.ids import UserId
from safehold.storage.engine import DatabaseError
from safehold.users.model import UnknownUserError, UserNameError
from safehold.users.roles import Role
from tests.ledger.rooms import Room, exact, new, variant

PDQ = bytes(range(32))
OFFICER = UserId("u-officer")


def test_an_officer_traces_and_the_log_says_what_was_found() -> None:
    room = Room()
    room.add(new(b"one", PDQ), new(b"like", PDQ))
    assert room.tracing.allow("officer") == OFFICER
    made = room.tracing.trace(OFFICER, exact(b"one"), [variant(PDQ)])
    assert [one.exact for one in made.found] == [True, False]
    found = tuple(one.release.release_id for one in made.found)
    data = {"exact": 1, "near": 1, "releases": found}
    assert room.events() == [("ledger.traced", "user:u-officer", data)]
    with room.records.read() as transaction:
        [event] = transaction.audit.events_of(made.trace_id)
    assert event.draft.kind == "ledger.traced"


def test_a_trace_that_finds_nothing_is_in_the_log_too() -> None:
    room = Room()
    first = room.tracing.trace(OFFICER, exact(b"one"), [])
    second = room.tracing.trace(OFFICER, None, [])
    assert first.found == second.found == ()
    assert first.trace_id != second.trace_id
    data = {"exact": 0, "near": 0, "releases": ()}
    assert room.events() == [("ledger.traced", "user:u-officer", data)] * 2


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OFFICER}))
def test_nobody_but_an_officer_may_and_the_log_says_who_tried(role: Role) -> None:
    room = Room()
    room.add(new(b"one"))
    for _ in range(2):
        with pytest.raises(NotPermittedError):
            room.tracing.allow(role.value)
    with pytest.raises(NotPermittedError):
        room.tracing.trace(UserId(f"u-{role}"), exact(b"one"), [])
    refused = ("ledger.refused", f"user:u-{role}", {"permission": "ledger.trace"})
    assert room.events() == [refused] * 3


def test_who_is_disabled_meanwhile_is_told_nothing() -> None:
    room = Room()
    assert room.tracing.allow("officer") == OFFICER
    with room.records.write() as transaction:
        user = transaction.users.user(OFFICER)
        assert user is not None
        transaction.users.update(replace(user, disabled=room.clock.now()))
    with pytest.raises(NotPermittedError):
        room.tracing.trace(OFFICER, exact(b"one"), [])
    assert [event[0] for event in room.events()] == ["ledger.refused"]


def test_a_name_that_nobody_has() -> None:
    room = Room()
    with pytest.raises(UnknownUserError):
        room.tracing.allow("olga")
    with pytest.raises(UserNameError):
        room.tracing.allow("No Such Name")
    assert room.events() == []


def test_nothing_is_told_where_it_cannot_be_logged() -> None:
    room = Room()
    room.add(new(b"one"))
    room.clock.advance(dt.timedelta(seconds=1))
    found = room.ledger.trace(exact(b"one"), [])
    assert len(found) == 1

    class Failing:
        read = room.records.read

        def write(self) -> None:
            raise DatabaseError

    parts = replace(room.tracing._parts, records=Failing())  # type: ignore[arg-type]
    with pytest.raises(DatabaseError):
        type(room.tracing)(parts).trace(OFFICER, exact(b"one"), [])
