"""What CONTRIBUTING.md says of the source holds, and no file tells where it was made."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.pages import ROOT, texts

SOURCE = ROOT / "src" / "safehold"
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 400
MAX_PARAMETERS = 6
LONGER: dict[str, str] = {}
"""Modules that may be longer, and why."""
WIDER = {
    "lists/service.py:add": "the port of one command with keyword-only choices of its operator",
}
"""Functions that may have more parameters, and why."""
MACHINE = re.compile(
    r"/(?:work|root|Users)/\w|/home/(?!USER\b)\w|(?<![\w/])[A-Z]:\\\\"
    r"|--(?:extra-)?index-url[ =]h|--find-links|--trusted-host[ =]\w"
)
"""Paths of somebody's machine, and options that name a package index."""
EXPLAINED = {"scripts/lock", "tests/docs/test_source.py"}
"""Files that name such options in order to leave them out."""


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_modules_have_docstrings_and_a_bounded_length(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    if relative(module) not in LONGER:
        assert len(text.splitlines()) <= MAX_LINES
    assert module.stem not in {"utils", "helpers", "common", "tools", "misc"}


def test_functions_take_few_parameters() -> None:
    wide = {
        f"{relative(module)}:{function.name}"
        for module in MODULES
        if module.parts[len(SOURCE.parts)] != "cli"
        for function in functions(ast.parse(module.read_text(encoding="utf-8")))
        if parameters(function) > MAX_PARAMETERS
    }
    assert wide == set(WIDER), "list them with a reason, or pass an options object"


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        relative(module)
        for module in MODULES
        if re.search(r"os\.(?:environ|getenv)\b", module.read_text(encoding="utf-8"))
    }
    assert readers == {"config/settings.py"}


def test_only_the_command_line_prints_or_exits() -> None:
    for module in MODULES:
        tree = ast.parse(module.read_text(encoding="utf-8"))
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        if not relative(module).startswith(("cli/", "__main__")):
            assert not called & {"print", "sys.exit", "exit"}, relative(module)
        assert not called & {"pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps"}


def test_no_file_tells_on_which_machine_it_was_made() -> None:
    index = package_index()
    for path in texts():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8")
        # A short path, such as /src, may stand in a text for other reasons.
        assert len(ROOT.parts) < 3 or str(ROOT) not in text, name
        assert index is None or index not in text, name
        if name not in EXPLAINED:
            assert not MACHINE.search(text), name


def package_index() -> str | None:
    """The host of the package index that pip uses here, if it says."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"index-url='([^']+)'", done.stdout)
    return urlsplit(found[1]).hostname if found else None
