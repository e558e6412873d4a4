"""A case with evidence, somebody's open view of it, and a custodian that has previews made."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from safehold.audit.model import EventDraft
from safehold.cases.model import Case, CaseState, Evidence, Queue
from safehold.cases.review.model import View
from safehold.clock import FixedClock
from safehold.config.house import PreviewOptions
from safehold.custodian.interface import Access, Custodian, Previewed, PreviewWish
from safehold.custodian.local import LocalCustodian
from safehold.custodian.open_views import OpenViews
from safehold.custodian.previews import START_SECONDS, Previews
from safehold.ids import CaseId, EvidenceId, ServiceId, UserId, ViewId
from safehold.media.limits import MediaLimits
from safehold.media.sandbox.interface import SandboxOptions
from safehold.media.sandbox.pool import WorkerPool
from safehold.policy.model import Verdict
from safehold.testing.audit_log import MemoryAuditLog
from safehold.testing.blob_store import MemoryBlobs
from tests.custodian.conftest import KEY, NOW, Room
from tests.vault.stores import descriptor_of

PICTURE = "1" * 32
VIEW = ViewId("view1")
ANNA = UserId("anna1")
CASE = CaseId("case1")
ACCESS = Access(KEY, CASE, f"user:{ANNA}", f"view:{VIEW}")
WISH = PreviewWish(VIEW, "grey", 200, 0, 4, "anna 2026-03-04 12:00 UTC")
LIMITS = MediaLimits(max_bytes=8 * 1024 * 1024, max_pixels=4_000_000, max_seconds=2.0)
HERE = str(Path(__file__).parent)


class _Cases:
    def __init__(self) -> None:
        self.cases = {CASE: _case(CASE, KEY)}
        self.rows = [_evidence("evidence1", CASE, PICTURE)]

    def find(self, case_id: CaseId, *, lock: bool = False) -> Case | None:
        return self.cases.get(case_id)

    def evidence(self, case_id: CaseId) -> Sequence[Evidence]:
        return [row for row in self.rows if row.case_id == case_id]


class _Reviews:
    def __init__(self) -> None:
        self.by_id = {VIEW: view()}

    def view(self, view_id: ViewId, *, lock: bool = False) -> View | None:
        return self.by_id.get(view_id)


@dataclass
class Books:
    """The records, as far as the custodian reads them for a preview."""

    cases: _Cases = field(default_factory=_Cases)
    reviews: _Reviews = field(default_factory=_Reviews)
    audit: MemoryAuditLog = field(default_factory=MemoryAuditLog)

    @contextlib.contextmanager
    def read(self) -> Iterator[Books]:
        yield self

    def say_shown(self, level: str = "grey", still: int = 0, **changes: str) -> None:
        """The event that the console writes before it asks."""
        draft = EventDraft(
            "view.shown",
            NOW,
            changes.get("actor", ACCESS.actor),
            subject=changes.get("subject", CASE),
            data={"view": changes.get("view", VIEW), "level": level, "still": still},
        )
        self.audit.append([draft])


def view(**changes: object) -> View:
    made = View(
        view_id=VIEW,
        case_id=CASE,
        evidence_id=EvidenceId("evidence1"),
        user_id=ANNA,
        session=bytes(16),
        opened=NOW - dt.timedelta(seconds=5),
        until=NOW + dt.timedelta(seconds=15),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _case(case_id: CaseId, key_name: str) -> Case:
    return Case(
        case_id=case_id,
        service_id=ServiceId("service1"),
        content=bytes(16),
        state=CaseState.OPEN,
        queue=Queue.MATCHES,
        verdict=Verdict.HOLD,
        surface="public",
        opened=NOW,
        updated=NOW,
        recipient="age1",
        key_name=key_name,
    )


def _evidence(evidence_id: str, case_id: CaseId, object_name: str) -> Evidence:
    return Evidence(
        evidence_id=EvidenceId(evidence_id),
        case_id=case_id,
        object_name=object_name,
        size=1,
        sealed_size=1,
        sealed_sha256=bytes(32),
        sealed_manifest=b"",
        created=NOW,
    )


def worker_pool(limits: MediaLimits) -> WorkerPool:
    """A worker that may be told to misbehave (`preview_jobs`)."""
    return WorkerPool(
        SandboxOptions(
            job="preview_jobs:run",
            warm_up="preview_jobs:warm_up",
            workers=1,
            limits=limits,
            max_jobs_per_worker=1,
            queue_per_worker=0,
            max_pending=1,
            start_seconds=START_SECONDS,
            python_path=(HERE,),
        )
    )


@dataclass
class Looking:
    """A custodian at which somebody may look."""

    room: Room
    books: Books
    clock: FixedClock
    custodian: LocalCustodian

    def hold(self, original: bytes, name: str = PICTURE) -> None:
        """Put an original into the vault, in place of an earlier one."""
        self.objects.delete(name)
        with descriptor_of(original) as descriptor:
            digest = hashlib.sha256(original).digest()
            self.room.vault.store(name, self.room.recipient, descriptor, digest)

    def look(
        self,
        wish: PreviewWish = WISH,
        access: Access = ACCESS,
        name: str = PICTURE,
        custodian: Custodian | None = None,
    ) -> tuple[Previewed, bytes]:
        """A preview and what it says of itself."""
        output = io.BytesIO()
        made = (custodian or self.custodian).preview(access, name, wish, output)
        return made, output.getvalue()

    @property
    def objects(self) -> MemoryBlobs:
        """The vault's objects."""
        assert isinstance(self.room.parts.objects, MemoryBlobs)
        return self.room.parts.objects

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.room.events]


def looking(room: Room, previews: Previews) -> Looking:
    """A view is open, and that its first still is shown in grey stands in the audit log."""
    books, clock = Books(), FixedClock(NOW)
    books.say_shown()
    parts = replace(
        room.parts,
        clock=clock,
        views=OpenViews(books, clock),  # type: ignore[arg-type]
        previews=previews,
    )
    return Looking(room, books, clock, LocalCustodian(parts))


def new_previews(options: PreviewOptions | None = None) -> Previews:
    return Previews(options or PreviewOptions(max_bytes=4 * 1024 * 1024), LIMITS, worker_pool)
