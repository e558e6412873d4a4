"""The readers of list files: what each format's reader gives, and why a row can be bad.

A family: `csv_rows`, `jsonl_rows` and `digest_lines` each turn the lines of a file into
`RawRow`s, which `entry_rows` checks. A row that cannot be taken is a `BadRow` with the number of
its line and a stable code, and never holds the row's text.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple, Protocol

COLUMNS = ("id", "classification", "state", "md5", "sha1", "sha256", "pdq", "pdq_quality")
"""Columns of csv and keys of jsonl, in the order of `RawRow.values`."""

DIGEST_COLUMNS = frozenset({"md5", "sha1", "sha256", "pdq"})
"""The columns of which a csv header must have at least one."""


class RowFault(enum.StrEnum):
    """Why a row was not taken. The values are stable."""

    TOO_LONG = "row_too_long"
    ENCODING = "row_encoding"
    QUOTES = "row_quotes"
    COLUMNS = "row_columns"
    NO_DIGEST = "row_no_digest"
    JSON = "row_json"
    JSON_OBJECT = "row_json_object"
    JSON_KEYS = "row_json_keys"
    DIGEST = "digest_malformed"
    AMBIGUOUS = "digest_ambiguous"
    EMPTY_FILE = "digest_of_empty_file"
    MD5 = "md5_malformed"
    SHA1 = "sha1_malformed"
    SHA256 = "sha256_malformed"
    PDQ = "pdq_malformed"
    PDQ_DEGENERATE = "pdq_degenerate"
    PDQ_LOW_QUALITY = "pdq_low_quality"
    QUALITY = "pdq_quality_malformed"
    STATE = "state_unknown"
    ID = "id_malformed"
    CLASSIFICATION = "classification_malformed"


ROW_MESSAGES: dict[RowFault, str] = {
    RowFault.TOO_LONG: "the line is longer than a row may be",
    RowFault.ENCODING: "the line is not UTF-8",
    RowFault.QUOTES: "the quotes do not match",
    RowFault.COLUMNS: "the row has more columns than the header",
    RowFault.NO_DIGEST: "the row has no digest",
    RowFault.JSON: "the line is not JSON",
    RowFault.JSON_OBJECT: "the line is not a JSON object",
    RowFault.JSON_KEYS: "the object has the same key twice",
    RowFault.DIGEST: "the line is not a digest of a known length",
    RowFault.AMBIGUOUS: "64 digits can be sha256 or pdq: name it with --type",
    RowFault.EMPTY_FILE: "this is the digest of a file without content, which would match all",
    RowFault.MD5: "md5 is not 32 hexadecimal digits",
    RowFault.SHA1: "sha1 is not 40 hexadecimal digits",
    RowFault.SHA256: "sha256 is not 64 hexadecimal digits",
    RowFault.PDQ: "pdq is not 64 hexadecimal digits",
    RowFault.PDQ_DEGENERATE: "pdq has far fewer or far more bits set than that of any picture",
    RowFault.PDQ_LOW_QUALITY: "the quality of pdq is below what is matched, and there is no other",
    RowFault.QUALITY: "pdq_quality is not a whole number from 0 to 100",
    RowFault.STATE: "state is not active, withdrawn, negative or quarantined",
    RowFault.ID: "id is too long or has unprintable characters",
    RowFault.CLASSIFICATION: "classification is too long or has unprintable characters",
}
"""What each fault means, in words that are safe to show."""


class RawRow(NamedTuple):
    """One row as text: `values` in the order of `COLUMNS`, empty where absent."""

    line: int
    values: tuple[str, ...]


class BadRow(NamedTuple):
    """One row that cannot be read."""

    line: int
    fault: RowFault


class RowReader(Protocol):
    """Reads the rows of one file."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is odd about the file as a whole; complete once all rows were read."""
        ...

    def __iter__(self) -> Iterator[RawRow | BadRow]:
        """The rows, each with the number of the line it begins on (the first is 1)."""
        ...


_OTHER_NAMES = {
    "quality": "pdq_quality",  # What `safehold hash` writes is a list file too.
    "sha_1": "sha1",
    "sha_256": "sha256",
}


def column(name: str) -> str:
    """The form in which names of columns are compared."""
    compared = name.strip().strip("\ufeff").lower().replace("-", "_").replace(" ", "_")
    return _OTHER_NAMES.get(compared, compared)
