"""A whole scan as one thing: what is asked, and the parts that carry it out."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from safehold.errors import UsageError
from safehold.scan.items import ItemOptions, Items
from safehold.scan.labels import Label
from safehold.scan.output import Log, OutputError, written_beside
from safehold.scan.report import ReportFacts, write_report
from safehold.scan.rows import Row
from safehold.scan.scanner import (
    Progress,
    examine_items,
    judge,
    stored_examinations,
)
from safehold.scan.summary import Summary
from safehold.scan.walk import Found, Skipped, Walk

if TYPE_CHECKING:
    from safehold.matching.interface import OpenList
    from safehold.runtime import Runtime
    from safehold.scan.holding import Holder, HoldPlan

STATE_FORM = 2
"""Rises when rows of two versions must not stand in one file."""


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What is to be scanned, with what, and where the answers go.

    Attributes:
        paths: files and folders.
        lists: names of lists; None for all.
        output, report, keep_digests: files to write.
        from_digests: a file of digests that is matched in place of paths.
        since: versions of lists; of these lists only what changed after them is matched, and of
            others nothing.
        resume: go on with `output`.
        follow: follow symbolic links inside folders.
        archives: look into archives.
        hold: where what is found is recorded; None to record nothing.
    """

    paths: tuple[bytes, ...] = ()
    lists: tuple[str, ...] | None = None
    output: Path | None = None
    report: Path | None = None
    keep_digests: Path | None = None
    from_digests: Path | None = None
    since: tuple[tuple[str, int], ...] = ()
    resume: bool = False
    follow: bool = False
    archives: bool = True
    hold: HoldPlan | None = None

    def check(self) -> None:
        """Raise `UsageError` for what does not go together."""
        if bool(self.paths) == bool(self.from_digests):
            raise UsageError(
                "Name files and folders to scan, or a file with --from-digests.",
                hint="Example: safehold scan /srv/uploads --output found.jsonl",
            )
        if self.resume and self.output is None:
            raise UsageError("--resume needs --output.")
        for option, file in (
            ("--output", self.output),
            ("--report", self.report),
            ("--keep-digests", self.keep_digests),
        ):
            if file is not None and file.is_dir():
                raise OutputError(f"{option} names a folder.", hint="Name a file for it.")
            if file is not None and not file.absolute().parent.is_dir():
                raise OutputError(
                    f"The file of {option} has no folder.", hint="Make the folder first."
                )
        if self.since and not self.from_digests:
            raise UsageError(
                "--since-list-version needs --from-digests.",
                hint="Files that were never checked need the whole list.",
            )
        if self.since and self.lists:
            raise UsageError("--since-list-version and --list do not go together.")
        if self.from_digests and self.hold:
            raise UsageError("--hold needs the files themselves, not digests of them.")
        if self.from_digests and self.keep_digests:
            raise UsageError("--from-digests and --keep-digests do not go together.")
        read = [*self.paths, *([bytes(self.from_digests)] if self.from_digests else [])]
        written = [os.path.realpath(path) for path in self.written]
        if len({*written}) < len(written) or not {*written}.isdisjoint(map(os.path.realpath, read)):
            raise UsageError(
                "A file that the scan would write is another of its files.",
                hint="Name a file of its own for each of --output, --report and --keep-digests.",
            )

    @property
    def written(self) -> tuple[bytes, ...]:
        """The files that this scan writes, those beside its output among them."""
        named = [path for path in (self.output, self.report, self.keep_digests) if path]
        beside = written_beside(self.output) if self.output else ()
        return tuple(bytes(path) for path in (*named, *beside))


