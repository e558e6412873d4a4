"""Running the `console` blocks of a document, as a reader would.

A line that begins with `$ ` is a command, the lines below it are what it prints (both streams).
`...` in a line stands for anything, a line that is only `...` for any number of lines. A command
must succeed, unless the next one is `echo $?`, whose output then says the exit code.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT

SECONDS = 120
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"export (\w+)=(.+)")
_OF_THIS_MACHINE = (
    "Compiling the hashing kernels",
    "This machine does not protect the decoders by",
    "  docs/explanation/sandbox.md says",
)
"""Lines that are said on some machines only; they are left out of the comparison."""


@dataclass(frozen=True)
class Step:
    """A command and the lines that it is said to print."""

    command: str
    expected: tuple[str, ...]


def steps(text: str) -> list[Step]:
    """The commands of all blocks of a document, in order."""
    found: list[Step] = []
    for block in _BLOCK.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE):
            if part:
                command, *lines = part.splitlines()
                found.append(Step(command, tuple(lines)))
    return found


def matches(expected: tuple[str, ...], printed: list[str]) -> bool:
    """Whether lines are as they are said to be."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pieces = [re.escape(piece) for piece in line.rstrip().split("...")]
            pattern += ".*".join(pieces) + r"\n"
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed)) is not None


class Reader:
    """Somebody who types a document's commands into a shell, in a folder of their own.

    What a document leaves running ends with `close`, at the latest.
    """

    def __init__(self, folder: Path, replaced: Mapping[str, str]) -> None:
        """`replaced`: words of the document that are others here (a server's address)."""
        self._folder = folder
        self._replaced = replaced
        self._status = 0
        # All commands are of one process group, whose number this process keeps taken.
        self._leader = subprocess.Popen(
            ["sleep", "infinity"], stdout=subprocess.DEVNULL, process_group=0
        )
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "XDG_DATA_HOME": str(folder / ".data"),
            "SAFEHOLD_KERNEL_CACHE": str(ROOT / ".venv" / "kernel-cache"),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
        }

    def close(self) -> None:
        """End whatever still runs."""
        os.killpg(self._leader.pid, signal.SIGKILL)
        self._leader.wait()

    def follow(self, text: str) -> int:
        """Run every command of a document; returns how many there were."""
        todo = steps(text)
        for place, step in enumerate(todo):
            before = self._status
            printed = self._run(step.command)
            assert matches(step.expected, printed), "\n".join(
                [f"$ {step.command}", "expected:", *step.expected, "printed:", *printed]
            )
            told = place + 1 < len(todo) and todo[place + 1].command == "echo $?"
            if step.command == "echo $?":
                assert printed == [str(before)]
            elif not told:
                assert self._status == 0, step.command
        return len(todo)

    def _run(self, command: str) -> list[str]:
        for word, other in self._replaced.items():
            command = command.replace(word, other)
        if export := _EXPORT.fullmatch(command):
            self._environment[export[1]] = export[2]
            self._status = 0
            return []
        done = subprocess.run(
            ["bash", "-c", f"(exit {self._status}); {command}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
            process_group=self._leader.pid,
        )
        self._status = 0 if command == "echo $?" else done.returncode
        lines = done.stdout.decode("utf-8").splitlines()
        return [line for line in lines if not line.startswith(_OF_THIS_MACHINE)]
