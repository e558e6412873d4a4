"""The reference of list files says what the code does."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from safehold.lists.csv_rows import MAX_RECORD_LINES, ListHeaderError
from safehold.lists.detect import ListFormat
from safehold.lists.importing import ImportLimits, NothingToImportError
from safehold.lists.model import (
    MAX_CLASSIFICATION,
    MAX_ENTRY_ID,
    MAX_LIST_NAME,
    EntryState,
    ListFileError,
    ListNameError,
    Tier,
)
from safehold.lists.rows import COLUMNS, ROW_MESSAGES

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference" / "list-files.md").read_text()
HOW_TO = (DOCS / "how-to" / "add-a-list.md").read_text()


def table(heading: str, text: str = REFERENCE) -> dict[str, str]:
    """First and second cells of the table below a heading."""
    section = text.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    rows = re.findall(r"^\| `([^`|]+)`[^|]*\| ([^|]+?) \|", section, re.MULTILINE)
    assert rows
    return dict(rows)


def test_every_code_of_a_bad_row_is_explained() -> None:
    said = {
        code: re.sub(r" \(64 KiB, `max_line_bytes`\)$", "", text)
        for code, text in table("Bad rows").items()
    }
    assert said == {fault.value: text for fault, text in ROW_MESSAGES.items()}


def test_every_code_of_a_refused_file_is_explained() -> None:
    errors = (ListNameError, ListFileError, ListHeaderError, NothingToImportError)
    assert list(table("Files that are refused whole")) == [error.code for error in errors]


def test_every_column_format_and_bound_is_named() -> None:
    assert tuple(table("Columns and keys")) == COLUMNS
    assert all(f"`{state}`" in REFERENCE for state in EntryState)
    assert all(f"**{form}**" in REFERENCE for form in ListFormat)
    limits = dataclasses.asdict(ImportLimits())
    assert table("Bounds") == {name: str(value) for name, value in limits.items()}
    for number, unit in (
        (MAX_ENTRY_ID, "printable"),
        (MAX_CLASSIFICATION, "printable"),
        (MAX_LIST_NAME, "lower-case"),
    ):
        assert f"{number} {unit}" in REFERENCE
    assert f"(at most {MAX_RECORD_LINES})" in REFERENCE


def test_every_tier_is_explained() -> None:
    assert set(table("Choose the tier", HOW_TO)) == set(Tier)
