"""Writing rows as JSON Lines, so that a scan that was killed can be taken up again.

The output file is its own log. Each batch of rows is written whole and in the order of the
items, so a kill leaves at most one cut line at the end, and a row for an archive is there only
when its members' are. Taking up again means: read what is whole, cut what is not, and leave
out what has a row. A small file beside it (`.state`) says under which lists and settings it
was written: rows of two kinds are never mixed in one file.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from safehold.errors import UsageError
from safehold.scan.labels import Label
from safehold.scan.rows import Row

PRIVATE = 0o600
MAX_LINE_BYTES = 64 * 1024 * 1024


class OutputError(UsageError):
    """The output file cannot be used."""

    code = "output"
    default_message = "The output file cannot be used."


class DoneSet:
    """Which items have a row already. 16 bytes for each, however many."""

    def __init__(self, keys: bytes = b"") -> None:
        pairs = np.frombuffer(keys, dtype=">u8").reshape(-1, 2).astype(np.uint64)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        self._first = pairs[order, 0]
        self._second = pairs[order, 1]

    def __len__(self) -> int:
        return len(self._first)

    def __contains__(self, label: Label) -> bool:
        if not len(self._first):
            return False
        key = label.key
        first = np.uint64(int.from_bytes(key[:8], "big"))
        second = np.uint64(int.from_bytes(key[8:], "big"))
        low = np.searchsorted(self._first, first, side="left")
        high = np.searchsorted(self._first, first, side="right")
        return bool((self._second[low:high] == second).any())


def encode_row(row: Row) -> bytes:
    """A row as one line of JSON, with nothing in it that a terminal would obey."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
    if not text.isprintable():
        text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return text.encode("utf-8") + b"\n"


