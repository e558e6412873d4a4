"""A match of a remote matcher on the pages of the console."""

from __future__ import annotations

from safehold.cases import urgency
from safehold.console.pages.facts import match_fact, near
from safehold.hashing.model import PDQ_BITS, UNKNOWN_DISTANCE, RemoteSignal, SignalType
from safehold.ids import EntryId, ListName
from safehold.intake.finding import match_json
from safehold.matching.match import Match


def match(signal: SignalType | RemoteSignal, distance: int) -> Match:
    """What a remote matcher found."""
    known_by = frozenset({signal} if isinstance(signal, SignalType) else ())
    return Match(
        ListName("remote.cloud"),
        "confirmed",
        EntryId("Test:1"),
        "A1",
        signal,
        distance,
        "",
        None,
        False,
        known_by,
    )


def test_a_likeness_whose_distance_is_not_told_is_not_shown_as_bits() -> None:
    fact = match_fact(match_json(match(RemoteSignal.PHOTODNA, UNKNOWN_DISTANCE)))
    assert (fact.near, fact.exact, fact.alone, fact.signal) == ("untold", False, False, "photodna")
    assert near(PDQ_BITS) == "far"


def test_a_likeness_by_photodna_is_as_urgent_as_one_by_pdq_and_less_than_the_same_bytes() -> None:
    likeness = urgency.found([match(RemoteSignal.PHOTODNA, UNKNOWN_DISTANCE)], "public")
    assert likeness == urgency.found([match(SignalType.PDQ, 4)], "public")
    assert likeness.points < urgency.found([match(SignalType.SHA1, 0)], "public").points
