"""The reference of rows has the fields of rows, in their order."""

from __future__ import annotations

import re
from pathlib import Path

from safehold.hashing.model import ExactDigests, Orientation, SignalType, VariantDigests
from safehold.ids import EntryId, ListName
from safehold.lists.model import Tier
from safehold.matching.match import Match
from safehold.policy.model import Decision, Observation, Verdict
from safehold.provenance import model as provenance
from safehold.provenance.forms import MAX_TOLD_LORAS
from safehold.provenance.model import Claim, Conflict, Extent, Lora, Place, Reading, ReadingFault
from safehold.scan import scanner
from safehold.scan.examine import Examined
from safehold.scan.labels import Label
from safehold.scan.rows import MAX_MATCHES, hash_row, scan_row
from safehold.screening import Examination, Screened
from tests.docs.pages import code, reference, rows, section

PAGE = reference("rows.md")
FOUND = Match(
    ListName("partner"),
    Tier.CONFIRMED,
    EntryId("1"),
    "",
    SignalType.PDQ,
    2,
    "as_stored",
    Orientation.ORIGINAL,
    False,
    frozenset({SignalType.PDQ}),
)
CLAIM = Claim(
    provenance.Tier.SIGNED,
    "c2pa",
    generative=True,
    place=Place("png/caBX"),
    generator="a",
    version="1",
    model="m",
    model_hash="00",
    loras=(Lora("l", "11", "1"),) * (MAX_TOLD_LORAS + 1),
    seed="4",
    source_image=True,
    extent=Extent.WHOLE,
    size=(4, 3),
    checks=(("trust", "ok"),),
    actions=("c2pa.created",),
)
EXAMINATION = Examination(
    exact=ExactDigests(bytes(16), bytes(20), bytes(32), 9),
    format="jpeg",
    variants=(VariantDigests("as_stored", 80, (bytes(32),) * 8),),
    reading=Reading(
        claims=(CLAIM,), conflicts=(Conflict.SEEDS_DIFFER,), faults=(ReadingFault.LIMIT_TIME,)
    ),
)
EXAMINED = Examined(Label.of_path(b"caf\xe9.zip").member("a.jpg", None, 1), 9, EXAMINATION)
SCREENED = Screened(
    EXAMINATION, (FOUND,) * (MAX_MATCHES + 1), Decision(Verdict.HOLD, ()), Observation(())
)


def fields(heading: str) -> list[str]:
    text = section(PAGE, heading).split("\n### ")[0]
    return [code(row[0]) for row in rows(text)]


def test_scan_rows() -> None:
    row = scan_row(EXAMINED, SCREENED)
    assert sorted(fields("Scan rows")) == sorted([*row, *added_while_scanning()])
    assert f"at most {MAX_MATCHES}" in PAGE
    assert fields("Matches") == list(row["matches"][0])
    claims = {code(name) for row in rows(section(PAGE, "Claims")) for name in row[0].split(", ")}
    assert claims == set(row["provenance"][0])
    said = section(PAGE, "Claims") + section(PAGE, "Scan rows")
    for word in (*provenance.Tier, *Conflict, *Extent):
        assert f"`{word}`" in said or word is Extent.UNKNOWN, word


def added_while_scanning() -> list[str]:
    """Fields that are put into a row after it was made: whether it was recorded."""
    source = Path(scanner.__file__).read_text(encoding="utf-8")
    found = re.findall(r'\brow\["(\w+)"\] =', source)
    assert found == ["held"]
    return found


def test_hash_rows() -> None:
    assert fields("Hash rows") == list(hash_row(EXAMINED))


def test_values_of_matches() -> None:
    text = section(PAGE, "Matches")
    for value in (*SignalType, *Orientation, *Tier):
        assert f"`{value}`" in text