class RowFile:
    """A JSON Lines file, mode 0600, that is appended to in whole lines.

    It is locked while it is open: two scans would spoil each other's rows. A pipe or a device
    (`/dev/null`) is written to as it is.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)

    @classmethod
    def open(cls, path: Path) -> RowFile:
        """The file with what stands in it; made if there is none.

        Raises:
            OutputError: it cannot be written, or another scan is writing it.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
        except OSError as error:
            raise OutputError(hint="Check the folder and its permissions.") from error
        file = cls(descriptor)
        try:
            file._claim()
        except BaseException:
            os.close(descriptor)
            raise
        return file

    def _claim(self) -> None:
        if not self.is_file:
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                "Another scan is writing to the output file.",
                hint="Wait until it has ended, or name another file.",
            ) from error
        except OSError:
            pass  # A file system without locks.
        try:
            os.fchmod(self._descriptor, PRIVATE)
        except OSError as error:
            raise OutputError(hint="The file must belong to you.") from error

    def cut(self, at: int) -> None:
        """Go on behind byte `at`; what stood behind it is gone."""
        if self.is_file:
            os.ftruncate(self._descriptor, at)
            os.lseek(self._descriptor, at, os.SEEK_SET)

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows. They are with the operating system when this returns."""
        data = b"".join(encode_row(row) for row in rows)
        while data:
            try:
                written = os.write(self._descriptor, data)
            except OSError as error:
                raise OutputError(
                    "The output file cannot be written.",
                    hint="Is the disk full? With --resume the scan goes on where it stopped.",
                ) from error
            data = data[written:]

    def close(self) -> None:
        """Make sure that the rows are on the disk, and close."""
        try:
            if self.is_file:
                os.fsync(self._descriptor)
        except OSError as error:
            raise OutputError("The output file cannot be written to the disk.") from error
        finally:
            os.close(self._descriptor)


def iterate_rows(path: Path) -> Iterator[tuple[Row, int]]:
    """Each whole row, and where it ends, in bytes.

    Stops before the first line that is cut or is no JSON object with a path.
    """
    end = 0
    with path.open("rb") as lines:
        while (line := lines.readline(MAX_LINE_BYTES)).endswith(b"\n"):
            try:
                row = json.loads(line)
            except ValueError:
                return
            if not isinstance(row, dict) or not isinstance(row.get("path"), str):
                return
            end += len(line)
            yield row, end


class Log:
    """The output of one scan: rows, and beside them, if asked for, digests.

    Both files have one line for each item, in the same order; digests are written first, so
    after a kill they are never behind.
    """

    def __init__(self, rows: RowFile | None, digests: RowFile | None, done: DoneSet) -> None:
        self._rows = rows
        self._digests = digests
        self.done = done

    @classmethod
    def begin(cls, output: Path | None, digests: Path | None, state: Row) -> Log:
        """New files; what stood in them is gone."""
        with contextlib.ExitStack() as stack:
            rows = _opened(output, stack)
            kept = _opened(digests, stack)
            if output is not None and rows is not None and rows.is_file:
                # Before the rows: no file of rows may ever stand beside the state of another.
                _state_path(output).unlink(missing_ok=True)
            for file in (rows, kept):
                if file is not None:
                    file.cut(0)
            if output is not None and rows is not None and rows.is_file:
                _write_state(output, state)
            stack.pop_all()
        return cls(rows, kept, DoneSet())

    @classmethod
    def resume(
        cls, output: Path, digests: Path | None, state: Row, use: Callable[[Row], Any]
    ) -> Log:
        """Go on with files that an earlier run left; `use` is given each row that is there.

        Raises:
            OutputError: the earlier run had other lists or settings, or its digests are gone.
        """
        if not output.exists() or output.stat().st_size == 0:
            return cls.begin(output, digests, state)
        with contextlib.ExitStack() as stack:
            rows = RowFile.open(output)
            stack.callback(rows.close)
            kept = _opened(digests, stack)
            _check_state(output, state)
            keys = bytearray()
            end = 0
            for row, end in iterate_rows(output):  # noqa: B007 - the last end is what counts
                keys.extend(_label(row).key)
                use(row)
            if digests is not None and kept is not None:
                kept.cut(_end_of_digests(digests, len(keys) // 16))
            rows.cut(end)
            stack.pop_all()
        return cls(rows, kept, DoneSet(bytes(keys)))

    @property
    def keeps_digests(self) -> bool:
        """Whether `write` wants digests."""
        return self._digests is not None

    def write(self, rows: list[Row], digests: list[Row]) -> None:
        """Append one batch to both files; `digests` is empty where they are not kept."""
        if self._digests is not None:
            self._digests.write(digests)
        if self._rows is not None:
            self._rows.write(rows)

    def close(self) -> None:
        """Close both files."""
        with contextlib.ExitStack() as stack:
            for file in (self._digests, self._rows):
                if file is not None:
                    stack.callback(file.close)


def _opened(path: Path | None, stack: contextlib.ExitStack) -> RowFile | None:
    if path is None:
        return None
    file = RowFile.open(path)
    stack.callback(file.close)
    return file


def _label(row: Row) -> Label:
    try:
        return Label.of_row(row)
    except (ValueError, TypeError) as error:
        raise OutputError("The output file holds a row that is none of a scan's.") from error


def _end_of_digests(path: Path, count: int) -> int:
    """Where the first `count` lines of the digests file end."""
    found = end = 0
    for found, (_, end) in enumerate(itertools.islice(iterate_rows(path), count), 1):  # noqa: B007
        pass
    if found < count:
        raise OutputError(
            "The digests file has fewer lines than the output has rows.",
            hint="Begin anew without --resume, or go on without --keep-digests.",
        )
    return end


def written_beside(output: Path) -> tuple[Path, ...]:
    """The files that a `Log` writes beside its output."""
    state = _state_path(output)
    return state, _fresh(state)


def _fresh(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _state_path(output: Path) -> Path:
    return output.with_name(output.name + ".state")


def _write_state(output: Path, state: Row) -> None:
    path = _state_path(output)
    fresh = _fresh(path)
    file = RowFile.open(fresh)
    try:
        file.cut(0)
        file.write([state])
    finally:
        file.close()
    fresh.replace(path)


def _check_state(output: Path, state: Row) -> None:
    try:
        found = json.loads(_state_path(output).read_bytes())
    except (OSError, ValueError) as error:
        raise OutputError(
            "The output file was not written by a scan that can be resumed.",
            hint="Its .state file is missing or damaged. Begin anew without --resume.",
        ) from error
    if found != json.loads(encode_row(state)):
        raise OutputError(
            "The earlier run had other paths, lists, list versions or settings.",
            hint="Resume with the same ones, or begin anew without --resume.",
        )
