"""Writing rows as JSON Lines, so that a scan that was killed can be taken up again.

The output file is its own log. Each batch of rows is written whole and in the order of the
items, so a kill leaves at most one cut line at the end, and a row for an archive is there only
when its members' are. Taking up again means: read what is whole, cut what is not, and leave
out what has a row. A small file beside it (`.state`) says under which lists and settings it
was written: rows of two kinds are never mixed in one file.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from safehold.errors import UsageError
from safehold.scan.labels import Label, label_key
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
        key = label_key(label.text, label.raw_base64)
        first = np.uint64(int.from_bytes(key[:8], "big"))
        second = np.uint64(int.from_bytes(key[8:], "big"))
        low = np.searchsorted(self._first, first, side="left")
        high = np.searchsorted(self._first, first, side="right")
        return bool((self._second[low:high] == second).any())


def encode_row(row: Row) -> bytes:
    """A row as one line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


class RowFile:
    """A JSON Lines file, mode 0600, that is appended to in whole lines."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def create(cls, path: Path) -> RowFile:
        """Begin anew; what stood in the file is gone."""
        return cls(_open(path, os.O_TRUNC))

    @classmethod
    def append(cls, path: Path, at: int) -> RowFile:
        """Go on behind byte `at`; what stood behind it is cut off."""
        descriptor = _open(path, 0)
        os.ftruncate(descriptor, at)
        os.lseek(descriptor, at, os.SEEK_SET)
        return cls(descriptor)

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
        os.fsync(self._descriptor)
        os.close(self._descriptor)


def _open(path: Path, flags: int) -> int:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | flags, PRIVATE)
        os.fchmod(descriptor, PRIVATE)
    except OSError as error:
        raise OutputError(hint="Check the folder and its permissions.") from error
    return descriptor


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
        """New files."""
        if output is not None:
            _state_path(output).unlink(missing_ok=True)
        rows = RowFile.create(output) if output else None
        kept = RowFile.create(digests) if digests else None
        if output is not None:
            _write_state(output, state)
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
        _check_state(output, state)
        keys = bytearray()
        end = 0
        for row, end in iterate_rows(output):  # noqa: B007 - the last end is what counts
            keys.extend(label_key(row["path"], row.get("path_base64")))
            use(row)
        count = len(keys) // 16
        kept = None
        if digests is not None:
            kept = _resume_digests(digests, count)
        return cls(RowFile.append(output, end), kept, DoneSet(bytes(keys)))

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
        for file in (self._digests, self._rows):
            if file is not None:
                file.close()


def _resume_digests(path: Path, count: int) -> RowFile:
    found = end = 0
    if path.exists():
        for found, (_, end) in enumerate(itertools.islice(iterate_rows(path), count), 1):  # noqa: B007
            pass
    if found < count:
        raise OutputError(
            "The digests file has fewer lines than the output has rows.",
            hint="Begin anew without --resume, or go on without --keep-digests.",
        )
    return RowFile.append(path, end)


def _state_path(output: Path) -> Path:
    return output.with_name(output.name + ".state")


def _write_state(output: Path, state: Row) -> None:
    path = _state_path(output)
    fresh = path.with_name(path.name + ".new")
    file = RowFile.create(fresh)
    file.write([state])
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
