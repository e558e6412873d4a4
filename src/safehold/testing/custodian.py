"""A custodian for tests of what stands above the port: it holds no key and starts no process.

Previews are made by the real function, here in the calling process, of drawn pictures.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import safehold
from safehold.audit.note import NoteKey
from safehold.custodian.interface import (
    Access,
    Attested,
    Checked,
    Composed,
    CustodianError,
    Previewed,
    PreviewError,
    PreviewWish,
    RequestError,
    Rewrapped,
    Sent,
    Status,
    UnknownRecipientError,
)
from safehold.custodian.parts import DocumentDesk, ReportDesk
from safehold.errors import SafeholdError
from safehold.media.limits import MediaLimits
from safehold.media.model import DecodeError, Fault
from safehold.media.preview.answer import PreviewRequest, read_preview
from safehold.media.sandbox.interface import Message
from safehold.testing.pictures import draw_any
from safehold.vault.sealing import Writer

T = TypeVar("T")

MAX_SIDE = 1_600

_DECODING = threading.Lock()
"""Decoders are not for several threads at once."""


def drawn_original(object_name: str) -> bytes:
    """A JPEG file of 640 x 480, drawn from the object's name: another name, another picture."""
    seed = int.from_bytes(hashlib.sha256(object_name.encode()).digest()[:3])
    stream = io.BytesIO()
    draw_any(seed, (640, 480)).save(stream, "JPEG", quality=90)
    return stream.getvalue()


@dataclass(frozen=True, slots=True)
class Shown:
    """A preview that was handed out."""

    access: Access
    object_name: str
    wish: PreviewWish


class FakeCustodian:
    """A `Custodian` without keys. Safe to use from several threads.

    Args:
        views: raises `NoViewError` where there is no open view for what is asked for, as
            `safehold.custodian.open_views.OpenViews` does. By default there always is one.
        originals: the original of an object's name; drawn by default.
        unseal: what is sealed, opened; by default it is not sealed at all.
        reports, documents: the desks for them; without them such calls are refused. The real
            ones are joined by `safehold.custodian.desks`.

    Attributes:
        shown: previews that were handed out, in order.
        told: accesses for which words were told, in order.
        failure: is raised by every call while it is set.
    """

    def __init__(
        self,
        views: Callable[[Access, PreviewWish, str], None] = lambda access, wish, name: None,
        originals: Callable[[str], bytes] = drawn_original,
        unseal: Callable[[Access, bytes], bytes] = lambda access, sealed: sealed,
        reports: ReportDesk | None = None,
        documents: DocumentDesk | None = None,
    ) -> None:
        self._views = views
        self._originals = originals
        self._unseal = unseal
        self._reports = reports
        self._documents = documents
        self.shown: list[Shown] = []
        self.told: list[Access] = []
        self.failure: SafeholdError | None = None

    def status(self) -> Status:
        """See `Custodian.status`."""
        self._fail()
        environments = () if self._reports is None else self._reports.environments()
        return Status(1, 1, True, safehold.__version__, environments)

    def public_key(self) -> NoteKey:
        """See `Custodian.public_key`; nothing is signed by it."""
        self._fail()
        return NoteKey("fake", bytes(32))

    def sign(self, text: bytes) -> bytes:
        """64 zero bytes."""
        self._fail()
        return bytes(64)

    def check(self, access: Access, object_name: str) -> Checked:
        """See `Custodian.check`."""
        self._fail()
        original = self._originals(object_name)
        return Checked(hashlib.sha256(original).digest(), len(original))

    def preview(
        self, access: Access, object_name: str, wish: PreviewWish, output: Writer
    ) -> Previewed:
        """See `Custodian.preview`."""
        from safehold.media.preview.render import render

        self._fail()
        request = PreviewRequest(
            wish.level, wish.side, wish.still, wish.stills, wish.mark, MediaLimits()
        )
        if not request.is_sound(MAX_SIDE):
            raise RequestError
        self._views(access, wish, object_name)
        messages: list[Message] = []
        fault: Fault | None = None
        try:
            with _DECODING:
                render(self._originals(object_name), request.as_request(), messages.append)
        except DecodeError as error:
            fault = error.fault
        made = read_preview(messages, fault, MAX_SIDE)
        if made is None or made.jpeg is None:
            raise PreviewError
        self.shown.append(Shown(access, object_name, wish))
        output.write(made.jpeg)
        return Previewed(len(made.jpeg), made.stills, made.frames, made.whole)

    def words(self, access: Access, sealed: bytes) -> str:
        """See `Custodian.words`."""
        self._fail()
        text = str(json.loads(self._unseal(access, sealed)).get("text", ""))
        self.told.append(access)
        return text

    def export(self, access: Access, object_name: str, recipient: str, output: Writer) -> int:
        """There are no named recipients."""
        self._fail()
        raise UnknownRecipientError

    def open_sealed(self, access: Access, sealed: bytes, recipient: str) -> bytes:
        """There are no named recipients."""
        self._fail()
        raise UnknownRecipientError

    def rewrap(self, key_names: Sequence[str], actor: str, reason: str) -> Rewrapped:
        """All are done; nothing is wrapped."""
        self._fail()
        return Rewrapped(len(key_names), 0, 0)

    def shred(self, access: Access) -> bool:
        """Nothing was there."""
        self._fail()
        return False

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def compose_report(self, access: Access, report_id: str, output: Writer) -> Composed:
        """See `Custodian.compose_report`."""
        self._fail()
        return _there(self._reports).compose(access, report_id, output)

    def fix_report(self, access: Access, report_id: str, digest: bytes) -> None:
        """See `Custodian.fix_report`."""
        self._fail()
        _there(self._reports).fix(access, report_id, digest)

    def send_report(self, access: Access, report_id: str) -> Sent:
        """See `Custodian.send_report`."""
        self._fail()
        return _there(self._reports).send(access, report_id)

    def keep_document(self, access: Access, kind: str, report_id: str, content: bytes) -> str:
        """See `Custodian.keep_document`."""
        self._fail()
        return _there(self._documents).keep(access, kind, report_id, content)

    def read_document(self, access: Access, document_id: str, output: Writer) -> int:
        """See `Custodian.read_document`."""
        self._fail()
        return _there(self._documents).read(access, document_id, output)

    def package(self, access: Access, report_id: str, recipient: str, output: Writer) -> int:
        """Refused."""
        raise CustodianError("This custodian does not do that.")

    def attest_destruction(self, destruction_id: str) -> Attested:
        """Refused."""
        raise CustodianError("This custodian does not do that.")

    def open_releases(self, actor: str, trace_id: str, output: Writer) -> int:
        """Refused."""
        raise CustodianError("This custodian does not do that.")

    def fetch_schema(self, environment: str, output: Writer) -> int:
        """See `Custodian.fetch_schema`."""
        self._fail()
        return _there(self._reports).fetch_schema(environment, output)


def _there(desk: T | None) -> T:
    """A desk that this custodian was given. Raises `CustodianError`."""
    if desk is None:
        raise CustodianError("This custodian does not do that.")
    return desk
