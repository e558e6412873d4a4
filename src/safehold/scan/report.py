"""The report of a scan: one self-contained HTML page with counts and charts.

It holds no picture, no thumbnail, no file name and no digest: it can be shown in a meeting.
Charts are inline SVG; there is no script and nothing is loaded from anywhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safehold import __version__
from safehold.media.model import Fault
from safehold.scan.charts import bars, histogram
from safehold.scan.output import PRIVATE, OutputError
from safehold.scan.summary import Summary

VERDICT_ORDER = ("block", "hold", "allow")

STYLE = """
:root { color-scheme: light dark; --ink: #1d2733; --dim: #5b6875; --line: #d5dbe1;
  --paper: #ffffff; --panel: #f4f6f8; --mark: #2f6f9f; --warn: #a4541b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --dim: #9aa7b3; --line: #36424e;
  --paper: #14191f; --panel: #1c232b; --mark: #6aaee0; --warn: #e09a5b; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p.dim, caption, .dim { color: var(--dim); }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0; }
.tile { background: var(--panel); border-radius: .5rem; padding: .75rem 1rem; min-width: 8.5rem; }
.tile b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.warn { border-left: .25rem solid var(--warn); padding: .5rem .75rem; background: var(--panel); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .bar { fill: var(--mark); } svg .axis { stroke: var(--line); } svg .dim { fill: var(--dim); }
@media print { body { max-width: none; padding: 0; } }
"""

FAULT_TEXTS: Mapping[str, str] = {
    Fault.UNSUPPORTED: "no picture, or a type that is not decoded; exact digests were matched",
    Fault.UNREADABLE: "could not be opened or read",
    Fault.DECODE_FAILED: "a picture of which nothing could be decoded",
    Fault.DAMAGED: "decoded as far as it goes",
    Fault.LIMIT_BYTES: "larger than the bound on bytes",
    Fault.LIMIT_PIXELS: "larger than the bound on pixels",
    Fault.LIMIT_FRAMES: "more frames than the bound",
    Fault.LIMIT_TIME: "took longer than the bound",
    Fault.LIMIT_MEMORY: "needed more memory than the bound",
    Fault.DECODER_CRASHED: "ended its worker process",
    Fault.ARCHIVE_DAMAGED: "a damaged archive or member",
    Fault.ARCHIVE_ENCRYPTED: "an encrypted member",
    Fault.ARCHIVE_UNSUPPORTED: "a member packed by an unknown method",
    Fault.ARCHIVE_LIMIT: "an archive beyond the bounds on unpacking",
}


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a report says beside the counts.

    Attributes:
        started, finished: of this run.
        items_this_run: rows that this run gave; the rest came from an earlier one.
        lists: name, tier, version, time and number of entries of each list.
        threshold: largest PDQ distance that is a match.
        interrupted: whether the scan was stopped before its end.
        skipped_symlinks, skipped_special: what was not opened on purpose.
    """

    started: dt.datetime
    finished: dt.datetime
    items_this_run: int
    lists: Sequence[Mapping[str, Any]]
    threshold: int
    interrupted: bool
    skipped_symlinks: int = 0
    skipped_special: int = 0

    @property
    def seconds(self) -> float:
        """How long this run took."""
        return max((self.finished - self.started).total_seconds(), 1e-9)


def write_report(path: Path, summary: Summary, facts: ReportFacts) -> None:
    """Write the page (mode 0600), whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device: it must not be replaced by a file.
            path.write_text(render(summary, facts), encoding="utf-8")
            return
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8") as page:
            page.write(render(summary, facts))
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise OutputError(
            "The report cannot be written.", hint="Check the folder and its permissions."
        ) from error


def render(summary: Summary, facts: ReportFacts) -> str:
    """The page as text."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>Safehold scan report</title><style>{STYLE}</style></head><body><main>",
        "<h1>Scan report</h1>",
        f'<p class="dim">{_moment(facts.started)} to {_moment(facts.finished)} · '
        f"Safehold {html.escape(__version__)}</p>",
        _interrupted(facts),
        _tiles(summary, facts),
        "<p>A match is a reason to look. It says nothing about any person, and nothing here "
        "has been viewed by anybody.</p>",
        _section("Verdicts", bars(_ordered(summary.verdicts, VERDICT_ORDER))),
        _section("Reasons", bars(summary.reasons.most_common())),
        _lists(summary, facts),
        _distances(summary, facts),
        _faults(summary, facts),
        _section("File types", bars(summary.formats.most_common(20))),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _interrupted(facts: ReportFacts) -> str:
    if not facts.interrupted:
        return ""
    return '<p class="warn">The scan was stopped before its end: the rest was not looked at.</p>'


def _tiles(summary: Summary, facts: ReportFacts) -> str:
    rate = facts.items_this_run / facts.seconds
    tiles = [
        (f"{summary.items:,}", "items"),
        (f"{summary.found:,}", "match a list"),
        (f"{summary.unchecked:,}", "not wholly checked"),
        (_bytes(summary.bytes), "of data"),
        (f"{rate:,.0f}/s", f"items in {_duration(facts.seconds)}"),
    ]
    cells = "".join(f'<div class="tile"><b>{n}</b>{html.escape(t)}</div>' for n, t in tiles)
    return f'<div class="tiles">{cells}</div>'


def _lists(summary: Summary, facts: ReportFacts) -> str:
    rows = [
        [
            html.escape(str(entry["name"])),
            html.escape(str(entry["tier"])),
            html.escape(str(entry["version"])),
            html.escape(_moment_of(entry["updated"])),
            f"{entry['entries']:,}",
            f"{summary.lists[entry['name']]:,}",
        ]
        for entry in facts.lists
    ]
    head = ["List", "Tier", "Version", "Updated", "Entries", "Items that match"]
    return _section("Lists", _table(head, rows, numbers=2))


def _distances(summary: Summary, facts: ReportFacts) -> str:
    if not summary.distances:
        return ""
    chart = histogram({d: summary.distances[d] for d in range(facts.threshold + 1)}, "bits")
    note = (
        f'<p class="dim">Distance in bits of the nearest PDQ entry, of items within '
        f"{facts.threshold}.</p>"
    )
    return _section("Distances", chart + note)


def _faults(summary: Summary, facts: ReportFacts) -> str:
    rows = [
        [html.escape(code), html.escape(FAULT_TEXTS.get(code, "")), f"{count:,}"]
        for code, count in summary.errors.most_common()
    ]
    rows += [
        ["(symbolic links)", "not followed", f"{facts.skipped_symlinks:,}"],
        ["(special files)", "pipes, sockets, devices: never opened", f"{facts.skipped_special:,}"],
    ]
    return _section("Not decoded, by kind", _table(["Code", "Meaning", "Items"], rows, numbers=1))


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>"


def _table(head: list[str], rows: list[list[str]], numbers: int) -> str:
    """A table whose last `numbers` columns are numbers; cells are escaped already."""
    first = len(head) - numbers

    def line(cells: list[str], tag: str) -> str:
        marked = (
            f"<{tag}{' class=n' if i >= first else ''}>{cell}</{tag}>"
            for i, cell in enumerate(cells)
        )
        return f"<tr>{''.join(marked)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def _ordered(counts: Mapping[str, int], order: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, counts[name]) for name in order if counts.get(name)]


def _moment(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _moment_of(text: object) -> str:
    """A moment as a list's snapshot keeps it, for people."""
    try:
        return _moment(dt.datetime.fromisoformat(str(text)).astimezone(dt.UTC))
    except ValueError:
        return ""


def _duration(seconds: float) -> str:
    whole = int(seconds)
    if whole < 60:
        return f"{seconds:.1f} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
