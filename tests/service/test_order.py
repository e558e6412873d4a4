"""In which order things are written, and what a clock that is set wrong does to them.

A server in this process, whose calls to the operating system are recorded. A kill proves nothing
of a loss of power; that the disk was waited for, before the answer, does.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from safehold.clock import SystemClock
from safehold.config import load_settings
from safehold.custodian.setting_up import Plan, set_up
from safehold.lists.model import Tier
from safehold.runtime.listening import Binding
from safehold.runtime.service import ServiceRuntime
from safehold.server.compose import server_parts
from safehold.server.serve import HttpServer
from tests.conftest import KERNEL_CACHE
from tests.service.house import BLOCKED, CLEAN, LIKE_BLOCKED, LISTED_TEXT, Answer, House, jpeg
from tests.service.house import Process as Caller

CONFIG = """
[surfaces.fresh]
required_lists = ["partner"]
max_list_age_hours = 24
"""


class Stepping(SystemClock):
    """A clock that can be set wrong."""

    wrong = dt.timedelta()

    def now(self) -> dt.datetime:
        return super().now() + self.wrong


@dataclass
class Calls:
    """What was asked of the operating system, in order: what, and of which file."""

    seen: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, where: str) -> None:
        with self.lock:
            self.seen.append((what, where))

    def index(self, what: str, where: str, start: int = 0) -> int:
        return self.seen.index((what, where), start)


@pytest.fixture(scope="module")
def clock() -> Stepping:
    return Stepping()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, clock: Stepping) -> Iterator[Caller]:
    """A server in a thread of this process, and a caller."""
    folder = tmp_path_factory.mktemp("order") / "home"
    folder.mkdir(mode=0o700)
    (folder / "config.toml").write_text(CONFIG)
    settings = load_settings(home=folder, kernel_cache=KERNEL_CACHE, workers=1)
    with ServiceRuntime(settings, clock) as runtime:
        set_up(runtime, Plan("officer", folder / "officer.key", None, "shop"))
        house = House(folder, runtime)
        runtime.accounts.add_service("forum")
        house.add_key("shop")
        house.add_list("partner", {"e1": BLOCKED, "e2": LISTED_TEXT}, Tier.CONFIRMED)
        with (folder.parent / "log").open("w") as log:
            from safehold.runtime.log import json_log

            server = HttpServer(server_parts(runtime, json_log(log)), Binding(port=0))
            thread = threading.Thread(target=server.run)
            thread.start()
            caller = Caller(house, _Alive(), folder.parent / "log", folder.parent / "log")  # type: ignore[arg-type]
            caller.port = server.port
            caller.wait(lambda: server.started)
            caller.wait_ready()
            try:
                yield caller
            finally:
                server.end()
                thread.join(30)


class _Alive:
    """Stands for a process: this one."""

    def poll(self) -> None:
        return None


@pytest.fixture
def calls(here: Caller, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """Everything that is synced, linked, removed or committed from now on."""
    calls = Calls()
    fsync, link, mkdir, unlink = os.fsync, os.link, os.mkdir, os.unlink

    def recorded_fsync(descriptor: int) -> None:
        where = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)
        calls.note("fsync", where)

    def recorded_link(source: Any, target: Any, **more: Any) -> None:
        link(source, target, **more)
        calls.note("link", f"{source} {target}")

    def recorded_mkdir(path: Any, *more: Any, **named: Any) -> None:
        mkdir(path, *more, **named)
        calls.note("mkdir", str(path))

    def recorded_unlink(path: Any, **named: Any) -> None:
        unlink(path, **named)
        calls.note("unlink", str(path))

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "link", recorded_link)
    monkeypatch.setattr(os, "mkdir", recorded_mkdir)
    monkeypatch.setattr(os, "unlink", recorded_unlink)
    engine = here.house.runtime.engine
    written = threading.local()

    def wrote(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.startswith(("INSERT INTO cases", "INSERT INTO occurrences")):
            written.table = True

    def committed(connection: sa.Connection) -> None:
        if getattr(written, "table", False):
            written.table = False
            pragma = connection.exec_driver_sql("PRAGMA synchronous").scalar()
            journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            calls.note("commit", f"{journal} {pragma}")

    event.listen(engine, "before_cursor_execute", wrote)
    event.listen(engine, "commit", committed)
    yield calls
    event.remove(engine, "before_cursor_execute", wrote)
    event.remove(engine, "commit", committed)


def _asked(here: Caller, calls: Calls, content: bytes) -> Answer:
    answer = here.screen(content)
    calls.note("answer", str(answer.status))
    return answer


@pytest.mark.parametrize(
    ("content", "status"),
    [(BLOCKED, "451"), (LIKE_BLOCKED, "423"), (jpeg(40, (2400, 1800), 99), "423")],
    ids=["block", "hold", "large"],
)
def test_all_is_on_the_disk_before_the_answer(
    here: Caller, calls: Calls, content: bytes, status: str
) -> None:
    assert str(_asked(here, calls, content).status) == status
    home = here.house.runtime.home
    answered = calls.index("answer", status)
    [committed] = [i for i, (what, _) in enumerate(calls.seen) if what == "commit"]
    # With these the database syncs its log at each commit (sqlite.org/pragma.html).
    assert calls.seen[committed] == ("commit", "wal 2")
    assert committed < answered
    links = []
    for at, (what, where) in enumerate(calls.seen):
        if what == "link":
            source, target = map(Path, where.split(" "))
            links.append((at, source, target))
    assert [target.parents[1] for _, _, target in links] == [home.keys, home.vault]
    for at, source, target in links:
        assert calls.index("fsync", str(source)) < at
        assert at < calls.index("fsync", str(target.parent), at) < committed
        if ("mkdir", str(target.parent)) in calls.seen:
            made = calls.index("mkdir", str(target.parent))
            assert made < calls.index("fsync", str(target.parent.parent), made) < committed
    # The key of the case is there before what is encrypted to it.
    assert links[0][0] < links[1][0]
    written = {str(target) for _, _, target in links}
    assert not [where for what, where in calls.seen if what == "unlink" and where in written]


def test_the_same_bytes_again_write_no_second_object(here: Caller, calls: Calls) -> None:
    assert _asked(here, calls, BLOCKED).status == 451
    whats = [what for what, _ in calls.seen]
    assert "link" not in whats
    assert whats.index("commit") < whats.index("answer")


def test_an_allow_writes_nothing(here: Caller, calls: Calls) -> None:
    assert _asked(here, calls, CLEAN).status == 200
    assert "link" not in [what for what, _ in calls.seen]
    assert "commit" not in [what for what, _ in calls.seen]


def test_a_disk_that_does_not_sync_gets_no_verdict(
    here: Caller, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = jpeg(40, quality=31)

    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    before = len(here.house.cases())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        assert _asked(here, calls, content).is_problem(503, "vault_unavailable")
    assert len(here.house.cases()) == before
    assert "commit" not in [what for what, _ in calls.seen]
    assert here.screen(content).status == 423


def test_a_commit_that_fails_gets_no_verdict_and_leaves_nothing(here: Caller) -> None:
    content, engine = jpeg(40, quality=32), here.house.runtime.engine

    def broken(_: sa.Connection) -> None:
        raise sa.exc.OperationalError("COMMIT", None, Exception("disk I/O error"))

    count = len(here.house.cases())
    event.listen(engine, "commit", broken)
    try:
        assert here.screen(content).is_problem(503, "store_unavailable")
    finally:
        event.remove(engine, "commit", broken)
    assert len(here.house.cases()) == count
    assert here.screen(content).status == 423


STEPS = [dt.timedelta(days=d) for d in (-400, -1, -0.001, 0.001, 1, 400)]


@pytest.mark.parametrize("step", STEPS, ids=str)
def test_a_clock_that_is_set_wrong(here: Caller, clock: Stepping, step: dt.timedelta) -> None:
    quality = 35 + STEPS.index(step)
    before = here.screen(jpeg(40, quality=quality), again=f"k{quality}")
    first = here.screen(CLEAN)
    assert (before.status, first.status) == (423, 200)
    clock.wrong = step
    try:
        time.sleep(0.2)
        assert here.screen(BLOCKED).status == 451
        assert here.screen(jpeg(40, quality=quality + 10)).status == 423
        assert here.screen(CLEAN).status == 200
        again = here.screen(jpeg(40, quality=quality), again=f"k{quality}")
        assert again.body == before.body
        assert here.receipt(before.receipt).verdict == "hold"
        digest = {"sha256": hashlib.sha256(CLEAN).hexdigest()}
        assert here.send_json(f"/v1/receipts/{first.receipt}/confirm", digest).status == 204
        # A list from the future is not stale, and one that has become old is.
        stale = step >= dt.timedelta(hours=24)
        content = jpeg(100 + quality)
        assert here.screen(content, surface="fresh").status == (423 if stale else 200)
    finally:
        clock.wrong = dt.timedelta()
    assert here.screen(BLOCKED).status == 451
    assert here.receipt(before.receipt).verdict == "hold"
    here.house.check_whole()


def test_a_key_that_ends_does_so_whatever_is_remembered(here: Caller, clock: Stepping) -> None:
    ends = clock.now() + dt.timedelta(days=1)
    here.house.add_key("ends", expires=ends)
    assert here.screen(CLEAN, key="ends").status == 200
    clock.wrong = dt.timedelta(days=1, seconds=1)
    try:
        assert here.screen(CLEAN, key="ends").is_problem(401, "unauthorized")
        assert here.screen(CLEAN).status == 200
    finally:
        clock.wrong = dt.timedelta()
