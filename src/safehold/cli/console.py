"""Writing to people: stderr for what is said along the way, stdout for what was asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, Task


def printable(text: str) -> str:
    """Text that may come from a hostile file name, made safe for a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def note(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def announce_compilation() -> None:
    """Said once, when kernels are compiled for the first time on this machine."""
    note("Compiling the hashing kernels; this happens once and takes about half a minute.")


def console(*, error: bool = False) -> Console:
    """A rich console on stdout, or on stderr."""
    from rich.console import Console

    return Console(stderr=error, highlight=False)


@contextmanager
def progress_bar(unit: str, *, hidden: bool = False) -> Iterator[Progress | None]:
    """A progress bar on stderr with rate and time left; None when nobody watches, or `hidden`."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """How many a second, over the last seconds."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(error=True), transient=True) as progress:
        yield progress
