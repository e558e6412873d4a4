"""Codes of what an officer chooses, and the schema's constants for them. I/O-free.

A code is the name that the schema's model gives the thing, in lower case: there is no second
list that could fall behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

from safehold.cases.review.model import Annotation
from safehold.reporting.cybertip.file_elements import FileAnnotations
from safehold.reporting.cybertip.report_elements import IncidentType, ReportAnnotations

INCIDENT_TYPES: Mapping[str, IncidentType] = {one.name.lower(): one for one in IncidentType}
"""Each type of incident by its code."""

DEFAULT_INCIDENT = next(iter(INCIDENT_TYPES))
"""The code of possession, manufacture and distribution: the schema's first."""

ANNOTATIONS: tuple[str, ...] = tuple(one.name for one in fields(ReportAnnotations))
"""Codes of a report's annotations."""

FILE_ANNOTATIONS: Mapping[Annotation, str] = {
    annotation: next(
        one.name for one in fields(FileAnnotations) if one.name.startswith(annotation.value)
    )
    for annotation in Annotation
}
"""The field of `FileAnnotations` of each annotation that a reviewer may choose."""


def report_annotations(codes: Iterable[str]) -> ReportAnnotations | None:
    """The annotations of a report; None for none. Unknown codes are left to the findings."""
    chosen = {code: True for code in ANNOTATIONS if code in set(codes)}
    return ReportAnnotations(**chosen) if chosen else None


def file_annotations(chosen: Iterable[Annotation]) -> FileAnnotations | None:
    """The annotations of a file; None for none."""
    flags = {FILE_ANNOTATIONS[one]: True for one in chosen}
    return FileAnnotations(**flags) if flags else None
