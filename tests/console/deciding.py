"""Cases to decide in the console, on real rules of review and stores in memory."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import json
import re
from collections.abc import Sequence
from typing import Any, cast

import httpx

from safehold.audit.model import Event, EventDraft
from safehold.cases.model import (
    Attention,
    Case,
    CaseState,
    DecisionRecord,
    Evidence,
    Occurrence,
    OccurrenceKind,
    Queue,
    Statement,
    StatementKind,
)
from safehold.cases.names import KeyedNames
from safehold.cases.review.model import ReviewOptions, View
from safehold.cases.review.parts import ReviewParts
from safehold.cases.review.service import ReviewService
from safehold.cases.review.views import ViewService
from safehold.custodian.interface import Access
from safehold.custodian.open_views import OpenViews
from safehold.hashing.keyed import DigestKey
from safehold.ids import (
    CaseId,
    DecisionId,
    EvidenceId,
    OccurrenceId,
    ServiceId,
    StatementId,
)
from safehold.policy.model import Verdict
from safehold.testing.blob_store import MemoryBlobs
from safehold.testing.custodian import FakeCustodian
from safehold.users.model import User
from safehold.users.roles import Role
from safehold.vault.sealing import Identity, Writer, seal, unseal
from safehold.vault.vault import Vault
from tests.console.conftest import KEY, Browser, House

SERVICE = ServiceId("photos-id")
UPLOADER = bytes(range(16))
NAMED = "age1" + "q" * 58
"""A recipient that the operator has named."""

_TAGS = re.compile(r"<[^>]+>")


@functools.cache
def identity() -> Identity:
    """The key of all cases of these tests."""
    return Identity.generate()


class Exporting(FakeCustodian):
    """A custodian that exports, too."""

    exported: list[tuple[Access, str, str]]

    def export(self, access: Access, object_name: str, recipient: str, output: Writer) -> int:
        if recipient != NAMED:
            return super().export(access, object_name, recipient, output)
        if self.failure is not None:
            output.write(b"half of it")
            raise self.failure
        self.exported.append((access, object_name, recipient))
        return output.write(b"age-encryption.org/v1 " + object_name.encode())


@dataclasses.dataclass
class People:
    """The part of `UserService` that the pages of deciding use."""

    house: House

    def users(self) -> Sequence[User]:
        with self.house.records.read() as transaction:
            return transaction.users.users()


def exact(tier: str = "confirmed", **fields: Any) -> dict[str, Any]:
    """A match by the bytes, as policy's decision keeps it."""
    match = {
        "list_name": "known",
        "tier": tier,
        "entry_id": "entry",
        "classification": "A1",
        "signal": "sha256",
        "distance": 0,
        "variant": "",
        "orientation": None,
        "conflict": False,
        "known_by": ["md5", "pdq", "sha256"],
    }
    return match | fields


def alike(distance: int = 12, **fields: Any) -> dict[str, Any]:
    """A match by likeness."""
    usual = {"variant": "as_stored", "orientation": "original"}
    return exact(signal="pdq", distance=distance, **(usual | fields))


