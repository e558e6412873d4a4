"""`safehold hash`: digests of files, folders and archives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from safehold.cli.options import HomeOption, WorkersOption, open_runtime, tell_missing_protections

EXAMPLE = "Example: safehold hash photo.jpg album.zip > digests.jsonl"


def hash_paths(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    workers: WorkersOption = None,
    home: HomeOption = None,
) -> int:
    """Write a JSON line for each file: path, format, width, height, md5, sha1, sha256, pdq.

    Exit code 0 when every file could be read, 2 when some could not.
    """
    from safehold.cli.console import progress_bar
    from safehold.media.model import Fault
    from safehold.scan.items import ItemOptions, Items
    from safehold.scan.output import encode_row
    from safehold.scan.rows import hash_row
    from safehold.scan.scanner import Progress, examine_items
    from safehold.scan.walk import Walk

    faults = 0
    with open_runtime(context, home, workers) as runtime:
        pool = runtime.workers
        items = Items(pool, ItemOptions(runtime.settings.archives), lambda label: False)
        found = items.of(Walk(), [bytes(path) for path in paths])
        with progress_bar("files", hidden=sys.stdout.isatty()) as bar:
            task = bar.add_task("hashing", total=None) if bar else None
            for batch in examine_items(pool, found, runtime.examine_options, Progress()):
                for examined in batch:
                    row = hash_row(examined)
                    faults += row["error"] not in (None, Fault.UNSUPPORTED.value)
                    sys.stdout.buffer.write(encode_row(row))
                sys.stdout.buffer.flush()
                if bar and task is not None:
                    bar.advance(task, len(batch))
        tell_missing_protections(runtime)
    return 2 if faults else 0
