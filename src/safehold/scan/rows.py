"""Rows: what is said of each item, in the forms of the command contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from safehold.hashing.model import SignalType
from safehold.matching.match import Match
from safehold.provenance.forms import claim_forms
from safehold.scan.examine import Examined
from safehold.screening import (
    Examination,
    Screened,
    exact_message,
    read_examination,
    signal_hex,
    variant_message,
)

Row = dict[str, Any]

MAX_MATCHES = 100
"""Matches that one row shows; `matches_omitted` counts the others."""


def scan_row(examined: Examined, screened: Screened) -> Row:
    """A line of `safehold scan`."""
    examination = screened.examination
    row = examined.label.as_row()
    row["sha256"] = _hex(examination, SignalType.SHA256)
    row["verdict"] = screened.decision.verdict.value
    row["reasons"] = list(screened.decision.reasons)
    row["matches"] = [match_form(match) for match in nearest(screened.matches)]
    if len(screened.matches) > MAX_MATCHES:
        row["matches_omitted"] = len(screened.matches) - MAX_MATCHES
    reading = examination.reading
    row["provenance"] = claim_forms(reading.claims)
    if reading.conflicts:
        row["provenance_conflicts"] = [conflict.value for conflict in reading.conflicts]
    if reading.faults:
        row["provenance_faults"] = [fault.value for fault in reading.faults]
    row["error"] = examination.fault.value if examination.fault else None
    row["format"] = examination.format
    row["size"] = examination.exact.size if examination.exact else examined.size
    row["frames"] = examination.frame_count
    return row


def nearest(matches: Sequence[Match]) -> Sequence[Match]:
    """The matches that a row shows: all, or of very many the nearest. The decision saw all."""
    if len(matches) <= MAX_MATCHES:
        return matches
    return sorted(matches, key=lambda match: match.distance)[:MAX_MATCHES]


def hash_row(examined: Examined) -> Row:
    """A line of `safehold hash`: `pdq` and `quality` are those of the first frame as stored."""
    examination = examined.examination
    first = next(iter(examination.shown), None)
    row = examined.label.as_row()
    row["format"] = examination.format
    row["width"] = examination.width or None
    row["height"] = examination.height or None
    for signal in (SignalType.MD5, SignalType.SHA1, SignalType.SHA256):
        row[signal.value] = _hex(examination, signal)
    row["pdq"] = first.pdq[0].hex() if first else None
    row["quality"] = first.quality if first else None
    row["error"] = examination.fault.value if examination.fault else None
    return row


def digests_row(examined: Examined) -> Row:
    """A line of a digests file: everything that matching needs, as `examine` sends it."""
    examination = examined.examination
    row = examined.label.as_row()
    if examination.exact is not None:
        row["exact"] = exact_message(examination.exact)
    row["format"] = examination.format
    row["size"] = [examination.width, examination.height, examination.frame_count]
    row["variants"] = [variant_message(variant) for variant in examination.variants]
    if examination.fault is not None:
        row["fault"] = examination.fault.value
    return row


def read_digests_row(row: Row) -> Examination:
    """What `digests_row` wrote; raises `ExaminationError` for anything else."""
    return read_examination([row], None)


def match_form(match: Match) -> Row:
    """A match as it stands in a row. Distances are for operators, never for the checked."""
    return {
        "list": match.list_name,
        "entry": match.entry_id,
        "signal": match.signal.value,
        "distance": match.distance,
        "variant": match.variant,
        "orientation": match.orientation.value if match.orientation else None,
        "classification": match.classification or None,
        "tier": match.tier,
        "conflict": match.conflict,
    }


def _hex(examination: Examination, signal: SignalType) -> str | None:
    return signal_hex(examination.exact, signal) if examination.exact else None