class Office:
    """A console with cases and people."""

    def __init__(self, house: House, **review: Any) -> None:
        self.house = house
        self.records = house.records
        options = dataclasses.replace(ReviewOptions(), **review)
        self.parts = ReviewParts(
            records=cast(Any, house.records),
            vault=Vault(MemoryBlobs(), MemoryBlobs()),
            officers=lambda: [identity().recipient],
            receipt_messages=lambda webhooks, receipt, verdict, now: (),
            ids=house.ids,
            clock=house.clock,
            options=options,
            names=KeyedNames(DigestKey(KEY)),
        )
        self.custodian = Exporting(
            views=OpenViews(cast(Any, house.records), house.clock),
            unseal=lambda access, sealed: unseal([identity()], sealed),
        )
        self.custodian.exported = []
        self.reviews = ReviewService(self.parts)
        self.views = ViewService(self.parts)
        house.replace(
            users=cast(Any, People(house)),
            reviews=self.reviews,
            views=self.views,
            custodian=self.custodian,
            review=options,
            service_names=lambda: {SERVICE: "photos"},
        )

    def case(
        self,
        *matches: dict[str, Any],
        reasons: Sequence[str] = (),
        uploader: bytes | None = UPLOADER,
        evidence: int = 1,
        origin: dict[str, Any] | None = None,
        **fields: Any,
    ) -> CaseId:
        """An open case, with policy's decision on it."""
        case_id = CaseId(self.house.ids())
        now = self.house.clock.now()
        signals = {match["signal"] for match in matches}
        by_bytes = bool(signals - {"pdq"})
        found = tuple(reasons) or (("exact_confirmed",) if by_bytes else ("similar_confirmed",))
        case = Case(
            case_id=case_id,
            service_id=SERVICE,
            content=case_id.encode()[-16:],
            state=CaseState.OPEN,
            queue=Queue.MATCHES if matches else Queue.FAULTS,
            verdict=Verdict.BLOCK if by_bytes else Verdict.HOLD,
            surface="public",
            opened=now,
            updated=now,
            recipient=identity().recipient,
            key_name=f"key{case_id}"[:32],
            tier="confirmed" if matches else "",
            urgency=60,
        )
        case = dataclasses.replace(case, **fields)
        grounds = [[match["list_name"], match["entry_id"]] for match in matches]
        grounds += [["", reason] for reason in found if not reason.startswith("similar_")]
        occurrence = Occurrence(
            occurrence_id=OccurrenceId(self.house.ids()),
            case_id=case_id,
            service_id=SERVICE,
            kind=OccurrenceKind.UPLOAD,
            at=now,
            surface="public",
            uploader=uploader,
            receipt="receipt",
            sealed_context=b"",
        )
        decision = DecisionRecord(
            decision_id=DecisionId(self.house.ids()),
            case_id=case_id,
            occurrence_id=occurrence.occurrence_id,
            at=now,
            actor="policy",
            verdict=case.verdict,
            reasons=found,
            details={"grounds": grounds, "matches": list(matches), **(origin or {})},
        )
        with self.records.write() as transaction:
            transaction.cases.add(case)
            transaction.cases.add_occurrence(occurrence)
            transaction.cases.add_decision(decision)
            for _ in range(evidence):
                transaction.cases.add_evidence(self._evidence(case_id, now))
            opened = EventDraft("case.opened", now, "policy", SERVICE, case_id)
            transaction.audit.append([opened])
        self.house.clock.advance(later(1))  # what people do comes afterwards
        return case_id

    def _evidence(self, case_id: CaseId, now: dt.datetime) -> Evidence:
        evidence_id = EvidenceId(self.house.ids())
        return Evidence(
            evidence_id=evidence_id,
            case_id=case_id,
            object_name=f"object{evidence_id}"[:32],
            size=10,
            sealed_size=20,
            sealed_sha256=bytes(32),
            sealed_manifest=b"",
            created=now,
        )

    def says(self, case_id: CaseId, text: str, kind: StatementKind = StatementKind.FLAG) -> str:
        """Somebody flags a case or appeals; the statement's id."""
        statement = Statement(
            statement_id=StatementId(self.house.ids()),
            case_id=case_id,
            service_id=SERVICE,
            kind=kind,
            at=self.house.clock.now(),
            author=UPLOADER,
            reason="report",
            receipt="receipt",
            sealed_text=seal([identity().recipient], json.dumps({"text": text}).encode()),
        )
        with self.records.write() as transaction:
            transaction.cases.add_statement(statement)
        return statement.statement_id

    def reviewer(self, name: str = "", **preferences: Any) -> tuple[User, Browser]:
        """A reviewer and a browser of theirs."""
        return self.person(Role.REVIEWER, name=name, **preferences)

    def person(self, *roles: Role, name: str = "", **preferences: Any) -> tuple[User, Browser]:
        """Somebody and a browser of theirs."""
        user = self.house.user(*roles, name=name, **preferences)
        return user, self.house.client(user=user)

    def looked(self, case_id: CaseId, browser: Browser) -> str:
        """Have somebody take a case and look, as the page's script does; the view's id."""
        browser.post(f"/cases/{case_id}/take")
        view_id = self.open_view(case_id, browser)
        assert browser.get(f"/views/{view_id}/stills/0").status_code == 200
        assert browser.post(f"/views/{view_id}/end/script", json={}).status_code == 200
        return view_id

    def open_view(self, case_id: CaseId, browser: Browser) -> str:
        """Open a view on a case's first piece of evidence; its id."""
        evidence_id = self.evidence_of(case_id)[0].evidence_id
        answer = browser.post(f"/cases/{case_id}/views/script", json={"evidence_id": evidence_id})
        assert answer.status_code == 200, answer.text
        return cast(str, answer.json()["still"].split("/")[2])

    def now(self, case_id: CaseId) -> Case:
        """A case as it is."""
        with self.records.read() as transaction:
            case = transaction.cases.find(case_id)
        assert case is not None
        return case

    def change(self, case_id: CaseId, **fields: Any) -> None:
        """Write a case as a test needs it."""
        with self.records.write() as transaction:
            case = transaction.cases.find(case_id)
            assert case is not None
            transaction.cases.update(dataclasses.replace(case, **fields))

    def appealed(self, case_id: CaseId) -> None:
        """An appeal opens a decided case again."""
        self.house.clock.advance(dt.timedelta(minutes=1))
        self.says(case_id, "please look again", StatementKind.APPEAL)
        self.change(case_id, state=CaseState.OPEN, attention=Attention.APPEALED)

    def evidence_of(self, case_id: CaseId) -> Sequence[Evidence]:
        with self.records.read() as transaction:
            return transaction.cases.evidence(case_id)

    def view(self, view_id: str) -> View:
        with self.records.read() as transaction:
            view = transaction.reviews.view(cast(Any, view_id))
        assert view is not None
        return view

    def events(self, case_id: CaseId) -> list[Event]:
        with self.records.read() as transaction:
            return list(transaction.audit.events_of(case_id))

    def kinds(self, case_id: CaseId) -> list[str]:
        """Kinds of a case's events, in order."""
        return [event.draft.kind for event in self.events(case_id)]


def text_of(page: httpx.Response) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", _TAGS.sub(" ", page.text))


def later(seconds: float) -> dt.timedelta:
    return dt.timedelta(seconds=seconds)
