"""What a suppression drops, and what it never lowers, for any matches."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.review.model import Likeness
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.intake.finding import finding_of
from safehold.intake.likeness import may_be_let_go, within
from safehold.lists.model import Tier
from safehold.lists.trust.rules import EXACT, beyond_md5, without_suppressed
from safehold.matching.match import Match
from safehold.policy.decide import decide
from safehold.policy.model import Decision, Observation, PolicyOptions, Verdict
from tests.intake.test_likeness import LIKENESSES, PICTURE, item
from tests.policy.test_decide import MATCHES, match

PAIRS = [(f"list-{tier.value}", entry) for tier in Tier for entry in ("e1", "e2", "e3")]
SUPPRESSED = st.dictionaries(st.sampled_from(PAIRS), st.booleans(), max_size=8)
STRICTNESS = {Verdict.ALLOW: 0, Verdict.HOLD: 1, Verdict.BLOCK: 2}
OPTIONS = st.sampled_from([PolicyOptions(), PolicyOptions(md5_only=Verdict.BLOCK)])


PLAIN = PolicyOptions()


def decided(matches: tuple[Match, ...], options: PolicyOptions = PLAIN) -> Decision:
    return decide(Observation(matches), options)


def own(matches: list[Match], pair: tuple[str, str]) -> list[Match]:
    return [m for m in matches if (m.list_name, m.entry_id) == pair]


@given(st.lists(MATCHES, max_size=8), SUPPRESSED, OPTIONS)
def test_an_exact_match_with_a_confirmed_list_is_never_lowered(
    matches: list[Match], suppressed: dict[tuple[str, str], bool], options: PolicyOptions
) -> None:
    kept, _ = without_suppressed(matches, suppressed)
    for pair in {(m.list_name, m.entry_id) for m in matches}:
        entry = own(matches, pair)
        if entry[0].tier == Tier.CONFIRMED and beyond_md5({m.signal for m in entry}):
            assert own(list(kept), pair) == entry
            # Alone it is decided as if there were no suppressions, whatever else is dropped.
            alone = decided(tuple(entry), options)
            now = decided(kept, options)
            assert now.verdict is not Verdict.ALLOW
            if alone.verdict is Verdict.BLOCK and not any(m.conflict for m in matches):
                assert now.verdict is Verdict.BLOCK
    if decided(tuple(matches)).verdict is Verdict.BLOCK:
        assert decided(kept).verdict is Verdict.BLOCK


@given(st.lists(MATCHES, max_size=8), SUPPRESSED)
def test_what_is_dropped_is_suppressed_and_nothing_else(
    matches: list[Match], suppressed: dict[tuple[str, str], bool]
) -> None:
    kept, count = without_suppressed(matches, suppressed)
    gone = {(m.list_name, m.entry_id) for m in matches if m not in kept}
    assert count == len(gone)
    assert gone <= set(suppressed)
    for pair in gone:
        entry = own(matches, pair)
        assert entry[0].tier not in (Tier.NEGATIVE, Tier.OBSERVE)
        assert suppressed[pair] or not {m.signal for m in entry} & EXACT
    # What nobody suppressed goes on to hold.
    others = [m for m in matches if (m.list_name, m.entry_id) not in suppressed]
    assert [m for m in kept if m in others] == others


@pytest.mark.parametrize(
    ("signals", "tier", "exact", "dropped"),
    [
        ([SignalType.PDQ], Tier.CONFIRMED, False, True),
        ([SignalType.PDQ], Tier.LOCAL, True, True),
        ([SignalType.MD5], Tier.CONFIRMED, True, True),
        ([SignalType.MD5], Tier.CONFIRMED, False, False),
        ([SignalType.MD5, SignalType.PDQ], Tier.CONFIRMED, True, False),
        ([SignalType.SHA1], Tier.CONFIRMED, True, False),
        ([SignalType.SHA256, SignalType.PDQ], Tier.CONFIRMED, True, False),
        ([SignalType.SHA256], Tier.SUSPECTED, True, True),
        ([SignalType.SHA256], Tier.SUSPECTED, False, False),
        ([SignalType.PDQ], Tier.NEGATIVE, True, False),
    ],
)
def test_what_a_suppression_drops(
    signals: list[SignalType], tier: Tier, *, exact: bool, dropped: bool
) -> None:
    matches = [match(signal, tier) for signal in signals]
    pair = (f"list-{tier.value}", "e1")
    assert without_suppressed(matches, {pair: exact})[1] == dropped
    other = {(f"list-{tier.value}", "e2"): True, ("another", "e1"): True}
    assert without_suppressed(matches, other) == (tuple(matches), 0)


@given(
    st.sampled_from([[SignalType.SHA1], [SignalType.SHA256], [SignalType.MD5, SignalType.PDQ]]),
    st.lists(MATCHES, max_size=3),
    LIKENESSES,
)
def test_a_clearing_by_likeness_lowers_no_exact_match(
    signals: list[SignalType], others: list[Match], standing: list[Likeness]
) -> None:
    named = [replace(match(signal), list_name=ListName("partner")) for signal in signals]
    one = item([*named, *others])
    finding = finding_of(one)
    wide = [
        replace(likeness, grounds=finding.grounds, radius=256, ended=None) for likeness in standing
    ]
    assert not (may_be_let_go(one, finding) and within(PICTURE, finding, wide))
