"""Two servers in two homes over one PostgreSQL database, and what becomes of them without it."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from safehold.testing.postgres import find_binaries, missing_is_failure, running_server
from tests.service.breaking import PostgresControl, stopped
from tests.service.house import (
    BLOCKED,
    CLEAN,
    LIKE_BLOCKED,
    SUSPECTED,
    Answer,
    House,
    Process,
    built,
    jpeg,
    serving,
)


@dataclass
class Pair:
    """Two servers."""

    house: House
    first: Process
    second: Process
    control: PostgresControl
    answered: list[Answer] = field(default_factory=list)

    @property
    def both(self) -> tuple[Process, Process]:
        return self.first, self.second


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two homes that share keys, officers, vault and database."""
    binaries = find_binaries()
    if binaries is None:
        message = "PostgreSQL's initdb and pg_ctl are not installed"
        (pytest.fail if missing_is_failure(os.environ) else pytest.skip)(message)
    folder: Path = tmp_path_factory.mktemp("pair")
    places = f'[vault]\nobjects = "{folder}/one/vault"\nkeys = "{folder}/one/keys"\n'
    config = places + "[budgets]\nuser_per_minute = 30\n[server]\nanswer_seconds = 2\n"
    with (
        running_server(binaries) as url,
        built(folder / "one", config, database=url) as house,
        built(folder / "two", config, database=url, like=house) as other,
        serving(house) as first,
        serving(other) as second,
    ):
        yield Pair(house, first, second, PostgresControl(url, binaries))


def _case_count(pair: Pair, content: bytes) -> tuple[int, int]:
    """Cases of some bytes, and their occurrences."""
    [service] = [s.service_id for s in pair.house.runtime.accounts.services() if s.name == "shop"]
    name = pair.house.runtime.names.content(service, hashlib.sha256(content).digest())
    cases = [case for case in pair.house.cases("shop") if case.content == name]
    return len(cases), sum(pair.house.occurrences(case) for case in cases)


def test_the_same_bytes_at_both_at_once_are_one_case(pair: Pair) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(
            threads.map(lambda n: pair.both[n % 2].screen(LIKE_BLOCKED), range(32), timeout=60)
        )
    assert {answer.status for answer in answers} == {423}
    assert _case_count(pair, LIKE_BLOCKED) == (1, 32)
    for answer, server in zip(answers, itertools.cycle(pair.both)):
        # Asked at the other: what one answered is good everywhere.
        other = pair.second if server is pair.first else pair.first
        assert other.receipt(answer.receipt).verdict == "hold"
    pair.answered += answers
    pair.house.check_whole()


def test_the_same_call_at_both_at_once_is_one_occurrence(pair: Pair) -> None:
    with ThreadPoolExecutor(10) as threads:
        answers = list(
            threads.map(lambda n: pair.both[n % 2].screen(SUSPECTED, again="k"), range(20))
        )
    assert {(a.status, a.body) for a in answers} == {(423, answers[0].body)}
    assert _case_count(pair, SUSPECTED) == (1, 1)
    for server in pair.both:
        assert server.screen(CLEAN, again="k").is_problem(422, "idempotency_mismatch")
    pair.answered += answers
    pair.house.check_whole()


def test_a_decision_and_an_allow_hold_at_both(pair: Pair) -> None:
    allowed = pair.first.screen(CLEAN)
    path = f"/v1/receipts/{allowed.receipt}/confirm"
    digest = {"sha256": hashlib.sha256(CLEAN).hexdigest()}
    assert pair.second.send_json(path, digest).status == 204
    content = jpeg(41, quality=61)
    held = pair.first.screen(content)
    assert held.status == 423
    [service] = [s.service_id for s in pair.house.runtime.accounts.services() if s.name == "shop"]
    name = pair.house.runtime.names.content(service, hashlib.sha256(content).digest())
    [case] = [case for case in pair.house.cases("shop") if case.content == name]
    pair.house.runtime.cases.clear(case.case_id, "user:1")
    assert [server.screen(content).status for server in pair.both] == [200, 200]


def test_a_revoked_key_is_refused_by_both(pair: Pair) -> None:
    pair.house.add_key("revoked")
    key = pair.house.keys["revoked"]
    assert [server.screen(CLEAN, key=key).status for server in pair.both] == [200, 200]
    pair.house.runtime.accounts.revoke(pair.house.key_rows["revoked"].key_id)
    for server in pair.both:
        server.wait(lambda s=server: s.screen(CLEAN, key=key).status == 401, 7)


