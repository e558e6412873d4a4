"""What is behind the door fails: a clear code each, fail-closed, nothing lost."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safehold.errors import SafeholdError
from safehold.fleet.model import CanaryResult
from safehold.intake.model import (
    Answer,
    DiskFullError,
    FaultSpaceFullError,
    Submission,
)
from safehold.media.sandbox.interface import SandboxStartError
from safehold.media.sandbox.pool import WorkerPool
from safehold.storage.engine import DatabaseError
from safehold.vault.interface import VaultError, VaultFullError
from tests.server.site import BLOCKED, CLEAN, HELD, Site, jpeg, opened, running, with_options


class Broken:
    """A recorder that fails as it is told to."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.on_triage: Exception | None = None
        self.on_record: Exception | None = None
        self.gate: threading.Event | None = None
        self.held = 0
        self.recorded = 0

    def triage(self, submissions: Sequence[Submission]) -> list[Answer | SafeholdError | None]:
        if self.gate is not None:
            self.held += 1
            self.gate.wait(30)
        if self.on_triage is not None:
            raise self.on_triage
        answers: list[Answer | SafeholdError | None] = self.real.triage(submissions)
        return answers

    def record(self, submission: Submission) -> Answer:
        if self.on_record is not None:
            raise self.on_record
        answer: Answer = self.real.record(submission)
        self.recorded += 1
        return answer


class Rig:
    """A server whose parts can be broken."""

    def __init__(self, site: Site, recorder: Broken, pools: list[WorkerPool]) -> None:
        self.site = site
        self.recorder = recorder
        self.pools = pools
        self.checks: dict[str, Callable[[], bool]] = {}


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with opened(tmp_path_factory.mktemp("rig")) as made:
        parts = with_options(made.parts, max_waiting=4, list_refresh_seconds=0.2)
        recorder = Broken(parts.door.recorder)
        pools: list[WorkerPool] = []
        rig = Rig(made, recorder, pools)

        def pool() -> WorkerPool:
            if rig.checks.get("no_pool"):
                raise SandboxStartError
            pools.append(made.runtime.new_workers())
            return pools[-1]

        door = replace(parts.door, recorder=recorder)

        def custodian() -> bool:
            return rig.checks.get("custodian", _good)()

        checks = {**parts.checks, "custodian": custodian}
        with running(made, replace(parts, door=door, pool=pool, checks=checks)) as site:
            rig.site = site
            yield rig


def _good() -> bool:
    return True


@pytest.fixture(autouse=True)
def mended(rig: Rig) -> Iterator[None]:
    yield
    rig.recorder.on_triage = rig.recorder.on_record = rig.recorder.gate = None
    rig.checks.clear()
    rig.site.wait_ready()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VaultError(), "vault_unavailable"),
        (VaultFullError(), "disk_full"),
        (DatabaseError(), "store_unavailable"),
        (FaultSpaceFullError(), "fault_space_full"),
        (DiskFullError(), "disk_full"),
        (OSError(28, "No space left on device", "/secret/path"), "internal"),
    ],
)
def test_what_cannot_be_recorded_gets_no_verdict(rig: Rig, error: Exception, code: str) -> None:
    rig.recorder.on_record = error
    for content in (HELD, BLOCKED):
        answer = rig.site.screen(content)
        assert answer.json["code"] == code
        assert answer.status == (500 if code == "internal" else 503)
        assert "verdict" not in answer.json
        if answer.status == 503:
            assert int(answer.headers["retry-after"]) >= 1
    assert "/secret/path" not in rig.site.log.getvalue()
    assert rig.site.screen(CLEAN).status == 200
    rig.recorder.on_record = None
    assert rig.site.screen(HELD).status == 423


def test_a_lost_database_allows_nothing(rig: Rig) -> None:
    rig.recorder.on_triage = DatabaseError()
    for content in (CLEAN, HELD, BLOCKED):
        answer = rig.site.screen(content)
        assert (answer.status, answer.json["code"]) == (503, "store_unavailable")
    assert rig.site.call("GET", "/health/live", key=None).status == 200


def test_an_unexpected_error_spoils_nobody_else(rig: Rig) -> None:
    rig.recorder.on_triage = RuntimeError("words that nobody may see")
    answer = rig.site.screen(CLEAN)
    assert (answer.status, answer.json["code"]) == (503, "lists_unavailable")
    rig.recorder.on_triage = None
    assert rig.site.screen(CLEAN).status == 200
    assert "words that nobody" not in rig.site.log.getvalue()


def test_overload_is_shed(rig: Rig) -> None:
    rig.recorder.gate = threading.Event()
    answers = []

    def ask() -> None:
        answers.append(rig.site.screen(CLEAN))

    callers = [threading.Thread(target=ask) for _ in range(12)]
    for caller in callers:
        caller.start()
    until = time.monotonic() + 20
    while len(answers) < 8:
        assert time.monotonic() < until
        time.sleep(0.01)
    shed = list(answers)
    live = rig.site.call("GET", "/health/live", key=None)
    rig.recorder.gate.set()
    for caller in callers:
        caller.join(30)
    assert live.status == 200
    assert {(a.status, a.json["code"]) for a in shed} == {(503, "overloaded")}
    assert sorted(a.status for a in answers) == [200] * 4 + [503] * 8


