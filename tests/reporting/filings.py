"""Facts of invented cases, for the tests of drafts and checklists. Nobody in them exists."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from safehold.cases.model import OccurrenceKind
from safehold.ids import CaseId, EvidenceId, OccurrenceId, ReportId
from safehold.reporting.facts import FactFile, FactOccurrence, FilingFacts
from safehold.reporting.model import AuthorityCode, Environment, Relevance
from safehold.reporting.options import ReporterOptions

T0 = dt.datetime(2026, 11, 20, 8, 1, 2, tzinfo=dt.UTC)
EXACT = {"list": "secret-list", "tier": "confirmed", "signal": "md5", "distance": 0}
LIKE = {"list": "secret-list", "tier": "suspected", "signal": "pdq", "distance": 14}

HOUSE = ReporterOptions(
    first_name="Alix",
    last_name="Martin",
    email="signalements@galerie.example",
    phone="+33 1 99 00 12 34",
    organisation="Galerie Exemple",
    platform="Galerie",
    country="FR",
    terms_of_service="Section 4 of the terms of use.",
    legal_url="https://galerie.example/legal",
)

CONTEXT: dict[str, Any] = {
    "uploader": "compte-481",
    "uploader_address": "camille@courriel.example",
    "ip": "203.0.113.7",
    "port": 51234,
    "time": "2026-11-20T09:01:00+01:00",
    "file_name": "vacances.png",
    "screen_name": "camille481",
    "display_name": "Camille",
    "profile_url": "https://galerie.example/u/481",
    "url": "https://galerie.example/p/7001",
    "device_type": "IMEI",
    "device_id": "490154203237518",
}


def occurrence(number: int = 1, **changes: Any) -> FactOccurrence:
    """An occurrence, `number` hours after the first; a changed text that is empty is left out."""
    told: dict[str, Any] = {
        "kind": OccurrenceKind.UPLOAD,
        "public": True,
        "at": T0 + dt.timedelta(hours=number - 1),
    }
    told |= {name: changes.pop(name) for name in list(changes) if name in told}
    context = {name: text for name, text in (CONTEXT | changes).items() if text != ""}
    return FactOccurrence(
        occurrence_id=OccurrenceId(f"01occurrence{number:014d}"),
        surface="gallery",
        context=context,
        **told,
    )


def file(number: int = 1, *occurrences: FactOccurrence, **changes: Any) -> FactFile:
    """A file with one occurrence, or with those given."""
    content = f"drawn picture {number}".encode()
    told: dict[str, Any] = {
        "relevance": Relevance.REPORTED,
        "size": 34_567,
        "manifest": {
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "format": "png",
            "width": 640,
            "height": 480,
            "frames": 1,
        },
        "matches": (EXACT,),
        "confirmed_at": T0 + dt.timedelta(hours=3),
    }
    return FactFile(
        case_id=CaseId(f"01case{number:020d}"),
        evidence_id=EvidenceId(f"01evidence{number:016d}"),
        occurrences=occurrences or (occurrence(),),
        **(told | changes),
    )


def filing(*files: FactFile, **changes: Any) -> FilingFacts:
    """Facts of a report about one file, or about those given."""
    told: dict[str, Any] = {
        "authority": AuthorityCode.NCMEC,
        "environment": Environment.PRODUCTION,
        "service": "galerie",
    }
    return FilingFacts(
        report_id=ReportId("01report000000000000000000"),
        case_id=CaseId(f"01case{1:020d}"),
        opened=T0,
        files=files or (file(),),
        **(told | changes),
    )
