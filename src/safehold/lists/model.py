"""What a list and its entries are.

Exact digests stand here in keyed form only (`safehold.hashing.keyed`): a digest as a list
file gives it is keyed when its row is read, and its plain form is never stored, logged or shown.
PDQ hashes are plain, since they must stay comparable.
"""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from safehold.errors import SafeholdError, UsageError
from safehold.hashing.model import SignalType
from safehold.ids import EntryId, ListName

MAX_LIST_NAME = 64
"""Characters of a list's name. Names are also names of folders."""

MAX_ENTRY_ID = 200
"""Characters of an entry's id."""

MAX_CLASSIFICATION = 64
"""Characters of an entry's classification."""

REMOTE_PREFIX = "remote."
"""Before the name of a remote matcher, where matches say which list they are with."""

_LIST_NAME = re.compile(rf"[a-z0-9_-][a-z0-9._-]{{0,{MAX_LIST_NAME - 1}}}")


class Tier(enum.StrEnum):
    """How far a list is trusted."""

    CONFIRMED = "confirmed"
    """Reviewed by a vetted body: an exact match blocks."""

    SUSPECTED = "suspected"
    """Not confirmed by several reviewers: a match holds."""

    LOCAL = "local"
    """The operator's own findings: a match holds."""

    NEGATIVE = "negative"
    """Known not to be what the other lists look for."""

    OBSERVE = "observe"
    """Matches are recorded and never acted upon."""


class EntryState(enum.StrEnum):
    """Whether an entry takes part in matching. Only active entries do."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    """The source took it back."""

    NEGATIVE = "negative"
    """Found here to be wrong."""

    QUARANTINED = "quarantined"
    """Set aside until it has been looked into, for example because it matches too much."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list.

    Attributes:
        entry_id: its id within the list.
        classification: the source's word for what it is, A1..B2 or another; empty if unknown.
        state: whether it takes part in matching.
        md5, sha1, sha256: keyed digests of 16 bytes, or None.
        pdq: 32 bytes, or None.
        pdq_quality: 0 to 100, or None when the source does not tell it.
        aside: a PDQ hash that was set aside: as long as it is the entry's, the entry is not
            matched by it. None where there is none.
    """

    entry_id: EntryId
    classification: str = ""
    state: EntryState = EntryState.ACTIVE
    md5: bytes | None = None
    sha1: bytes | None = None
    sha256: bytes | None = None
    pdq: bytes | None = None
    pdq_quality: int | None = None
    aside: bytes | None = None

    @property
    def is_aside(self) -> bool:
        """Whether it is not matched by its PDQ hash."""
        return self.pdq is not None and self.pdq == self.aside


class EntryDraft(NamedTuple):
    """What one row of a list file says about an entry, on its way into a store.

    A tuple, so that millions of them can be made and bound to a statement cheaply. None means
    that the row does not say; see `safehold.lists.interface` for what then holds. `source_at` is
    when the source said it; an older word never stands against a younger one (rule 6 there).
    """

    entry_id: EntryId
    classification: str | None = None
    state: EntryState | None = None
    md5: bytes | None = None
    sha1: bytes | None = None
    sha256: bytes | None = None
    pdq: bytes | None = None
    pdq_quality: int | None = None
    source_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class ListInfo:
    """A list as a whole.

    Attributes:
        name: its name, unique within a home.
        tier: how far it is trusted.
        source: where its entries come from (`file`, the name of an exchange).
        created: when it was first made.
        updated: when its version last rose.
        version: rises by one with each change of its entries or its tier, and never falls,
            not even when a list is removed and made anew under the same name.
        counts: active entries that have a digest of each signal type.
        active: how many entries are active.
        other: how many are withdrawn, negative or quarantined.
        checked: when its source last confirmed that it is current, though nothing may have
            changed; None where no source was asked.
        imported: when an import last changed it; None where that is not known. What is changed
            here, such as the tier, makes no list younger.
    """

    name: ListName
    tier: Tier
    source: str
    created: dt.datetime
    updated: dt.datetime
    version: int
    counts: Mapping[SignalType, int]
    active: int
    other: int
    checked: dt.datetime | None = None
    imported: dt.datetime | None = None

    @property
    def confirmed(self) -> dt.datetime:
        """When an import last changed the list, or its source confirmed it: by this it is stale."""
        came = self.updated if self.imported is None else self.imported
        return came if self.checked is None else max(came, self.checked)


class ListNameError(UsageError):
    """A name that no list can have."""

    code = "list_name"
    default_message = "That is not a possible name of a list."
    default_hint = (
        "Take 1 to 64 lower-case letters, digits, '-', '_' and '.', not beginning with a dot "
        "or with 'remote.'."
    )


class UnknownListError(UsageError):
    """A list that does not exist."""

    code = "list_unknown"
    default_message = "There is no list of that name."
    default_hint = "'safehold list show' names the lists there are."

    @classmethod
    def named(cls, name: ListName) -> UnknownListError:
        """With the name, which is checked and so safe to show."""
        return cls(f"There is no list named '{name}'.")


class ListFileError(UsageError):
    """A list file that cannot be read as a whole."""

    code = "list_file"
    default_message = "The list file cannot be read."


class SnapshotMissingError(SafeholdError):
    """A list that has no usable snapshot, so that nothing can be matched with it."""

    code = "snapshot_missing"
    default_message = "The list has no snapshot to match with."
    default_hint = "Add its file again, or run a command that opens it through the list store."

    @classmethod
    def named(cls, name: ListName) -> SnapshotMissingError:
        """With the name, which is checked and so safe to show."""
        return cls(f"The list '{name}' has no snapshot to match with.")


def list_name(text: str) -> ListName:
    """Check the name of a list.

    Raises:
        ListNameError: the name has other characters, is too long or empty, or begins with a
            dot.
    """
    if _LIST_NAME.fullmatch(text) is None or text.startswith(REMOTE_PREFIX):
        raise ListNameError
    return ListName(text)
