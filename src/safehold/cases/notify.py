"""Telling a service that receipts say something else than they did."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from safehold.cases.model import Case
from safehold.cases.records import Transaction
from safehold.cases.workflow import present_verdict
from safehold.outbox.model import Message, Webhook

ReceiptMessages = Callable[[Sequence[Webhook], str, str, dt.datetime], Sequence[Message]]
"""From webhooks, a receipt, its verdict and the moment to the messages that say so."""


def tell_change(
    transaction: Transaction,
    before: Case,
    after: Case,
    now: dt.datetime,
    messages: ReceiptMessages,
) -> None:
    """Write the webhooks of all receipts of a case, if what they say has changed."""
    verdict = present_verdict(after)
    if verdict is present_verdict(before) or after.canary:
        return
    webhooks = [w for w in transaction.outbox.webhooks(after.service_id) if w.disabled is None]
    if not webhooks:
        return
    receipts = [o.receipt for o in transaction.cases.occurrences(after.case_id)]
    receipts += [s.receipt for s in transaction.cases.statements(after.case_id)]
    for receipt in dict.fromkeys(receipts):
        transaction.outbox.add(messages(webhooks, receipt, verdict.value, now))
