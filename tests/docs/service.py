"""A real service for the documents: set up by `safehold init`, served by `safehold serve`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.docs.pages import ROOT
from tests.samples import sample

SECONDS = 120
_PAIR = re.compile(r"^```sh\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Service:
    """A running service and a folder with two pictures, `listed.jpg` and `picture.jpg`."""

    url: str
    key: str
    folder: Path


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home),
        "SAFEHOLD_HOME": str(home / "data"),
        "SAFEHOLD_KERNEL_CACHE": str(ROOT / ".venv" / "kernel-cache"),
        "SAFEHOLD_WORKERS": "1",
        "LC_ALL": "C.UTF-8",
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running_service(folder: Path) -> Iterator[Service]:
    """Set up a home below `folder`, list one picture, serve, and end the server."""
    variables = environment(folder)
    for name, picture in (("listed", "chelsea"), ("picture", "coffee")):
        Image.fromarray(sample(picture)).save(folder / f"{name}.jpg", quality=90)
    digest = hashlib.sha256((folder / "listed.jpg").read_bytes()).hexdigest()
    (folder / "trial.txt").write_text(digest + "\n")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["safehold", *arguments],
            env=variables,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = json.loads(run("init", "--officer-key", "officer.key", "--service", "forum", "--json"))
    run("list", "add", "trial", "trial.txt", "--type", "sha256", "--tier", "confirmed")
    port = free_port()
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            ["safehold", "serve", "--port", str(port)],
            env=variables,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url, server)
            yield Service(url, made["api_key"], folder)
        finally:
            server.terminate()
            server.wait(60)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health/ready"):
            return
        time.sleep(0.1)
    raise AssertionError("the server did not become ready")


def shell_blocks(text: str) -> list[tuple[str, str | None]]:
    """The `sh` blocks of a page, each with the `text` block that follows it, or None."""
    return [(block, said or None) for block, said in _PAIR.findall(text)]


def python_blocks(text: str) -> list[str]:
    """The `python` blocks of a page."""
    return _PYTHON.findall(text)
