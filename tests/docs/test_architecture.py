"""The page on the architecture has the layers of the import contract, in their order."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import DOCS, ROOT, read, rows, section

PAGE = read(DOCS / "explanation" / "architecture.md")
UNSAID = {"__main__"}


def test_layers_are_those_that_imports_are_checked_against() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = project["tool"]["importlinter"]["contracts"]
    real = [{name.strip() for name in layer.split("|")} for layer in contract["layers"]]
    said = [set(re.findall(r"`(\w+)`", row[0])) for row in rows(section(PAGE, "Layers"))]
    assert said == [layer for layer in real if not layer <= UNSAID]


def test_files_of_the_home_are_named() -> None:
    home = read(ROOT / "src" / "safehold" / "runtime" / "home.py")
    table = section(PAGE, "Where data lies")
    names = re.findall(r'^[A-Z_]+_(?:FILE|FOLDER) = "([\w.]+)"$', home, re.MULTILINE)
    assert len(names) > 6
    for name in names:
        assert f"`{name}" in table, name
