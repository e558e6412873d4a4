"""What a file says of its own making, as cases keep it.

Claims stand in decisions, where people who review read them; words (prompts, accounts, names)
only in the manifest, which is sealed to the case.
"""

from __future__ import annotations

from typing import Any, Final

from safehold.provenance.forms import claim_forms
from safehold.provenance.model import Reading

MAX_CLAIMS: Final = 32
"""Claims of one file that are kept: the strongest first."""
MAX_PASSAGE_CHARS: Final = 131_072
"""Words of one file that are kept, in all; the rest stands in the file itself."""


def told_reading(reading: Reading) -> dict[str, Any]:
    """What a decision says of it: `claims` and `conflicts`, where there are any."""
    told: dict[str, Any] = {}
    if reading.claims:
        told["claims"] = claim_forms(reading.claims[:MAX_CLAIMS])
    if reading.conflicts:
        told["conflicts"] = [conflict.value for conflict in reading.conflicts]
    return told


def sealed_reading(reading: Reading) -> dict[str, Any]:
    """What is sealed with the evidence: the same, and `passages` (`kind`, `text`, `place`)."""
    sealed = told_reading(reading)
    passages: list[dict[str, str]] = []
    left = MAX_PASSAGE_CHARS
    for passage in reading.passages:
        text = passage.text[:left]
        if not text:
            break
        left -= len(text)
        # Half characters, which JSON within a file may bring, cannot be written as UTF-8.
        text = text.encode("utf-8", "replace").decode("utf-8")
        passages.append({"kind": passage.kind.value, "text": text, "place": passage.place.path})
    if passages:
        sealed["passages"] = passages
    return sealed
