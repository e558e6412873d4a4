"""Safehold beside its peers, measured in one run.

`python benchmarks/bench.py` (or `make bench`) prints one table of ratios and writes it as JSON
to `benchmarks/results/`. Every group runs in a process of its own; the two sides of a row take
turns; figures are medians, with the smallest and the largest. A row whose bar is not reached
says "not met".
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from measure import Row, Spread, machine

HERE = Path(__file__).parent
RESULTS = HERE / "results"

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
}
"""For the groups that stand for one core."""

BUSY = 0.15
"""Cores of other work from which on a row says that the machine was not quiet."""

GROUPS = ("files", "matching", "scan", "service", "console")


def group_rows(group: str, quick: bool) -> Iterator[Row]:
    """The rows of one group, from a process of its own, as they come."""
    arguments, environment = _command(group, quick)
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("{"):
            yield Row.from_dict(json.loads(line))
    if process.wait() != 0:
        raise SystemExit(f"the group {group} failed with exit code {process.returncode}")


def _command(group: str, quick: bool) -> tuple[list[str], dict[str, str]]:
    script = str(HERE / f"bench_{group}.py")
    if group == "files":
        return [script, "--rounds", "3" if quick else "9"], ONE_THREAD
    if group == "scan":
        return [script, *(["--files", "300", "--rounds", "1"] if quick else [])], {}
    if group == "console":
        return [str(HERE / "console_pages.py"), *(["--cases", "1000"] if quick else [])], {}
    if group == "service":
        small = ["--seconds", "2", "--rounds", "1", "--entries", "100000", "--files", "600"]
        return [script, *(small if quick else [])], {}
    return [script, *(["--rows", "1000000", "--rounds", "3"] if quick else [])], ONE_THREAD


def show(console: Console, rows: list[Row]) -> None:
    """One table of all rows."""
    table = Table(title="Safehold beside its peers: median (smallest to largest)")
    for heading in ("work", "Safehold", "peer", "ratio", "bar", "met", "note"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        sign = "at most " if row.at_most else "at least "
        met = {None: "", True: "[green]met[/]", False: "[red]not met[/]"}[row.met]
        table.add_row(
            row.name,
            f"{_number(row.ours)} {row.unit}",
            f"{row.peer_name}: {_number(row.peer)} {row.unit}",
            f"{_number(row.ratio)}x",
            "" if row.bar is None else f"{sign}{row.bar:g}x",
            met,
            _remark(row),
        )
    console.print(table)


def _remark(row: Row) -> str:
    if row.others_busy < BUSY:
        return row.note
    return f"{row.note} [yellow](beside other work on {row.others_busy:.1f} cores)[/]".strip()


def _number(spread: Spread) -> str:
    def plain(value: float) -> str:
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"

    return f"{plain(spread.median)} ({plain(spread.low)} to {plain(spread.high)})"


def store(rows: list[Row], about: dict[str, Any]) -> Path:
    """Write a run to `benchmarks/results/`, which git ignores."""
    RESULTS.mkdir(exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    target = RESULTS / f"bench-{now:%Y%m%dT%H%M%SZ}.json"
    run = {"at": now.isoformat(), "machine": about, "rows": [row.as_dict() for row in rows]}
    target.write_text(json.dumps(run, indent=2) + "\n")
    return target


def main() -> int:
    """Run the groups; 0 when all bars were reached, 1 otherwise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--group", action="append", choices=GROUPS, help="only these groups")
    parser.add_argument("--quick", action="store_true", help="few rounds, small sizes")
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 180)
    about = machine()
    libraries = ", ".join(f"{name} {version}" for name, version in about["libraries"].items())
    console.print(
        f"{about['processor']}, {about['cores']} cores, {about['memory_gib']} GiB; "
        f"Python {about['python']}; load before {about['load_before']:.2f}; {libraries}",
        highlight=False,
    )
    rows: list[Row] = []
    for group in chosen.group or GROUPS:
        with console.status(f"measuring: {group}"):
            for row in group_rows(group, chosen.quick):
                rows.append(row)
                if not console.is_terminal:
                    print(f"  {row.name}: {row.ratio.median:.3g}x", file=sys.stderr, flush=True)
    show(console, rows)
    console.print(f"written to {store(rows, about).relative_to(HERE.parent)}")
    missed = [row.name for row in rows if row.met is False]
    console.print(f"{len(missed)} of {sum(row.bar is not None for row in rows)} bars not met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
