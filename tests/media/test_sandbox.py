"""Workers touch nothing, whatever their job does; the pool loses no job and leaks nothing."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import random
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.media.limits import MediaLimits
from safehold.media.model import Fault
from safehold.media.sandbox.interface import (
    Outcome,
    SandboxOptions,
    SandboxStartError,
    SandboxUseError,
)
from safehold.media.sandbox.pool import WorkerPool
from safehold.media.sandbox.worker import READ_WHOLE
from tests.media import sandbox_jobs

MIB = 1024 * 1024

LARGE = READ_WHOLE + MIB
"""A file that is mapped."""
HERE = str(Path(__file__).parent)
LIMITS = MediaLimits(max_bytes=8 * MIB, max_seconds=2.0, max_memory_bytes=128 * MIB)


def options(**changes: Any) -> SandboxOptions:
    given: dict[str, Any] = {
        "job": "sandbox_jobs:run",
        "warm_up": "sandbox_jobs:warm_up",
        "settings": {"answer": 42},
        "limits": LIMITS,
        "python_path": (HERE,),
        "start_seconds": 60.0,
        **changes,
    }
    return SandboxOptions(**given)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(options()) as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[int]:
    yield from opened(tmp_path / "small", b"some bytes")


@pytest.fixture
def large(tmp_path: Path) -> Iterator[int]:
    """Large enough to be mapped."""
    yield from opened(tmp_path / "large", random.Random(1).randbytes(LARGE))


def opened(path: Path, content: bytes, flags: int = os.O_RDONLY) -> Iterator[int]:
    path.write_bytes(content)
    descriptor = os.open(path, flags)
    yield descriptor
    os.close(descriptor)


def one(pool: WorkerPool, descriptor: int, **request: Any) -> Outcome:
    """The outcome of one job."""
    ticket = pool.submit(descriptor, request)
    (outcome,) = pool.completed(30)
    assert outcome.ticket == ticket
    return outcome


def descriptor_count() -> int:
    gc.collect()  # what earlier tests left behind may be closed at any moment
    return len(list(Path("/proc/self/fd").iterdir()))


# What works


def test_a_job_gets_the_bytes_and_answers(pool: WorkerPool, small: int, large: int) -> None:
    for descriptor in (small, large):
        content = os.pread(descriptor, 8 * MIB, 0)
        outcome = one(pool, descriptor, do="digest")
        assert outcome.fault is None
        assert outcome.messages[0]["sha256"] == hashlib.sha256(content).hexdigest()


def test_messages_come_in_order(pool: WorkerPool, small: int) -> None:
    outcome = one(pool, small, do="two")
    assert outcome.messages == ({"n": 1}, {"n": 2, "text": "é \u2028 ok"})


def test_long_messages_arrive_whole(pool: WorkerPool, small: int) -> None:
    outcome = one(pool, small, do="huge", size=MIB - 100)
    assert outcome.messages == ({"text": "x" * (MIB - 100)},)


def test_small_files_are_read_and_large_ones_mapped(
    pool: WorkerPool, small: int, large: int, tmp_path: Path
) -> None:
    assert one(pool, small, do="kind").messages == ({"mapped": False, "size": 10},)
    assert one(pool, large, do="kind").messages == ({"mapped": True, "size": LARGE},)
    (empty,) = opened_many(tmp_path, [b""])
    assert one(pool, empty, do="kind").messages == ({"mapped": False, "size": 0},)
    os.close(empty)


def opened_many(folder: Path, contents: list[bytes]) -> list[int]:
    found = []
    for number, content in enumerate(contents):
        path = folder / f"many-{number}"
        path.write_bytes(content)
        found.append(os.open(path, os.O_RDONLY))
    return found


def test_a_pipe_is_read_to_its_end(pool: WorkerPool) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"through a pipe")
    os.close(writer)
    assert one(pool, reader, do="kind").messages == ({"mapped": False, "size": 14},)
    os.close(reader)


def test_a_file_that_hides_its_size_is_read(pool: WorkerPool) -> None:
    descriptor = os.open("/proc/self/status", os.O_RDONLY)
    (message,) = one(pool, descriptor, do="kind").messages
    os.close(descriptor)
    assert isinstance(message["size"], int)
    assert message["size"] > 100


def test_warm_up_gets_its_settings_and_the_environment_is_clean(
    small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_HOST", "x")
    with WorkerPool(options(environment={"EXTRA": "1"})) as pool:
        (message,) = one(pool, small, do="settings").messages
    assert message["settings"] == {"answer": 42}
    assert message["path"] == [HERE]
    environment = message["env"]
    assert isinstance(environment, dict)
    assert "A_SECRET_OF_THE_HOST" not in environment
    assert environment["EXTRA"] == "1"
    assert environment["OMP_NUM_THREADS"] == "1"


def test_map_is_lazy_and_gives_every_key(pool: WorkerPool, small: int) -> None:
    taken = 0

    def source() -> Iterator[tuple[int, int, dict[str, Any]]]:
        nonlocal taken
        for number in range(300):
            taken += 1
            yield number, small, {"do": "two"}

    results = pool.map(source())
    first = [next(results)[0]]
    assert taken <= pool.options.max_pending + 1
    assert sorted(first + [key for key, _ in results]) == list(range(300))


def test_map_leaves_the_outcomes_of_others(pool: WorkerPool, small: int) -> None:
    ticket = pool.submit(small, {"do": "two"})
    assert [key for key, _ in pool.map([("mine", small, {"do": "two"})])] == ["mine"]
    assert [outcome.ticket for outcome in pool.completed(10)] == [ticket]


# Protection


def has_nobody() -> bool:
    """Whether the user nobody exists in this user name space."""
    rows = Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines()
    starts = (tuple(map(int, row.split())) for row in rows)
    return os.geteuid() != 0 or any(first <= 65534 < first + count for first, _, count in starts)


def test_all_protections_are_reported(pool: WorkerPool) -> None:
    """On the machines that run these tests nothing is missing."""
    found = pool.protections
    assert found.missing == (() if has_nobody() else ("dropped_root",))
    assert found.seccomp
    assert found.landlock_abi >= 1


def test_a_worker_is_nobody_with_its_channel_only(pool: WorkerPool, small: int) -> None:
    (state,) = one(pool, small, do="state").messages
    assert state["core"] == 0
    descriptors = state["descriptors"]
    assert isinstance(descriptors, list)
    assert len(descriptors) == 4
    assert descriptors[:3] == [0, 1, 2]
    if os.geteuid() == 0 and has_nobody():
        assert (state["uid"], state["gid"]) == (65534, 65534)


@pytest.mark.parametrize("what", sandbox_jobs.ESCAPES)
def test_escapes_are_refused(pool: WorkerPool, large: int, tmp_path: Path, what: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"stays")
    outcome = one(pool, large, do="escape", what=what, path=str(victim))
    allowed = {
        "clone3": "ENOSYS",
        "write to the input": "EBADF",  # the descriptor is read-only
    }
    assert outcome.messages == ({"result": allowed.get(what, "EPERM")},)
    assert victim.read_bytes() == b"stays"


def test_threads_are_allowed_and_locked_too(pool: WorkerPool, small: int) -> None:
    assert one(pool, small, do="thread").messages == ({"result": "EPERM"},)


def test_a_writable_descriptor_is_not_handed_on(pool: WorkerPool, tmp_path: Path) -> None:
    content = random.Random(2).randbytes(LARGE)
    for descriptor in opened(tmp_path / "writable", content, os.O_RDWR):
        outcome = one(pool, descriptor, do="escape", what="write to the input")
        assert outcome.messages == ({"result": "EBADF"},)
    assert (tmp_path / "writable").read_bytes() == content


def test_what_is_no_file_is_not_handed_on(pool: WorkerPool, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    ours, theirs = socket.socketpair()
    device = os.open("/dev/zero", os.O_RDONLY)
    for descriptor in (folder, ours.fileno(), device, 9_999):
        assert one(pool, descriptor, do="digest").fault is Fault.UNREADABLE
    os.close(folder)
    os.close(device)
    ours.close()
    theirs.close()


# Faults


@pytest.mark.parametrize(
    ("do", "fault"),
    [
        ("segfault", Fault.DECODER_CRASHED),
        ("abort", Fault.DECODER_CRASHED),
        ("exit", Fault.DECODER_CRASHED),
        ("system exit", Fault.DECODER_CRASHED),
        ("raise", Fault.DECODER_CRASHED),
        ("decode error", Fault.LIMIT_PIXELS),
        ("spin", Fault.LIMIT_TIME),
        ("cpu", Fault.LIMIT_TIME),
        ("hog", Fault.LIMIT_MEMORY),
    ],
)
def test_what_was_said_before_a_fault_is_kept(
    pool: WorkerPool, small: int, do: str, fault: Fault
) -> None:
    outcome = one(pool, small, do=do)
    assert outcome.fault is fault
    assert outcome.messages == ({"exact": 10},)
    assert one(pool, small, do="two").fault is None


@pytest.mark.parametrize(
    "packet",
    [
        b"Mgarbage",
        b"M[1,2]",
        b'M{"x":NaN}',
        b'M{"x":1e999}',
        b'M{"x":"\\ud800"}',
        b"M" + b"[" * 20_000,
        b'M{"x":' + b"9" * 10_000 + b"}",
        b"M\xff\xfe",
        b"Enot_a_fault",
        b"Z",
        b"R{}",
        b"P" + b"x" * 60_000,
    ],
    ids=range(12),
)
def test_nonsense_costs_the_worker(pool: WorkerPool, tmp_path: Path, packet: bytes) -> None:
    for descriptor in opened(tmp_path / "packet", packet):
        outcome = one(pool, descriptor, do="raw")
        assert outcome.fault is Fault.DECODER_CRASHED
        assert outcome.messages == ({"exact": len(packet)},)
        assert one(pool, descriptor, do="two").fault is None


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "huge", "size": 2 * MIB},
        {"do": "many", "count": 300},
        {"do": "nan"},
        {"do": "endless"},
        {"do": "close"},
        {"do": "no such job"},
    ],
    ids=lambda request: str(request["do"]),
)
def test_output_beyond_bounds_is_a_crash(
    pool: WorkerPool, small: int, request_: dict[str, Any]
) -> None:
    outcome = one(pool, small, **request_)
    assert outcome.fault is Fault.DECODER_CRASHED
    assert len(outcome.messages) <= pool.options.max_messages
    assert one(pool, small, do="two").fault is None


def test_files_over_the_limit_are_not_read(pool: WorkerPool, tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.touch()
    os.truncate(path, 8 * MIB + 1)
    descriptor = os.open(path, os.O_RDONLY)
    outcome = one(pool, descriptor, do="digest")
    os.close(descriptor)
    assert outcome == Outcome(outcome.ticket, (), Fault.LIMIT_BYTES)


def test_a_file_that_is_cut_while_it_is_read_costs_itself_only(
    pool: WorkerPool, small: int, tmp_path: Path
) -> None:
    for descriptor in opened(tmp_path / "cut", bytes(LARGE)):
        pool.submit(descriptor, {"do": "late digest"})
        assert pool.completed(0.1) == []
        os.truncate(tmp_path / "cut", 0)
        (outcome,) = pool.completed(10)
    assert outcome.fault is Fault.DECODER_CRASHED
    assert outcome.messages == ({"exact": LARGE},)
    assert one(pool, small, do="two").fault is None


def test_an_endless_pipe_is_cut_at_the_limit(pool: WorkerPool, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    ticket = pool.submit(reader, {"do": "digest"})
    os.set_blocking(writer, False)
    outcomes: list[Outcome] = []
    while not outcomes:
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(writer, bytes(65_536))
        outcomes = pool.completed(0.001)
    os.close(reader)
    os.close(writer)
    assert outcomes == [Outcome(ticket, (), Fault.LIMIT_BYTES)]


# The pool


def test_crashes_interleaved_lose_no_job(pool: WorkerPool, small: int) -> None:
    dice = random.Random(3)
    plan = [
        dice.choices(["two", "exit", "segfault", "raise", "decode error"], [16, 1, 1, 1, 1])[0]
        for _ in range(500)
    ]
    found = dict(pool.map((number, small, {"do": do}) for number, do in enumerate(plan)))
    assert sorted(found) == list(range(500))
    for number, do in enumerate(plan):
        if do == "two":
            assert found[number].fault is None
            assert len(found[number].messages) == 2
        elif do == "decode error":
            assert found[number].fault is Fault.LIMIT_PIXELS
        else:
            assert found[number].fault is Fault.DECODER_CRASHED
            assert found[number].messages == ({"exact": 10},)


def test_a_slow_file_does_not_hold_up_those_behind_it(small: int) -> None:
    with WorkerPool(options(workers=2, limits=MediaLimits(max_seconds=10))) as pool:
        assert pool.protections.seccomp
        slow = pool.submit(small, {"do": "sleep", "seconds": 3.0})
        fast = {pool.submit(small, {"do": "sleep", "seconds": 0.0}) for _ in range(8)}
        while fast:
            fast -= {outcome.ticket for outcome in pool.completed(5)}
        assert [outcome.ticket for outcome in pool.completed(5)] == [slow]


def test_workers_are_replaced_after_so_many_jobs(small: int) -> None:
    with WorkerPool(options(workers=1, max_jobs_per_worker=5)) as pool:
        pids = [
            outcome.messages[0]["pid"]
            for _, outcome in pool.map((n, small, {"do": "digest"}) for n in range(20))
        ]
    assert len(set(map(str, pids))) == 4


def test_a_successor_is_ready_before_a_worker_has_done_all_its_jobs(small: int) -> None:
    with WorkerPool(options(workers=1, max_jobs_per_worker=100)) as pool:
        pids = []
        ready: list[object] = []
        most = 0
        for _ in range(250):
            pids.append(one(pool, small, do="state").messages[0]["pid"])
            most = max(most, len(pool._links))
            if len(pids) == 99:
                until = time.monotonic() + 10
                while not ready and time.monotonic() < until:
                    pool.completed(0)
                    ready = [link for link in pool._links[1:] if link.protections is not None]
    assert ready
    assert most == 2
    assert sorted(pids.count(pid) for pid in set(pids)) == [50, 100, 100]


def test_a_worker_killed_from_outside_costs_one_job(small: int) -> None:
    with WorkerPool(options(workers=1, queue_per_worker=2)) as pool:
        (state,) = one(pool, small, do="state").messages
        assert isinstance(state["pid"], int)
        tickets = [pool.submit(small, {"do": "sleep", "seconds": 0.2}) for _ in range(3)]
        time.sleep(0.05)
        os.kill(state["pid"], signal.SIGKILL)
        found: dict[int, Outcome] = {}
        while len(found) < 3:
            found.update({outcome.ticket: outcome for outcome in pool.completed(10)})
    assert [found[ticket].fault for ticket in tickets] == [Fault.DECODER_CRASHED, None, None]


def test_an_idle_worker_that_dies_wakes_an_event_loop_once(small: int) -> None:
    with WorkerPool(options(workers=1)) as fresh:
        worker = one(fresh, small, do="state").messages[0]["pid"]
        assert isinstance(worker, int)
        os.kill(worker, signal.SIGKILL)
        assert wakes(fresh, 10.0)
        assert fresh.completed(0) == []
        assert not wakes(fresh, 0.2)
        assert one(fresh, small, do="state").messages[0]["pid"] != worker


def wakes(pool: WorkerPool, seconds: float) -> bool:
    """Whether an event loop that watches the pool would be woken."""
    with selectors.DefaultSelector() as selector:
        selector.register(pool.fileno(), selectors.EVENT_READ)
        return bool(selector.select(seconds))


def test_a_killed_zygote_is_replaced_and_no_job_is_lost(small: int) -> None:
    with WorkerPool(options(zygote_restarts=1)) as pool:
        (state,) = one(pool, small, do="state").messages
        tickets = {pool.submit(small, {"do": "sleep", "seconds": 0.1}) for _ in range(10)}
        assert isinstance(state["parent"], int)
        assert isinstance(state["pid"], int)
        os.kill(state["parent"], signal.SIGKILL)
        found: dict[int, Outcome] = {}
        while len(found) < 10:
            found.update({outcome.ticket: outcome for outcome in pool.completed(10)})
        assert set(found) == tickets
        assert {outcome.fault for outcome in found.values()} == {None}
        assert all(len(outcome.messages) == 1 for outcome in found.values())
        (state,) = one(pool, small, do="state").messages
        assert isinstance(state["parent"], int)
        os.kill(state["parent"], signal.SIGKILL)
        with pytest.raises(SandboxStartError, match="repeatedly"):
            # A worker may still answer before the kernel has taken it down.
            for _ in range(1_000):
                one(pool, small, do="two")


def gone(pid: int) -> bool:
    """Whether a process is dead (and perhaps not yet collected by its new parent)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return status.rsplit(")", 1)[1].split()[0] == "Z"