class ScanJob:
    """One scan. Entering opens lists, output and workers; `run` does it; leaving closes all."""

    def __init__(self, plan: ScanPlan, runtime: Runtime, progress: Progress) -> None:
        self.plan = plan
        self.summary = Summary()
        self.members = 0
        """Rows of archives' members, for a progress bar."""
        self.snapshots: list[OpenList] = []
        self.whole: tuple[str, ...] = ()
        """Lists that are matched whole, since it is not known any more what changed."""
        self._runtime = runtime
        self._progress = progress
        self._walk = self._new_walk()
        self._stack = contextlib.ExitStack()
        self._started = runtime.clock.now()

    @property
    def skipped(self) -> Skipped:
        """What was left out on purpose."""
        return self._walk.skipped

    def __enter__(self) -> Self:
        self.plan.check()
        with contextlib.ExitStack() as stack:
            if self.plan.since:
                self.snapshots, self.whole = self._runtime.changed_lists(self.plan.since)
            else:
                self.snapshots = self._runtime.snapshots(self.plan.lists)
            self._log = self._open_log()
            stack.callback(self._log.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def run(self) -> None:
        """Scan, write rows as they come, and the report at the end."""
        plan = self.plan
        on_rows = self._progress.on_rows

        def count(rows: list[Row]) -> None:
            for row in rows:
                self._count(row)
            on_rows(rows)

        self._progress.on_rows = count
        if plan.from_digests is not None:
            batches = stored_examinations(
                plan.from_digests, self._is_done, lambda: self._progress.stop
            )
        else:
            pool = self._runtime.workers
            options = ItemOptions(self._runtime.settings.archives, plan.archives)
            finder = Items(pool, options, self._is_done)
            items = finder.of(self._walk, list(plan.paths))
            batches = examine_items(
                pool,
                items,
                self._runtime.examine_options,
                self._progress,
                keep_open=plan.hold is not None,
            )
        screening = self._runtime.screening(self.snapshots)
        # Closed at once: an error must not wait until large files are read to their end.
        with contextlib.closing(batches), self._holder() as hold:
            judge(batches, screening, self._log, self._progress, hold)
        if plan.report is not None:
            write_report(plan.report, self.summary, self._facts())

    @contextlib.contextmanager
    def _holder(self) -> Iterator[Holder | None]:
        if self.plan.hold is None:
            yield None
            return
        from safehold.runtime.service import ServiceRuntime
        from safehold.scan.holding import holding

        assert isinstance(self._runtime, ServiceRuntime)
        facts = [list_facts(snapshot) for snapshot in self.snapshots]
        lists = {str(f["name"]): int(f["version"] or 0) for f in facts}
        with holding(self._runtime, self.plan.hold, self._source(), lists) as holder:
            yield holder

    def _is_done(self, label: Label) -> bool:
        return label in self._log.done

    def _count(self, row: Row) -> None:
        self.summary.add(row)
        self.members += "member_at" in row

    def count_files(self) -> Iterator[Found]:
        """The files that the walk will meet, for a progress bar."""
        return self._new_walk().files(list(self.plan.paths))

    def count_kept(self) -> Iterator[bytes]:
        """The lines of the digests file, for a progress bar."""
        assert self.plan.from_digests is not None
        with self.plan.from_digests.open("rb") as lines:
            yield from lines

    def _new_walk(self) -> Walk:
        own = frozenset(os.path.realpath(path) for path in self.plan.written)
        return Walk(self.plan.follow, own)

    def _open_log(self) -> Log:
        plan = self.plan
        if plan.resume:
            assert plan.output is not None
            return Log.resume(plan.output, plan.keep_digests, self._state(), self._count)
        return Log.begin(plan.output, plan.keep_digests, self._state())

    def _state(self) -> dict[str, Any]:
        """What must be the same for rows to stand in one file. Paths stand as a digest.

        Relative ones as they are and with the folder that they start from.
        """
        settings = self._runtime.settings
        return {
            "form": STATE_FORM,
            "source": self._source().hex(),
            **({"hold": self.plan.hold.service} if self.plan.hold else {}),
            "follow": self.plan.follow,
            "archives": self.plan.archives,
            "lists": [list_facts(snapshot) for snapshot in self.snapshots],
            **({"since": [list(one) for one in self.plan.since]} if self.plan.since else {}),
            "settings": {
                name: asdict(getattr(settings, name))
                for name in ("media", "archives", "borders", "matching", "policy")
            },
        }

    def _source(self) -> bytes:
        """16 bytes that tell what is scanned from where."""
        plan = self.plan
        named = [*plan.paths, b"", *([bytes(plan.from_digests)] if plan.from_digests else [])]
        source = b"\0".join([*named, b"", *map(os.path.abspath, filter(None, named))])
        return hashlib.blake2b(source, digest_size=16).digest()

    def _facts(self) -> ReportFacts:
        finished = self._runtime.clock.now()
        return ReportFacts(
            started=self._started,
            finished=finished,
            items_this_run=self._progress.items,
            lists=[list_facts(snapshot) for snapshot in self.snapshots],
            threshold=self._runtime.settings.matching.threshold,
            interrupted=self._progress.stop,
            skipped_symlinks=self.skipped.symlinks,
            skipped_special=self.skipped.special,
        )


def list_facts(snapshot: OpenList) -> dict[str, Any]:
    """What identifies the version of a list that was matched."""
    metadata = snapshot.metadata
    return {
        "name": metadata.list_name,
        "tier": metadata.tier,
        "version": metadata.extra.get("version"),
        "updated": metadata.extra.get("updated"),
        "entries": snapshot.active_count,
    }
