"""The custodian itself: it holds the officers' identities in memory.

It belongs into a process of its own (`server`); others reach it through `client`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import BinaryIO, TypeVar

import safehold
from safehold.audit.model import Detail, EventDraft
from safehold.audit.note import NoteKey
from safehold.custodian.interface import (
    Access,
    Attested,
    Checked,
    Composed,
    CustodianError,
    Previewed,
    PreviewWish,
    RequestError,
    Rewrapped,
    RewrapRefusedError,
    Sent,
    Status,
    UnknownRecipientError,
    check_purpose,
)
from safehold.custodian.opening import CaseOpener
from safehold.custodian.parts import CustodianParts
from safehold.vault.interface import ObjectMissingError, VaultError
from safehold.vault.naming import is_object_name
from safehold.vault.pipes import read_from
from safehold.vault.sealing import (
    DamagedError,
    Identity,
    Writer,
    seal,
    seal_stream,
    unseal,
    unseal_stream,
)
from safehold.vault.vault import wrap

T = TypeVar("T")

MAX_WORDS_BYTES = 16 * 1024
"""Longest words that are told: 4,000 characters of any script."""


class LocalCustodian:
    """A `Custodian` in this process."""

    def __init__(self, parts: CustodianParts) -> None:
        if not parts.identities:
            raise CustodianError("The custodian needs the identity of an officer.")
        self._parts = parts
        self._opener = CaseOpener(parts.identities, parts.objects, parts.keys)

    def status(self) -> Status:
        """See `Custodian.status`."""
        present = [officer.recipient for officer in self._parts.officers.read()]
        return Status(
            identities=len(self._parts.identities),
            officers=len(present),
            holds_officer=self._holds_one_of(present),
            software=safehold.__version__,
            environments=() if self._parts.reports is None else self._parts.reports.environments(),
        )

    def public_key(self) -> NoteKey:
        """See `Custodian.public_key`."""
        return self._parts.signer.key

    def sign(self, text: bytes) -> bytes:
        """See `Custodian.sign`."""
        return self._parts.signer.sign(text)

    def check(self, access: Access, object_name: str) -> Checked:
        """See `Custodian.check`."""
        identity = self._case_identity(access)
        hashed = _Hashed()
        with self._parts.objects.open(_name(object_name)) as stream:
            self._append("custodian.checked", access, object=object_name)
            unseal_stream([identity], stream, hashed)
        return Checked(hashed.digest.digest(), hashed.size)

    def preview(
        self, access: Access, object_name: str, wish: PreviewWish, output: Writer
    ) -> Previewed:
        """See `Custodian.preview`."""
        parts, name = self._parts, _name(object_name)
        if parts.previews is None:
            raise CustodianError("This custodian makes no previews.")
        request = parts.previews.request(wish)
        parts.views(access, wish, name)
        with parts.previews.turn() as turn:
            parts.views(access, wish, name)  # It may have ended while this waited.
            identity = self._case_identity(access)
            with parts.objects.open(name) as stream:

                def opened(plain: Writer) -> None:
                    unseal_stream([identity], stream, plain)

                shown: dict[str, Detail] = {"level": str(wish.level), "still": wish.still}
                self._append("custodian.previewed", access, object=name, view=wish.view_id, **shown)
                made = turn.make(opened, request)
        assert made.jpeg is not None
        output.write(made.jpeg)
        return Previewed(len(made.jpeg), made.stills, made.frames, made.whole)

    def words(self, access: Access, sealed: bytes) -> str:
        """See `Custodian.words`."""
        identity = self._case_identity(access)
        text = _text_of(unseal([identity], sealed))
        self._append("custodian.words", access)
        return text

    def export(self, access: Access, object_name: str, recipient: str, output: Writer) -> int:
        """See `Custodian.export`."""
        name = self._recipient_name(recipient)
        identity = self._case_identity(access)
        counted = _Counted(output)
        with self._parts.objects.open(_name(object_name)) as stream:

            def produce(plain: BinaryIO) -> None:
                unseal_stream([identity], stream, plain)

            self._append("custodian.exported", access, object=object_name, recipient=name)
            # The plaintext passes through a pipe, and a failed decryption fails the encryption:
            # a part is never taken for the whole.
            with read_from(produce) as plain:
                seal_stream([recipient], plain, counted)
        return counted.size

    def open_sealed(self, access: Access, sealed: bytes, recipient: str) -> bytes:
        """See `Custodian.open_sealed`."""
        name = self._recipient_name(recipient)
        identity = self._case_identity(access)
        content = unseal([identity], sealed)
        self._append("custodian.opened", access, recipient=name)
        return seal([recipient], content)

    def rewrap(self, key_names: Sequence[str], actor: str, reason: str) -> Rewrapped:
        """See `Custodian.rewrap`."""
        check_purpose(actor, reason)
        parts = self._parts
        names = [_name(name) for name in key_names]
        present = parts.officers.read()
        recipients = [officer.recipient for officer in present]
        if not self._holds_one_of(recipients):
            raise RewrapRefusedError
        data: dict[str, Detail] = {
            "reason": reason,
            "keys": len(names),
            "officers": tuple(officer.name or officer.recipient for officer in present),
        }
        parts.audit(EventDraft("custodian.rewrapped", parts.clock.now(), actor, data=data))
        parts.signer.rewrap(recipients)
        total = Rewrapped(0, 0, 0)
        for name in names:
            total += self._rewrap_one(name, recipients)
        return total

    def _rewrap_one(self, name: str, recipients: Sequence[str]) -> Rewrapped:
        try:
            identity = self._opener.identity(name)
            wrapped = wrap(identity, recipients)
            # What takes the place of the only copy was opened once before.
            if unseal(self._parts.identities, wrapped) != f"{identity.secret}\n".encode("ascii"):
                return Rewrapped(0, 0, 1)
            self._parts.keys.replace(name, wrapped)
        except ObjectMissingError:
            return Rewrapped(0, 1, 0)
        except (VaultError, OSError):
            return Rewrapped(0, 0, 1)
        return Rewrapped(1, 0, 0)

    def shred(self, access: Access) -> bool:
        """See `Custodian.shred`."""
        self._append("custodian.shredded", access)
        return self._parts.keys.delete(access.key_name)

    def compose_report(self, access: Access, report_id: str, output: Writer) -> Composed:
        """See `Custodian.compose_report`."""
        return _there(self._parts.reports).compose(access, report_id, output)

    def fix_report(self, access: Access, report_id: str, digest: bytes) -> None:
        """See `Custodian.fix_report`."""
        _there(self._parts.reports).fix(access, report_id, digest)

    def send_report(self, access: Access, report_id: str) -> Sent:
        """See `Custodian.send_report`."""
        return _there(self._parts.reports).send(access, report_id)

    def fetch_schema(self, environment: str, output: Writer) -> int:
        """See `Custodian.fetch_schema`."""
        return _there(self._parts.reports).fetch_schema(environment, output)

    def keep_document(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        """See `Custodian.keep_document`."""
        return _there(self._parts.documents).keep(access, kind, report_id, content)

    def read_document(self, access: Access, document_id: str, output: Writer) -> int:
        """See `Custodian.read_document`."""
        return _there(self._parts.documents).read(access, document_id, output)

    def package(self, access: Access, report_id: str, recipient: str, output: Writer) -> int:
        """See `Custodian.package`."""
        name = self._recipient_name(recipient)
        return _there(self._parts.packages).package(access, report_id, (recipient, name), output)

    def attest_destruction(self, destruction_id: str) -> Attested:
        """See `Custodian.attest_destruction`."""
        return _there(self._parts.attesting).destruction(destruction_id)

    def open_releases(self, actor: str, trace_id: str, output: Writer) -> int:
        """See `Custodian.open_releases`."""
        return _there(self._parts.releases).open(actor, trace_id, output)

    def _case_identity(self, access: Access) -> Identity:
        return self._opener.identity(access.key_name)

    def _holds_one_of(self, recipients: Sequence[str]) -> bool:
        return any(identity.recipient in recipients for identity in self._parts.identities)

    def _recipient_name(self, recipient: str) -> str:
        for known in (*self._parts.recipients.read(), *self._parts.officers.read()):
            if known.recipient == recipient:
                return known.name or known.recipient
        raise UnknownRecipientError

    def _append(self, kind: str, access: Access, **more: Detail) -> None:
        data: dict[str, Detail] = {"key": access.key_name, "reason": access.reason, **more}
        now = self._parts.clock.now()
        self._parts.audit(EventDraft(kind, now, access.actor, subject=access.case_id, data=data))

    def close(self) -> None:
        """End what it started. It opens nothing more for previews."""
        if self._parts.previews is not None:
            self._parts.previews.close()


def _there(desk: T | None) -> T:
    """A desk that this custodian has. Raises `CustodianError`."""
    if desk is None:
        raise CustodianError("This custodian does not do that.")
    return desk


def _text_of(content: bytes) -> str:
    """The text in the JSON of a statement or a note. Raises `DamagedError`."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    # An appeal or a flag without words has none.
    text = found.get("text", "") if isinstance(found, dict) else None
    if not isinstance(text, str):
        raise DamagedError("What was sealed holds no words.")
    # Escapes of JSON can give half a character, which cannot be passed on.
    told = text.encode("utf-8", "replace")
    if len(told) > MAX_WORDS_BYTES:
        raise DamagedError("The words are longer than any that are taken.")
    return told.decode("utf-8")


def _name(name: str) -> str:
    """A name that came from a caller. Raises `RequestError`."""
    if not is_object_name(name):
        raise RequestError
    return name


class _Hashed:
    """Takes plaintext, and keeps its hash and length alone."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes, /) -> int:
        self.digest.update(content)
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        pass


class _Counted:
    """Passes on and counts."""

    def __init__(self, output: Writer) -> None:
        self.size = 0
        self._output = output

    def write(self, content: bytes, /) -> int:
        self._output.write(content)
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        self._output.flush()
