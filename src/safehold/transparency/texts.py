"""Publications as CSV and JSON. I/O-free."""

from __future__ import annotations

import csv
import io
import json

from safehold.transparency.model import Publication, Table

HIDDEN = "not shown"
"""What stands in the CSV in place of a number that is not shown."""

_HEAD = ("period_start", "period_end", "service", "table", "row", "unit", "value", "asked_by")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_json(publication: Publication) -> bytes:
    """UTF-8 JSON; `null` for what is not shown."""
    window = publication.window
    told = {
        "period": {"start": window.since.isoformat(), "end": window.until.isoformat()},
        "service": publication.service,
        "least": publication.least,
        "tables": [_table(table) for table in publication.tables],
        "not_counted": list(publication.not_counted),
    }
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _table(table: Table) -> dict[str, object]:
    told: dict[str, object] = {
        "code": table.code,
        "unit": table.unit.value,
        "asked_by": list(table.asked_by),
        "rows": {row.code: row.value for row in table.rows},
    }
    if table.unit == "count" and table.total is not None:
        told["total"] = table.total
    return told


def as_csv(publication: Publication) -> bytes:
    """UTF-8 CSV (RFC 4180), a line for each number.

    A name that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    window = publication.window
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(_HEAD)
    about = (window.since.isoformat(), window.until.isoformat(), _cell(publication.service))
    for table in publication.tables:
        asked = "; ".join(table.asked_by)
        rows = [(row.code, row.value) for row in table.rows]
        if table.total is not None:
            rows.append(("total", table.total))
        for code, value in rows:
            number = HIDDEN if value is None else str(value)
            writer.writerow((*about, table.code, _cell(code), table.unit.value, number, asked))
    return stream.getvalue().encode("utf-8")


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
