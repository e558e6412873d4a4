"""What is answered, and what is then there."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from safehold.audit.chain import link
from safehold.cases.model import (
    Case,
    CaseFilter,
    CaseState,
    OccurrenceKind,
    Queue,
)
from safehold.cases.receipt import UnknownReceiptError
from safehold.errors import SafeholdError
from safehold.intake.model import (
    Answer,
    BytesDifferError,
    BytesNotWantedError,
    DiskFullError,
    FaultSpaceFullError,
    IdempotencyMismatchError,
    IntakeOptions,
    Submission,
)
from safehold.media.model import Fault
from safehold.outbox.model import Message
from safehold.policy.model import Verdict
from safehold.vault.interface import VaultError
from safehold.vault.sealing import unseal
from tests.intake.house import FORUM, NOW, SHOP, House, match, submission, with_key


def cases(house: House) -> Sequence[Case]:
    with house.records.read() as transaction:
        return transaction.cases.list(CaseFilter(canaries=True))


def kinds(house: House) -> list[str]:
    with house.records.read() as transaction:
        return [event.draft.kind for event in transaction.audit.events()]


def messages(house: House) -> Sequence[Message]:
    later = house.clock.now() + dt.timedelta(days=1)
    with house.records.write() as transaction:
        return transaction.outbox.claim(later, later, 100)


def ask(house: House, item: Submission) -> Answer:
    """As a door asks: triage first, recording where need be."""
    [answer] = house.recorder.triage([item])
    if isinstance(answer, SafeholdError):
        raise answer
    return answer or house.recorder.record(item)


def test_an_allow_writes_nothing_and_its_receipt_says_allow(house: House) -> None:
    answer = ask(house, submission(b"fine"))
    assert answer.verdict is Verdict.ALLOW
    assert house.receipts.status(SHOP, answer.receipt).verdict is Verdict.ALLOW
    assert not cases(house)
    assert not kinds(house)
    assert not list(house.objects.names())


@pytest.mark.parametrize(
    ("exact", "verdict"), [(True, Verdict.BLOCK), (False, Verdict.HOLD)], ids=["exact", "near"]
)
def test_what_is_held_can_be_opened_by_the_officer(
    house: House, exact: bool, verdict: Verdict
) -> None:
    answer = ask(house, submission(b"the bytes", [match(exact=exact)]))
    assert answer.verdict is verdict
    [case] = cases(house)
    assert (case.state, case.queue, case.verdict) == (CaseState.OPEN, Queue.MATCHES, verdict)
    with house.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
        [occurrence] = transaction.cases.occurrences(case.case_id)
        [decision] = transaction.cases.decisions(case.case_id)
    assert house.original(case.key_name, evidence.object_name) == b"the bytes"
    identity = house.open_key(case.key_name)
    manifest = json.loads(unseal([identity], evidence.sealed_manifest))
    assert manifest["size"] == 9
    context = json.loads(unseal([identity], occurrence.sealed_context))
    assert context["ip"] == "198.51.100.7"
    assert context["file_name"] == "a b.png"
    assert occurrence.uploader == house.names.person(SHOP, "u-1")
    assert occurrence.receipt == answer.receipt
    assert decision.details["software"] == "1.2.3"
    assert decision.details["lists"] == {"partner": 3}
    assert decision.details["matches"][0]["entry_id"] == "e1"
    assert kinds(house) == ["case.opened", "evidence.stored"]
    assert house.receipts.status(SHOP, answer.receipt).verdict is verdict


def test_the_audit_chain_is_whole_and_holds_no_digest(house: House) -> None:
    items = [submission(bytes([n]), [match()]) for n in range(5)]
    for item in items:
        ask(house, item)
    with house.records.read() as transaction:
        events = list(transaction.audit.events())
        head = transaction.audit.head()
    previous = bytes(32)
    for number, event in enumerate(events, 1):
        assert link(previous, number, event.draft) == event
        previous = event.hash
    assert head == (10, previous)
    said = json.dumps([[e.draft.kind, e.draft.subject, dict(e.draft.data)] for e in events])
    for item in items:
        assert item.sha256.hex() not in said
    assert "partner" not in said


def test_the_same_bytes_join_their_case_with_their_own_uploader(house: House) -> None:
    first = ask(house, submission(b"x", [match()], uploader="ann"))
    second = ask(house, submission(b"x", [match()], uploader="bob"))
    assert first.receipt != second.receipt
    [case] = cases(house)
    with house.records.read() as transaction:
        found = transaction.cases.occurrences(case.case_id)
        assert len(transaction.cases.evidence(case.case_id)) == 1
    assert {o.uploader for o in found} == {
        house.names.person(SHOP, "ann"),
        house.names.person(SHOP, "bob"),
    }
    assert kinds(house) == ["case.opened", "evidence.stored", "case.joined"]


def test_services_share_nothing(house: House) -> None:
    mine = ask(house, submission(b"x", [match()]))
    theirs = ask(house, submission(b"x", [match()], service=FORUM))
    one, two = sorted(cases(house), key=lambda case: case.service_id, reverse=True)
    assert one.content != two.content
    assert one.recipient != two.recipient
    for service, receipt in ((FORUM, mine.receipt), (SHOP, theirs.receipt)):
        with pytest.raises(UnknownReceiptError):
            house.receipts.status(service, receipt)
    house.cases.clear(one.case_id, "user:r")
    assert house.receipts.status(FORUM, theirs.receipt).verdict is Verdict.BLOCK
    assert ask(house, submission(b"x", [match()], service=FORUM)).verdict is Verdict.BLOCK
    assert ask(house, submission(b"x", service=FORUM)).verdict is Verdict.BLOCK
    assert ask(house, submission(b"x", [match()])).verdict is Verdict.ALLOW


def test_cleared_bytes_are_allowed_until_something_else_is_found(house: House) -> None:
    held = ask(house, submission(b"x", [match("e1")]))
    [case] = cases(house)
    house.cases.clear(case.case_id, "user:r")
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.ALLOW
    before = kinds(house)
    assert ask(house, submission(b"x", [match("e1")])).verdict is Verdict.ALLOW
    assert kinds(house) == before
    assert ask(house, submission(b"x", [match("e1"), match("e2")])).verdict is Verdict.BLOCK
    [case] = cases(house)
    assert case.state is CaseState.OPEN
    assert kinds(house)[-1] == "case.reopened"


def test_confirmed_bytes_are_blocked_whatever_the_lists_say(house: House) -> None:
    ask(house, submission(b"x", [match(exact=False)]))
    [case] = cases(house)
    house.cases.confirm(case.case_id, "user:r")
    house.clock.advance(dt.timedelta(minutes=1))
    again = ask(house, submission(b"x"))
    assert again.verdict is Verdict.BLOCK
    with house.records.read() as transaction:
        *_, decision = transaction.cases.decisions(case.case_id)
    assert decision.reasons == ("confirmed_here",)


def test_an_open_case_keeps_its_bytes_held_when_the_list_is_gone(house: House) -> None:
    ask(house, submission(b"x", [match(exact=False)]))
    assert ask(house, submission(b"x")).verdict is Verdict.HOLD


def test_a_fault_is_resolved_by_a_whole_check(house: House) -> None:
    held = ask(house, submission(b"x", fault=Fault.LIMIT_TIME))
    [case] = cases(house)
    assert (held.verdict, case.queue) == (Verdict.HOLD, Queue.FAULTS)
    assert case.deadline == NOW + dt.timedelta(days=house.options.fault_days)
    assert ask(house, submission(b"x", fault=Fault.LIMIT_TIME)).verdict is Verdict.HOLD
    assert ask(house, submission(b"x")).verdict is Verdict.ALLOW
    assert cases(house)[0].state is CaseState.CLEARED
    assert house.receipts.status(SHOP, held.receipt).verdict is Verdict.ALLOW
    assert ask(house, submission(b"x", fault=Fault.DECODER_CRASHED)).verdict is Verdict.HOLD


def test_a_fault_and_then_a_match_goes_to_the_matches_without_end(house: House) -> None:
    ask(house, submission(b"x", fault=Fault.LIMIT_TIME))
    assert ask(house, submission(b"x", [match()])).verdict is Verdict.BLOCK
    [case] = cases(house)
    assert (case.queue, case.deadline, case.verdict) == (Queue.MATCHES, None, Verdict.BLOCK)


def test_faults_expire_and_matches_do_not(house: House) -> None:
    ask(house, submission(b"x", fault=Fault.LIMIT_TIME))
    ask(house, submission(b"y", [match()]))
    house.clock.advance(dt.timedelta(days=400))
    assert house.cases.expire_due() == 1
    assert {c.queue: c.state for c in cases(house)} == {
        Queue.FAULTS: CaseState.EXPIRED,
        Queue.MATCHES: CaseState.OPEN,
    }


def test_faults_have_a_quota_and_matches_still_get_in(house: House) -> None:
    small = House(house.records, options=IntakeOptions(fault_cases=2))
    for name in (b"a", b"b"):
        ask(small, submission(name, fault=Fault.LIMIT_TIME))
    fresh = House(house.records, options=IntakeOptions(fault_cases=2))
    with pytest.raises(FaultSpaceFullError):
        ask(fresh, submission(b"c", fault=Fault.LIMIT_TIME))
    assert ask(fresh, submission(b"d", [match()])).verdict is Verdict.BLOCK
    assert any(b"fault_space_full" in m.body for m in messages(house))
    small.commit.close()
    fresh.commit.close()


def test_a_full_disk_is_no_verdict(house: House) -> None:
    house.free = 1
    with pytest.raises(DiskFullError):
        ask(house, submission(b"x", [match()]))
    assert not cases(house)
    assert not list(house.keys.names())


def test_a_vault_that_fails_leaves_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise VaultError

    monkeypatch.setattr(house.objects, "put", refuse)
    with pytest.raises(VaultError):
        ask(house, submission(b"x", [match()]))
    assert not cases(house)
    assert not list(house.keys.names()), "a key that no case names is left behind"


def test_bytes_that_changed_after_the_check_are_no_evidence(house: House) -> None:
    item = replace(submission(b"x", [match()]), sha256=bytes(32))
    with pytest.raises(VaultError):
        ask(house, item)
    assert not cases(house)


def test_an_idempotency_key_gives_the_same_answer_again(house: House) -> None:
    for n, matches in enumerate(([], [match()])):
        item = with_key(submission(b"x%d" % n, matches), bytes([n]) * 16)
        first = ask(house, item)
        before = kinds(house)
        second = ask(house, item)
        assert second.replayed is not None
        assert second.replayed.body == first.body()
        assert second.replayed.status == (451 if matches else 200)
        assert kinds(house) == before
        direct = house.recorder.record(item)
        assert direct.replayed is not None
        other = with_key(submission(b"other", matches), bytes([n]) * 16, b"q" * 16)
        with pytest.raises(IdempotencyMismatchError):
            ask(house, other)
        with pytest.raises(IdempotencyMismatchError):
            house.recorder.record(other)
    assert len(list(house.objects.names())) == 1
    assert len(list(house.keys.names())) == 1


def test_an_allow_is_not_given_again_once_it_would_not_be_given(house: House) -> None:
    """Lists are brought up to date, and people decide, while answers are remembered."""
    key, listed = b"k" * 16, [match()]
    assert ask(house, with_key(submission(b"x"), key)).verdict is Verdict.ALLOW
    late = ask(house, with_key(submission(b"x", listed), key))
    assert (late.replayed, late.verdict) == (None, Verdict.BLOCK)
    assert len(cases(house)) == 1
    # Nobody has decided, so that the bytes stay blocked although the list has changed once more.
    direct = house.recorder.record(with_key(submission(b"x"), key))
    assert (direct.replayed, direct.verdict) == (None, Verdict.BLOCK)
    with pytest.raises(IdempotencyMismatchError):
        ask(house, with_key(submission(b"y", listed), key, b"q" * 16))
    held = ask(house, with_key(submission(b"z", listed), b"l" * 16))
    again = ask(house, with_key(submission(b"z"), b"l" * 16))
    assert again.replayed is not None
    assert again.replayed.body == held.body()


def test_an_idempotency_key_is_of_one_service(house: House) -> None:
    ask(house, with_key(submission(b"x"), b"k" * 16))
    theirs = ask(house, with_key(submission(b"y", service=FORUM), b"k" * 16, b"q" * 16))
    assert theirs.replayed is None


def test_digests_alone_await_their_bytes(house: House) -> None:
    whole = submission(b"x", [match()])
    digests = replace(whole, kind=OccurrenceKind.DIGESTS, descriptor=None)
    held = ask(house, digests)
    assert held.verdict is Verdict.BLOCK
    status = house.receipts.status(SHOP, held.receipt)
    assert status.bytes_wanted
    assert status.until == NOW + dt.timedelta(hours=house.options.bytes_wanted_hours)
    with pytest.raises(BytesDifferError):
        house.receipts.awaits(SHOP, held.receipt, bytes(32))
    house.receipts.awaits(SHOP, held.receipt, whole.sha256)
    ask(house, submission(b"x"))  # the list may have changed meanwhile: the bytes still count
    [case] = cases(house)
    assert case.state is CaseState.OPEN
    with house.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    assert house.original(case.key_name, evidence.object_name) == b"x"
    with pytest.raises(BytesNotWantedError):
        house.receipts.awaits(SHOP, held.receipt, whole.sha256)


def test_bytes_that_come_too_late_open_the_case_again(house: House) -> None:
    whole = submission(b"x", [match()])
    ask(house, replace(whole, kind=OccurrenceKind.DIGESTS, descriptor=None))
    house.clock.advance(dt.timedelta(days=30))
    assert house.cases.expire_due() == 1
    assert ask(house, whole).verdict is Verdict.BLOCK
    assert cases(house)[0].state is CaseState.OPEN


def test_a_swap_is_seen(house: House) -> None:
    item = submission(b"x")
    answer = ask(house, item)
    house.receipts.confirm(SHOP, answer.receipt, item.sha256)
    assert not messages(house)
    with pytest.raises(BytesDifferError):
        house.receipts.confirm(SHOP, answer.receipt, bytes(32))
    assert kinds(house) == ["receipt.swapped"]
    assert any(b"swapped" in m.body for m in messages(house))


def test_many_at_once_make_one_case(house: House) -> None:
    answers: list[Answer] = []
    barrier = threading.Barrier(12)

    def upload(number: int) -> None:
        item = submission(b"same", [match()], uploader=f"u{number}")
        barrier.wait()
        answers.append(house.recorder.record(item))

    threads = [threading.Thread(target=upload, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    [case] = cases(house)
    with house.records.read() as transaction:
        assert len(transaction.cases.occurrences(case.case_id)) == 12
        [evidence] = transaction.cases.evidence(case.case_id)
    assert list(house.objects.names()) == [evidence.object_name]
    assert list(house.keys.names()) == [case.key_name]


def test_a_crafted_collision_raises_an_alarm(house: House) -> None:
    forged = replace(match(), conflict=True)
    assert ask(house, submission(b"x", [forged])).verdict is Verdict.HOLD
    assert any(b"collision" in m.body for m in messages(house))


def test_canaries_purge_themselves(house: House) -> None:
    ask(house, replace(submission(b"x", [match()]), canary=True))
    [case] = cases(house)
    house.cases.purge_canary(case.case_id)
    assert not cases(house)
    assert not list(house.objects.names())
    assert not list(house.keys.names())
    assert kinds(house)[-1] == "canary.purged"
