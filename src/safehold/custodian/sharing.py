"""What a house has confirmed, gathered for a peer.

Each confirmed case whose decision stands becomes an entry: an id that says nothing, the SHA-256 of
its bytes, the PDQ hash of its picture as an import would take it, and the classification if a
person gave one. Exact digests are kept under a key here, so that of the bytes is told by the
custodian, who opens each original for it; that is in the audit log. What is not shared any more is
left out: a list takes the place of the one before.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import Case, CaseFilter, CaseState, Evidence
from safehold.cases.records import Records, Transaction
from safehold.cases.review.refusals import NotPermittedError
from safehold.cases.review.rules import QUALITY_FLOOR
from safehold.clock import Clock
from safehold.custodian.interface import Access, Custodian
from safehold.hashing.keyed import DigestKey
from safehold.ids import ServiceId, UserId
from safehold.lists.entry_rows import unfit_pdq
from safehold.users.model import UnknownUserError, User, user_name
from safehold.users.roles import Permission, permissions
from safehold.vault.interface import ObjectMissingError
from safehold.vault.peers import Card, PeerKeys
from safehold.vault.sealing import DamagedError
from safehold.vault.shared_list import pack

_PAGE = 500
_PURPOSE = "safehold shared entries"
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class SharingParts:
    """What lists are shared with.

    Attributes:
        records: cases, users and the audit log.
        custodian: tells the digests of originals.
        key: makes ids that say nothing.
        keys: this home's keys for peers.
        clock: the present moment.
    """

    records: Records
    custodian: Custodian
    key: DigestKey
    keys: PeerKeys
    clock: Clock


@dataclass(frozen=True, slots=True)
class Shared:
    """A list that was made for a peer.

    Attributes:
        content: sealed to the peer.
        entries: how many entries it has.
        exact: how many of them have the digest of their bytes.
        left: confirmed cases of which nothing is left that could be shared.
    """

    content: bytes
    entries: int
    exact: int
    left: int


class Sharing:
    """Shares what was confirmed."""

    def __init__(self, parts: SharingParts) -> None:
        self._parts = parts
        self._secret = parts.key.derive(_PURPOSE)

    def allow(self, name: str) -> UserId:
        """The id of the user of that name, who may share.

        Raises:
            UserNameError, UnknownUserError: nobody has that name.
            NotPermittedError: they may not.
        """
        with self._parts.records.read() as transaction:
            user = transaction.users.user_named(user_name(name))
        if user is None:
            raise UnknownUserError
        if not _may(user):
            raise NotPermittedError
        return user.user_id

    def cases(self, services: Sequence[ServiceId]) -> list[Case]:
        """The confirmed cases of some services, without canaries."""
        found: list[Case] = []
        for service_id in services:
            wanted = CaseFilter(service_id=service_id, state=CaseState.CONFIRMED, limit=_PAGE)
            found += self._pages(wanted)
        return found

    def share(
        self,
        peer: tuple[str, Card],
        user_id: UserId,
        cases: Sequence[Case],
        seen: Callable[[int], None] = lambda count: None,
    ) -> Shared:
        """Make a list for a peer. The audit log says so before it is given out.

        Args:
            peer: its name and keys.
            user_id: on whose behalf.
            cases: what is shared; those that are not confirmed any more are left out.
            seen: told of each case.

        Raises:
            CustodianAwayError: the custodian does not answer.
            VaultError, CustodianError: an original cannot be reached or opened.
            DatabaseError: nothing can be written.
        """
        name, card = peer
        rows: list[dict[str, Any]] = []
        for case in cases:
            row = self._row(case, name, user_id)
            if row is not None:
                rows.append(row)
            seen(1)
        content = "".join(json.dumps(row) + "\n" for row in rows).encode("ascii")
        now = self._parts.clock.now()
        told: dict[str, Detail] = {"entries": len(rows), "officer": user_id}
        event = EventDraft("list.shared", now, f"user:{user_id}", subject=name, data=told)
        with self._parts.records.write() as transaction:
            transaction.audit.append([event])
        sealed = pack(content, len(rows), now, self._parts.keys, card)
        exact = sum("sha256" in row for row in rows)
        return Shared(sealed, len(rows), exact, len(cases) - len(rows))

    def _pages(self, wanted: CaseFilter) -> Iterator[Case]:
        after = None
        while True:
            with self._parts.records.read() as transaction:
                page = transaction.cases.list(replace(wanted, after=after))
            yield from page
            if len(page) < wanted.limit:
                return
            after = page[-1].case_id

    def _row(self, case: Case, peer: str, user_id: UserId) -> dict[str, Any] | None:
        with self._parts.records.read() as transaction:
            present = transaction.cases.find(case.case_id)
            if present is None or present.state is not CaseState.CONFIRMED or present.canary:
                return None
            evidence = transaction.cases.evidence(case.case_id)
            classification = _classification(transaction, present)
        row: dict[str, Any] = {"id": self._id(present)}
        digest = self._digest(present, evidence, peer, user_id)
        if digest is not None:
            row["sha256"] = digest.hex()
        quality = present.pdq_quality or 0
        if present.pdq is not None and unfit_pdq(present.pdq, quality, QUALITY_FLOOR) is None:
            row |= {"pdq": present.pdq.hex(), "pdq_quality": quality}
        if len(row) == 1:
            return None
        return row | ({"classification": classification} if classification else {})

    def _digest(
        self, case: Case, evidence: Sequence[Evidence], peer: str, user_id: UserId
    ) -> bytes | None:
        """SHA-256 of the bytes; None where there are none any more, or they were altered.

        Whatever else fails, fails the whole: a list takes the place of the one before, so what is
        missing in it would be missing there.
        """
        if not evidence:
            return None
        access = Access(
            case.key_name, case.case_id, f"user:{user_id}", f"list-share:{peer.lower()}"
        )
        try:
            return self._parts.custodian.check(access, evidence[-1].object_name).sha256
        except (ObjectMissingError, DamagedError):
            return None

    def _id(self, case: Case) -> str:
        """The same for the same case always; nobody can tell the case from it."""
        made = hmac.digest(self._secret, str(case.case_id).encode("utf-8"), hashlib.sha256)
        return f"s-{made[:_ID_BYTES].hex()}"


def _classification(transaction: Transaction, case: Case) -> str:
    for decision in reversed(transaction.cases.decisions(case.case_id)):
        if CaseState.CONFIRMED.value in decision.reasons:
            return str(decision.details.get("classification", ""))
    return ""


def _may(user: User) -> bool:
    return user.disabled is None and Permission.LISTS_SHARE in permissions(user.roles)
