"""What every piece of people's work on a case shares: permission, lock, words, audit events."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager

from safehold.audit.model import Detail, EventDraft
from safehold.cases.model import Case, DecisionRecord, Evidence, Statement, UnknownCaseError
from safehold.cases.records import Transaction
from safehold.cases.review import rules
from safehold.cases.review.model import (
    CaseLock,
    LockedError,
    Note,
    NoteKind,
    NotLockedError,
    SamePersonError,
    View,
)
from safehold.cases.review.parts import ReviewParts
from safehold.cases.review.refusals import NotPermittedError, WordsError
from safehold.cases.review.rules import Facts, WhyNot
from safehold.cases.workflow import TransitionError
from safehold.ids import CaseId, NoteId, UserId, ViewId
from safehold.users.model import User
from safehold.users.roles import Permission, permissions

VIEW_FAILED = "view.failed"
"""The audit event of a preview that could not be made."""


def require(user: User, permission: Permission) -> None:
    """Raise `NotPermittedError` where somebody's roles do not have a permission."""
    if permission not in permissions(user.roles):
        raise NotPermittedError


class Desk:
    """One case, one person, one transaction."""

    def __init__(self, parts: ReviewParts) -> None:
        self.parts = parts

    def now(self) -> dt.datetime:
        """The present moment."""
        return self.parts.clock.now()

    @contextmanager
    def changes(self) -> Iterator[Transaction]:
        """A transaction that changes cases: it holds the audit log before any case."""
        with self.parts.records.write() as transaction:
            transaction.audit.lock()
            yield transaction

    def case(self, transaction: Transaction, case_id: CaseId) -> Case:
        """A case, held against other writers. Raises `UnknownCaseError`."""
        case = transaction.cases.find(case_id, lock=True)
        if case is None:
            raise UnknownCaseError
        return case

    def present(self, transaction: Transaction, user_id: UserId, permission: Permission) -> User:
        """Somebody as they are now, not as they were when their request began.

        Raises:
            NotPermittedError: they are disabled or gone, or their roles are others by now.
        """
        user = transaction.users.user(user_id)
        if user is None or user.disabled is not None:
            raise NotPermittedError
        require(user, permission)
        return user

    def take(self, transaction: Transaction, case_id: CaseId, user: User) -> CaseLock:
        """Lock a case, or lengthen one's own lock. Raises `LockedError`."""
        now = self.now()
        until = now + dt.timedelta(minutes=self.parts.options.lock_minutes)
        lock = transaction.reviews.lock(CaseLock(case_id, user.user_id, now, until))
        if lock.user_id != user.user_id:
            raise LockedError
        return lock

    def hold(self, transaction: Transaction, case_id: CaseId, user: User) -> CaseLock:
        """Check that somebody's own lock stands, and lengthen it. Raises `NotLockedError`."""
        lock = transaction.reviews.lock_of(case_id, self.now())
        if lock is None or lock.user_id != user.user_id:
            raise NotLockedError
        return self.take(transaction, case_id, user)

    def not_held_by_others(self, transaction: Transaction, case_id: CaseId, user: User) -> None:
        """Raise `LockedError` where somebody else works on a case."""
        lock = transaction.reviews.lock_of(case_id, self.now())
        if lock is not None and lock.user_id != user.user_id:
            raise LockedError

    def leave(self, transaction: Transaction, case_id: CaseId, user: User) -> None:
        """Leave a case to others: give up one's lock, and do not take it next again."""
        transaction.reviews.unlock(case_id, user.user_id)
        if user.user_id not in transaction.reviews.passed_by(case_id):
            transaction.reviews.add_pass(case_id, user.user_id, self.now())

    def event(self, kind: str, case: Case, user: User, **data: Detail) -> EventDraft:
        """An audit event of what somebody did with a case."""
        actor = rules.actor(user.user_id)
        return EventDraft(kind, self.now(), actor, case.service_id, case.case_id, data)

    def write_words(
        self,
        transaction: Transaction,
        case: Case,
        user: User,
        kind: NoteKind,
        words: str,
    ) -> None:
        """Keep somebody's words, sealed to the case; nothing where there are none.

        Raises:
            WordsError: they are too long.
        """
        text = words.strip()
        if len(text) > self.parts.options.max_words:
            raise WordsError
        if not text:
            return
        sealed = json.dumps({"text": text, "by": user.name}, ensure_ascii=False).encode()
        note = Note(
            note_id=NoteId(self.parts.ids()),
            case_id=case.case_id,
            kind=kind,
            user_id=user.user_id,
            at=self.now(),
            sealed_text=self.parts.vault.seal(case.recipient, sealed),
        )
        transaction.reviews.add_note(note)
        about = kind.value
        added = self.event("note.added", case, user, note=note.note_id, about=about)
        transaction.audit.append([added])


class Reading:
    """What is known of a case within one transaction, each part asked for once."""

    def __init__(self, transaction: Transaction, case: Case) -> None:
        self._transaction = transaction
        self.case = case
        self.decisions: list[DecisionRecord] = list(transaction.cases.decisions(case.case_id))
        self.statements: list[Statement] = list(transaction.cases.statements(case.case_id))
        self.evidence: list[Evidence] = list(transaction.cases.evidence(case.case_id))
        self.views: list[View] = list(transaction.reviews.views(case.case_id))
        self.facts: Facts = rules.facts(self.decisions)

    def has_looked(self, user: User) -> bool:
        """Whether somebody has looked since the evidence last changed."""
        failed = self._failed() if self.facts.unreadable else frozenset()
        return rules.looked(self.views, self.evidence, user.user_id, failed)

    def _failed(self) -> frozenset[ViewId]:
        """Views in which a preview could not be made."""
        events = self._transaction.audit.events_of(self.case.case_id)
        return frozenset(
            ViewId(str(event.draft.data["view"]))
            for event in events
            if event.draft.kind == VIEW_FAILED
        )

    def seen(self, user: User) -> str:
        """How much of it somebody has seen, as decisions keep it."""
        return rules.seen(self.views, self.evidence, user.user_id).value

    def why_not(self, user: User) -> WhyNot:
        """Why somebody may not decide it."""
        return rules.why_not(self.case, user, self.decisions, self.statements)

    def check_may_decide(self, user: User) -> None:
        """Raise what says why somebody may not decide it.

        Raises:
            NotPermittedError, TransitionError, SamePersonError: see `rules.WhyNot`.
        """
        reason = self.why_not(user)
        if reason is WhyNot.PERMISSION:
            raise NotPermittedError
        if reason is WhyNot.NOT_OPEN:
            raise TransitionError
        if reason is not WhyNot.NO:
            raise SamePersonError

    def basis(self) -> str:
        """What a proposal is about, see `rules.basis`."""
        return rules.basis(self.case, self.decisions, self.evidence)
