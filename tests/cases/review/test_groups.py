"""Groups of near duplicates: what is near to the leader, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.cases.model import Case, CaseState
from safehold.cases.review import rules
from safehold.cases.review.groups import Left, near, why_left
from safehold.ids import CaseId
from safehold.media.model import Fault
from safehold.policy.model import Reason
from tests.cases.review.made import by_policy, case, found

PDQ = st.binary(min_size=32, max_size=32)
NEAR = rules.facts([by_policy(Reason.SIMILAR_CONFIRMED, matches=[found("pdq")])])
EXACT = rules.facts([by_policy(Reason.EXACT_LOCAL, matches=[found("md5", tier="local")])])
DAMAGED = rules.facts([by_policy(Fault.DAMAGED, matches=[found("pdq")])])


def flipped(pdq: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(pdq, "big")
    for bit in set(bits):
        number ^= 1 << bit
    return number.to_bytes(32, "big")


@given(
    PDQ,
    st.lists(
        st.tuples(st.lists(st.integers(0, 255), max_size=40), st.integers(0, 100)), max_size=12
    ),
    st.integers(0, 40),
    st.integers(0, 100),
    st.sets(st.integers(0, 11)),
)
def test_near_is_within_the_distance_and_of_good_quality(
    pdq: bytes,
    others: list[tuple[list[int], int]],
    distance: int,
    quality: int,
    split: set[int],
) -> None:
    leader = case(case_id=CaseId("leader"), pdq=pdq, pdq_quality=quality)
    pictures = [(CaseId("leader"), pdq, quality)]
    pictures += [(CaseId(str(i)), flipped(pdq, bits), q) for i, (bits, q) in enumerate(others)]
    expected = [
        (len(set(bits)), str(i))
        for i, (bits, q) in enumerate(others)
        if len(set(bits)) <= distance and q >= 50 and quality >= 50 and i not in split
    ]
    apart = {CaseId(str(i)) for i in split}
    assert near(leader, pictures, distance, apart) == tuple(name for _, name in sorted(expected))


def test_a_case_without_a_picture_has_no_group() -> None:
    pictures = [(CaseId("d"), bytes(32), 100)]
    assert near(case(), pictures, 31) == (CaseId("d"),)
    assert near(case(pdq=None), pictures, 31) == ()
    assert near(case(), [], 31) == ()


def test_ten_thousand_pictures() -> None:
    rng = np.random.default_rng(5)
    table = rng.integers(0, 256, (10_000, 32), np.uint8)
    pictures = [(CaseId(str(i)), row.tobytes(), 90) for i, row in enumerate(table)]
    leader = case(case_id=CaseId("17"), pdq=pictures[17][1])
    twin = (CaseId("twin"), flipped(pictures[17][1], [3, 200]), 90)
    assert near(leader, [*pictures, twin], 31) == (CaseId("twin"),)


@pytest.mark.parametrize(
    ("member", "facts", "clearing", "why"),
    [
        (case(), NEAR, True, None),
        (case(), NEAR, False, None),
        (case(), EXACT, True, Left.EXACT),
        (case(), EXACT, False, None),
        (case(), DAMAGED, True, Left.OTHER_GROUNDS),
        (case(), DAMAGED, False, None),
        (case(state=CaseState.CLEARED), NEAR, False, Left.NOT_OPEN),
    ],
)
def test_who_is_left(member: Case, facts: rules.Facts, why: Left | None, *, clearing: bool) -> None:
    assert why_left(member, facts, NEAR, clearing=clearing) is why


def test_a_leader_with_the_same_fault_clears_its_members_too() -> None:
    assert why_left(case(), DAMAGED, DAMAGED, clearing=True) is None
