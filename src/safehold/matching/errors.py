"""What can go wrong with an index or a snapshot, with stable codes."""

from __future__ import annotations

from safehold.errors import SafeholdError


class SnapshotError(SafeholdError):
    """Base of the errors of snapshots. A list whose snapshot is refused counts as missing."""

    code = "snapshot"
    default_message = "The list's snapshot cannot be used."
    default_hint = "Build the snapshot again from the list."


class SnapshotDamagedError(SnapshotError):
    """Bytes of a snapshot contradict its checksums, its header or themselves."""

    code = "snapshot_damaged"
    default_message = "The list's snapshot is damaged."


class SnapshotForeignError(SnapshotError):
    """The file is not a snapshot at all."""

    code = "snapshot_foreign"
    default_message = "The file is not a snapshot of a list."


class SnapshotVersionError(SnapshotError):
    """The snapshot was written in a version of the format that is not known here."""

    code = "snapshot_version"
    default_message = "The snapshot has a format version that this program does not know."
    default_hint = "Update the program, or build the snapshot again with this one."


class SnapshotKeyError(SnapshotError):
    """The exact digests were keyed with another key than the home's."""

    code = "snapshot_key"
    default_message = "The snapshot was built with another digest key."
    default_hint = "Use the key of the home that built it, or import the list again."


class SnapshotPermissionsError(SnapshotError):
    """Anybody on the machine may write to the snapshot."""

    code = "snapshot_permissions"
    default_message = "The snapshot can be written by every user of this machine."
    default_hint = "Give it mode 0600, check who had access, and build it again."


class SnapshotReadError(SnapshotError):
    """The operating system refused to open or read the file."""

    code = "snapshot_read"
    default_message = "The snapshot could not be read."
    default_hint = "Check that the file exists and that this user may read it."


class SnapshotWriteError(SnapshotError):
    """The operating system refused to write the file, for instance for lack of space."""

    code = "snapshot_write"
    default_message = "The snapshot could not be written."
    default_hint = "Check free space and permissions of the folder."


class SnapshotClosedError(SnapshotError):
    """The snapshot was closed by its owner."""

    code = "snapshot_closed"
    default_message = "The snapshot is closed."
    default_hint = "Open it again."


class EntryError(SnapshotError):
    """An entry cannot be put into a snapshot; `entry_number` counts from 0."""

    code = "snapshot_entry"
    default_message = "An entry cannot be put into a snapshot."
    default_hint = "Correct or leave out the entry."

    def __init__(self, entry_number: int, problem: str) -> None:
        self.entry_number = entry_number
        self.problem = problem
        super().__init__(f"Entry number {entry_number} cannot be put into a snapshot: {problem}.")


class TooManyHitsError(SafeholdError):
    """One query has more hits than the setting allows; nothing is dropped unsaid."""

    code = "too_many_hits"
    default_message = "A hash has more hits in the list than the limit allows."
    default_hint = "Quarantine the entries that match everything, or raise max_hits_per_query."
