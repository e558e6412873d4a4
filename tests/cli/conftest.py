"""The command as a subprocess, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KERNEL_CACHE


@dataclass(frozen=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


class Command:
    """Runs `safehold`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "SAFEHOLD_HOME": str(home),
            "SAFEHOLD_KERNEL_CACHE": str(KERNEL_CACHE),
            "SAFEHOLD_WORKERS": "2",
            "HOME": str(home),
        }

    def arguments(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "safehold", *map(str, arguments)]

    def start(self, *arguments: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.arguments(*arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(self, *arguments: object, **environment: str) -> Result:
        done = subprocess.run(
            self.arguments(*arguments),
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def safehold(tmp_path: Path) -> Command:
    return Command(tmp_path / "home")
