"""What a package says of its case: once as JSON, whole, and once as sections to be printed.

It says how a file was found and never by which list. I/O-free.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from safehold.reporting import known
from safehold.reporting.facts import FactFile, FactOccurrence, FilingFacts

FORMAT = 1
MAX_PRINTED_OCCURRENCES = 200
"""How many occurrences of a file are printed; the JSON has all."""

MAX_PRINTED_VALUE = 4_000
"""How many characters of one value are printed; the JSON has all."""

DIGESTS = ("md5", "sha1", "sha256")
_SAID = ("format", "width", "height", "frames", "received")
_FOUND: Mapping[known.How, str] = {
    known.How.EXACT: "identical, by its digest, to an entry of a list of known material",
    known.How.LIKENESS: "like an entry of a list of known material",
    known.How.OTHERWISE: "otherwise than by a list of known material",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands above a package.

    Attributes:
        package_id: its id.
        made: when it was made.
        software: name and version of what made it.
    """

    package_id: str
    made: dt.datetime
    software: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the printed summary: rows of a label and a value."""

    title: str
    rows: tuple[tuple[str, str], ...] = field(repr=False)


def as_json(heading: Heading, facts: FilingFacts, names: Sequence[str]) -> bytes:
    """All that is known, as UTF-8 JSON with sorted keys.

    Args:
        heading: what stands above it.
        facts: of the report or of the whole case.
        names: of the files in the package, in the order of `facts.files`.
    """
    told: dict[str, Any] = {
        "safehold_case": FORMAT,
        "package": heading.package_id,
        "made": _time(heading.made),
        "software": heading.software,
        "case": facts.case_id,
        "report": facts.report_id or None,
        "authority": facts.authority.value if facts.report_id else None,
        "environment": facts.environment.value if facts.report_id else None,
        "service": facts.service,
        "opened": _time(facts.opened),
        "demonstration": facts.demo,
        "other_people": facts.other_people,
        "prior_reports": list(facts.prior),
        "reported_elsewhere": [
            {"authority": authority, "number": number}
            for authority, number in facts.filed_elsewhere
        ],
        "files": [_file(file, name) for file, name in zip(facts.files, names, strict=True)],
    }
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1)
    # Half characters, which JSON of callers may bring, cannot be written as UTF-8.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def _file(file: FactFile, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "case": file.case_id,
        "evidence": file.evidence_id,
        "relevance": file.relevance.value,
        "size": file.size,
        "manifest": dict(file.manifest),
        "found": known.how_found(file).value,
        "viewed_whole": file.viewed,
        "classification": file.classification or None,
        "annotations": sorted(file.annotations),
        "claims": [dict(claim) for claim in file.claims],
        "conflicts": list(file.conflicts),
        "passages": [dict(passage) for passage in file.passages],
        "confirmed": _time(file.confirmed_at) if file.confirmed_at else None,
        "occurrences": [_occurrence(one) for one in file.occurrences],
    }


def _occurrence(one: FactOccurrence) -> dict[str, Any]:
    return {
        "occurrence": one.occurrence_id,
        "received": _time(one.at),
        "kind": one.kind.value,
        "surface": one.surface,
        "public": one.public,
        "context": dict(one.context),
    }


def sections(heading: Heading, facts: FilingFacts, names: Sequence[str]) -> tuple[Section, ...]:
    """What is printed: the same in words, bounded, without pictures. Arguments as `as_json`."""
    rows = [
        ("Case", facts.case_id),
        ("Report", facts.report_id),
        ("For", facts.authority.value if facts.report_id else ""),
        ("Service", facts.service),
        ("Case opened", _time(facts.opened)),
        ("Files", str(len(facts.files))),
        ("Other people who brought the same bytes", str(facts.other_people or "")),
        ("Earlier reports about the same person", ", ".join(facts.prior)),
        ("Package", heading.package_id),
        ("Package made", _time(heading.made)),
        ("Made by", heading.software),
    ]
    rows += [(f"Reported to {authority}", number) for authority, number in facts.filed_elsewhere]
    if facts.demo:
        rows.insert(0, ("Demonstration", "This case is a trial. Nothing in it is real."))
    parts = [_section("Summary", rows)]
    for file, name in zip(facts.files, names, strict=True):
        parts.append(_section(f"File {name}", _file_rows(file)))
        printed = file.occurrences[:MAX_PRINTED_OCCURRENCES]
        for number, one in enumerate(printed, 1):
            title = f"File {name}, occurrence {number} of {len(file.occurrences)}"
            parts.append(_section(title, _occurrence_rows(one)))
        if len(printed) < len(file.occurrences):
            left = len(file.occurrences) - len(printed)
            more = ("Not printed", f"{left} further occurrences stand in case.json.")
            parts.append(_section(f"File {name}, further occurrences", [more]))
    return tuple(parts)


def _file_rows(file: FactFile) -> list[tuple[str, str]]:
    rows = [("Case", file.case_id), ("Belongs as", file.relevance.value)]
    rows += [("Bytes", str(file.size))]
    rows += [(name.upper(), str(file.manifest.get(name, ""))) for name in DIGESTS]
    rows += [(name.capitalize(), str(file.manifest.get(name) or "")) for name in _SAID]
    viewed = "yes, whole and unblurred" if file.viewed else "no"
    return [
        *rows,
        ("Found", _FOUND[known.how_found(file)]),
        ("Viewed by a person of the house", viewed),
        ("Confirmed by a person", _time(file.confirmed_at) if file.confirmed_at else "no"),
        ("Classification", file.classification),
        ("Annotations", ", ".join(sorted(file.annotations))),
        *(("Says of its origin", _text(claim)) for claim in file.claims),
        ("Contradicts itself in", ", ".join(file.conflicts)),
        *((f"Words in it: {one.get('kind', '')}", _text(one.get("text"))) for one in file.passages),
    ]


def _occurrence_rows(one: FactOccurrence) -> list[tuple[str, str]]:
    public = {True: "yes", False: "no", None: "not known"}[one.public]
    return [
        ("Received", _time(one.at)),
        ("Came as", one.kind.value),
        ("Surface", one.surface),
        ("Can be seen by everybody", public),
        *((f"Context: {name}", _text(value)) for name, value in sorted(one.context.items())),
    ]


def _section(title: str, rows: Sequence[tuple[str, str]]) -> Section:
    """Rows with a value, each bounded."""
    return Section(title, tuple((label, _bounded(value)) for label, value in rows if value))


def _bounded(value: str) -> str:
    if len(value) <= MAX_PRINTED_VALUE:
        return value
    return f"{value[:MAX_PRINTED_VALUE]} [cut off; case.json has it whole]"


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _time(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
