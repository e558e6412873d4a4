"""`safehold scan`: find listed pictures in files, folders and archives."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from safehold.cli.options import (
    HomeOption,
    JsonOption,
    WorkersOption,
    open_runtime,
    open_service,
    tell_missing_protections,
)

if TYPE_CHECKING:
    from safehold.runtime import Runtime
    from safehold.scan.scanner import Progress
    from safehold.scan.summary import Summary

EXAMPLE = (
    "Examples: safehold scan /srv/uploads --output found.jsonl --report found.html\n\n"
    "safehold scan /srv/uploads --output found.jsonl --resume"
)


def scan(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="PATH...", help="Files, folders, archives.")
    ] = None,
    lists: Annotated[
        list[str] | None,
        typer.Option("--list", metavar="NAME", help="Match with this list only; may be repeated."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="F.jsonl", help="Write rows here. Default: stdout."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="F.html", help="Write a page with counts and charts."),
    ] = None,
    keep_digests: Annotated[
        Path | None,
        typer.Option(
            "--keep-digests",
            metavar="FILE",
            help="Keep every variant's digests, to match them later with --from-digests.",
        ),
    ] = None,
    from_digests: Annotated[
        Path | None,
        typer.Option(
            "--from-digests",
            metavar="FILE",
            help="Match digests kept by an earlier scan; no file is opened or decoded.",
        ),
    ] = None,
    since: Annotated[
        list[str] | None,
        typer.Option(
            "--since-list-version",
            metavar="NAME=VERSION",
            help="With --from-digests: match only what changed of the list after that version; "
            "may be repeated.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a scan with the same --output stopped.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow-symlinks", help="Follow symbolic links inside folders.")
    ] = False,
    archives: Annotated[
        bool, typer.Option("--archives/--no-archives", help="Look into zip and tar files.")
    ] = True,
    hold: Annotated[
        bool,
        typer.Option("--hold", help="Keep what is held or blocked as evidence, in a case each."),
    ] = False,
    service: Annotated[
        str, typer.Option("--service", help="With --hold: the service whose cases they are.")
    ] = "default",
    surface: Annotated[
        str, typer.Option("--surface", help="With --hold: the surface they are of.")
    ] = "storage",
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> int:
    """Find every file at or below PATH whose copy or edit stands on a list.

    Writes a JSON line for each file and each archive member. Exit code 1 when something was
    found, 2 when nothing was found but something could not be checked, else 0.
    """
    from safehold.scan.holding import HoldPlan
    from safehold.scan.job import ScanPlan

    plan = ScanPlan(
        paths=tuple(bytes(path) for path in paths or ()),
        lists=tuple(lists) if lists else None,
        output=output,
        report=report,
        keep_digests=keep_digests,
        from_digests=from_digests,
        since=tuple(_since(one) for one in since or ()),
        resume=resume,
        follow=follow,
        archives=archives,
        hold=HoldPlan(service, surface) if hold else None,
    )
    if hold:
        opened: Runtime = open_service(context, home, workers=workers)
    else:
        opened = open_runtime(context, home, workers)
    with opened as runtime:
        return _run(plan, runtime, as_json)


def _since(text: str) -> tuple[str, int]:
    """A list and a version of it."""
    from safehold.errors import UsageError

    name, equals, version = text.rpartition("=")
    if not equals or not (version.isascii() and version.isdigit() and len(version) < 19):
        raise UsageError(
            "--since-list-version is NAME=VERSION, for example partner=12.",
            hint="'safehold list show' tells versions; so does the report of a scan.",
        )
    return name, int(version)


def _run(plan: Any, runtime: Runtime, as_json: bool) -> int:
    from safehold.cli.console import note
    from safehold.scan.job import ScanJob
    from safehold.scan.scanner import Progress

    progress = Progress()
    rows_to_stdout = plan.output is None and (as_json or not sys.stdout.isatty())
    with ScanJob(plan, runtime, progress) as job:
        if not job.snapshots:
            note("There is no list yet: files are only hashed. See safehold list add --help.")
        for name in job.whole:
            note(f"What changed of {name} since then is not known any more: all of it is matched.")
        with _interruptible(progress), _watching(job, progress, rows_to_stdout):
            job.run()
        tell_missing_protections(runtime)
        summary = job.summary
        for line in summary_lines(summary, job.skipped, progress.stop):
            note(line)
    if progress.stop and plan.output is not None:
        note("Go on with: the same command and --resume.")
    return summary.exit_code(progress.stop)


@contextmanager
def _interruptible(progress: Progress) -> Iterator[None]:
    """The first Ctrl-C ends the scan in good order, the second at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        if progress.stop:
            raise KeyboardInterrupt
        progress.stop = True
        from safehold.cli.console import note

        note("Stopping; files under way are finished first. Again to stop at once.")

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watching(job: Any, progress: Progress, rows_to_stdout: bool) -> Iterator[None]:
    """Show rows or findings as they come, and a progress bar when somebody watches."""
    from safehold.cli.console import printable, progress_bar
    from safehold.scan.output import encode_row

    people = not rows_to_stdout and sys.stdout.isatty()
    with progress_bar("files") as bar:
        task = bar.add_task("scanning", total=None) if bar else None
        counting = Counting(job) if bar else None

        def on_rows(rows: list[dict[str, Any]]) -> None:
            if rows_to_stdout:
                sys.stdout.buffer.write(b"".join(encode_row(row) for row in rows))
                sys.stdout.buffer.flush()
            for row in rows if people else ():
                if row["verdict"] != "allow":
                    codes = ", ".join(row["reasons"])
                    line = f"{row['verdict']:5}  {printable(row['path'])}  ({codes})"
                    if bar:
                        bar.console.print(line, markup=False, soft_wrap=True)
                    else:
                        print(line)
            if bar and task is not None and counting:
                bar.update(task, completed=job.summary.items, total=counting.total)

        progress.on_rows = on_rows
        try:
            yield
        finally:
            if counting:
                counting.stop()