def test_an_item_is_seen_through_when_its_caller_leaves(rig: Rig) -> None:
    content = jpeg(70)[:1500]
    before, held = rig.recorder.recorded, rig.recorder.held
    rig.recorder.gate = threading.Event()
    with rig.site.raw() as connection:
        lines = [
            "POST /v1/screen HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {rig.site.keys['shop']}",
            f"Content-Length: {len(content)}",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        until = time.monotonic() + 20
        while rig.recorder.held == held:
            assert time.monotonic() < until
            time.sleep(0.02)
    rig.recorder.gate.set()
    until = time.monotonic() + 20
    while rig.recorder.recorded == before:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_decoder_dies_and_comes_back(rig: Rig) -> None:
    """The zygote is killed, and with it all workers: items wait for the next, or get a 503."""
    children = _children(os.getpid())
    assert children
    for process in children:
        os.kill(process, signal.SIGKILL)
    answers = [rig.site.screen(CLEAN)]
    until = time.monotonic() + 60
    while answers[-1].status != 200:
        assert (answers[-1].status, answers[-1].json["code"]) == (503, "decoder_unavailable")
        assert time.monotonic() < until
        time.sleep(0.1)
        answers.append(rig.site.screen(CLEAN))
    assert rig.site.screen(BLOCKED).status == 451


def test_a_decoder_that_cannot_be_had_is_said(rig: Rig) -> None:
    rig.checks["no_pool"] = _good
    rig.pools[-1].close()
    until = time.monotonic() + 30
    while (answer := rig.site.screen(CLEAN)).status != 503:
        assert time.monotonic() < until
    assert answer.json["code"] == "decoder_unavailable"
    ready = rig.site.call("GET", "/health/ready", key=None)
    assert (ready.status, ready.json) == (503, {"status": "unready", "reasons": ["decoder"]})
    # Digests need no decoder.
    asked = {"sha256": "0" * 64, "sha1": "0" * 40, "md5": "0" * 32}
    assert rig.site.send_json("/v1/screen/digests", asked).status == 200


def test_readiness_says_what_fails(rig: Rig) -> None:
    rig.checks["custodian"] = lambda: False
    until = time.monotonic() + 15
    while (answer := rig.site.call("GET", "/health/ready", key=None)).status == 200:
        assert time.monotonic() < until
        time.sleep(0.1)
    assert answer.json == {"status": "unready", "reasons": ["custodian"]}
    hanging = threading.Event()
    rig.checks["custodian"] = lambda: hanging.wait(20)
    time.sleep(0.2)
    began = time.monotonic()
    assert rig.site.call("GET", "/health/ready", key=None).status == 503
    assert time.monotonic() - began < 10
    hanging.set()


def test_new_lists_are_taken_up_while_it_runs(rig: Rig, tmp_path: Path) -> None:
    from safehold.lists.model import Tier
    from tests.server.site import write_list

    content = jpeg(71)
    assert rig.site.screen(content).status == 200
    listed = write_list(tmp_path / "more.csv", {"entry-four": content})
    rig.site.runtime.lists.add("morelist", listed, tier=Tier.CONFIRMED)
    until = time.monotonic() + 20
    while rig.site.screen(content).status != 451:
        assert time.monotonic() < until
        time.sleep(0.1)
    rig.site.runtime.lists.remove("morelist")
    other = jpeg(72)
    assert rig.site.screen(other).status == 200


def _children(parent: int) -> list[int]:
    found = subprocess.run(
        ["pgrep", "-P", str(parent), "-f", "safehold.media.sandbox.zygote"],
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(line) for line in found.stdout.split()]


@pytest.mark.parametrize(
    ("code", "status"), [("ok", 200), ("wrong_verdict", 503), ("custodian_away", 200)]
)
def test_readiness_fails_with_the_last_canary(rig: Rig, code: str, status: int) -> None:
    runtime = rig.site.runtime
    now = runtime.clock.now()
    with runtime.records.read() as transaction:
        [*_, server] = transaction.fleet.servers(now - dt.timedelta(minutes=1))

    def fared(canary: str) -> None:
        with runtime.records.write() as transaction:
            transaction.fleet.add_canary(CanaryResult(server.server_id, now, canary, 0.1))

    fared(code)
    until = time.monotonic() + 20
    expected = {"ok": set(), "wrong_verdict": {"canary_failed"}, "custodian_away": set()}[code]
    wanted = {"custodian_away"} if code == "custodian_away" else set()
    while True:
        answer = rig.site.call("GET", "/health/ready", key=None)
        notes = set(answer.json.get("notes", ())) & {"custodian_away", "no_recent_canary"}
        if (answer.status, set(answer.json.get("reasons", ())), notes) == (
            status,
            expected,
            wanted,
        ):
            break
        assert time.monotonic() < until, answer.json
        time.sleep(0.2)
    fared("ok")
    rig.site.wait_ready()
