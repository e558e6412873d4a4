"""The port of the custodian: the only one who can open what is held.

Rules, which every implementation keeps:
- Nothing that is opened is handed out before an audit event of it was appended; where that
  fails, nothing is handed out.
- Originals and sealed context leave only encrypted, and only to a recipient that the operator
  has named (an officer, or one of the file of named recipients). Digests and sizes may be told,
  and so may the words of a flag, an appeal or a note.
- Previews are made for an open view alone, by a worker that has no key; never original bytes.
- It signs checkpoints of an audit log and nothing else, and for each log only ever further on.
- It never decodes what it opens.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from safehold.audit.note import NoteKey
from safehold.errors import SafeholdError
from safehold.vault.naming import is_object_name
from safehold.vault.sealing import Writer

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ACTOR = re.compile(r"[a-z]{1,16}(:[0-9A-Za-z._-]{1,64})?")
_REASON = re.compile(r"[0-9a-z][0-9a-z._:-]{0,63}")


class CustodianError(SafeholdError):
    """The custodian could not do what it was asked for."""

    code = "custodian"
    default_message = "The custodian failed."
    default_hint = "Its log says more."


class CustodianAwayError(CustodianError):
    """The custodian does not answer."""

    code = "custodian_away"
    default_message = "The custodian does not answer."
    default_hint = "Start it with 'safehold custodian', and check the address of its socket."


class RequestError(CustodianError):
    """The custodian was asked for something that it does not understand."""

    code = "custodian_request"
    default_message = "The custodian does not understand the call."
    default_hint = "Run the same version of Safehold in all processes."


class UnknownRecipientError(CustodianError):
    """Something was asked for a recipient that the operator has not named."""

    code = "custodian_recipient"
    default_message = "The recipient is not one of those that the operator has named."
    default_hint = "Add the recipient to the custodian's file of named recipients first."


class CheckpointRefusedError(CustodianError):
    """What was to be signed is no checkpoint, or goes back behind one that was signed."""

    code = "custodian_checkpoint"
    default_message = "The custodian does not sign that."
    default_hint = "If the log is shorter than it was, verify it against anchored checkpoints."


class RewrapRefusedError(CustodianError):
    """No key that the custodian holds is an officer's, so it could not open what it wraps."""

    code = "custodian_rewrap"
    default_message = "The custodian holds the key of no present officer."
    default_hint = "Start it with the identity of an officer who stays, then wrap anew."


def check_purpose(actor: str, reason: str) -> None:
    """Whether it is said in the form of the audit log who asks and why. Raises `RequestError`."""
    if not (_ACTOR.fullmatch(actor) and _REASON.fullmatch(reason)):
        raise RequestError("The call does not say in the right form who asks and why.")


@dataclass(frozen=True, slots=True)
class Access:
    """On whose behalf a case is opened; all of it is audited.

    Attributes:
        key_name: name of the case's wrapped key. It decides what is opened.
        case_id: the case, as the caller says.
        actor: who asks: `system`, `user:ID`, `officer:NAME`.
        reason: a code (`canary`, `legal-request:2026-17`), never text about persons.
    """

    key_name: str
    case_id: str
    actor: str
    reason: str

    def __post_init__(self) -> None:
        if not (is_object_name(self.key_name) and _ID.fullmatch(self.case_id)):
            raise RequestError("The access does not name a case in the right form.")
        check_purpose(self.actor, self.reason)


