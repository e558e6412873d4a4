"""A package is verified without Safehold, by the very commands that the how-to gives."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import bagit
import pytest

from safehold.reporting.package import statement
from safehold.reporting.package.readme import README
from tests.audit.logs import KEY
from tests.docs.pages import DOCS
from tests.reporting.package.made import IDENTITY, bag, sealed

PAGE = (DOCS / "how-to" / "verify-a-package.md").read_text("utf-8")
COMMANDS = "".join(re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
AGE = """\
#!{python}
import sys
import pyrage
assert sys.argv[1:3] == ["-d", "-i"] and len(sys.argv) == 5
secret = open(sys.argv[3]).read().strip()
content = open(sys.argv[4], "rb").read()
opened = pyrage.decrypt(content, [pyrage.x25519.Identity.from_str(secret)])
sys.stdout.buffer.write(opened)
"""
"""Stands for age where a machine has none: the same format by the library below Safehold."""


@pytest.fixture
def receiver(tmp_path: Path) -> Path:
    """A machine's folder with a package, public tools, and a Python without Safehold."""
    tools = tmp_path / "bin"
    modules = tmp_path / "modules"
    tools.mkdir()
    modules.mkdir()
    shutil.copy(bagit.__file__, modules / "bagit.py")
    about = modules / f"bagit-{bagit.VERSION}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Name: bagit\nVersion: {bagit.VERSION}\n")
    base = getattr(sys, "_base_executable", sys.executable)
    script(tools / "python3", f'#!/bin/sh\nPYTHONPATH="{modules}" exec "{base}" -S "$@"\n')
    if shutil.which("age") is None:
        script(tools / "age", AGE.format(python=sys.executable))
    work = tmp_path / "work"
    work.mkdir()
    (work / "case.age").write_bytes(sealed(bag()))
    (work / "identity.txt").write_text(f"{IDENTITY.secret}\n")
    return work


def script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def run(receiver: Path, commands: str) -> subprocess.CompletedProcess[str]:
    path = (
        f"{receiver.parent / 'bin'}{os.pathsep}/usr/local/bin{os.pathsep}/usr/bin{os.pathsep}/bin"
    )
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=receiver,
        env={"PATH": path, "LC_ALL": "C.UTF-8", "HOME": str(receiver)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_commands_of_the_how_to(receiver: Path) -> None:
    assert run(receiver, "python3 -c 'import safehold'").returncode != 0
    done = run(receiver, COMMANDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 2
    assert statement.fingerprint(KEY.public) in done.stdout
    assert f"recipient: {IDENTITY.recipient}" in done.stdout
    assert "3 events" in done.stdout
    assert COMMANDS.count("--check") == 6


@pytest.mark.parametrize(
    "damage",
    [
        "printf x >> data/evidence/001.png",
        "rm data/summary.pdf",
        "printf x > data/evidence/003.png",
        "sed -i 's/Safehold test/Safehold trap/' bag-info.txt",
        "sed -i 's/01package/02package/' package-statement.txt",
        "sed -i 's/events: 3/events: 2/' data/custody/statement.txt",
        "printf x >> manifest-sha512.txt",
    ],
)
def test_they_fail_where_something_was_altered(receiver: Path, damage: str) -> None:
    opened, _, checks = COMMANDS.partition("cd safehold-*\n")
    assert run(receiver, f"{opened}cd safehold-*\n{damage}\n{checks}").returncode != 0


def test_the_readme_in_the_package_has_the_same_commands() -> None:
    for line in re.findall(r"^   (?:sha\d+sum|openssl|grep) .*$", README, re.MULTILINE):
        assert line.strip().removesuffix("\\").strip() in COMMANDS.replace(" \\\n ", " "), line
