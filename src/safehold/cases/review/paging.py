"""Where a page of the queue ended, as text that goes to a browser and comes back. I/O-free."""

from __future__ import annotations

import re

from safehold.cases.model import Case
from safehold.cases.review.model import Order
from safehold.errors import UsageError
from safehold.ids import CaseId

_CURSOR = re.compile(r"(?:([0-9]{1,3})\.)?([0-9A-Za-z_-]{1,64})")


class CursorError(UsageError):
    """A place in a queue that no page has given."""

    code = "cursor"
    default_message = "That page of the queue does not exist."
    default_hint = "Go back to the beginning of the queue."


def cursor(order: Order, case: Case) -> str:
    """The place after a case in an order."""
    return f"{case.urgency}.{case.case_id}" if order is Order.URGENCY else case.case_id


def parse(order: Order, text: str) -> tuple[int, CaseId]:
    """Urgency (0 where the order has none) and case of a place. Raises `CursorError`."""
    found = _CURSOR.fullmatch(text)
    if found is None or (found[1] is None) is (order is Order.URGENCY):
        raise CursorError
    return int(found[1] or 0), CaseId(found[2])
