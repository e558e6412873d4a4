"""The CyberTipline's `<fileDetails>`. I/O-free. See `common_elements` for how models are written.

A draft is made before the authority has given its ids: the placeholders stand for them, and
`xml.with_ids` puts the ids in their place when the file is uploaded.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Final

from safehold.reporting.cybertip.common_elements import (
    DeviceId,
    Hash,
    IpCaptureEvent,
    NameValuePair,
)
from safehold.reporting.cybertip.marks import MAX_LONG, Longest, Mark, Matching, Must, Within

PLACEHOLDER_REPORT: Final = 0
PLACEHOLDER_FILE: Final = "0" * 32


class FileRelevance(Enum):
    """Whether a file is what is reported, or helps to understand it."""

    REPORTED = "Reported"
    SUPPLEMENTAL_REPORTED = "Supplemental Reported"


class FileClassification(Enum):
    """The classes of the industry's hash sharing."""

    A1 = "A1"
    A2 = "A2"
    B1 = "B1"
    B2 = "B2"


class MetadataType(Enum):
    """What kind of metadata a group of pairs is."""

    EXIF = "EXIF"
    HASH = "HASH"


@dataclass(frozen=True, slots=True, repr=False)
class FileAnnotations:
    """What the file is believed to be; said or left out, never denied."""

    anime_drawing_virtual_hentai: Annotated[bool, Mark.FLAG] = False
    potential_meme: Annotated[bool, Mark.FLAG] = False
    viral: Annotated[bool, Mark.FLAG] = False
    possible_self_production: Annotated[bool, Mark.FLAG] = False
    physical_harm: Annotated[bool, Mark.FLAG] = False
    violence_gore: Annotated[bool, Mark.FLAG] = False
    bestiality: Annotated[bool, Mark.FLAG] = False
    live_streaming: Annotated[bool, Mark.FLAG] = False
    infant: Annotated[bool, Mark.FLAG] = False
    generative_ai: Annotated[bool, Mark.FLAG] = False


@dataclass(frozen=True, slots=True, repr=False)
class Details:
    """Metadata of a file: pairs, at least one."""

    type: Annotated[MetadataType | None, Mark.ATTRIBUTE]
    name_value_pair: tuple[NameValuePair, ...]


@dataclass(frozen=True, slots=True, repr=False)
class FileDetails:
    """What a report says of one file: the root element `<fileDetails>`.

    `potential_meme` and `file_annotations` exclude each other.
    """

    report_id: Annotated[int, Within(0, MAX_LONG)]
    file_id: Annotated[str, Matching("[0-9A-Za-z-]{1,64}")]
    file_name: str | None = None
    original_file_name: Annotated[str | None, Longest(2056)] = None
    uploaded_to_esp_timestamp: dt.datetime | None = None
    location_of_file: Annotated[str | None, Longest(2083), Must.URL] = None
    file_viewed_by_esp: bool | None = None
    exif_viewed_by_esp: bool | None = None
    publicly_available: bool | None = None
    file_relevance: FileRelevance | None = None
    potential_meme: bool | None = None
    file_annotations: FileAnnotations | None = None
    industry_classification: FileClassification | None = None
    original_file_hash: tuple[Hash, ...] = ()
    ip_capture_event: IpCaptureEvent | None = None
    device_id: tuple[DeviceId, ...] = ()
    details: tuple[Details, ...] = ()
    additional_info: tuple[str, ...] = ()
