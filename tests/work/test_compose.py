"""The jobs and canaries of a real home, with a real server and custodian."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.errors import UsageError
from safehold.policy.model import Verdict
from safehold.runtime.service import NotReadyHomeError
from safehold.work.canary.listing import ensure_list
from safehold.work.canary.picture import PURPOSE, draw_canary
from safehold.work.compose import make_canaries, send_canaries, work_jobs
from safehold.work.process import run
from tests.service.house import House, built, custody, serving
from tests.work.recording import Recording

CONFIG = """
[work]
check_minutes = 0.001
[surfaces.public]
required_lists = ["partner", "absent"]
[alarms]
webhook_url = "https://alarms.invalid/hook"
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with built(tmp_path / "home", CONFIG) as made:
        yield made


def test_a_canary_goes_the_whole_way_and_leaves_nothing(house: House) -> None:
    runtime = house.runtime
    assert [r.code for r in send_canaries(runtime)] == ["no_server"]
    # Listed before the server starts, which so has it from the first moment.
    ensure_list(runtime.lists, draw_canary(runtime.digest_key.derive(PURPOSE)))
    log = Recording()
    with serving(house, ready=False) as server, custody(house):
        # The surface lacks a list: everything of services is held, canaries are not.
        assert server.screen(b"Only words.").verdict == Verdict.HOLD.value
        held = [*runtime.objects.names()], [*runtime.keys.names()]
        assert [r.code for r in send_canaries(runtime)] == ["ok"]
        assert ([*runtime.objects.names()], [*runtime.keys.names()]) == held
        # One round of all jobs; then a second process finds the canary young.
        stop = threading.Event()
        timer = threading.Timer(2.0, stop.set)
        timer.start()
        assert run(work_jobs(runtime, log), runtime.settings.work, stop, log, chance=lambda: 0.0)
        timer.join()
        verdicts = {line.get("verdict") for line in server.events("call")}
        assert {"block", "hold", "allow"} <= verdicts
    codes = {fields["job"]: fields["code"] for fields in log.events("job")}
    assert set(codes.values()) == {"ok"}, codes
    assert log.events("canary") == [], "the last canary is young"
    with runtime.records.read() as transaction:
        assert len(transaction.audit.checkpoints()) == 1
        waiting = transaction.outbox.counts()
    assert sum(waiting.values()) == 2, "a list is absent, and nobody can be reported to; each once"
    assert len(house.cases()) == 1
    house.check_whole()


def test_a_home_that_is_not_ready_is_named(house: House) -> None:
    house.runtime.home.canary_key.unlink()
    with pytest.raises(NotReadyHomeError):
        make_canaries(house.runtime, Recording())


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    config = f'[work]\ncanary_ca_file = "{tmp_path / "none.pem"}"\n'
    with built(tmp_path / "home", config) as house, pytest.raises(UsageError, match="ca_file"):
        make_canaries(house.runtime, Recording())


def test_without_canaries_there_is_no_such_job(tmp_path: Path) -> None:
    with built(tmp_path / "home", "[work]\ncanary_minutes = 0\n") as house:
        names = [job.name for job in work_jobs(house.runtime, Recording())]
    assert names == [
        "deliver",
        "deadlines",
        "review",
        "forget",
        "checkpoint",
        "watch",
        "compact",
        "look-back",
        "floods",
        "reports",
        "retention",
    ]
