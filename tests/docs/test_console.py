"""The commands of README, tutorial and how-to guides do what these say."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.testing.postgres import find_binaries, missing_is_failure, running_server
from tests.docs.console import Reader, Step, matches, steps
from tests.docs.pages import DOCS, ROOT, read

ADDRESS = "postgresql://safehold@db.internal/safehold"
TUTORIAL = DOCS / "tutorial.md"
POSTGRES = DOCS / "how-to" / "run-on-postgresql.md"
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in (DOCS / "how-to").glob("*.md") if page != POSTGRES),
]
COMMON = {"make demo": "safehold demo"}
"""`make demo` is set up already where these tests run."""


@pytest.fixture(scope="session")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """The folder of somebody who has followed the tutorial, and how many commands that were."""
    folder = tmp_path_factory.mktemp("tutorial")
    return folder, Reader(folder, COMMON).follow(read(TUTORIAL))


def test_tutorial_is_true(tutorial: tuple[Path, int]) -> None:
    folder, commands = tutorial
    assert commands > 10
    assert (folder / "demo" / "pictures").is_dir()


@pytest.mark.parametrize("page", [p for p in PAGES if steps(read(p))], ids=lambda p: str(p.name))
def test_console_blocks_are_true(page: Path, tutorial: tuple[Path, int], tmp_path: Path) -> None:
    assert Reader(tmp_path, COMMON | kept_demo(tutorial[0])).follow(read(page)) > 1


def kept_demo(folder: Path) -> dict[str, str]:
    """The tutorial's folder in place of drawing the same pictures for each guide."""
    return {"safehold demo --keep demo": f"cp -r '{folder / 'demo'}' demo; echo as in the tutorial"}


@pytest.fixture
def database() -> Iterator[str]:
    binaries = find_binaries()
    if binaries is None:
        if missing_is_failure(os.environ):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed: run `make test`")
    with running_server(binaries) as address:
        yield address


def test_postgresql_guide_is_true(
    database: str, tutorial: tuple[Path, int], tmp_path: Path
) -> None:
    text = read(POSTGRES)
    assert ADDRESS in text
    replaced = {ADDRESS: database} | kept_demo(tutorial[0])
    assert Reader(tmp_path, replaced).follow(text) > 1


def test_what_is_run_and_what_is_not() -> None:
    """Every guide with a transcript is run, and a transcript is marked as one."""
    run = {page for page in [*PAGES, TUTORIAL, POSTGRES] if steps(read(page))}
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        if re.search(r"^ *\$ ", read(page), re.MULTILINE):
            assert page in run, page


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (("a", "..."), ["a", "b", "c"], True),
        (("a", "..."), ["b"], False),
        (("...", "c"), ["a", "b", "c"], True),
        (("x...z",), ["xyyz"], True),
        (("x...z",), ["xyy"], False),
        (("a",), ["a", "b"], False),
        ((), ["a"], False),
    ],
)
def test_comparison(expected: tuple[str, ...], printed: list[str], same: bool) -> None:
    assert matches(expected, printed) is same


def test_steps() -> None:
    text = "```console\n$ one\nout\n$ two\n```\n```sh\n$ three\n```\n"
    assert steps(text) == [Step("one", ("out",)), Step("two", ())]


def test_a_reader_notices_what_is_untrue(tmp_path: Path) -> None:
    reader = Reader(tmp_path, {})
    for block in ("$ echo a\nb\n", "$ false\n", "$ true\n$ echo $?\n1\n"):
        with pytest.raises(AssertionError):
            reader.follow(f"```console\n{block}```\n")