@dataclass(frozen=True, slots=True)
class Status:
    """What the custodian says of itself.

    Attributes:
        identities: how many identities it holds.
        officers: how many present officers there are.
        holds_officer: whether an identity that it holds is a present officer's.
        software: its version.
    """

    identities: int
    officers: int
    holds_officer: bool
    software: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What an original is.

    Attributes:
        sha256: of the original (32 bytes).
        size: its bytes.
    """

    sha256: bytes
    size: int


class CustodianBusyError(CustodianAwayError):
    """The custodian is there and has too much to do."""

    code = "custodian_busy"
    default_message = "The custodian has too much to do just now."
    default_hint = "Try it again; `previews.workers` and `previews.waiting` bound it."


class PreviewError(CustodianError):
    """No preview can be made of an original: its type, its size, or its state."""

    code = "preview"
    default_message = "No preview can be made of this."
    default_hint = "It can be decided without one where that is allowed, or escalated."


class NoViewError(CustodianError):
    """A preview was asked for without an open view of that case by that person."""

    code = "custodian_view"
    default_message = "There is no open view for this preview."
    default_hint = "Open a view from the case's page; it hides itself again after a while."


@dataclass(frozen=True, slots=True)
class PreviewWish:
    """What preview is wanted.

    Attributes:
        view_id: of the open view that it is for.
        level: `blurred`, `grey` or `colour` (`ViewLevel`).
        side: longest side in pixels.
        still: number of the still, from 0.
        stills: how many stills the file is to be cut to at most, spread evenly.
        mark: viewer's name and the time, which is drawn across it; at most 80 characters.
    """

    view_id: str
    level: str
    side: int
    still: int
    stills: int
    mark: str


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a preview shows.

    Attributes:
        size: bytes of the preview, a JPEG file without metadata.
        stills: how many stills there are.
        frames: frames of the file, as far as they were counted.
        whole: whether the stills are all frames of the file, and it was read without a fault.
    """

    size: int
    stills: int
    frames: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What became of keys that were to be wrapped anew.

    Attributes:
        done: so many are wrapped to the present officers.
        missing: so many are not in the key store (any more).
        failed: so many could not be opened or written; they are as they were.
    """

    done: int
    missing: int
    failed: int

    def __add__(self, other: Rewrapped) -> Rewrapped:
        """The sums of two."""
        return Rewrapped(
            self.done + other.done, self.missing + other.missing, self.failed + other.failed
        )


class Custodian(Protocol):
    """Opens, within the rules above. Safe to use from several threads."""

    def status(self) -> Status:
        """What it says of itself."""
        ...

    def public_key(self) -> NoteKey:
        """The public half of the key that signs checkpoints."""
        ...

    def sign(self, text: bytes) -> bytes:
        """Sign the text of a checkpoint (`safehold.audit.note`): 64 bytes of Ed25519.

        Raises `CheckpointRefusedError`.
        """
        ...

    def check(self, access: Access, object_name: str) -> Checked:
        """Decrypt an object to its end and say what the original is.

        Raises `ObjectMissingError`, `KeyMismatchError` or `DamagedError`.
        """
        ...

    def preview(
        self, access: Access, object_name: str, wish: PreviewWish, output: Writer
    ) -> Previewed:
        """Write a preview of an original to `output`, made anew by a keyless worker.

        Raises `NoViewError`, `PreviewError`, `CustodianBusyError`, and as `check` does.
        """
        ...

    def words(self, access: Access, sealed: bytes) -> str:
        """The words (`text`) of a sealed statement or note, and nothing else of it.

        Raises as `check` does.
        """
        ...

    def export(self, access: Access, object_name: str, recipient: str, output: Writer) -> int:
        """Write an original to `output`, encrypted to a named recipient; returns bytes written.

        What was written before an error must be thrown away. Raises `UnknownRecipientError` and
        as `check` does.
        """
        ...

    def open_sealed(self, access: Access, sealed: bytes, recipient: str) -> bytes:
        """Encrypt sealed context or a manifest of a case anew, to a named recipient.

        Raises `UnknownRecipientError` and as `check` does.
        """
        ...

    def rewrap(self, key_names: Sequence[str], actor: str, reason: str) -> Rewrapped:
        """Wrap keys, and the key of checkpoints, to the present officers.

        Raises `RewrapRefusedError`.
        """
        ...

    def shred(self, access: Access) -> bool:
        """Remove a case's wrapped key, durably. Returns whether it was there."""
        ...
