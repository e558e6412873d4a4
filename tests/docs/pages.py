"""Reading the documents: where they are, their sections, tables and links."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TEXT_FOLDERS = (
    "docs",
    "src",
    "tests",
    "benchmarks",
    "deploy",
    "scripts",
    "requirements",
    ".ci",
    ".github",
)
TEXT_SUFFIXES = frozenset({".md", ".py", ".toml", ".txt", ".yml", ".yaml", ""})

_HEADING = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@cache
def read(page: Path) -> str:
    """A page's text."""
    return page.read_text(encoding="utf-8")


def reference(name: str) -> str:
    """A page of `docs/reference`."""
    return read(DOCS / "reference" / name)


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    return sorted(
        page for folder in (ROOT, *(ROOT / f for f in TEXT_FOLDERS)) for page in _markdown(folder)
    )


def _markdown(folder: Path) -> list[Path]:
    return [*(folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))]


def texts() -> list[Path]:
    """Every text file that belongs to the project, generated ones left out."""
    top = [path for path in ROOT.iterdir() if path.is_file() and path.name != "LICENSE"]
    below = [path for name in TEXT_FOLDERS for path in (ROOT / name).rglob("*") if path.is_file()]
    return sorted(
        path
        for path in top + below
        if path.suffix in TEXT_SUFFIXES
        and not {"__pycache__", "results"} & set(path.parts)
        and not (path.parent == ROOT and path.name.startswith(".") and path.name != ".gitignore")
    )


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next of the same or a higher level."""
    match = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert match, heading
    level = len(match[1])
    rest = text[match.end() :]
    end = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a text whose first cell is code, as cells."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def code(cell: str) -> str:
    """A cell's text without the marks of code."""
    return cell.strip("`")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as they are shown by code forges."""
    plain = _FENCE.sub("", text)
    found = set()
    for _, title in _HEADING.findall(plain):
        words = re.sub(r"[^\w\- ]", "", title.lower())
        found.add(words.replace(" ", "-"))
    return found


def links(text: str) -> list[str]:
    """Targets of all links outside of code."""
    plain = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return re.findall(r"\]\(([^)\s]+)\)", plain)
