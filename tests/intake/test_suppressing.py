"""A clearing suppresses the matches of exactly these bytes, and ends with what it rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from safehold.cases.model import Case, CaseState, DecisionRecord
from safehold.cases.suppressing import Suppressions, read_changes, suppress
from safehold.ids import DecisionId, IdMaker, ServiceId, SuppressionId
from safehold.intake.model import Appeal, Context, Flag, Submission
from safehold.lists.trust.model import Suppression, UnknownSuppressionError
from safehold.lists.trust.view import SuppressionView
from safehold.matching.match import ItemMatches, Match
from safehold.policy.model import PolicyOptions, Verdict
from safehold.screening import Examination, Rules, Screening
from tests.intake.house import FORUM, SHOP, House, match, submission
from tests.intake.test_recording import ask, cases

LIKE = match("e1", tier="suspected", exact=False)
EXACT = match("e1", tier="suspected")
OTHER = match("e2", tier="suspected", exact=False)


class _Matcher:
    """Finds what it is told to find."""

    def __init__(self, found: tuple[Match, ...]) -> None:
        self._found = found

    def match_many(self, items: list[object]) -> list[ItemMatches]:
        return [ItemMatches(self._found)] * len(items)


class Door:
    """Screens with the suppressions of a house, as a server does, and records."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.view = SuppressionView(
            lambda since: read_changes(house.records, since), house.names.content
        )

    def screened(self, content: bytes, *found: Match, service: ServiceId = SHOP) -> Submission:
        plain = submission(content, service=service)
        screening = Screening(_Matcher(found), 50, PolicyOptions())  # type: ignore[arg-type]
        examination: Examination = plain.screened.examination
        rules = Rules(PolicyOptions(), suppressed=self.view.of(service, plain.sha256))
        [screened] = screening.judge([examination], [rules])
        return replace(plain, screened=screened)

    def ask(self, content: bytes, *found: Match, service: ServiceId = SHOP) -> Verdict:
        self.view.refresh()
        return ask(self.house, self.screened(content, *found, service=service)).verdict


@pytest.fixture
def door(house: House) -> Door:
    return Door(house)


def standing(house: House) -> list[Suppression]:
    with house.records.read() as transaction:
        return list(transaction.suppressions.standing())


def kinds(house: House) -> list[str]:
    with house.records.read() as transaction:
        return [event.draft.kind for event in transaction.audit.events()]


def clear(house: House) -> Case:
    [case] = [one for one in cases(house) if one.state is CaseState.OPEN]
    return house.cases.clear(case.case_id, "user:ann")


def test_only_what_was_cleared_of_these_bytes_is_suppressed(house: House, door: Door) -> None:
    assert door.ask(b"x", LIKE) is Verdict.HOLD
    case = clear(house)
    [one] = standing(house)
    assert (one.list_name, one.entry_id, one.content) == ("partner", "e1", case.content)
    assert (one.case_id, one.made_by, one.exact) == (case.case_id, ("ann",), False)
    assert kinds(house)[-2:] == ["suppression.made", "case.cleared"]
    assert door.ask(b"x", LIKE) is Verdict.ALLOW
    assert door.screened(b"x", LIKE).screened.suppressed == 1
    assert door.screened(b"x", LIKE).screened.matches == ()
    # Other bytes, and the same bytes of another service.
    assert door.ask(b"y", LIKE) is Verdict.HOLD
    assert door.ask(b"x", LIKE, service=FORUM) is Verdict.HOLD
    # Another entry, and more than likeness to the same entry.
    assert door.screened(b"x", EXACT).screened.decision.verdict is Verdict.HOLD
    assert door.ask(b"x", LIKE, OTHER) is Verdict.HOLD
    assert cases(house)[0].state is CaseState.OPEN


def test_what_opens_the_case_again_ends_them_and_a_clearing_makes_them_anew(
    house: House, door: Door
) -> None:
    door.ask(b"x", LIKE)
    clear(house)
    assert door.ask(b"x", LIKE, OTHER) is Verdict.HOLD
    assert standing(house) == []
    with house.records.read() as transaction:
        decisions = transaction.cases.decisions(cases(house)[0].case_id)
    assert [d.details["suppressed"] for d in decisions if "suppressed" in d.details] == [1]
    clear(house)
    assert {str(one.entry_id) for one in standing(house)} == {"e1", "e2"}
    assert door.ask(b"x", LIKE, OTHER) is Verdict.ALLOW


