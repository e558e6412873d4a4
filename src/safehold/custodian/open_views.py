"""Whether somebody's view is open: no preview is made without one that the audit log knows of."""

from __future__ import annotations

from safehold.audit.model import EventFilter
from safehold.cases.records import Records, Transaction
from safehold.cases.review.model import View
from safehold.clock import Clock
from safehold.custodian.interface import Access, NoViewError, PreviewWish
from safehold.ids import CaseId, ViewId

SHOWN: str = "view.shown"
"""The event that whoever asks for a preview has written before: its subject is the case, `view`
the view's id, `level` the level, `still` the number of the still."""

_EVENTS = 500
"""So many of one person since the view was opened are looked at, the newest first."""


class OpenViews:
    """Checks a wish for a preview against the records. Safe to use from several threads.

    The console is asked for nothing: the custodian reads view, case, evidence and audit log
    itself, so a console that was taken over leaves an event for all that it gets shown.
    """

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def __call__(self, access: Access, wish: PreviewWish, object_name: str) -> None:
        """Raises `NoViewError` unless the view is open for exactly this.

        It belongs to the person who asks, to the case and its key, and to the evidence with
        that object; and an event says that this still is shown in it at this level.
        """
        with self._records.read() as transaction:
            view = transaction.reviews.view(ViewId(wish.view_id))
            if (
                view is None
                or not view.is_open(self._clock.now())
                or access.actor != f"user:{view.user_id}"
                or access.case_id != view.case_id
                or not _is_of_case(transaction, view, access.key_name, object_name)
                or not _is_logged(transaction, view, wish)
            ):
                raise NoViewError


def _is_of_case(transaction: Transaction, view: View, key_name: str, object_name: str) -> bool:
    case_id = CaseId(view.case_id)
    case = transaction.cases.find(case_id)
    return (
        case is not None
        and case.key_name == key_name
        and any(
            evidence.evidence_id == view.evidence_id and evidence.object_name == object_name
            for evidence in transaction.cases.evidence(case_id)
        )
    )


def _is_logged(transaction: Transaction, view: View, wish: PreviewWish) -> bool:
    actor = f"user:{view.user_id}"
    wanted = EventFilter(
        kind=SHOWN, actor=actor, subject=view.case_id, since=view.opened, limit=_EVENTS
    )
    for event in transaction.audit.search(wanted):
        draft = event.draft
        said = tuple(draft.data.get(name) for name in ("view", "level", "still"))
        if draft.kind == SHOWN and said == (view.view_id, str(wish.level), wish.still):
            return True
    return False
