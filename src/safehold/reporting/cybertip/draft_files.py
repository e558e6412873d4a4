"""What a report says of each file, as the CyberTipline's `fileDetails`. I/O-free.

Rules:
1. Whether a person has viewed the file is said outright, true or false, from the logged views
   alone (`FactFile.viewed`). EXIF is viewed by nobody and read by nothing, so it is said not to
   have been viewed.
2. How it was found is told without the name of any list: many may not be published.
3. Supplemental files have no classification and are no memes, by the documentation.
4. The schema's place for where a file stood takes URLs alone, by the documentation. What the
   service gave that is none is told in words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import safehold
from safehold.cases.review.model import Annotation
from safehold.hashing.model import EXACT_LENGTHS
from safehold.reporting import known
from safehold.reporting.cybertip.common_elements import Hash, NameValuePair
from safehold.reporting.cybertip.draft_people import device, ip_capture
from safehold.reporting.cybertip.file_elements import (
    PLACEHOLDER_FILE,
    PLACEHOLDER_REPORT,
    Details,
    FileClassification,
    FileDetails,
    FileRelevance,
    MetadataType,
)
from safehold.reporting.cybertip.incidents import file_annotations
from safehold.reporting.cybertip.rules import is_url
from safehold.reporting.facts import FactFile, FactOccurrence, FilingDetails, FilingFacts
from safehold.reporting.known import How, text_of
from safehold.reporting.model import Relevance
from safehold.reporting.options import ReporterOptions

_FOUND: Mapping[How, str] = {
    How.EXACT: "Found by an exact match with a list of known material.",
    How.LIKENESS: "Found by likeness to an entry of a list of known material.",
    How.OTHERWISE: "Found otherwise than by a list of known material.",
}
_PASSAGES = 8
_PASSAGE_CHARS = 2_000
"""Words in a file that the report tells; all of them stand in the file itself."""
_SAID = ("format", "width", "height", "frames")
"""What of the manifest is told as it stands."""


def file_details(
    file: FactFile, facts: FilingFacts, details: FilingDetails, house: ReporterOptions
) -> FileDetails:
    """What the report says of one file, with placeholders for the authority's ids."""
    found = known.by_time(file.occurrences)
    connections = list(filter(None, map(known.connection_of, found)))
    devices = list(dict.fromkeys(filter(None, map(known.device_of, found))))
    uploads = [moment for moment in map(known.uploaded, found) if moment is not None]
    return FileDetails(
        report_id=PLACEHOLDER_REPORT,
        file_id=PLACEHOLDER_FILE,
        original_file_name=_first(file, "file_name"),
        uploaded_to_esp_timestamp=uploads[0].at if uploads else None,
        location_of_file=_location(file, facts, details),
        file_viewed_by_esp=file.viewed,
        exif_viewed_by_esp=False,
        publicly_available=known.is_public(file),
        file_relevance=(
            FileRelevance.SUPPLEMENTAL_REPORTED
            if _is_supplemental(file)
            else FileRelevance.REPORTED
        ),
        file_annotations=file_annotations(_annotations(file)),
        industry_classification=_classification(file, house),
        original_file_hash=tuple(_hashes(file)),
        ip_capture_event=ip_capture(connections[0]) if connections else None,
        device_id=tuple(device(one) for one in devices),
        details=tuple(_details(file)),
        additional_info=tuple(_more(file)),
    )


def _is_supplemental(file: FactFile) -> bool:
    return file.relevance is Relevance.SUPPLEMENTAL


def _first(file: FactFile, name: str) -> str | None:
    said = (text_of(one, name) for one in known.by_time(file.occurrences))
    return next(filter(None, said), None)


def _location(file: FactFile, facts: FilingFacts, details: FilingDetails) -> str | None:
    """Where it stood; what the officer says is of the reported file, where there is only one."""
    said = _first(file, "url")
    if said is None and known.reported(facts) == (file,):
        said = details.url
    return said if said and is_url(said) else None


def _annotations(file: FactFile) -> set[Annotation]:
    chosen = {one for one in Annotation if one in file.annotations}
    if known.is_shown_generated(file):
        chosen.add(Annotation.GENERATIVE_AI)
    if _is_supplemental(file):
        chosen.discard(Annotation.POTENTIAL_MEME)
    return chosen


def _classification(file: FactFile, house: ReporterOptions) -> FileClassification | None:
    if not house.hash_sharing_member or _is_supplemental(file):
        return None
    return next((one for one in FileClassification if one.value == file.classification), None)


def _hashes(file: FactFile) -> Iterator[Hash]:
    for kind in EXACT_LENGTHS:
        value = file.manifest.get(kind)
        if value:
            yield Hash(str(value), kind.value.upper())


def _details(file: FactFile) -> Iterator[Details]:
    """The digests, and what is known of the file's form and origin. Nothing of EXIF is read."""
    digests = tuple(NameValuePair(one.hash_type, one.value) for one in _hashes(file))
    if digests:
        yield Details(MetadataType.HASH, digests)
    said = [
        NameValuePair(name, str(file.manifest[name])) for name in _SAID if file.manifest.get(name)
    ]
    said.append(NameValuePair("size", str(file.size)))
    for number, claim in enumerate(file.claims, start=1):
        said += _pairs(f"claim {number}", claim)
    if file.conflicts:
        said.append(NameValuePair("claims contradict one another", ", ".join(file.conflicts)))
    asked = dict.fromkeys(
        (name, said_text)
        for one in known.by_time(file.occurrences)
        for name in ("prompt", "generation")
        if (said_text := text_of(one, name))
    )
    for number, (name, said_text) in enumerate(list(asked)[:_PASSAGES], start=1):
        label = f"asked of the generator {number}: {name}"
        said.append(NameValuePair(label, said_text[:_PASSAGE_CHARS]))
    for number, passage in enumerate(file.passages[:_PASSAGES], start=1):
        text = str(passage.get("text", ""))[:_PASSAGE_CHARS]
        if text:
            said.append(NameValuePair(f"words {number}: {passage.get('kind', '')}", text))
    yield Details(None, tuple(said))


def _pairs(prefix: str, claim: Mapping[str, Any]) -> Iterator[NameValuePair]:
    for name in sorted(claim):
        value = claim[name]
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        if text:
            yield NameValuePair(f"{prefix}: {name}", text)


def _more(file: FactFile) -> Iterator[str]:
    yield _FOUND[known.how_found(file)]
    if file.confirmed_at is not None:
        at = file.confirmed_at.isoformat(timespec="seconds")
        seen = "" if file.viewed else ", without having seen the whole of it"
        yield f"A person of the reporting company confirmed it at {at}{seen}."
    if known.is_said_generated(file):
        yield "The file says of itself that a generative model made it; that is not proved."
    place = _first(file, "url")
    if place is not None and not is_url(place):
        yield f"Where it stood, as the service names it: {place}"
    found = known.by_time(file.occurrences)
    if len(found) > 1:
        yield f"Brought {len(found)} times; told above is the first."
        for one in found[1:]:
            yield _again(one)
    yield f"Found and kept with Safehold {safehold.__version__}."


def _again(occurrence: FactOccurrence) -> str:
    """A further occurrence, of which the schema has no room for the address."""
    moment = known.moment_of(occurrence)
    parts = [moment.at.isoformat(timespec="seconds")]
    connection = known.connection_of(occurrence)
    if connection is not None:
        parts.append(f"IP {connection.ip}")
        if connection.port is not None:
            parts.append(f"port {connection.port}")
    url = text_of(occurrence, "url")
    if url:
        parts.append(url)
    return "Again: " + ", ".join(parts)
