"""The same call again: at once, later, changed, and after a restart."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor

from tests.service.house import (
    BLOCKED,
    CLEAN,
    LIKE_BLOCKED,
    SUSPECTED,
    Digests,
    House,
    jpeg,
    serving,
)


def test_the_same_call_again(house: House) -> None:
    def occurrences(content: bytes) -> int:
        service = next(s.service_id for s in house.runtime.accounts.services() if s.name == "shop")
        name = house.runtime.names.content(service, hashlib.sha256(content).digest())
        return sum(house.occurrences(c) for c in house.cases("shop") if c.content == name)

    with serving(house) as server:
        # At once: one occurrence, one answer, and nothing left in the vault.
        with ThreadPoolExecutor(20) as threads:
            many = list(threads.map(lambda _: server.screen(BLOCKED, again="one"), range(20)))
        assert {(a.status, a.body) for a in many} == {(451, many[0].body)}
        assert occurrences(BLOCKED) == 1
        # At once without a key: one case, and each is an occurrence with its own receipt.
        with ThreadPoolExecutor(20) as threads:
            each = list(threads.map(lambda _: server.screen(SUSPECTED), range(20)))
        assert {a.status for a in each} == {423}
        assert len({a.receipt for a in each}) == 20
        assert occurrences(SUSPECTED) == 20
        # At once in two bodies: one of them wins, the other is told.
        bodies = [jpeg(70), LIKE_BLOCKED] * 8
        with ThreadPoolExecutor(16) as threads:
            mixed = list(threads.map(lambda body: server.screen(body, again="two"), bodies))
        good = {a.body for a in mixed if a.status in (200, 423)}
        assert len(good) == 1
        assert {a.code for a in mixed if a.status == 422} == {"idempotency_mismatch"}
        assert sum(a.status == 422 for a in mixed) == 8
        # Another body, context, service or call.
        assert server.screen(CLEAN, again="one").is_problem(422, "idempotency_mismatch")
        other = server.screen(BLOCKED, again="one", uploader="u2")
        assert other.is_problem(422, "idempotency_mismatch")
        assert server.screen(CLEAN, again="one", key="forum").status == 200
        by_digests = server.send_json(
            "/v1/screen/digests",
            Digests.of(BLOCKED).exact,
            **{"Idempotency-Key": "one"},
        )
        assert by_digests.is_problem(422, "idempotency_mismatch")
        # An allow is remembered too, as it was.
        first = server.screen(CLEAN, again="three")
        assert server.screen(CLEAN, again="three").body == first.body
        house.check_whole()
    with serving(house) as server:
        again = server.screen(BLOCKED, again="one")
        assert (again.status, again.body) == (451, many[0].body)
        assert server.screen(CLEAN, again="three").body == first.body
        assert server.screen(CLEAN, again="one").is_problem(422, "idempotency_mismatch")
        assert occurrences(BLOCKED) == 1
        for answer in (many[0], first, *each):
            asked = server.receipt(answer.receipt)
            assert (asked.status, asked.verdict) == (200, answer.verdict)
        house.check_whole()
