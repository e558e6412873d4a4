"""Answering and recording items that were checked.

Order of writing: vault, then case and audit log in one transaction, then the answer. So an
answered hold or block is there, whatever happens after; and a failure before leaves at most an
object in the vault that no record names.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from safehold.accounts.model import RememberedAnswer
from safehold.audit.model import EventDraft
from safehold.cases import workflow
from safehold.cases.model import (
    Case,
    CaseState,
    DecisionRecord,
    Occurrence,
    Queue,
    StatementKind,
)
from safehold.cases.notify import tell_change
from safehold.cases.records import Transaction
from safehold.cases.suppressing import end_suppressions
from safehold.cases.workflow import present_verdict
from safehold.errors import SafeholdError
from safehold.ids import DecisionId, OccurrenceId
from safehold.intake.finding import finding_of, match_json, must_record
from safehold.intake.hits import hits_of
from safehold.intake.likeness import is_let_go
from safehold.intake.locker import Locked, Locker
from safehold.intake.looking_back import is_recorded, tell_match
from safehold.intake.model import (
    Answer,
    BusyError,
    FaultSpaceFullError,
    IdempotencyMismatchError,
    Submission,
)
from safehold.intake.opening import deadlines_of, keep_evidence, new_case
from safehold.intake.origin import told_reading
from safehold.intake.parts import IntakeParts
from safehold.outbox.model import Alarm, AlarmCode
from safehold.policy.model import Reason, Verdict

_ATTEMPTS = 5
_REFUSALS = 400
"""HTTP statuses from here on let nothing through."""
_POLICY = "policy"
_FAULT_SPACE_SECONDS = 2.0


class _RacedError(Exception):
    """Another write came first: what was put into the vault does not fit any more."""


class Recorder:
    """Answers items, and records those that are held or blocked. Safe to use from threads."""

    def __init__(self, parts: IntakeParts, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._locker = Locker(parts)
        self._monotonic = monotonic
        self._fault_lock = threading.Lock()
        self._fault_space = (0, 0)
        self._fault_space_until = 0.0

    def triage(self, submissions: Sequence[Submission]) -> list[Answer | SafeholdError | None]:
        """Answer what needs no record, by one reading for all.

        Returns, in the order of the question: the answer, or why there is none, or None where
        the item must be recorded (`record`).

        Raises:
            SafeholdError: the records cannot be read.
        """
        contents = [(s.service_id, self._parts.content(s)) for s in submissions]
        with self._parts.records.read() as transaction:
            found = transaction.cases.find_contents(contents)
            remembered = [
                transaction.accounts.remembered(s.service_id, s.idempotency.key)
                if s.idempotency
                else None
                for s in submissions
            ]
            cases = {(case.service_id, case.content): case for case in found}
            let_go = [
                is_let_go(transaction, cases.get(place), submission)
                for submission, place in zip(submissions, contents, strict=True)
            ]
        answers: list[Answer | SafeholdError | None] = []
        for index, (submission, place) in enumerate(zip(submissions, contents, strict=True)):
            case, known = cases.get(place), remembered[index]
            recorded = must_record(case, finding_of(submission)) and not let_go[index]
            if known is not None and not self._is_overtaken(
                known, submission, case, let_go=let_go[index]
            ):
                answers.append(_replay(submission, known))
            elif submission.idempotency or recorded:
                answers.append(None)
            else:
                answers.append(Answer(Verdict.ALLOW, self._parts.receipt(submission)))
        return answers

    def record(self, submission: Submission) -> Answer:
        """Record an item where need be; its answer, once everything is on the disk.

        Raises:
            IdempotencyMismatchError: the idempotency key was used for another call.
            FaultSpaceFullError, DiskFullError, VaultError, DatabaseError: nothing was recorded,
                and no verdict can be given.
        """
        for _ in range(_ATTEMPTS):
            locked = self._lock(submission)
            try:
                answer = self._parts.commit.run(functools.partial(self._write, submission, locked))
            except (_RacedError, IdempotencyMismatchError) as error:
                # These undid the transaction, so nothing names what is in the vault. Of other
                # errors nobody knows: what is there stays, and `vault verify` finds it.
                if locked is not None:
                    self._locker.discard(locked)
                if isinstance(error, IdempotencyMismatchError):
                    raise
                continue
            if locked is not None and answer.replayed is not None:
                self._locker.discard(locked)
            return answer
        raise BusyError

    def _lock(self, submission: Submission) -> Locked | None:
        """Write to the vault what the record will need, as far as can be told now."""
        content = self._parts.content(submission)
        finding = finding_of(submission)
        with self._parts.records.read() as transaction:
            case = transaction.cases.find_content(submission.service_id, content)
            has_bytes = case is not None and bool(transaction.cases.evidence(case.case_id))
            resolved = case is not None and self._resolved(transaction, case, submission)
            let_go = is_let_go(transaction, case, submission)
            there = is_recorded(transaction, case, submission)
        if not must_record(case, finding) or resolved or let_go or there:
            return None
        if case is None and finding.queue is Queue.FAULTS:
            self._check_fault_space()
        stored = None if has_bytes else submission
        return self._locker.lock(case, submission.context.as_json(), stored)

    def _check_fault_space(self) -> None:
        """Take a place among the cases that are only faults.

        The places are counted by the database every few seconds and in between here, so that
        several servers together may go over the quota by what a few seconds bring.
        """
        options = self._parts.options
        with self._fault_lock:
            now = self._monotonic()
            if now >= self._fault_space_until:
                with self._parts.records.read() as transaction:
                    self._fault_space = transaction.cases.fault_space()
                self._fault_space_until = now + _FAULT_SPACE_SECONDS
            cases, size = self._fault_space
            if cases < options.fault_cases and size < options.fault_bytes:
                self._fault_space = (cases + 1, size)
                return
        alarm = Alarm(AlarmCode.FAULT_SPACE_FULL, self._parts.clock.now())
        self._parts.commit.run(lambda t: t.outbox.add(self._parts.alarms(alarm)))
        raise FaultSpaceFullError

    def _write(
        self, submission: Submission, locked: Locked | None, transaction: Transaction
    ) -> Answer:
        """One item's record. Called in a transaction, perhaps more than once."""
        service = submission.service_id
        content = self._parts.content(submission)
        if locked is not None:
            transaction.audit.lock()  # before any case
        known = None
        if submission.idempotency is not None:
            known = transaction.accounts.remembered(service, submission.idempotency.key)
        if known is not None:
            present = transaction.cases.find_content(service, content)
            let_go = is_let_go(transaction, present, submission)
            if not self._is_overtaken(known, submission, present, let_go=let_go):
                answer = _replay(submission, known)
                if isinstance(answer, SafeholdError):
                    raise answer
                return answer
        case = transaction.cases.find_content(service, content, lock=True)
        let_go = is_let_go(transaction, case, submission)
        there = is_recorded(transaction, case, submission)
        if let_go or there or not must_record(case, finding_of(submission)):
            if locked is not None:
                raise _RacedError
            verdict = present_verdict(case) if there else Verdict.ALLOW
            answer = Answer(verdict, self._parts.receipt(submission))
        else:
            answer = self._record(transaction, submission, case, locked)
        if submission.idempotency is not None and known is None:
            known = transaction.accounts.remember(
                service,
                submission.idempotency.key,
                RememberedAnswer(
                    request=submission.idempotency.request,
                    status=submission.idempotency.statuses[answer.verdict],
                    body=answer.body(),
                    at=self._parts.clock.now(),
                ),
            )
            if known is not None:
                raise _RacedError  # another process was first; the next attempt replays its answer
        return answer

    def _record(
        self,
        transaction: Transaction,
        submission: Submission,
        case: Case | None,
        locked: Locked | None,
    ) -> Answer:
        now = self._parts.clock.now()
        finding = finding_of(submission)
        content = self._parts.content(submission)
        receipt = self._parts.receipt(submission)
        if case is not None and (resolved := self._resolved(transaction, case, submission)):
            if locked is not None:
                raise _RacedError
            transaction.cases.update(resolved)
            self._decide(transaction, submission, resolved, None)
            transaction.audit.append([self._event("case.resolved", submission, resolved)])
            tell_change(transaction, case, resolved, now, self._parts.receipt_messages)
            return Answer(Verdict.ALLOW, receipt)
        if locked is None or (case is None) is not locked.is_new:
            raise _RacedError
        if case is None:
            after = new_case(submission, finding, locked, content, self._parts.options)
            if not transaction.cases.add(after):
                raise _RacedError
            event = self._event("case.opened", submission, after)
        else:
            # The key may have been destroyed meanwhile, and another be in its place.
            if (locked.case_id, locked.recipient) != (case.case_id, case.recipient):
                raise _RacedError
            there = bool(transaction.cases.evidence(case.case_id))
            if there and locked.evidence is not None:
                raise _RacedError  # the same bytes came in meanwhile, and are kept once
            here = there or locked.evidence is not None
            deadlines = deadlines_of(submission.received, self._parts.options)
            said = transaction.cases.statements(case.case_id)
            flags = sum(one.kind is StatementKind.FLAG for one in said)
            after = workflow.join(case, finding, now, deadlines, bytes_here=here, flags=flags)
            transaction.cases.update(after)
            reopened = case.state in (CaseState.CLEARED, CaseState.EXPIRED)
            if reopened:  # what is in doubt lets nothing else go
                transaction.reviews.end_likeness(case.case_id, now)
                end_suppressions(transaction, case, now, _POLICY)
            event = self._event("case.reopened" if reopened else "case.joined", submission, after)
            tell_change(transaction, case, after, now, self._parts.receipt_messages)
        occurrence = Occurrence(
            occurrence_id=OccurrenceId(self._parts.ids()),
            case_id=after.case_id,
            service_id=submission.service_id,
            kind=submission.kind,
            at=submission.received,
            surface=submission.surface,
            uploader=self._parts.names.person(submission.service_id, submission.context.uploader),
            receipt=receipt,
            sealed_context=locked.sealed_context,
        )
        transaction.cases.add_occurrence(occurrence)
        transaction.hits.add(hits_of(submission, after, occurrence))
        events = [replace(event, data={**event.data, "occurrence": occurrence.occurrence_id})]
        if locked.evidence is not None:
            keep_evidence(transaction, locked.evidence, submission, self._parts.list_key)
            stored = {"evidence": locked.evidence.evidence_id}
            events.append(replace(self._event("evidence.stored", submission, after), data=stored))
        verdict = self._decide(transaction, submission, after, occurrence)
        tell_match(transaction, submission, after, self._parts)
        transaction.audit.append(events)
        if Reason.DIGEST_CONFLICT in finding.reasons and not after.canary:
            alarm = Alarm(AlarmCode.COLLISION, now, after.case_id)
            transaction.outbox.add(self._parts.alarms(alarm))
        return Answer(verdict, receipt)

    def _resolved(
        self, transaction: Transaction, case: Case, submission: Submission
    ) -> Case | None:
        """The case, cleared by policy, where these bytes are now wholly checked (rule 7)."""
        resolved = workflow.resolve(case, finding_of(submission), self._parts.clock.now())
        if resolved is None or submission.descriptor is None:
            return None  # digests alone are no whole check
        if transaction.cases.statements(case.case_id):
            return None
        occurrences = transaction.cases.occurrences(case.case_id)
        surfaces = {case.surface, *(occurrence.surface for occurrence in occurrences)}
        return resolved if surfaces == {submission.surface} else None

    def _decide(
        self,
        transaction: Transaction,
        submission: Submission,
        case: Case,
        occurrence: Occurrence | None,
    ) -> Verdict:
        """Write policy's decision, as it stands with what is known of these bytes."""
        verdict = present_verdict(case)
        finding = finding_of(submission)
        reasons = set(finding.reasons)
        if case.state is CaseState.CONFIRMED:
            reasons.add(Reason.CONFIRMED_HERE)
        elif verdict is not finding.verdict and verdict is not Verdict.ALLOW:
            reasons.add(Reason.HELD_HERE)
        matches = submission.screened.matches
        kept = self._parts.options.max_matches
        details: dict[str, Any] = {
            "grounds": sorted([name, ground] for name, ground in finding.grounds),
            "matches": [match_json(match) for match in matches[:kept]],
            "matches_omitted": max(0, len(matches) - kept),
            "lists": dict(submission.lists),
            "scores": [dict(score) for score in submission.scores],
            **({"matchers": list(submission.matchers)} if submission.matchers else {}),
            **({"suppressed": n} if (n := submission.screened.suppressed) else {}),
            "software": self._parts.software,
            **told_reading(submission.screened.examination.reading),
        }
        transaction.cases.add_decision(
            DecisionRecord(
                decision_id=DecisionId(self._parts.ids()),
                case_id=case.case_id,
                occurrence_id=occurrence.occurrence_id if occurrence is not None else None,
                at=self._parts.clock.now(),
                actor=_POLICY,
                verdict=verdict,
                reasons=tuple(sorted(reasons)),
                details=details,
            )
        )
        return verdict

    def _event(self, kind: str, submission: Submission, case: Case) -> EventDraft:
        """An event with the verdict that is answered, and the reasons of this occurrence."""
        return EventDraft(
            kind=kind,
            at=self._parts.clock.now(),
            actor=_POLICY,
            service=submission.service_id,
            subject=case.case_id,
            data={
                "verdict": present_verdict(case).value,
                "reasons": submission.screened.decision.reasons,
            },
        )

    def _is_overtaken(
        self,
        known: RememberedAnswer,
        submission: Submission,
        case: Case | None,
        *,
        let_go: bool,
    ) -> bool:
        """Whether a remembered answer let through what would not be let through now.

        Lists and decisions change within the time for which answers are remembered. Such an
        answer is not given again; a hold or a block is, whatever came after.
        """
        finding = finding_of(submission)
        if (
            let_go
            or known.status >= _REFUSALS
            or isinstance(_replay(submission, known), SafeholdError)
        ):
            return False
        if case is None or not must_record(case, finding):
            return must_record(case, finding)
        if workflow.resolve(case, finding, self._parts.clock.now()) is not None:
            return False
        found = finding.verdict is not Verdict.ALLOW and not workflow.is_cleared(case, finding)
        return found or present_verdict(case) is not Verdict.ALLOW


def _replay(submission: Submission, known: RememberedAnswer) -> Answer | SafeholdError:
    assert submission.idempotency is not None
    if known.request != submission.idempotency.request:
        return IdempotencyMismatchError()
    return Answer(Verdict.ALLOW, "", replayed=known)