def test_close_ends_every_process_and_leaves_no_descriptor(small: int, tmp_path: Path) -> None:
    before = descriptor_count()
    pool = WorkerPool(options())
    (state,) = one(pool, small, do="state").messages
    for do in ("exit", "segfault", "spin", "two", "hog", "raise"):
        one(pool, small, do=do)
    used = descriptor_count()
    for _ in range(30):
        one(pool, small, do="exit")
    assert descriptor_count() <= used
    for _ in range(10):
        pool.submit(small, {"do": "spin"})
    pool.close()
    pool.close()
    assert descriptor_count() <= before
    assert isinstance(state["parent"], int)
    assert isinstance(state["pid"], int)
    assert gone(state["parent"])
    assert gone(state["pid"])
    with contextlib.suppress(ChildProcessError):
        assert os.waitpid(-1, os.WNOHANG) == (0, 0), "a dead child was not collected"
    with pytest.raises(SandboxUseError):
        pool.submit(small, {})


def test_an_answer_that_is_there_counts_however_late_it_is_collected(small: int) -> None:
    with WorkerPool(options(workers=1)) as pool:
        one(pool, small, do="two")
        pool.submit(small, {"do": "sleep", "seconds": 0.1})
        pool.submit(small, {"do": "sleep", "seconds": 0.1})
        time.sleep(LIMITS.max_seconds + 0.5)
        found: list[Outcome] = []
        while len(found) < 2:
            found += pool.completed(5)
        assert {outcome.fault for outcome in found} == {None}


