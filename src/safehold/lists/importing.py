"""Import of a list file into a store: streaming, in bounded memory, all or nothing.

A row that cannot be taken is counted and reported by line and code; it neither ends the import
nor vanishes. An import takes nothing away, unless it replaces the list (`ImportOptions.replace`).
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.ids import ListName
from safehold.lists.detect import ListFormat, detect_format, open_reader
from safehold.lists.entry_rows import BadRowError, RowChecker
from safehold.lists.interface import ImportOutcome, ImportPlan, ImportSession, ListStore
from safehold.lists.lines import BoundedLines
from safehold.lists.model import EntryDraft, ListFileError, ListInfo, Tier, UnknownListError
from safehold.lists.rows import ROW_MESSAGES, BadRow, RowFault, RowReader
from safehold.lists.sync.model import SyncState

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes of the whole file."""


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """Bounds of an import, as documented settings.

    Attributes:
        max_line_bytes: longest line of a list file; a longer one is a bad row.
        batch_rows: rows that are held in memory and staged at a time.
        max_samples: bad rows that the report names one by one; all of them are counted.
        quality_floor: smallest PDQ quality that is taken where a row tells it.
    """

    max_line_bytes: int = 64 * 1024
    batch_rows: int = 5_000
    max_samples: int = 100
    quality_floor: int = 0


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the operator says about a file.

    Attributes:
        type: the type of all digests of a file of one digest a line; None to tell by length.
        format: the file's format; None to tell by its extension and content.
        tier: the list's tier from now on; None keeps it (a new list is `suspected`).
        replace: whether active entries that the file does not name become withdrawn.
        source: label of where the file comes from.
        max_withdrawn_share: as in `ImportPlan`.
        sync: as in `ImportPlan`; the counts of its rows are put in.
    """

    type: SignalType | None = None
    format: ListFormat | None = None
    tier: Tier | None = None
    replace: bool = False
    source: str = "file"
    max_withdrawn_share: float = 1.0
    sync: SyncState | None = None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of the rows of a file. It holds no digest and no text of a row.

    Attributes:
        rows_read: rows, good and bad; blank lines, comments and the header are none.
        entries_added, entries_updated, entries_unchanged: entries that good rows name.
        entries_withdrawn: entries that a replacing import took out.
        bad_rows: rows that were not taken.
        bad_row_samples: (line, code, message) of the first of them.
        bad_by_code: how many bad rows there are of each code.
        dropped_by_code: how many PDQ hashes were not taken of rows whose other digests were.
        warnings: what else is odd, in words that are safe to show.
        list_info: the list afterwards; None when no row was good and the list did not exist.
    """

    rows_read: int
    entries_added: int
    entries_updated: int
    entries_unchanged: int
    entries_withdrawn: int
    bad_rows: int
    bad_row_samples: tuple[tuple[int, str, str], ...]
    bad_by_code: Mapping[str, int]
    dropped_by_code: Mapping[str, int]
    warnings: tuple[str, ...]
    list_info: ListInfo | None


class NothingToImportError(ListFileError):
    """A replacing import without one good row, which would empty the list."""

    code = "list_replace_empty"
    default_message = "The file has no usable row, so it does not replace the list."
    default_hint = "To be rid of the list, use 'safehold list remove'."


