"""Two services on one server: whatever one has, the other gets 404 for it and changes nothing."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.service.house import BLOCKED, CLEAN, SUSPECTED, Digests, House, Process, jpeg

CONFIG = """
[budgets]
user_per_minute = 6
"""


def _state(house: House, service: str) -> list[Any]:
    """Everything that the records have of a service."""
    with house.runtime.records.read() as transaction:
        return [
            (
                case,
                transaction.cases.occurrences(case.case_id),
                transaction.cases.evidence(case.case_id),
                transaction.cases.decisions(case.case_id),
                transaction.cases.statements(case.case_id),
            )
            for case in house.cases(service)
        ]


def test_no_call_reaches_what_is_another_services(house: House, server: Process) -> None:
    held = server.screen(SUSPECTED)
    allowed = server.screen(CLEAN)
    awaited = server.digests(BLOCKED)
    flagged = server.send_json(
        "/v1/flags", {"sha256": hashlib.sha256(jpeg(80)).hexdigest(), "reason": "spam"}
    )
    assert [a.status for a in (held, allowed, awaited, flagged)] == [423, 200, 451, 202]
    before = _state(house, "shop")
    assert len(before) == 3
    contents = (SUSPECTED, CLEAN, BLOCKED, jpeg(80))
    for answer, content in zip((held, allowed, awaited, flagged), contents, strict=True):
        receipt = answer.receipt
        digest = {"sha256": hashlib.sha256(content).hexdigest()}
        path = f"/v1/receipts/{receipt}"
        tried = [
            server.receipt(receipt, key="forum"),
            server.send_json(f"{path}/confirm", digest, key="forum"),
            server.call("PUT", f"{path}/bytes", content, key="forum"),
            server.send_json("/v1/flags", {"receipt": receipt, "reason": "spam"}, key="forum"),
            server.send_json("/v1/appeals", {"receipt": receipt, "text": "Please."}, key="forum"),
        ]
        assert all(a.is_problem(404, "receipt_unknown") for a in tried), [a.body for a in tried]
        # A receipt that never was is answered in the same words.
        never = server.receipt("A" * len(receipt), key="forum")
        assert never.body == tried[0].body
    assert house.cases("forum") == []
    assert _state(house, "shop") == before
    # The same bytes in the other service are a case of its own, with another key and object.
    assert server.screen(SUSPECTED, key="forum").status == 423
    [(case, _, [evidence], *_)] = _state(house, "forum")
    [mine] = [entry for entry in before if entry[2]]
    assert case.content != mine[0].content
    assert case.key_name != mine[0].key_name
    assert evidence.object_name != mine[2][0].object_name
    assert evidence.sealed_sha256 != mine[2][0].sealed_sha256
    assert _state(house, "shop") == before


def test_a_clearing_in_one_service_says_nothing_in_another(house: House, server: Process) -> None:
    content = jpeg(41, quality=60)
    assert server.screen(content).status == 423
    assert server.screen(content, key="forum").status == 423
    wanted = house.runtime.names.content(
        next(s.service_id for s in house.runtime.accounts.services() if s.name == "shop"),
        hashlib.sha256(content).digest(),
    )
    [case] = [c for c in house.cases("shop") if c.content == wanted]
    house.runtime.cases.clear(case.case_id, "user:1")
    assert server.screen(content).status == 200
    assert server.screen(content, key="forum").status == 423
    assert len([c for c in house.cases("shop") if c.content == wanted]) == 1


def test_an_end_users_budget_is_of_one_service(house: House, server: Process) -> None:
    spent = [server.screen(CLEAN, uploader="u42").status for _ in range(8)]
    assert spent.count(200) >= 6
    assert spent[-1] == 429
    assert server.screen(BLOCKED, uploader="u42").is_problem(429, "budget")
    assert server.screen(CLEAN, uploader="u42", key="forum").status == 200
    assert server.screen(CLEAN, uploader="u43").status == 200


def test_a_keys_budget_is_its_own(house: House, server: Process) -> None:
    house.add_key("few", per_minute=3)
    house.add_key("few too", per_minute=3)
    spent = [server.screen(CLEAN, key="few").status for _ in range(5)]
    assert spent.count(429) >= 1
    assert server.screen(CLEAN, key="few too").status == 200


def test_a_key_that_another_service_chose_is_ones_own(server: Process) -> None:
    mine = server.screen(SUSPECTED, again="k")
    theirs = server.screen(CLEAN, key="forum", again="k")
    assert (mine.status, theirs.status) == (423, 200)
    assert mine.receipt != theirs.receipt


@pytest.mark.parametrize("name", ["shop", "forum"])
def test_nothing_is_amiss(house: House, server: Process, name: str) -> None:
    uploaders = [o.uploader for _, occurrences, *_ in _state(house, name) for o in occurrences]
    assert None in uploaders
    house.check_whole()


def test_digests_of_both_are_asked_alike(server: Process) -> None:
    assert server.digests(SUSPECTED, key="forum").status == 423
    assert Digests.of(SUSPECTED).sha256 not in str(server.seen)
