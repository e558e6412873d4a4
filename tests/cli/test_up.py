"""`safehold up`: all processes together, one that dies started again, all ended in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import KERNEL_CACHE

SECONDS = 90.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return kept | {
        "SAFEHOLD_HOME": str(tmp_path / "home"),
        "SAFEHOLD_KERNEL_CACHE": str(KERNEL_CACHE),
    }


def run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def safehold(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "safehold", *arguments]
    done = run(environment, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def ready(port: int) -> bool:
    try:
        address = f"http://127.0.0.1:{port}/health/ready"
        return httpx.get(address, timeout=2.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def children(of: int) -> dict[str, int]:
    """The processes that a process has started, by the command that they run."""
    found = {}
    for pid in Path(f"/proc/{of}/task/{of}/children").read_text().split():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        for name in ("serve", "console", "custodian", "work"):
            if name.encode() in words:
                found[name] = int(pid)
    return found


@pytest.fixture
def house(environment: dict[str, str], tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A running `up`, by its process id, and its port."""
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery staple\n")
    safehold(environment, "init", "--passphrase-file", str(passphrase))
    port = free_port()
    command = [sys.executable, "-m", "safehold", "up", "--port", str(port), "--workers", "1"]
    command += ["--console-port", "0"]
    process = subprocess.Popen(
        [*command, "--passphrase-file", str(passphrase)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process.pid, port
        parts = children(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in parts.values())
    finally:
        process.kill()
        process.wait()


def test_what_dies_is_started_again(house: tuple[int, int], environment: dict[str, str]) -> None:
    pid, port = house
    wait_for(lambda: ready(port))
    before = children(pid)
    assert set(before) == {"serve", "console", "custodian", "work"}
    for name in ("custodian", "serve"):
        os.kill(before[name], signal.SIGKILL)
    wait_for(lambda: {**before, **children(pid)}["custodian"] != before["custodian"])
    wait_for(lambda: ready(port))

    def canary_is_well() -> bool:
        done = run(environment, sys.executable, "-m", "safehold", "canary", "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row["code"] for row in rows if row["server"]].count("ok") == 1

    wait_for(canary_is_well)
    safehold(environment, "audit", "verify")
    safehold(environment, "vault", "verify", "--deep")


def test_the_demonstration_goes_as_it_should(environment: dict[str, str]) -> None:
    shown = safehold(environment, "up", "--demo", "--workers", "1")
    lines = shown.splitlines()
    assert lines[-1] == "Everything went as it should."
    assert all(line.startswith("ok ") for line in lines[:-1])
    assert len(lines) > 12
