"""What comes after an answer: awaited bytes, flags, appeals, decisions and their webhooks."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator

import pytest

from safehold.accounts.model import Scope
from safehold.cases.model import Case, CaseState
from safehold.cases.service import CaseService
from safehold.client import verify_webhook
from safehold.client.errors import WebhookError
from safehold.clock import SystemClock
from safehold.outbox.delivery import Deliverer, DeliverySettings
from tests.service.house import BLOCKED, CLEAN, LIKE_BLOCKED, SUSPECTED, House, Process, jpeg
from tests.service.receiver import Receiver, receiving

CONFIG = """
[outbound]
allow_private = true
allow_http = true
[surfaces.flagged]
flags_hold = true
"""


class _Later(SystemClock):
    """The time in some days."""

    def __init__(self, days: float) -> None:
        self._later = dt.timedelta(days=days)

    def now(self) -> dt.datetime:
        return super().now() + self._later


def _case(house: House, content: bytes) -> Case:
    service = next(s.service_id for s in house.runtime.accounts.services() if s.name == "shop")
    name = house.runtime.names.content(service, hashlib.sha256(content).digest())
    [case] = [case for case in house.cases("shop") if case.content == name]
    return case


def test_a_hit_by_digests_awaits_its_bytes(house: House, server: Process) -> None:
    miss = server.digests(CLEAN)
    assert miss.status == 200
    answer = server.digests(BLOCKED)
    assert answer.status == 451
    asked = server.receipt(answer.receipt)
    assert (asked.json["bytes"], asked.verdict) == ("wanted", "block")
    until = dt.datetime.fromisoformat(asked.json["until"])
    assert until > dt.datetime.now(dt.UTC) + dt.timedelta(hours=70)
    path = f"/v1/receipts/{answer.receipt}/bytes"
    assert server.call("PUT", path, CLEAN).is_problem(409, "bytes_differ")
    assert server.call("PUT", path, b"").is_problem(422, "empty_body")
    assert _case(house, BLOCKED).state is CaseState.AWAITING_BYTES
    sent = server.call("PUT", path, BLOCKED)
    assert sent.status == 451
    assert server.call("PUT", path, BLOCKED).is_problem(409, "bytes_not_wanted")
    assert server.receipt(answer.receipt).json["bytes"] == "none"
    case = _case(house, BLOCKED)
    assert (case.state, case.deadline) == (CaseState.OPEN, None)
    with house.runtime.records.read() as transaction:
        assert len(transaction.cases.evidence(case.case_id)) == 1
        assert len(transaction.cases.occurrences(case.case_id)) == 2
    other = server.call("PUT", f"/v1/receipts/{miss.receipt}/bytes", CLEAN)
    assert other.is_problem(409, "bytes_not_wanted")


def test_awaited_bytes_that_never_come(house: House, server: Process) -> None:
    content = jpeg(41, quality=70)
    digests = server.send_json("/v1/screen/digests", _all(SUSPECTED))
    assert digests.status == 423
    flag = {"sha256": hashlib.sha256(content).hexdigest(), "reason": "spam"}
    flagged = server.send_json("/v1/flags", flag)
    assert flagged.status == 202
    later = CaseService(
        house.runtime.records,
        house.runtime.vault,
        house.runtime.receipt_messages,
        house.runtime.ids,
        _Later(4),
    )
    assert later.expire_due() == 2
    asked = server.receipt(digests.receipt)
    assert (asked.verdict, asked.json["bytes"]) == ("hold", "none")
    # Late ones open it again.
    assert server.screen(SUSPECTED).status == 423
    assert _case(house, SUSPECTED).state is CaseState.OPEN


def _all(content: bytes) -> dict[str, str]:
    from tests.service.house import Digests

    return Digests.of(content).exact


@pytest.mark.parametrize("missing", ["sha256", "sha1", "md5"])
def test_digests_must_be_given_all(server: Process, missing: str) -> None:
    given = _all(BLOCKED)
    del given[missing]
    assert server.send_json("/v1/screen/digests", given).is_problem(422, "invalid_request")
    pdq = {"hash": "0" * 64, "quality": 100}
    with_pdq = server.send_json("/v1/screen/digests", {**_all(BLOCKED), "pdq": pdq})
    assert with_pdq.is_problem(422, "invalid_request")


def test_digests_that_contradict_one_another_do_not_block(server: Process, house: House) -> None:
    forged = _all(jpeg(90)) | {"md5": _all(BLOCKED)["md5"]}
    assert server.send_json("/v1/screen/digests", forged).status == 423


def test_flags(house: House, server: Process) -> None:
    allowed = server.screen(jpeg(91))
    flag = {"receipt": allowed.receipt, "reason": "self_harm", "text": "Look.", "reporter": "u1"}
    answer = server.send_json("/v1/flags", flag)
    # A flag alone takes nothing down, and asks for the bytes.
    assert (answer.status, answer.verdict) == (202, "allow")
    assert server.receipt(allowed.receipt).json["bytes"] == "wanted"
    sent = server.call("PUT", f"/v1/receipts/{allowed.receipt}/bytes", jpeg(91))
    assert sent.status == 200
    assert _case(house, jpeg(91)).state is CaseState.OPEN
    unseen = {"sha256": hashlib.sha256(jpeg(92)).hexdigest(), "reason": "spam"}
    held = server.send_json("/v1/flags", {**unseen, "surface": "flagged"})
    assert (held.status, held.verdict) == (202, "hold")
    assert server.receipt(held.receipt).verdict == "hold"
    for wrong in (
        {"reason": "spam"},
        {**unseen, "receipt": held.receipt},
        {**unseen, "reason": "No Code"},
        {**unseen, "more": 1},
        {**unseen, "surface": "nowhere"},
    ):
        assert server.send_json("/v1/flags", wrong).status == 422


def test_appeals(house: House, server: Process) -> None:
    held = server.screen(LIKE_BLOCKED)
    appeal = {"receipt": held.receipt, "text": "It is a drawing.", "appellant": "u1"}
    assert server.send_json("/v1/appeals", appeal).status == 202
    case = _case(house, LIKE_BLOCKED)
    house.runtime.cases.confirm(case.case_id, "user:1")
    assert server.receipt(held.receipt).verdict == "block"
    answer = server.send_json("/v1/appeals", appeal)
    assert (answer.status, answer.verdict) == (202, "block")
    assert _case(house, LIKE_BLOCKED).state is CaseState.OPEN
    with house.runtime.records.read() as transaction:
        assert len(transaction.cases.statements(case.case_id)) == 2
    allowed = server.screen(jpeg(93))
    nothing = server.send_json("/v1/appeals", {"receipt": allowed.receipt, "text": "Why?"})
    assert nothing.is_problem(409, "no_case")


def test_what_was_stored_is_confirmed(house: House, server: Process) -> None:
    answer = server.screen(jpeg(94))
    path = f"/v1/receipts/{answer.receipt}/confirm"
    same = server.send_json(path, {"sha256": hashlib.sha256(jpeg(94)).hexdigest().upper()})
    assert (same.status, same.body) == (204, b"")
    swapped = server.send_json(path, {"sha256": hashlib.sha256(BLOCKED).hexdigest()})
    assert swapped.is_problem(409, "bytes_differ")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def test_later_decisions_are_told(house: House, server: Process, receiver: Receiver) -> None:
    service, other = (
        next(s.service_id for s in house.runtime.accounts.services() if s.name == name)
        for name in ("shop", "forum")
    )
    _, secret = house.runtime.webhooks.add(service, receiver.url)
    with receiving() as foreign:
        house.runtime.webhooks.add(other, foreign.url)
        content = jpeg(41, quality=50)
        first, second = server.screen(content), server.screen(content)
        assert (first.status, second.status) == (423, 423)
        house.runtime.cases.clear(_case(house, content).case_id, "user:1")
        receiver.statuses = [500]
        settings = DeliverySettings(outbound=house.runtime.settings.outbound)

        def deliver(days: float) -> int:
            runtime = house.runtime
            clock = _Later(days)
            return (
                Deliverer(runtime.records, clock, runtime.ids, runtime.secret_sealer, settings)
                .run_once()
                .sent
            )

        # One is refused, and comes again later with the same id.
        sent = deliver(0)
        assert sent == 1
        assert deliver(0.5) >= 1
        assert foreign.came == []
    told = {}
    for headers, body in receiver.came:
        now = dt.datetime.fromtimestamp(int(headers["webhook-timestamp"]), dt.UTC)
        update = verify_webhook(secret, headers, body, now=now)
        told[update.receipt] = (update.verdict.value, update.message)
        assert set(json.loads(body)) == {"type", "receipt", "verdict", "at"}
        with pytest.raises(WebhookError):
            verify_webhook(secret, headers, body.replace(b"allow", b"block"), now=now)
    assert {r: verdict for r, (verdict, _) in told.items()} == {
        first.receipt: "allow",
        second.receipt: "allow",
    }
    assert len({h["webhook-id"] for h, _ in receiver.came}) == 2
    assert server.receipt(first.receipt).verdict == "allow"
    assert server.screen(content).status == 200


def test_a_key_without_the_scope_learns_nothing_by_digests(house: House, server: Process) -> None:
    house.add_key("usual", scopes=frozenset(Scope) - {Scope.DIGESTS})
    assert server.digests(BLOCKED, key="usual").is_problem(403, "forbidden")
    house.check_whole()
