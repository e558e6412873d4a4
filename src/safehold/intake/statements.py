"""What people say about items: users' flags and uploaders' appeals."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass, replace

from safehold.audit.model import EventDraft
from safehold.cases import urgency, workflow
from safehold.cases.model import Attention, Case, CaseState, Queue, Statement, StatementKind
from safehold.cases.records import Transaction
from safehold.cases.suppressing import end_suppressions
from safehold.cases.workflow import present_verdict
from safehold.ids import ServiceId, StatementId
from safehold.intake.locker import Locked, Locker
from safehold.intake.model import Answer, Appeal, BusyError, Context, Flag, NoCaseError
from safehold.intake.opening import deadlines_of
from safehold.intake.parts import IntakeParts
from safehold.policy.model import Verdict

_ATTEMPTS = 5
_CALM = Attention.NONE


class _RacedError(Exception):
    """Another write came first."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of which bytes, by whom, beside the words."""

    kind: StatementKind
    service_id: ServiceId
    content: bytes
    receipt: str
    author: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Opening:
    """How a case is opened that a flag alone makes."""

    surface: str
    verdict: Verdict


class Statements:
    """Records flags and appeals. Safe to use from threads."""

    def __init__(self, parts: IntakeParts) -> None:
        self._parts = parts
        self._locker = Locker(parts)

    def flag(self, flag: Flag, *, holds: bool = False) -> Answer:
        """Record that a user flags an item. Bytes that are not here are asked for.

        Args:
            flag: the item and what was said; it names a receipt or a SHA-256.
            holds: whether what is flagged is held until somebody decides.

        Raises:
            UnknownReceiptError: the receipt is none of this service.
            VaultError, DatabaseError: nothing was recorded.
        """
        names = self._parts.names
        if flag.receipt is not None:
            content = self._parts.receipts.open(flag.service_id, flag.receipt).content
        else:
            assert flag.sha256 is not None
            content = names.content(flag.service_id, flag.sha256)
        said = {"text": flag.text, "reporter": flag.reporter, "reason": flag.reason}
        if flag.sha256 is not None:
            said["sha256"] = flag.sha256.hex()
        author = names.person(flag.service_id, flag.reporter)
        receipt = flag.receipt or self._parts.new_receipt(flag.service_id, content)
        statement = _Said(
            StatementKind.FLAG, flag.service_id, content, receipt, author, flag.reason
        )
        opening = _Opening(flag.surface, Verdict.HOLD if holds else Verdict.ALLOW)
        return self._say(statement, flag.context.as_json(**said), flag.received, opening)

    def appeal(self, appeal: Appeal) -> Answer:
        """Record an uploader's appeal; a decided case is opened again.

        Raises:
            UnknownReceiptError: the receipt is none of this service.
            NoCaseError: nothing was held under it.
            VaultError, DatabaseError: nothing was recorded.
        """
        content = self._parts.receipts.open(appeal.service_id, appeal.receipt).content
        said = {"text": appeal.text, "appellant": appeal.appellant}
        author = self._parts.names.person(appeal.service_id, appeal.appellant)
        statement = _Said(
            StatementKind.APPEAL, appeal.service_id, content, appeal.receipt, author, ""
        )
        return self._say(statement, Context().as_json(**said), appeal.received, None)

    def _say(self, said: _Said, text: bytes, at: dt.datetime, opening: _Opening | None) -> Answer:
        for _ in range(_ATTEMPTS):
            with self._parts.records.read() as transaction:
                case = transaction.cases.find_content(said.service_id, said.content)
            if case is None and opening is None:
                raise NoCaseError
            locked = self._locker.lock(case, text, None)
            try:
                return self._parts.commit.run(
                    functools.partial(self._write, said, locked, at, opening)
                )
            except _RacedError:
                self._locker.discard(locked)
        raise BusyError  # pragma: no cover - five races in a row

    def _write(
        self,
        said: _Said,
        locked: Locked,
        at: dt.datetime,
        opening: _Opening | None,
        transaction: Transaction,
    ) -> Answer:
        now = self._parts.clock.now()
        deadlines = deadlines_of(at, self._parts.options)
        transaction.audit.lock()  # before any case
        case = transaction.cases.find_content(said.service_id, said.content, lock=True)
        if (case is None) is not locked.is_new or (
            case is not None
            and (case.case_id, case.recipient) != (locked.case_id, locked.recipient)
        ):
            raise _RacedError
        if case is None:
            assert opening is not None
            after = Case(
                case_id=locked.case_id,
                service_id=said.service_id,
                content=said.content,
                state=CaseState.AWAITING_BYTES,
                queue=Queue.FLAGS,
                verdict=opening.verdict,
                surface=opening.surface,
                opened=at,
                updated=at,
                recipient=locked.recipient,
                key_name=locked.key_name,
                deadline=deadlines.bytes,
                urgency=urgency.urgency(urgency.found((), opening.surface).points, _CALM, 1),
            )
            if not transaction.cases.add(after):
                raise _RacedError
        else:
            bytes_here = bool(transaction.cases.evidence(case.case_id))
            flagged = said.kind is StatementKind.FLAG
            after = workflow.reopen(case, now, deadlines, bytes_here=bytes_here, flagged=flagged)
            if flagged:
                before = transaction.cases.statements(case.case_id)
                flags = sum(one.kind is StatementKind.FLAG for one in before)
                after = workflow.flagged(after, flags + 1)
            else:
                after = workflow.appealed(after)
            transaction.cases.update(after)
            if case.state is CaseState.CLEARED:  # what is in doubt lets nothing else go
                transaction.reviews.end_likeness(case.case_id, now)
                end_suppressions(transaction, case, now, "service")
        statement_id = StatementId(self._parts.ids())
        transaction.cases.add_statement(
            Statement(
                statement_id=statement_id,
                case_id=after.case_id,
                service_id=said.service_id,
                kind=said.kind,
                at=at,
                author=said.author,
                reason=said.reason,
                receipt=said.receipt,
                sealed_text=locked.sealed_context,
            )
        )
        events = [] if case is not None else [self._event("case.opened", after, at)]
        if case is not None and case.state is not after.state:
            events.append(self._event("case.reopened", after, at))
        added = self._event(f"{said.kind.value}.added", after, at)
        events.append(replace(added, data={"statement": statement_id}))
        transaction.audit.append(events)
        return Answer(present_verdict(after), said.receipt)

    @staticmethod
    def _event(kind: str, case: Case, at: dt.datetime) -> EventDraft:
        return EventDraft(kind, at, "service", case.service_id, case.case_id)