def test_budgets_are_shared(pair: Pair) -> None:
    until = time.monotonic() + 20
    statuses: list[int] = []
    while 429 not in statuses or len(statuses) < 30:
        assert time.monotonic() < until, statuses
        statuses += [server.screen(CLEAN, uploader="u7").status for server in pair.both]
        time.sleep(0.1)
    # Apart they would have allowed twice as much before the first refusal.
    assert statuses.count(200) < 55


def test_the_database_is_lost_and_comes_back(pair: Pair) -> None:
    answers: list[Answer] = []
    done = threading.Event()

    def ask(server: Process) -> None:
        for content in itertools.cycle((BLOCKED, LIKE_BLOCKED, SUSPECTED, CLEAN)):
            if done.is_set():
                return
            answers.append(server.screen(content))

    threads = [threading.Thread(target=ask, args=(s,)) for s in pair.both for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.7)
        pair.control.stop()
        before = len(answers)
        time.sleep(0.5)
        down = answers[before + 12 :]
        for server in pair.both:
            server.wait_unready("database", 15)
            assert server.call("GET", "/health/live", key=None).status == 200
            assert server.screen(CLEAN).status in (401, 503)
        pair.control.start()
        for server in pair.both:
            server.wait_ready(20)
            assert server.screen(BLOCKED).status == 451
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert down
    assert {a.status for a in down} == {503}, {a.status for a in down}
    assert {a.status for a in answers} == {200, 423, 451, 503}
    for answer in answers:
        if answer.status == 503:
            assert answer.is_problem(503, "store_unavailable")
    kept = [*pair.answered, *(a for a in answers if a.status in (423, 451))]
    with pair.house.runtime.records.read() as transaction:
        known = {
            occurrence.receipt
            for case in pair.house.cases("shop")
            for occurrence in transaction.cases.occurrences(case.case_id)
        }
    assert {answer.receipt for answer in kept} <= known
    assert not [line for server in pair.both for line in server.events("internal")]
    pair.house.check_whole()


def test_a_statement_that_waits_for_ever_holds_up_no_allow(pair: Pair) -> None:
    engine = sa.create_engine(pair.house.database.replace("postgresql://", "postgresql+psycopg://"))
    content = jpeg(41, quality=62)
    with engine.connect() as connection, ThreadPoolExecutor(1) as threads:
        connection.exec_driver_sql("LOCK TABLE audit_head IN ACCESS EXCLUSIVE MODE")
        waiting = threads.submit(pair.first.screen, content)
        time.sleep(0.5)
        assert not waiting.done()
        assert [pair.first.screen(CLEAN).status for _ in range(5)] == [200] * 5
        connection.rollback()
        assert waiting.result().status == 423
    engine.dispose()


def test_the_database_hangs(pair: Pair) -> None:
    """It neither answers nor breaks off: nobody waits for ever, and nobody gets a 2xx."""
    server = pair.first
    receipt = server.screen(BLOCKED).receipt
    calls = [
        lambda: server.screen(CLEAN),
        lambda: server.screen(BLOCKED),
        lambda: server.receipt(receipt),
        lambda: server.send_json("/v1/flags", {"receipt": receipt, "reason": "spam"}),
        lambda: server.send_json("/v1/appeals", {"receipt": receipt, "text": "Why?"}),
        lambda: server.send_json(f"/v1/receipts/{receipt}/confirm", {"sha256": "0" * 64}),
        lambda: server.call("PUT", f"/v1/receipts/{receipt}/bytes", BLOCKED),
        lambda: server.digests(BLOCKED),
        lambda: server.screen(CLEAN, key="forum"),
        lambda: server.screen(CLEAN, key=pair.house.keys["shop"][:-1] + "x"),
    ]
    with stopped(pair.control.pids()), ThreadPoolExecutor(20) as threads:
        began = time.monotonic()
        answers = list(threads.map(lambda call: call(), calls * 2))
        assert time.monotonic() - began < 8
        assert {answer.status for answer in answers} <= {401, 503}, [a.body for a in answers]
        # Nor when what is remembered of keys is too old.
        time.sleep(5)
        late = [server.screen(BLOCKED), server.receipt(receipt)]
        assert {answer.status for answer in late} == {503}
        assert time.monotonic() - began < 22
        assert server.call("GET", "/health/live", key=None).status == 200
        assert "database" in server.ready().json["reasons"]
    for each in pair.both:
        each.wait_ready(20)
        assert each.screen(BLOCKED).status == 451
    pair.house.check_whole()


def test_both_end_well(pair: Pair) -> None:
    assert [server.stop() for server in pair.both] == [0, 0]
    pair.house.check_whole()
