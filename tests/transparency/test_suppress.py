"""No small count can be read, or worked out, from what is shown."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from safehold.transparency.suppress import one, parts_of_whole, rate

counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30), max_size=6)


@given(counts, st.integers(2, 8))
def test_small_counts_are_hidden_and_nothing_is_made_up(parts: dict[str, int], least: int) -> None:
    shown = parts_of_whole(parts, least)
    assert shown.parts.keys() == parts.keys()
    for name, count in parts.items():
        assert shown.parts[name] in (count, None)
        if 0 < count < least:
            assert shown.parts[name] is None
    assert shown.total in (sum(parts.values()), None)


@given(counts, st.integers(2, 8))
def test_nothing_is_hidden_without_need(parts: dict[str, int], least: int) -> None:
    shown = parts_of_whole(parts, least)
    if all(count == 0 or count >= least for count in parts.values()):
        assert shown.parts == parts
        assert shown.total == sum(parts.values())
    else:
        assert all(shown.parts[name] == 0 for name, count in parts.items() if count == 0)


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 9), max_size=4),
    st.integers(2, 5),
)
def test_no_small_count_can_be_worked_out(parts: dict[str, int], least: int) -> None:
    """Whoever sees the table, and knows how it was made, is left with a choice for each."""
    shown = parts_of_whole(parts, least)
    hidden = [name for name, value in shown.parts.items() if value is None]
    if shown.total is None or not hidden:
        return
    left = shown.total - sum(value for value in shown.parts.values() if value is not None)
    possible = [
        guess
        for guess in itertools.product(range(1, left + 1), repeat=len(hidden))
        if sum(guess) == left
        and parts_of_whole({**parts, **dict(zip(hidden, guess, strict=True))}, least) == shown
    ]
    for place, name in enumerate(hidden):
        if parts[name] < least:
            assert len({guess[place] for guess in possible}) > 1


def test_rates_tell_no_small_count() -> None:
    assert rate(10, 40, 5) == 25.0
    assert rate(0, 40, 5) == 0.0
    assert rate(40, 40, 5) == 100.0
    assert rate(3, 40, 5) is None
    assert rate(38, 40, 5) is None
    assert rate(0, 4, 5) is None


def test_a_count_by_itself() -> None:
    assert [one(count, 5) for count in (0, 1, 4, 5, 6)] == [0, None, None, 5, 6]
