"""The rules of the policy, one by one, and what holds for any observation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.hashing.model import Orientation, SignalType
from safehold.ids import EntryId, ListName
from safehold.lists.model import Tier
from safehold.matching.match import Match
from safehold.media.model import Fault
from safehold.policy.decide import decide
from safehold.policy.model import Observation, PolicyOptions, Reason, Verdict

OPTIONS = PolicyOptions()
EXACT = (SignalType.MD5, SignalType.SHA1, SignalType.SHA256)


def match(
    signal: SignalType,
    tier: Tier = Tier.CONFIRMED,
    entry: str = "e1",
    *,
    conflict: bool = False,
) -> Match:
    near = signal is SignalType.PDQ
    return Match(
        list_name=ListName(f"list-{tier.value}"),
        tier=tier.value,
        entry_id=EntryId(entry),
        classification="",
        signal=signal,
        distance=12 if near else 0,
        variant="as_stored" if near else "",
        orientation=Orientation.ORIGINAL if near else None,
        conflict=conflict,
        known_by=frozenset({signal}),
    )


def verdict_of(*matches: Match, fault: Fault | None = None) -> tuple[Verdict, tuple[str, ...]]:
    decision = decide(Observation(matches, fault), OPTIONS)
    return decision.verdict, decision.reasons


@pytest.mark.parametrize("signal", [SignalType.SHA1, SignalType.SHA256])
def test_an_exact_match_with_a_confirmed_list_blocks(signal: SignalType) -> None:
    assert verdict_of(match(signal)) == (Verdict.BLOCK, ("exact_confirmed",))


def test_md5_alone_holds() -> None:
    assert verdict_of(match(SignalType.MD5)) == (Verdict.HOLD, ("exact_md5_only",))


def test_md5_with_a_near_pdq_of_the_same_entry_blocks() -> None:
    found = verdict_of(match(SignalType.MD5), match(SignalType.PDQ))
    assert found == (Verdict.BLOCK, ("exact_confirmed",))


def test_md5_of_one_entry_and_pdq_of_another_do_not_add_up() -> None:
    verdict, reasons = verdict_of(match(SignalType.MD5), match(SignalType.PDQ, entry="e2"))
    assert verdict is Verdict.HOLD
    assert reasons == ("exact_md5_only", "similar_confirmed")


@pytest.mark.parametrize("signal", EXACT)
def test_a_conflict_holds_and_never_blocks(signal: SignalType) -> None:
    assert verdict_of(match(signal, conflict=True)) == (Verdict.HOLD, ("digest_conflict",))


def test_a_conflict_of_one_entry_keeps_another_from_blocking() -> None:
    verdict, reasons = verdict_of(
        match(SignalType.SHA1, conflict=True), match(SignalType.SHA256, entry="e2")
    )
    assert verdict is Verdict.HOLD
    assert reasons == ("digest_conflict", "exact_confirmed")


@pytest.mark.parametrize(
    ("tier", "reason"),
    [(Tier.SUSPECTED, Reason.EXACT_SUSPECTED), (Tier.LOCAL, Reason.EXACT_LOCAL)],
)
def test_exact_matches_of_other_tiers_hold(tier: Tier, reason: Reason) -> None:
    assert verdict_of(match(SignalType.SHA256, tier)) == (Verdict.HOLD, (reason.value,))


@pytest.mark.parametrize("tier", [Tier.CONFIRMED, Tier.SUSPECTED, Tier.LOCAL])
def test_likeness_holds(tier: Tier) -> None:
    expected = (Verdict.HOLD, (f"similar_{tier.value}",))
    assert verdict_of(match(SignalType.PDQ, tier)) == expected


@pytest.mark.parametrize("signal", list(SignalType))
def test_observed_lists_change_nothing(signal: SignalType) -> None:
    assert verdict_of(match(signal, Tier.OBSERVE)) == (Verdict.ALLOW, ("observed",))


def test_a_negative_entry_lets_go_of_likeness_and_of_nothing_else() -> None:
    negative = match(SignalType.SHA256, Tier.NEGATIVE)
    assert verdict_of(negative, match(SignalType.PDQ))[0] is Verdict.ALLOW
    assert verdict_of(negative, match(SignalType.SHA256))[0] is Verdict.BLOCK
    assert verdict_of(negative, match(SignalType.SHA1, Tier.SUSPECTED))[0] is Verdict.HOLD


def test_likeness_to_a_negative_entry_lets_go_of_nothing() -> None:
    negative = match(SignalType.PDQ, Tier.NEGATIVE)
    assert verdict_of(negative, match(SignalType.PDQ))[0] is Verdict.HOLD


def test_a_negative_entry_must_be_met_by_more_than_md5() -> None:
    alike = match(SignalType.PDQ)
    md5 = match(SignalType.MD5, Tier.NEGATIVE)
    assert verdict_of(md5, alike) == (Verdict.HOLD, ("similar_confirmed",))
    near = match(SignalType.PDQ, Tier.NEGATIVE)
    assert verdict_of(md5, near, alike) == (Verdict.ALLOW, ("negative", "similar_confirmed"))
    elsewhere = match(SignalType.PDQ, Tier.NEGATIVE, "e2")
    assert verdict_of(md5, elsewhere, alike)[0] is Verdict.HOLD


@pytest.mark.parametrize("signal", EXACT)
def test_a_forged_negative_entry_holds(signal: SignalType) -> None:
    forged = match(signal, Tier.NEGATIVE, conflict=True)
    assert verdict_of(forged) == (Verdict.HOLD, ("digest_conflict",))
    found = verdict_of(forged, match(SignalType.PDQ))
    assert found == (Verdict.HOLD, ("digest_conflict", "similar_confirmed"))


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.UNSUPPORTED])
def test_what_could_not_be_checked_holds(fault: Fault) -> None:
    assert verdict_of(fault=fault) == (Verdict.HOLD, (fault.value,))


def test_unsupported_is_no_fault_and_exact_matches_still_count() -> None:
    assert verdict_of(fault=Fault.UNSUPPORTED) == (Verdict.ALLOW, ("unsupported",))
    found = verdict_of(match(SignalType.SHA256), fault=Fault.UNSUPPORTED)
    assert found == (Verdict.BLOCK, ("exact_confirmed", "unsupported"))


def test_low_quality_is_told_apart_from_damage() -> None:
    assert decide(Observation((), low_quality=True), OPTIONS).reasons == ("low_quality",)


def test_a_flood_holds() -> None:
    for tier in Tier:
        decision = decide(Observation((), flooded=frozenset({tier.value})), OPTIONS)
        if tier in (Tier.NEGATIVE, Tier.OBSERVE):
            assert (decision.verdict, decision.reasons) == (Verdict.ALLOW, ())
        else:
            assert (decision.verdict, decision.reasons) == (Verdict.HOLD, ("too_many_matches",))
    exact = Observation(
        (match(SignalType.SHA256),), flooded=frozenset({Tier.OBSERVE.value, "local"})
    )
    assert decide(exact, OPTIONS).verdict is Verdict.BLOCK


def test_nothing_found_is_allowed() -> None:
    assert verdict_of() == (Verdict.ALLOW, ())


def test_settings_change_what_they_say() -> None:
    options = PolicyOptions(
        md5_only=Verdict.BLOCK, fault=Verdict.ALLOW, damaged=Verdict.ALLOW, unsupported=Verdict.HOLD
    )
    md5 = decide(Observation((match(SignalType.MD5),)), options)
    assert md5.verdict is Verdict.BLOCK
    suspected = decide(Observation((match(SignalType.MD5, Tier.SUSPECTED),)), options)
    assert suspected.verdict is Verdict.HOLD
    for fault, verdict in (
        (Fault.DECODE_FAILED, Verdict.ALLOW),
        (Fault.DAMAGED, Verdict.ALLOW),
        (Fault.UNSUPPORTED, Verdict.HOLD),
    ):
        assert decide(Observation((), fault), options).verdict is verdict


MATCHES = st.builds(
    match,
    st.sampled_from(list(SignalType)),
    st.sampled_from(list(Tier)),
    st.sampled_from(["e1", "e2", "e3"]),
    conflict=st.booleans(),
)


@given(matches=st.lists(MATCHES, max_size=6), fault=st.sampled_from([None, *Fault]))
def test_only_an_exact_match_with_a_confirmed_list_blocks(
    matches: list[Match], fault: Fault | None
) -> None:
    decision = decide(Observation(tuple(matches), fault), OPTIONS)
    exact_confirmed = [
        m for m in matches if m.tier == Tier.CONFIRMED and m.signal is not SignalType.PDQ
    ]
    if decision.verdict is Verdict.BLOCK:
        assert exact_confirmed
        assert not any(m.conflict for m in matches if m.tier != Tier.OBSERVE)
    if decision.verdict is Verdict.ALLOW and fault not in (None, Fault.UNSUPPORTED):
        raise AssertionError("a fault was let through")


@given(matches=st.lists(MATCHES, max_size=6))
def test_the_order_of_matches_means_nothing(matches: list[Match]) -> None:
    forward = decide(Observation(tuple(matches)), OPTIONS)
    assert forward == decide(Observation(tuple(reversed(matches))), OPTIONS)
