"""One scan from paths to rows, whatever the door: folders now, stored digests as well."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from safehold.errors import UsageError
from safehold.media.sandbox.pool import WorkerPool
from safehold.scan.examine import Examined, ExamineStream, FlowOptions
from safehold.scan.items import Item
from safehold.scan.labels import Label
from safehold.scan.output import Log, iterate_rows
from safehold.scan.rows import Row, digests_row, read_digests_row, scan_row
from safehold.screening import ExaminationError, ExamineOptions, Screened, Screening

OnRows = Callable[[list[Row]], None]

Hold = Callable[[Sequence[Examined], Sequence[Screened]], Sequence[bool | None]]
"""Records what is held or blocked of a batch; says for each item whether it was, None where
there was nothing to record."""


class DigestsFileError(UsageError):
    """A file that was to hold kept digests holds something else."""

    code = "digests_file"
    default_message = "The digests file cannot be read."
    default_hint = "It must be a file that --keep-digests wrote."


@dataclass(slots=True)
class Progress:
    """What a scan has done so far, and whether it is asked to stop.

    Attributes:
        items: rows that this run gave.
        stop: set from outside (Ctrl-C); what is under way is finished, nothing new is begun.
        on_rows: is given each batch of rows.
    """

    items: int = 0
    stop: bool = False
    on_rows: OnRows = field(default=lambda rows: None)


def examine_items(
    pool: WorkerPool,
    items: Iterator[Item],
    options: ExamineOptions,
    progress: Progress,
    flow: FlowOptions | None = None,
    *,
    keep_open: bool = False,
) -> Generator[list[Examined], None, None]:
    """Examine items in worker processes; batches come in the order of the items.

    With `keep_open` a batch's descriptors stay open until the next batch is asked for.
    """
    stream = ExamineStream(pool, options, flow, keep_open=keep_open)
    return stream.run(items, lambda: progress.stop)


def stored_examinations(
    path: Path,
    is_done: Callable[[Label], bool] = lambda label: False,
    stop: Callable[[], bool] = lambda: False,
    size: int = 64,
) -> Generator[list[Examined], None, None]:
    """Examinations from a file that `--keep-digests` wrote: nothing is decoded again.

    Those that `is_done` names are left out; no batch is begun once `stop` says yes.

    Raises:
        DigestsFileError: the file cannot be read, or a line is not of that form.
    """
    try:
        rows = iterate_rows(path)
        end = 0
        while batch := list(itertools.islice(rows, size)):
            if stop():
                return
            end = batch[-1][1]
            stored = [_stored(row) for row, _ in batch]
            yield [examined for examined in stored if not is_done(examined.label)]
        # A cut last line is what a kill leaves; any other line that is no row is an error.
        with path.open("rb") as lines:
            lines.seek(end)
            if lines.readline().endswith(b"\n"):
                raise DigestsFileError
    except (OSError, ExaminationError) as error:
        raise DigestsFileError from error


def _stored(row: Row) -> Examined:
    try:
        label = Label.of_row(row)
    except (ValueError, TypeError) as error:
        raise ExaminationError from error
    return Examined(label, 0, read_digests_row(row))


def judge(
    batches: Iterable[list[Examined]],
    screening: Screening,
    log: Log,
    progress: Progress,
    hold: Hold | None = None,
) -> None:
    """Match and decide batch by batch, record what is to be held, and write the rows."""
    for batch in batches:
        screened = screening.judge([examined.examination for examined in batch])
        rows = [scan_row(e, s) for e, s in zip(batch, screened, strict=True)]
        if hold is not None:
            for row, held in zip(rows, hold(batch, screened), strict=True):
                if held is not None:
                    row["held"] = held
        log.write(rows, [digests_row(e) for e in batch] if log.keeps_digests else [])
        progress.items += len(rows)
        progress.on_rows(rows)
