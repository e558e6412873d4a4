"""What lies very near to a cleared picture is let go, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.model import Attention, CaseState, OccurrenceKind
from safehold.cases.review.model import Likeness
from safehold.hashing.model import SignalType, VariantDigests
from safehold.ids import CaseId
from safehold.intake import likeness as rules
from safehold.intake.finding import finding_of
from safehold.intake.likeness import may_be_let_go, within
from safehold.intake.model import Answer, Appeal, Context, Idempotency, Submission
from safehold.matching.match import Match
from safehold.media.model import Fault
from safehold.policy.decide import decide
from safehold.policy.model import Observation, PolicyOptions, Reason, Verdict
from tests.cases.review.made import case
from tests.intake.house import NOW, SHOP, STATUSES, House, match, screened, submission

PICTURE = bytes(range(32))


def flipped(bits: int) -> bytes:
    number = int.from_bytes(PICTURE, "big") ^ ((1 << bits) - 1)
    return number.to_bytes(32, "big")


ENTRIES = ["e1", "e2"]
MATCHES = st.lists(
    st.builds(
        lambda entry, tier, signal, conflict: replace(
            match(entry, tier=tier), signal=signal, conflict=conflict
        ),
        st.sampled_from(ENTRIES),
        st.sampled_from(["confirmed", "suspected", "local", "observe", "negative"]),
        st.sampled_from(list(SignalType)),
        st.booleans(),
    ),
    max_size=3,
)
LIKENESSES = st.lists(
    st.builds(
        Likeness,
        case_id=st.just(CaseId("c")),
        service_id=st.just(SHOP),
        pdq=st.integers(0, 12).map(flipped),
        radius=st.integers(0, 8),
        grounds=st.frozensets(st.sampled_from([("partner", entry) for entry in ENTRIES])),
        at=st.just(NOW),
        ended=st.sampled_from([None, NOW]),
    ),
    max_size=3,
)


def item(
    matches: Sequence[Match],
    *,
    quality: int = 90,
    fault: Fault | None = None,
    **observed: Any,
) -> Submission:
    """A picture with `PICTURE` as its hash, with no descriptor."""
    found = screened(b"content", matches, fault)
    observation = replace(Observation(tuple(matches), fault), **observed)
    variants = (VariantDigests("whole", quality, (PICTURE,) * 8),)
    return Submission(
        service_id=SHOP,
        kind=OccurrenceKind.DIGESTS,
        surface="public",
        context=Context(),
        received=NOW,
        sha256=bytes(32),
        screened=replace(
            found,
            examination=replace(found.examination, variants=variants),
            observation=observation,
            decision=decide(observation, PolicyOptions()),
        ),
        lists={},
    )


def let_go(one: Submission, standing: Sequence[Likeness]) -> bool:
    finding = finding_of(one)
    return may_be_let_go(one, finding) and within(PICTURE, finding, standing)


@given(
    MATCHES,
    LIKENESSES,
    st.sampled_from([None, None, Fault.DAMAGED, Fault.UNSUPPORTED]),
    st.sampled_from([0, 49, 50, 100]),
    st.booleans(),
)
def test_only_likeness_that_was_cleared_is_let_go(
    matches: list[Match],
    standing: list[Likeness],
    fault: Fault | None,
    quality: int,
    over_mark: bool,
) -> None:
    one = item(matches, quality=quality, fault=fault, over_mark=over_mark)
    if not let_go(one, standing):
        return
    decision = one.screened.decision
    assert decision.verdict is Verdict.HOLD
    assert {reason.partition("_")[0] for reason in decision.reasons} <= {
        "similar",
        "observed",
        "negative",
    }
    assert fault is None
    assert quality >= 50
    assert not over_mark
    assert all(m.signal is SignalType.PDQ and not m.conflict for m in matches)
    held = {("partner", m.entry_id) for m in matches if m.tier not in ("observe", "negative")}
    assert held
    assert any(
        likeness.ended is None
        and held <= likeness.grounds
        and _distance(likeness.pdq) <= likeness.radius
        for likeness in standing
    )


def _distance(pdq: bytes) -> int:
    return (int.from_bytes(pdq, "big") ^ int.from_bytes(PICTURE, "big")).bit_count()


NEAR = match(exact=False)
STANDS = Likeness(CaseId("c"), SHOP, flipped(3), 3, frozenset({("partner", "e1")}), NOW)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (item([NEAR]), True),
        (item([NEAR], quality=49), False),
        (item([NEAR], fault=Fault.DAMAGED), False),
        (item([NEAR], list_faults=(Reason.LIST_STALE,)), False),
        (item([NEAR], over_mark=True), False),
        (item([NEAR], unscored=True), False),
        (item([NEAR], flooded=frozenset({"confirmed"})), False),
        (item([match()]), False),
        (item([]), False),
    ],
)
def test_what_is_let_go(one: Submission, *, expected: bool) -> None:
    assert let_go(one, [STANDS]) is expected
    assert not let_go(one, [replace(STANDS, radius=2)])
    assert not let_go(one, [replace(STANDS, ended=NOW)])
    assert not let_go(one, [])


def test_clearings_are_read_only_where_an_item_would_be_held(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Submission] = []

    def read(picture: bytes, finding: object, standing: object) -> bool:
        asked.append(one)
        return False

    monkeypatch.setattr(rules, "within", read)
    for one in (submission(b"clean"), item([match()]), item([NEAR], quality=10)):
        house.recorder.triage([one])
    assert asked == []
    one = item([NEAR])
    assert house.recorder.triage([one]) == [None]
    assert asked == [one]


def test_an_answer_that_was_remembered_is_given_again_while_it_is_let_go(house: House) -> None:
    house_clears(house)
    one = replace(item([NEAR]), idempotency=Idempotency(b"k" * 16, b"r" * 16, STATUSES))
    assert house.recorder.triage([one]) == [None]
    answer = house.recorder.record(one)
    assert answer.verdict is Verdict.ALLOW
    [again] = house.recorder.triage([one])
    assert isinstance(again, Answer)
    assert again.replayed is not None
    with house.records.write() as transaction:
        transaction.reviews.end_likeness(CaseId("c"), NOW)
    assert house.recorder.triage([one]) == [None], "it would be held now"


def house_clears(house: House) -> None:
    """A clearing by likeness stands in the house."""
    with house.records.write() as transaction:
        transaction.cases.add(case(state=CaseState.CLEARED))
        transaction.reviews.add_likeness(STANDS)


def test_appeals_and_flags_say_what_a_case_asks_for(house: House) -> None:
    held = submission(b"held", [match()])
    receipt = house.recorder.record(held).receipt
    with house.records.read() as transaction:
        content = house.names.content(SHOP, held.sha256)
        before = transaction.cases.find_content(SHOP, content)
    assert before is not None
    assert (before.tier, before.urgency, before.attention) == ("confirmed", 60, Attention.NONE)
    house.statements.appeal(Appeal(SHOP, receipt, "why?", "u-1", NOW))
    with house.records.read() as transaction:
        after = transaction.cases.find(before.case_id)
    assert after is not None
    assert (after.urgency, after.attention) == (70, Attention.APPEALED)


def test_a_further_frame_or_what_a_border_hides_is_not_let_go() -> None:
    near = match(exact=False)
    standing = [Likeness(CaseId("c"), SHOP, PICTURE, 8, frozenset({("partner", "e1")}), NOW)]
    assert let_go(item([near]), standing)
    for variant in ("frame_3", "trimmed", "over_white"):
        assert not let_go(item([near, replace(near, variant=variant)]), standing)
    one = item([near])
    for frames in (0, 2):
        examination = replace(one.screened.examination, frame_count=frames)
        several = replace(one, screened=replace(one.screened, examination=examination))
        assert not let_go(several, standing)


def test_the_first_of_several_frames_stands_for_no_case(house: House) -> None:
    for frames, pdq in ((1, PICTURE), (2, None)):
        one = submission(bytes([frames]), [match(exact=False)])
        variants = (VariantDigests("as_stored", 90, (PICTURE,) * 8),)
        examination = replace(one.screened.examination, variants=variants, frame_count=frames)
        one = replace(one, screened=replace(one.screened, examination=examination))
        house.recorder.record(one)
        content = house.names.content(SHOP, one.sha256)
        with house.records.read() as transaction:
            opened = transaction.cases.find_content(SHOP, content)
        assert opened is not None
        assert (opened.pdq, opened.pdq_quality) == (pdq, 90 if pdq else None)
