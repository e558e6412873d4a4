"""`safehold console`, alone and with its demonstration, as processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from safehold.cli import main as cli
from tests.conftest import KERNEL_CACHE

SECONDS = 90.0
CSRF = re.compile(r'name="csrf" value="([^"]+)"')

PART = r'rowheader">([^<]+)</th>\s*<td[^>]*>\s*<span class="badge badge-(\w+)"'
"""A line of the page of health: what it is about, and how that is."""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    temporary = Path(tempfile.mkdtemp(prefix="sh-"))  # a socket's path is short
    yield {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "TMPDIR": str(temporary),
        "SAFEHOLD_HOME": str(tmp_path / "home"),
        "SAFEHOLD_KERNEL_CACHE": str(KERNEL_CACHE),
        "SAFEHOLD_WORKERS": "2",
    }
    shutil.rmtree(temporary)


@contextmanager
def started(
    environment: dict[str, str], *arguments: str, log: Path
) -> Iterator[subprocess.Popen[str]]:
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "safehold", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def token(page: httpx.Response) -> str:
    found = CSRF.search(page.text)
    assert found, page.text
    return found[1]


def action(page: httpx.Response, word: str) -> str:
    addresses: list[str] = re.findall(r'<form method="post" action="([^"]+)"', page.text)
    assert any(word in address for address in addresses), addresses
    return next(address for address in addresses if word in address)


@contextmanager
def signed_in(address: str, person: dict[str, Any]) -> Iterator[httpx.Client]:
    headers = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(
        base_url=address, headers=headers, follow_redirects=True, trust_env=False, timeout=30
    ) as browser:
        page = browser.get("/sign-in")
        fields = {"name": person["name"], "password": person["password"]}
        page = browser.post(action(page, "sign-in"), data={"csrf": token(page), **fields})
        code = pyotp.TOTP(person["totp_secret"]).now()
        page = browser.post(action(page, "factor"), data={"csrf": token(page), "code": code})
        assert page.status_code == 200
        assert person["name"] in page.text
        yield browser


def test_the_demonstration_is_a_filled_console_and_leaves_nothing(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    arguments = ("console", "--demo", "--json", "--port", "0")
    # What the environment says of a database is not for a demonstration.
    environment |= {"SAFEHOLD_DATABASE": "postgresql://nobody@127.0.0.1:1/none"}
    with started(environment, *arguments, log=log) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, log.read_text()
        told = json.loads(line)
        assert told["cases"] >= 60
        assert 30 <= told["open"] < told["cases"]
        people = {person["name"]: person for person in told["users"]}
        assert {name: person["roles"] for name, person in people.items()} == {
            "robin": ["reviewer"],
            "ada": ["approver"],
            "noor": ["officer"],
            "sam": ["admin", "auditor"],
        }
        with signed_in(told["address"], people["robin"]) as robin:
            page = robin.get("/queue")
            assert "Demonstration" in page.text
            cases = re.findall(r'href="(/cases/[^"?]+)', page.text)
            assert len(cases) > 20
            assert robin.get(cases[0]).status_code == 200
            for queue in ("faults", "flags"):
                assert "/cases/" in robin.get("/queue", params={"queue": queue}).text
        with signed_in(told["address"], people["sam"]) as sam:
            parts = re.findall(PART, sam.get("/health").text)
            assert len(parts) > 5
            # Cases wait to be reported, as they would in a house.
            assert {part for part, kind in parts if kind != "good"} == {"Reports to authorities"}
            figures = sam.get("/figures").text
            assert figures.count('<svg class="chart"') == 5
            page = sam.get("/audit")
            verified = sam.post("/audit/verify", data={"csrf": token(page)})
            assert "The audit log is whole." in verified.text
        with signed_in(told["address"], people["ada"]) as ada:
            assert "/approvals/" in ada.get("/approvals").text
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert list(Path(environment["TMPDIR"]).iterdir()) == []
    assert not (tmp_path / "home").exists()


def test_the_console_runs_over_a_home_until_it_is_told_to_end(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-m", "safehold", "init", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with started(environment, "console", "--port", "0", log=log) as process:
        wait_for(lambda: "reach it at" in log.read_text() or process.poll() is not None)
        said = log.read_text()
        found = re.search(r"http://localhost:\d+", said)
        assert found, said
        page = httpx.get(f"{found[0]}/sign-in", trust_env=False)
        assert page.status_code == 200
        assert "Demonstration" not in page.text
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
        assert process.stdout is not None
        lines = [json.loads(line) for line in process.stdout.read().splitlines()]
    assert all("event" in line for line in lines)


def test_it_refuses_what_would_show_pages_in_the_clear(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["console", "--demo", "--host", "0.0.0.0", "--port", "0"]) == cli.EXIT_USAGE
    assert "[listen]" in capsys.readouterr().err
    assert cli.main(["console", "--port", "0"]) == cli.EXIT_USAGE
    assert "[not_initialised]" in capsys.readouterr().err