class Counting:
    """Counts, beside the scan, the files that it will meet, for the time that is left.

    Archive members are not known before their archive is opened, so they join the total as
    they come; until the count is finished there is no total and no time left.
    """

    def __init__(self, job: Any) -> None:
        self._job = job
        self._kept = job.plan.from_digests is not None
        self._stopped = False
        self._files: int | None = None
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        count = 0
        met = self._job.count_kept() if self._kept else self._job.count_files()
        with contextlib.suppress(OSError):
            for _ in met:
                count += 1
                if self._stopped:
                    return
            self._files = count

    @property
    def total(self) -> int | None:
        """Files and the members met so far; None while the files are being counted."""
        if self._files is None:
            return None
        return self._files if self._kept else self._files + self._job.members

    def stop(self) -> None:
        """Let the counting end."""
        self._stopped = True


def summary_lines(summary: Summary, skipped: Any, interrupted: bool) -> list[str]:
    """What a scan found in sum, for people."""
    from safehold.media.model import Fault

    verdicts = ", ".join(f"{n:,} {name}" for name, n in sorted(summary.verdicts.items()))
    items = "1 item" if summary.items == 1 else f"{summary.items:,} items"
    lines = [f"{items}: {verdicts or 'none'}."]
    if summary.found:
        lines.append(f"{summary.found:,} match a list. A match is a reason to look.")
    if summary.unchecked:
        faults = sorted((c, n) for c, n in summary.errors.items() if c != Fault.UNSUPPORTED)
        codes = ", ".join(f"{n:,} {code}" for code, n in faults)
        lines.append(f"{summary.unchecked:,} could not be checked, or not wholly ({codes}).")
    if skipped.symlinks or skipped.special:
        lines.append(
            f"Not opened: {skipped.symlinks:,} symbolic links, {skipped.special:,} special files."
        )
    if interrupted:
        lines.append("Interrupted: the rest was not looked at.")
    return lines