@pytest.mark.parametrize("said", ["flag", "appeal"])
def test_a_flag_or_an_appeal_ends_them(house: House, door: Door, said: str) -> None:
    held = ask(house, door.screened(b"x", LIKE))
    clear(house)
    now = house.clock.now()
    if said == "flag":
        house.statements.flag(
            Flag(SHOP, "public", held.receipt, None, "other", "", "u-9", Context(), now)
        )
    else:
        house.statements.appeal(Appeal(SHOP, held.receipt, "please", "u-1", now))
    assert standing(house) == []
    assert "suppression.ended" in kinds(house)
    door.view.refresh()
    assert door.screened(b"x", LIKE).screened.suppressed == 0


def test_one_that_is_ended_holds_the_same_bytes_again(house: House, door: Door) -> None:
    door.ask(b"x", LIKE, OTHER)
    clear(house)
    first, second = sorted(standing(house), key=lambda one: one.entry_id)
    service = Suppressions(house.records, house.clock)
    assert set(service.standing()) == {first, second}
    assert service.end(first.suppression_id, "system") == first
    assert kinds(house)[-1] == "suppression.ended"
    with pytest.raises(UnknownSuppressionError):
        service.end(first.suppression_id, "system")
    with pytest.raises(UnknownSuppressionError):
        service.end(SuppressionId("none"), "system")
    assert door.ask(b"x", OTHER) is Verdict.ALLOW
    assert door.ask(b"x", LIKE) is Verdict.HOLD


def test_an_exact_match_with_a_confirmed_list_is_found_whatever_is_suppressed(
    house: House, door: Door
) -> None:
    listed = match("e1")
    assert door.ask(b"x", listed) is Verdict.BLOCK
    clear(house)
    door.view.refresh()
    screened = door.screened(b"x", listed).screened
    assert screened.decision.verdict is Verdict.BLOCK
    assert screened.suppressed == 0


def test_what_a_remote_matcher_finds_is_suppressed_too(house: House, door: Door) -> None:
    remote = match("e1", name="remote.shield", tier="suspected", exact=False)
    assert door.ask(b"x", remote) is Verdict.HOLD
    clear(house)
    door.view.refresh()
    one = door.screened(b"x")
    rules = Rules(PolicyOptions(), suppressed=door.view.of(SHOP, one.sha256))
    found = Screening.with_remote(one.screened, rules, (remote,), unanswered=False)
    assert (found.decision.verdict, found.suppressed, found.matches) == (Verdict.ALLOW, 1, ())
    both = Screening.with_remote(one.screened, rules, (remote, OTHER), unanswered=False)
    assert (both.decision.verdict, both.matches) == (Verdict.HOLD, (OTHER,))


def test_what_could_not_be_seen_is_no_false_positive(house: House, door: Door) -> None:
    door.ask(b"x", LIKE)
    [case] = cases(house)
    cleared = replace(case, cleared=frozenset({("partner", "e1"), ("", "exact_md5_only")}))

    def decision(actor: str, **details: str) -> DecisionRecord:
        at = house.clock.now()
        return DecisionRecord(
            DecisionId("d"), case.case_id, None, at, actor, Verdict.ALLOW, ("cleared",), details
        )

    by_ann = decision("user:ann", reason="other")
    with house.records.write() as transaction:
        for canary, made in (
            (False, decision("user:ann", reason="unreadable")),
            (False, decision("policy")),
            (True, by_ann),
        ):
            suppress(transaction, replace(cleared, canary=canary), made, IdMaker(house.clock))
            assert list(transaction.suppressions.standing()) == []
        suppress(transaction, cleared, by_ann, IdMaker(house.clock))
        assert [one.entry_id for one in transaction.suppressions.standing()] == ["e1"]


def test_two_views_agree_and_a_restored_database_is_read_anew(house: House, door: Door) -> None:
    other = Door(house)
    door.ask(b"x", LIKE)
    clear(house)
    sha256 = door.screened(b"x").sha256
    assert door.view.refresh() and other.view.refresh()
    assert not door.view.refresh(), "nothing has changed since"
    expected = {("partner", "e1"): False}
    assert door.view.of(SHOP, sha256) == other.view.of(SHOP, sha256) == expected
    assert door.view.of(FORUM, sha256) == {}
    older = SuppressionView(lambda _: (1, ()), house.names.content)
    older._number, older._standing = 5, dict(door.view._standing)
    assert older.refresh()
    assert older.of(SHOP, sha256) == {}
