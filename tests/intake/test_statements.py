"""Flags, appeals, and how services hear of later decisions."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence

import pytest

from safehold.accounts.model import Service
from safehold.cases.model import Case, CaseFilter, CaseState, Queue
from safehold.cases.receipt import UnknownReceiptError
from safehold.ids import ServiceId, WebhookId
from safehold.intake.model import Appeal, Context, Flag, NoCaseError
from safehold.outbox.model import Webhook
from safehold.policy.model import Verdict
from safehold.vault.sealing import unseal
from tests.intake.house import FORUM, NOW, SHOP, House, match, submission
from tests.intake.test_recording import ask, kinds

SHA256 = hashlib.sha256(b"stored").digest()


def flag(receipt: str | None = None, service: ServiceId = SHOP, reporter: str = "carl") -> Flag:
    return Flag(
        service_id=service,
        surface="public",
        receipt=receipt,
        sha256=None if receipt else SHA256,
        reason="looks_wrong",
        text="please look",
        reporter=reporter,
        context=Context(uploader="dora"),
        received=NOW,
    )


def appeal(receipt: str, service: ServiceId = SHOP) -> Appeal:
    return Appeal(service, receipt, "it is my holiday", "u-1", NOW)


def only_case(house: House) -> Case:
    with house.records.read() as transaction:
        [case] = transaction.cases.list(CaseFilter())
    return case


def told(house: House) -> Sequence[dict[str, str]]:
    later = house.clock.now() + dt.timedelta(days=1)
    with house.records.write() as transaction:
        return [json.loads(m.body) for m in transaction.outbox.claim(later, later, 100)]


def add_webhook(house: House, service: ServiceId) -> None:
    with house.records.write() as transaction:
        hook = Webhook(WebhookId("w"), service, "https://x.example/", b"sealed", NOW)
        transaction.accounts.add_service(Service(service, "shop", NOW))
        transaction.outbox.add_webhook(hook)


def test_a_flag_without_a_match_asks_for_the_bytes_and_holds_nothing(house: House) -> None:
    answer = house.statements.flag(flag())
    assert answer.verdict is Verdict.ALLOW
    case = only_case(house)
    assert (case.queue, case.state) == (Queue.FLAGS, CaseState.AWAITING_BYTES)
    assert house.receipts.status(SHOP, answer.receipt).bytes_wanted
    assert ask(house, submission(b"stored")).verdict is Verdict.ALLOW
    assert only_case(house).state is CaseState.OPEN
    with house.records.read() as transaction:
        [statement] = transaction.cases.statements(case.case_id)
    said = json.loads(unseal([house.open_key(case.key_name)], statement.sealed_text))
    assert (said["text"], said["reporter"], said["uploader"]) == ("please look", "carl", "dora")
    assert kinds(house) == ["case.opened", "flag.added", "case.joined", "evidence.stored"]


def test_a_surface_may_hold_what_is_flagged(house: House) -> None:
    assert house.statements.flag(flag(), holds=True).verdict is Verdict.HOLD
    assert ask(house, submission(b"stored")).verdict is Verdict.HOLD


def test_a_flag_by_receipt_is_of_the_same_bytes(house: House) -> None:
    allowed = ask(house, submission(b"stored"))
    answer = house.statements.flag(flag(allowed.receipt))
    assert answer.receipt == allowed.receipt
    house.statements.flag(flag(reporter="eve"))
    with house.records.read() as transaction:
        assert len(transaction.cases.statements(only_case(house).case_id)) == 2


def test_a_flag_on_cleared_bytes_takes_nothing_down(house: House) -> None:
    held = ask(house, submission(b"stored", [match()]))
    house.cases.clear(only_case(house).case_id, "user:r")
    assert house.statements.flag(flag()).verdict is Verdict.ALLOW
    assert only_case(house).state is CaseState.OPEN
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.ALLOW
    assert ask(house, submission(b"stored", [match()])).verdict is Verdict.ALLOW
    assert ask(house, submission(b"stored", [match("other")])).verdict is Verdict.BLOCK


def test_an_appeal_opens_a_decided_case_and_lifts_nothing(house: House) -> None:
    held = ask(house, submission(b"x", [match(exact=False)]))
    case = only_case(house)
    house.cases.confirm(case.case_id, "user:r")
    answer = house.statements.appeal(appeal(held.receipt))
    assert (answer.verdict, answer.receipt) == (Verdict.BLOCK, held.receipt)
    assert only_case(house).state is CaseState.OPEN
    assert kinds(house)[-2:] == ["case.reopened", "appeal.added"]


def test_an_appeal_needs_a_case_of_the_same_service(house: House) -> None:
    allowed = ask(house, submission(b"fine"))
    with pytest.raises(NoCaseError):
        house.statements.appeal(appeal(allowed.receipt))
    held = ask(house, submission(b"x", [match()]))
    with pytest.raises(UnknownReceiptError):
        house.statements.appeal(appeal(held.receipt, FORUM))
    with pytest.raises(UnknownReceiptError):
        house.statements.flag(flag(held.receipt, FORUM))


def test_later_decisions_are_told_of_every_receipt(house: House) -> None:
    add_webhook(house, SHOP)
    first = ask(house, submission(b"x", [match(exact=False)]))
    second = ask(house, submission(b"x", [match(exact=False)]))
    ask(house, submission(b"x", [match(exact=False)], service=FORUM))
    assert not told(house)
    with house.records.read() as transaction:
        mine = next(c for c in transaction.cases.list(CaseFilter()) if c.service_id == SHOP).case_id
    house.cases.clear(mine, "user:r")
    messages = told(house)
    assert {m["receipt"] for m in messages} == {first.receipt, second.receipt}
    assert {(m["type"], m["verdict"]) for m in messages} == {("receipt.updated", "allow")}
    assert all(set(m) == {"type", "receipt", "verdict", "at"} for m in messages)


def test_a_stricter_verdict_is_told_to_earlier_receipts(house: House) -> None:
    add_webhook(house, SHOP)
    allowed = ask(house, submission(b"stored"))
    house.statements.flag(flag(allowed.receipt))
    ask(house, submission(b"stored", [match()]))
    assert [(m["receipt"], m["verdict"]) for m in told(house)] == [(allowed.receipt, "block")]
