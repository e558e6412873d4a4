"""What unpacking an archive gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from safehold.media.model import Fault


@dataclass(frozen=True, slots=True)
class Member:
    """The content of one member.

    Attributes:
        name: a label for people: printable, of bounded length, and no path to be trusted. It
            may be empty and need not be unique.
        raw_name: the name's bytes where the label does not say them exactly, cut to 4 KiB.
        size: bytes of content.
        fd: a read-only descriptor of the content, in memory. The receiver owns and closes it.
        fault: why the content is not whole (`archive_damaged`: what could be read is there);
            None when it is.
    """

    name: str
    raw_name: bytes | None
    size: int
    fd: int
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class MemberFault:
    """A member without content, or (`name` None) the rest of the archive, was not read."""

    name: str | None
    fault: Fault


@dataclass(frozen=True, slots=True)
class ArchiveEnd:
    """The last event.

    Attributes:
        members: how many members were given.
        skipped: how many folders, links and devices were passed over, which have no content.
    """

    members: int
    skipped: int


ArchiveEvent: TypeAlias = Member | MemberFault | ArchiveEnd