def test_completed_does_not_wait_for_nothing(pool: WorkerPool, small: int) -> None:
    assert pool.completed() == []
    pool.submit(small, {"do": "sleep", "seconds": 1.5})
    # Had it waited for the job, this would be its outcome.
    assert pool.completed(0.05) == []
    assert len(pool.completed(10)) == 1


def test_the_pool_can_be_watched_by_an_event_loop(pool: WorkerPool, small: int) -> None:
    pool.submit(small, {"do": "sleep", "seconds": 0.05})
    with selectors.DefaultSelector() as watcher:
        watcher.register(pool.fileno(), selectors.EVENT_READ)
        found: list[Outcome] = []
        for _ in range(100):
            assert watcher.select(10)
            found += pool.completed(0)
            if found:
                break
    assert found[0].fault is None


def test_submit_waits_at_the_bound(small: int) -> None:
    with WorkerPool(options(max_pending=3)) as pool:
        for _ in range(10):
            pool.submit(small, {"do": "sleep", "seconds": 0.02})
            assert pool.in_flight <= 3
            assert pool.room == 3 - pool.in_flight
        found = pool.completed(5)
        while len(found) < 10:
            found += pool.completed(5)


# Start


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"job": "no_such_module:run"}, "ModuleNotFoundError"),
        ({"job": "sandbox_jobs:no_such_function"}, "AttributeError"),
        ({"warm_up": "sandbox_jobs:warm_up_that_fails"}, "no such decoder"),
        ({"warm_up": "sandbox_jobs:warm_up_with_thread"}, "threads behind"),
        ({"warm_up": "sandbox_jobs:warm_up_that_exits"}, "safehold demo"),
        ({"python": "/no/such/python"}, "safehold demo"),
    ],
)
def test_a_start_that_fails_says_why(small: int, changes: dict[str, Any], hint: str) -> None:
    before = descriptor_count()
    with pytest.raises(SandboxStartError) as caught, WorkerPool(options(**changes)) as pool:
        one(pool, small, do="two")
    assert hint in caught.value.hint
    assert descriptor_count() <= before


@pytest.mark.parametrize("changes", [{"workers": 0}, {"max_pending": 0}, {"queue_per_worker": 9}])
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SandboxUseError):
        WorkerPool(options(**changes))


def test_a_request_that_is_too_long_is_refused(pool: WorkerPool, small: int) -> None:
    with pytest.raises(SandboxUseError):
        pool.submit(small, {"x": "y" * 60_000})
