"""What a file says of its making: claims for reviewers, words for nobody but the sealed case."""

from __future__ import annotations

import json
from dataclasses import replace

from safehold.cases.model import CaseFilter
from safehold.cases.review.rules import origin
from safehold.intake.model import Submission
from safehold.intake.origin import MAX_CLAIMS, MAX_PASSAGE_CHARS, sealed_reading, told_reading
from safehold.policy.decide import decide
from safehold.policy.model import PolicyOptions
from safehold.provenance.model import (
    Claim,
    Conflict,
    Passage,
    PassageKind,
    Place,
    Reading,
    Tier,
)
from safehold.vault.sealing import unseal
from tests.intake.house import House, match, submission

PLACE = Place("png/tEXt/parameters", 57, 100, "ab" * 32)
CLAIM = Claim(Tier.DECLARED, "a1111", generative=True, place=PLACE, seed="42", model="sea")
WORDS = "a lighthouse under a quindle sky"
READING = Reading(
    pieces=(PLACE,),
    claims=(CLAIM,),
    passages=(
        Passage(PassageKind.PROMPT, WORDS, PLACE),
        Passage(PassageKind.ACCOUNT, "account \ud800 77", PLACE),
    ),
    conflicts=(Conflict.CAMERA_AND_GENERATOR,),
)


def saying(item: Submission, reading: Reading) -> Submission:
    examination = replace(item.screened.examination, reading=reading)
    return replace(item, screened=replace(item.screened, examination=examination))


def test_claims_stand_in_the_decision_and_words_are_sealed(house: House) -> None:
    house.recorder.record(saying(submission(b"bytes", [match()]), READING))
    with house.records.read() as transaction:
        [case] = transaction.cases.list(CaseFilter())
        decisions = transaction.cases.decisions(case.case_id)
        [evidence] = transaction.cases.evidence(case.case_id)
        events = [event.draft for event in transaction.audit.events()]
    [decision] = decisions
    claims, conflicts = origin(decisions)
    assert claims[0] == {
        "form": "a1111",
        "tier": "declared",
        "generative": True,
        "place": "png/tEXt/parameters",
        "offset": 57,
        "model": "sea",
        "seed": "42",
    }
    assert conflicts == ("camera_and_generator",)
    kept = json.dumps(dict(decision.details)) + repr(events) + repr(case) + repr(READING)
    assert "lighthouse" not in kept and "account" not in kept
    manifest = json.loads(unseal([house.open_key(case.key_name)], evidence.sealed_manifest))
    assert manifest["claims"] == list(claims)
    assert manifest["passages"] == [
        {"kind": "prompt", "text": WORDS, "place": "png/tEXt/parameters"},
        {"kind": "account", "text": "account ? 77", "place": "png/tEXt/parameters"},
    ]


def test_a_claim_changes_no_verdict_and_no_urgency(house: House) -> None:
    house.recorder.record(submission(b"one", [match()]))
    house.recorder.record(saying(submission(b"two", [match()]), READING))
    with house.records.read() as transaction:
        one, two = transaction.cases.list(CaseFilter())
    assert (one.urgency, one.verdict, one.queue, one.tier, one.state) == (
        two.urgency, two.verdict, two.queue, two.tier, two.state,
    )  # fmt: skip
    said = saying(submission(b"fine"), READING)
    assert decide(said.screened.observation, PolicyOptions()).verdict == "allow"


def test_what_is_kept_is_bounded_and_nothing_is_said_of_nothing() -> None:
    assert told_reading(Reading()) == sealed_reading(Reading()) == {}
    passage = Passage(PassageKind.PROMPT, "sea " * 20_000, PLACE)
    sealed = sealed_reading(Reading(claims=(CLAIM,) * 99, passages=(passage,) * 9))
    assert len(sealed["claims"]) == MAX_CLAIMS
    assert sum(len(one["text"]) for one in sealed["passages"]) == MAX_PASSAGE_CHARS


def test_the_newest_decision_that_says_anything_stands(house: House) -> None:
    house.recorder.record(saying(submission(b"bytes", [match()]), READING))
    house.recorder.record(submission(b"bytes", [match()]))
    with house.records.read() as transaction:
        [case] = transaction.cases.list(CaseFilter())
        decisions = transaction.cases.decisions(case.case_id)
    assert len(decisions) == 2
    assert origin(decisions)[0] and origin(decisions[::-1])[0]
    assert origin([]) == ((), ())