@dataclass(slots=True)
class _Tally:
    """Running counts of one import."""

    good: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    samples: list[tuple[int, str, str]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


class Importer:
    """Imports list files into a store.

    Args:
        store: where entries are kept.
        key: the home's key.
        limits: bounds.
    """

    def __init__(
        self, store: ListStore, key: DigestKey, limits: ImportLimits | None = None
    ) -> None:
        self._store = store
        self._limits = limits or ImportLimits()
        self._checker = RowChecker(key, self._limits.quality_floor)

    def import_file(
        self,
        name: ListName,
        file: Path,
        at: dt.datetime,
        options: ImportOptions | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import one file into a list, which is made if there is none.

        Adding the same file again changes nothing. A file of which every row is bad makes no
        list.

        Args:
            name: the list.
            file: the list file.
            at: the moment of the change.
            options: what the operator says about the file.
            progress: called after each batch.

        Raises:
            ListFileError: the file cannot be opened, is UTF-16, has no usable header, or would
                empty the list.
        """
        options = options or ImportOptions()
        try:
            # Opened first: a folder opens and fails at the first read.
            with file.open("rb") as stream:
                return self._import(name, file, stream, (at, options, progress))
        except OSError as error:
            raise ListFileError(hint="Check that it exists and may be read.") from error

    def _import(
        self,
        name: ListName,
        file: Path,
        stream: BinaryIO,
        request: tuple[dt.datetime, ImportOptions, Progress | None],
    ) -> ImportReport:
        at, options, progress = request
        total = file.stat().st_size
        lines = BoundedLines(stream, self._limits.max_line_bytes)
        list_format = options.format or detect_format(
            stream, file.name, options.type, self._limits.max_line_bytes
        )
        reader = open_reader(lines, list_format, options.type)

        def tell() -> None:
            if progress is not None:
                progress(lines.bytes_read, total)

        with self._store.importing(name) as session:
            tally = self._stage(reader, session, tell)
            warnings = list(reader.warnings)
            if options.type is not None and list_format is not ListFormat.LINES:
                warnings.append("The columns say which digests they hold; the type was ignored.")
            if options.replace and not tally.good:
                raise NothingToImportError
            if not tally.good and tally.bad and not self._exists(name):
                warnings.append("No row is usable, so the list was not made.")
                return _report(tally, warnings, None)
            outcome = session.apply(_plan(at, options, tally))
        if outcome.superseded:
            warnings.append(
                f"{outcome.superseded} rows contradict an earlier row with the same id: the "
                "earlier one's digests are not looked for. Give each picture an id of its own."
            )
        for code, number in sorted(tally.dropped.items()):
            warnings.append(f"{number} rows came without a usable pdq ({code}); the rest is taken.")
        if options.replace and tally.bad:
            warnings.append("Entries that only bad rows name were withdrawn.")
        return _report(tally, warnings, outcome)

    def _stage(self, reader: RowReader, session: ImportSession, tell: Callable[[], None]) -> _Tally:
        tally = _Tally()
        self._checker.take_dropped()  # of an import that failed
        draft_of, batch_rows = self._checker.draft, self._limits.batch_rows
        batch: list[EntryDraft] = []
        for seen, row in enumerate(reader, start=1):
            if isinstance(row, BadRow):
                self._bad(tally, row.line, row.fault)
            else:
                try:
                    batch.append(draft_of(row.values))
                except BadRowError as error:
                    self._bad(tally, row.line, error.fault)
            if seen % batch_rows == 0:
                tally.good += len(batch)
                session.stage(batch)
                batch = []
                tell()
        tally.good += len(batch)
        session.stage(batch)
        tally.dropped = self._checker.take_dropped()
        tell()
        return tally

    def _bad(self, tally: _Tally, line: int, fault: RowFault) -> None:
        tally.bad[fault.value] += 1
        if len(tally.samples) < self._limits.max_samples:
            tally.samples.append((line, fault.value, ROW_MESSAGES[fault]))

    def _exists(self, name: ListName) -> bool:
        try:
            self._store.get(name)
        except UnknownListError:
            return False
        return True


def _plan(at: dt.datetime, options: ImportOptions, tally: _Tally) -> ImportPlan:
    sync = options.sync
    if sync is not None:
        counts = replace(
            sync.counts,
            pages=1,
            rows=tally.good + tally.bad.total(),
            faults=dict(sorted(tally.bad.items())),
            unusable=dict(sorted(tally.dropped.items())),
        )
        sync = replace(sync, counts=counts)
    share = options.max_withdrawn_share
    found = sync is not None
    return ImportPlan(
        at, options.tier, options.source, options.replace, share, sync=sync, keeps_found=found
    )


def _report(tally: _Tally, warnings: list[str], outcome: ImportOutcome | None) -> ImportReport:
    bad = tally.bad.total()
    return ImportReport(
        rows_read=tally.good + bad,
        entries_added=outcome.added if outcome else 0,
        entries_updated=outcome.updated if outcome else 0,
        entries_unchanged=outcome.unchanged if outcome else 0,
        entries_withdrawn=outcome.withdrawn if outcome else 0,
        bad_rows=bad,
        bad_row_samples=tuple(tally.samples),
        bad_by_code=dict(sorted(tally.bad.items())),
        dropped_by_code=dict(sorted(tally.dropped.items())),
        warnings=tuple(warnings),
        list_info=outcome.info if outcome else None,
    )
