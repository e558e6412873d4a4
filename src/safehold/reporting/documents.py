"""The documents of a report: what the officer reads is byte for byte what is sent. I/O-free."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from safehold.errors import SafeholdError


class Level(enum.StrEnum):
    """How much a finding matters."""

    MISSING = "missing"
    """The authority requires it; without it nothing is filed."""

    ADVICE = "advice"
    """It would make the report more useful."""

    NOTE = "note"
    """Something to know before it is filed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a report lacks, or what there is to know of it.

    Attributes:
        code: a stable code; `console.report_labels` has its words.
        level: how much it matters.
        where: which file (`file-1`) or part it is about, or empty.
    """

    code: str
    level: Level
    where: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One document.

    Attributes:
        name: `report.xml`, `file-1.xml`, `checklist.json`.
        media_type: of the text.
        text: its content.
    """

    name: str
    media_type: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a report would say, and what is to be known of that."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing that the authority requires."""
        return all(finding.level is not Level.MISSING for finding in self.findings)


class DocumentsError(SafeholdError):
    """Stored documents cannot be read."""

    code = "report_documents"
    default_message = "The documents of the report cannot be read."


def digest(documents: Iterable[Document]) -> bytes:
    """SHA-256 (32 bytes) over all documents.

    Of each name, media type and text in UTF-8 are hashed, each with its length before it (8
    bytes, big-endian).
    """
    hashed = hashlib.sha256()
    for document in documents:
        for text in (document.name, document.media_type, document.text):
            content = text.encode("utf-8")
            hashed.update(len(content).to_bytes(8, "big") + content)
    return hashed.digest()


def to_json(draft: Draft) -> bytes:
    """A draft as UTF-8 JSON: `documents`, `findings` and `digest` (hex)."""
    told = {
        "documents": [
            {"name": one.name, "media_type": one.media_type, "text": one.text}
            for one in draft.documents
        ],
        "findings": [
            {"code": one.code, "level": one.level.value, "where": one.where}
            for one in draft.findings
        ],
        "digest": digest(draft.documents).hex(),
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode("utf-8")


def from_json(content: bytes) -> Draft:
    """The draft that `to_json` wrote.

    Raises:
        DocumentsError: it is something else, or its digest is another.
    """
    try:
        told = json.loads(content)
        documents = tuple(
            Document(str(one["name"]), str(one["media_type"]), str(one["text"]))
            for one in told["documents"]
        )
        findings = tuple(
            Finding(str(one["code"]), Level(one["level"]), str(one["where"]))
            for one in told["findings"]
        )
        said = str(told["digest"])
    except (ValueError, KeyError, TypeError):
        raise DocumentsError from None
    if digest(documents).hex() != said:
        raise DocumentsError
    return Draft(documents, findings)
