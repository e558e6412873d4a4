"""What a server kept of a canary: whether it is all there, and its end."""

from __future__ import annotations

import datetime as dt
import hashlib

from safehold.accounts.model import CANARY_SERVICE
from safehold.cases.model import Case, CaseFilter, Evidence, UnknownCaseError
from safehold.custodian.interface import Access, CustodianAwayError
from safehold.errors import SafeholdError
from safehold.ids import CaseId, ServiceId
from safehold.policy.model import Verdict
from safehold.work.canary.model import CanaryCode, CanaryError, CanaryParts

_PAGE = 100


class CanaryEvidence:
    """Cases of the canaries' service. Raises `CanaryError` where its service is not there.

    Args:
        parts: what canaries use.
    """

    def __init__(self, parts: CanaryParts) -> None:
        self._parts = parts
        with parts.records.read() as transaction:
            service = transaction.accounts.service_named(CANARY_SERVICE)
        if service is None:
            raise CanaryError(CanaryCode.NO_SERVICE)
        self._service: ServiceId = service.service_id

    def check(self, content: bytes, verdict: Verdict) -> None:
        """Check that some bytes are held as a canary, and can be opened.

        Raises:
            CanaryError: something is missing or is not what was sent.
        """
        sha256 = hashlib.sha256(content).digest()
        case, evidence = self._find(sha256)
        if case is None:
            raise CanaryError(CanaryCode.NO_CASE)
        if not case.canary:
            raise CanaryError(CanaryCode.NOT_FLAGGED)
        if case.verdict is not verdict:
            raise CanaryError(CanaryCode.WRONG_VERDICT)
        if not evidence:
            raise CanaryError(CanaryCode.NO_EVIDENCE)
        access = Access(case.key_name, case.case_id, "system", "canary")
        for item in evidence:
            try:
                found = self._parts.custodian.check(access, item.object_name)
            except (CustodianAwayError, OSError):
                raise CanaryError(CanaryCode.CUSTODIAN_AWAY) from None
            except SafeholdError:
                raise CanaryError(CanaryCode.NOT_DECRYPTABLE) from None
            if (found.sha256, found.size) != (sha256, len(content)):
                raise CanaryError(CanaryCode.NOT_DECRYPTABLE)

    def purge(self, content: bytes) -> bool:
        """End the canary of some bytes; whether nothing of it was left over.

        Where it left something, that is removed now. Without a case there is nothing to end. A
        case that is not a canary's stays.
        """
        case, evidence = self._find(hashlib.sha256(content).digest())
        return case is None or not case.canary or self._purge(case, [*evidence])

    def sweep(self, before: dt.datetime) -> int:
        """End canaries that were opened before a moment and left over; how many."""
        swept = 0
        after: CaseId | None = None
        while True:
            wanted = CaseFilter(self._service, canaries=True, after=after, limit=_PAGE)
            with self._parts.records.read() as transaction:
                cases = transaction.cases.list(wanted)
                old = [
                    (case, [*transaction.cases.evidence(case.case_id)])
                    for case in cases
                    if case.canary and case.opened < before
                ]
            for case, evidence in old:
                self._purge(case, evidence)
            swept += len(old)
            if len(cases) < _PAGE:
                return swept
            after = cases[-1].case_id

    def _find(self, sha256: bytes) -> tuple[Case | None, list[Evidence]]:
        content = self._parts.names.content(self._service, sha256)
        with self._parts.records.read() as transaction:
            case = transaction.cases.find_content(self._service, content)
            evidence = [] if case is None else [*transaction.cases.evidence(case.case_id)]
        return case, evidence

    def _purge(self, case: Case, evidence: list[Evidence]) -> bool:
        try:
            self._parts.cases.purge_canary(case.case_id)
        except UnknownCaseError:
            # Another canary with the same bytes was faster, and removes what belongs to it.
            return True
        with self._parts.records.read() as transaction:
            gone = transaction.cases.find(case.case_id) is None
        # Removing again tells whether something was left.
        left = [self._parts.vault.delete(item.object_name) for item in evidence]
        left.append(self._parts.vault.shred(case.key_name))
        return gone and True not in left
