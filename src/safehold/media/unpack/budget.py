"""The bounds of one archive, counted while it is taken apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from safehold.errors import SafeholdError
from safehold.media.limits import ArchiveLimits
from safehold.media.model import Fault

BEAT_SECONDS: Final = 1.0


class ArchiveError(SafeholdError):
    """Something in an archive cannot be read; `fault` says why."""

    code = "archive"
    default_message = "The archive, or a member of it, could not be read."

    def __init__(self, fault: Fault = Fault.ARCHIVE_DAMAGED) -> None:
        self.fault = fault
        super().__init__()


class MemberTooLarge(ArchiveError):  # noqa: N818 - a bound, not a mistake
    """One member reached its bound; the next may be read."""

    def __init__(self) -> None:
        super().__init__(Fault.ARCHIVE_LIMIT)


class ArchiveTooLarge(ArchiveError):  # noqa: N818 - a bound, not a mistake
    """The archive reached a bound; nothing more of it is read."""

    def __init__(self) -> None:
        super().__init__(Fault.ARCHIVE_LIMIT)


@dataclass(frozen=True, slots=True)
class Entry:
    """One member, as a format's walker finds it.

    Attributes:
        name: its name, as bytes of no known encoding.
        chunks: its content, lazily. Raises `ArchiveError` where it ends too soon.
        fault: why it has no content that can be read.
        skipped: whether it is a folder, a link or a device.
    """

    name: bytes
    chunks: Iterator[bytes]
    fault: Fault | None = None
    skipped: bool = False


class Budget:
    """Counts what an archive costs, and shows that there is progress."""

    def __init__(
        self,
        limits: ArchiveLimits,
        archive_bytes: int,
        beat: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`beat` is called about once a second while bytes move."""
        self.limits = limits
        self._most = min(
            limits.max_total_bytes,
            max(limits.ratio_floor_bytes, int(limits.max_ratio * archive_bytes)),
        )
        self._total = 0
        self._members = 0
        self._beat = beat
        self._monotonic = monotonic
        self._last = monotonic()

    def member(self) -> None:
        """Count a member. Raises `ArchiveTooLarge` when there are too many."""
        self._members += 1
        if self._members > self.limits.max_members:
            raise ArchiveTooLarge
        self.progress()

    def spend(self, count: int) -> None:
        """Count unpacked bytes, delivered or not. Raises `ArchiveTooLarge`."""
        self._total += count
        if self._total > self._most:
            raise ArchiveTooLarge
        self.progress()

    def progress(self) -> None:
        """Something moved."""
        now = self._monotonic()
        if now - self._last >= BEAT_SECONDS:
            self._last = now
            self._beat()
