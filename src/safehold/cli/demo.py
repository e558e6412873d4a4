"""`safehold demo`: the whole of it on drawn pictures, in one command."""

from __future__ import annotations

import contextlib
import csv
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import WorkersOption, open_runtime

if TYPE_CHECKING:
    from safehold.runtime import Runtime
    from safehold.testing.demo_folder import DemoFile

EXAMPLE = "Example: safehold demo --keep demo-output"


def demo(
    context: typer.Context,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep", metavar="DIR", help="Keep pictures, lists, rows and report in this folder."
        ),
    ] = None,
    workers: WorkersOption = None,
) -> int:
    """Draw pictures, edit them, list some of the originals, scan, and show what was found.

    Nothing leaves this machine, and your own lists are not touched. Exit code 0 when all that
    was listed is found and nothing else is held for a match.
    """
    from safehold.cli.console import note
    from safehold.errors import UsageError
    from safehold.testing.demo_folder import originals, write_demo

    with _folder(keep) as folder:
        if any(folder.iterdir()):
            raise UsageError("The folder of --keep is not empty.", hint="Name another one.")
        for part in ("originals", "pictures"):
            (folder / part).mkdir()
        note("Drawing pictures, editing them ...")
        originals(folder / "originals")
        files = {file.name: file for file in write_demo(folder / "pictures")}
        with open_runtime(context, folder / "home", workers, database="") as runtime:
            note("Listing some of the originals, scanning ...")
            _add_lists(folder, runtime)
            rows = _scan(folder, runtime)
        code = _show(files, rows)
        if keep is not None:
            note(f"Kept in {keep}: pictures/, lists as csv, rows.jsonl, report.html.")
    return code


@contextlib.contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="safehold-demo-") as name:
        yield Path(name)


def _add_lists(folder: Path, runtime: Runtime) -> None:
    """Half of the originals on a confirmed list with all digests, half by PDQ alone."""
    from safehold.lists.model import Tier
    from safehold.scan.items import ItemOptions, Items
    from safehold.scan.rows import hash_row
    from safehold.scan.scanner import Progress, examine_items
    from safehold.scan.walk import Walk

    items = Items(runtime.workers, ItemOptions(runtime.settings.archives), lambda _: False)
    found = items.of(Walk(), [bytes(folder / "originals")])
    batches = examine_items(runtime.workers, found, runtime.examine_options, Progress())
    rows = [hash_row(examined) for batch in batches for examined in batch]
    half = len(rows) // 2
    for name, tier, columns, part in (
        ("demo-confirmed", Tier.CONFIRMED, ["md5", "sha1", "sha256", "pdq"], rows[:half]),
        ("demo-suspected", Tier.SUSPECTED, ["pdq"], rows[half:]),
    ):
        file = folder / f"{name}.csv"
        with file.open("w", newline="") as lines:
            writer = csv.DictWriter(lines, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(part)
        runtime.lists.add(name, file, tier=tier)


def _scan(folder: Path, runtime: Runtime) -> dict[str, dict[str, object]]:
    """Scan the pictures; the rows by their path below the folder."""
    from safehold.scan.job import ScanJob, ScanPlan
    from safehold.scan.output import iterate_rows
    from safehold.scan.scanner import Progress

    pictures = folder / "pictures"
    plan = ScanPlan(
        paths=(bytes(pictures),), output=folder / "rows.jsonl", report=folder / "report.html"
    )
    with ScanJob(plan, runtime, Progress()) as job:
        job.run()
    prefix = len(f"{pictures}/")
    return {row["path"][prefix:]: row for row, _ in iterate_rows(folder / "rows.jsonl")}


def _show(files: dict[str, DemoFile], rows: dict[str, dict[str, object]]) -> int:
    """The table, and whether all is as it should be."""
    from rich.table import Table

    from safehold.cli.console import console
    from safehold.testing.demo_folder import Group

    totals: Counter[tuple[Group, str]] = Counter()
    wrong = 0
    for name, file in files.items():
        row = rows[name]
        matched = bool(row["matches"])
        state = str(row["verdict"]) if matched or row["error"] else "allow"
        totals[file.group, state] += 1
        totals[file.group, "files"] += 1
        totals[file.group, "found"] += matched
        wrong += matched != file.listed
    table = Table(title="What was found, and what was rightly not")
    for column in ("", "files", "match a list", "block", "hold", "allow"):
        table.add_column(column, justify="left" if not column else "right")
    for group in Group:
        numbers = [totals[group, c] for c in ("files", "found", "block", "hold", "allow")]
        if numbers[0]:
            table.add_row(group.value, *(str(n) if n else "-" for n in numbers))
    out = console()
    out.print(table)
    listed = sum(file.listed for file in files.values())
    out.print(
        f"{listed} files show a listed picture; {wrong} of all {len(files)} were judged wrongly."
    )
    out.print("A file that was cut short holds: what could not be checked is never let through.")
    return 70 if wrong else 0
