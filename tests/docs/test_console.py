"""The commands of README, tutorial and how-to guides do what these say."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from safehold.testing.postgres import find_binaries, missing_is_failure, running_server
from tests.custodian.serving import short_folder
from tests.docs.console import Reader, Step, matches, steps
from tests.docs.pages import DOCS, ROOT, read
from tests.docs.service import free_port

ADDRESS = "postgresql://safehold@db.internal/safehold"
PORT = "8450"
TUTORIAL = DOCS / "tutorial.md"
SERVICE_TUTORIAL = DOCS / "tutorial-service.md"
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
    return folder, follow(folder, COMMON, TUTORIAL)


def follow(folder: Path, replaced: Mapping[str, str], page: Path) -> int:
    """Follow a page; how many commands it has. Nothing of it runs on afterwards."""
    with contextlib.closing(Reader(folder, replaced)) as reader:
        return reader.follow(read(page))


def test_tutorial_is_true(tutorial: tuple[Path, int]) -> None:
    folder, commands = tutorial
    assert commands > 10
    assert (folder / "demo" / "pictures").is_dir()


@pytest.mark.parametrize("page", [p for p in PAGES if steps(read(p))], ids=lambda p: str(p.name))
def test_console_blocks_are_true(page: Path, tutorial: tuple[Path, int], tmp_path: Path) -> None:
    assert follow(tmp_path, COMMON | kept_demo(tutorial[0]), page) > 1


def test_tutorial_of_the_service_is_true(tutorial: tuple[Path, int]) -> None:
    assert shutil.which("curl"), "the tutorial of the service needs curl"
    assert read(SERVICE_TUTORIAL).count(PORT) > 5
    replaced = kept_demo(tutorial[0]) | {PORT: str(free_port())}
    with short_folder() as folder:
        assert follow(folder, replaced, SERVICE_TUTORIAL) > 20
    assert " 451" in read(SERVICE_TUTORIAL)


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
    assert ADDRESS in read(POSTGRES)
    replaced = {ADDRESS: database} | kept_demo(tutorial[0])
    assert follow(tmp_path, replaced, POSTGRES) > 1


def test_what_is_run_and_what_is_not() -> None:
    """Every guide with a transcript is run, and a transcript is marked as one."""
    tutorials = [TUTORIAL, SERVICE_TUTORIAL]
    run = {page for page in [*PAGES, *tutorials, POSTGRES] if steps(read(page))}
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
    with contextlib.closing(Reader(tmp_path, {})) as reader:
        for block in ("$ echo a\nb\n", "$ false\n", "$ true\n$ echo $?\n1\n"):
            with pytest.raises(AssertionError):
                reader.follow(f"```console\n{block}```\n")


def test_what_a_page_leaves_running_ends(tmp_path: Path) -> None:
    with contextlib.closing(Reader(tmp_path, {})) as reader:
        reader.follow("```console\n$ sleep 300 > out 2>&1 & echo $! > pid\n```\n")
        left = Path("/proc") / (tmp_path / "pid").read_text().strip()
        assert left.exists()
    until = time.monotonic() + 10
    while left.exists() and "Z" not in (left / "stat").read_text().split()[2]:
        assert time.monotonic() < until
        time.sleep(0.05)
