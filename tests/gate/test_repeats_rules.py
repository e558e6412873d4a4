"""When an account is slowed or stopped, and when somebody is told."""

from __future__ import annotations

import datetime as dt
import json

from hypothesis import given
from hypothesis import strategies as st

from safehold.gate.model import RepeatOptions
from safehold.gate.ports import Standing
from safehold.gate.repeats import account_token, is_due, repeated_body, standing_of

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
OPTIONS = RepeatOptions(hours=24, alert=3, slow=2, slow_seconds=7, stop=4, stop_hours=6)


def ago(*hours: float) -> list[dt.datetime]:
    return sorted(NOW - dt.timedelta(hours=h) for h in hours)


def test_slowed_then_stopped_then_let_in_again() -> None:
    assert standing_of([], OPTIONS, NOW) == Standing()
    assert standing_of(ago(1), OPTIONS, NOW) == Standing()
    assert standing_of(ago(1, 2), OPTIONS, NOW) == Standing(wait_seconds=7)
    assert standing_of(ago(1, 25), OPTIONS, NOW) == Standing(), "the older one counts no more"
    assert standing_of(ago(1, 2, 3, 4), OPTIONS, NOW).stopped
    assert not standing_of(ago(6, 7, 8, 9), OPTIONS, NOW).stopped, "its time is over"
    late = ago(5, 20, 25, 28)
    assert standing_of(late, OPTIONS, NOW).stopped, "four within a day before the last"
    assert not standing_of(ago(5, 20, 25, 30), OPTIONS, NOW).stopped
    assert standing_of(ago(*range(1, 40)), RepeatOptions(), NOW) == Standing(), "off by default"


def test_told_of_at_first_and_with_each_doubling() -> None:
    due = [count for count in range(1, 60) if is_due(count, RepeatOptions(alert=3))]
    assert due == [3, 6, 12, 24, 48]
    assert not any(is_due(count, RepeatOptions(alert=0)) for count in range(60))


@given(st.lists(st.floats(0, 100), max_size=12))
def test_more_refusals_never_stand_better(hours: list[float]) -> None:
    fewer, more = ago(*hours[1:]), ago(*hours)
    if standing_of(fewer, OPTIONS, NOW).wait_seconds:
        assert standing_of(more, OPTIONS, NOW).wait_seconds
    newest = [at for at in more if at == max(more)]
    if fewer and max(fewer) == max(more) and standing_of(fewer, OPTIONS, NOW).stopped:
        assert standing_of(more, OPTIONS, NOW).stopped
    assert newest or not more


def test_only_the_service_knows_which_account_is_meant() -> None:
    token = account_token("whsec_one", "user-42")
    body = repeated_body(token, 3, NOW)
    assert json.loads(body) == {
        "type": "generation.repeated",
        "account": token,
        "refused": 3,
        "at": "2026-03-01T12:00:00.000Z",
    }
    assert b"user-42" not in body
    assert token == account_token("whsec_one", "user-42")
    others = {account_token("whsec_two", "user-42"), account_token("whsec_one", "user-43")}
    assert token not in others and len(token) == 64
