"""The reference of codes has every code of the program, and none that does not exist."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import safehold
from safehold.cases.model import CaseState, Queue, StatementKind
from safehold.cases.review.model import ProposalState
from safehold.cli.main import EXIT_INTERNAL, EXIT_USAGE
from safehold.config import RANGES
from safehold.errors import SafeholdError, UsageError
from safehold.media.model import Fault
from safehold.outbox.model import AlarmCode
from safehold.outbox.webhooks import RECEIPT_UPDATED
from safehold.policy.model import Reason, Verdict
from safehold.users.roles import Permission
from safehold.vault.verify import FindingKind
from tests.docs.pages import code, reference, rows, section

PAGE = reference("codes.md")
NOT_RAISED = {"internal": EXIT_INTERNAL}
"""Said by the command line of exceptions that nobody expected."""


def error_classes() -> set[type[SafeholdError]]:
    """All of the program's own error classes."""
    for module in pkgutil.walk_packages(safehold.__path__, "safehold."):
        # Migrations are run by Alembic and not imported; `__main__` would run the program.
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: set[type[SafeholdError]] = set()
    todo: list[type[SafeholdError]] = [SafeholdError]
    while todo:
        kind = todo.pop()
        if kind.__module__.startswith("safehold."):
            found.add(kind)
        todo.extend(kind.__subclasses__())
    return found


def documented(heading: str) -> dict[str, list[str]]:
    """The codes of one section, with their rows."""
    table = rows(section(PAGE, heading))
    names = [code(row[0]) for row in table]
    assert len(names) == len(set(names))
    return dict(zip(names, table, strict=True))


def test_no_heading_comes_twice() -> None:
    """A section is found by its heading, so what stands in a second one of the name is unread."""
    for name in ("codes.md", "commands.md", "settings.md", "rows.md", "http.md"):
        headings = re.findall(r"^#+ (.+)$", reference(name), re.MULTILINE)
        assert len(headings) == len(set(headings)), name


def test_verdicts() -> None:
    assert set(documented("Verdicts")) == set(Verdict)


def test_reasons() -> None:
    assert set(documented("Reasons")) == set(Reason)


def test_faults() -> None:
    assert set(documented("Faults")) == set(Fault)


def test_errors_and_their_exit_codes() -> None:
    expected = dict(NOT_RAISED)
    for kind in error_classes():
        exit_code = EXIT_USAGE if issubclass(kind, UsageError) else EXIT_INTERNAL
        assert expected.setdefault(kind.code, exit_code) == exit_code, kind.code
    assert {name: int(row[1]) for name, row in documented("Errors").items()} == expected


@pytest.mark.parametrize(
    ("heading", "codes"),
    [
        ("Findings in the vault", {*FindingKind, "content_differs"}),
        ("Cases", {*CaseState, *Queue}),
    ],
)
def test_enumerations_of_the_service(heading: str, codes: set[str]) -> None:
    assert set(documented(heading)) == codes


def trees(folder: str = "") -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((Path(safehold.__path__[0]) / folder).rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def names_in(cells: list[str]) -> set[str]:
    """Several codes may share a row."""
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_readiness() -> None:
    """Whatever `Health` and its checks can say, and nothing else."""
    source = Path(safehold.__path__[0]) / "server"
    health = (source / "health.py").read_text()
    said = set(re.findall(r'reasons\.add\("(\w+)"\)', health)) | {
        Reason.LIST_MISSING.value,
        Reason.LIST_STALE.value,
    }
    composed = (source / "compose.py").read_text()
    checked = (source.parent / "engine" / "checks.py").read_text()
    checks = re.search(r"return \{(\"database\".*?)\}", checked)
    assert checks
    said |= set(re.findall(r'"(\w+)":', checks[1]))
    health += (source.parent / "gate" / "health.py").read_text()
    notes = set(re.findall(r'notes\.add\("(\w+)"\)', health))
    notes |= {AlarmCode[name].value for name in re.findall(r"AlarmCode\.(\w+)\.value", composed)}
    assert len(notes) > 1
    assert set(documented("Readiness")) == said | notes


def test_log_events() -> None:
    found: set[str] = set()
    for folder in ("engine", "server", "gate", "work", "console", "runtime"):
        for _, tree in trees(folder):
            found.update(logged(tree))
    assert len(found) > 10
    table = rows(section(PAGE, "Log events"))
    assert names_in([row[0] for row in table]) == found


def logged(tree: ast.AST) -> Iterator[str]:
    """First words of calls of a log: `log.info("event", ...)`, or of one that was chosen."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = ast.unparse(node.func)
        first = node.args[0]
        if re.search(r"log\.(info|warning|error)\b|^say$", called) and isinstance(
            first, ast.Constant
        ):
            yield str(first.value)


def test_audit_events() -> None:
    kinds = {f"{kind.value}.added" for kind in StatementKind}
    kinds |= {f"proposal.{s.value}" for s in ProposalState if s is not ProposalState.OPEN}
    subjects = (
        "appeal|audit|canary|case|custodian|destruction|document|evidence|flag|generation|hold|key"
        "|ledger|list|note|officer|package|proposal|receipt|report|service|suppression|user|view"
        "|webhook|words"
    )
    for path, tree in trees():
        if path.parts[-2] != "client" and "console" not in path.parts:
            found = (text for text in texts(tree) if re.fullmatch(rf"({subjects})\.[a-z_]+", text))
            kinds.update(text for text in found if not text.endswith(FILE_ENDINGS))
    table = rows(section(PAGE, "Audit events"))
    permissions = {p.value for p in Permission}
    permissions -= {Permission.WORDS_READ.value, Permission.AUDIT_READ.value}  # kinds as well
    assert names_in([row[0] for row in table]) == kinds - permissions - {RECEIPT_UPDATED} - set(
        RANGES
    )


FILE_ENDINGS = (
    *(".key", ".sock", ".jsonl", ".py", ".csv", ".html", ".js", ".css"),
    *(".json", ".pem", ".xml"),
)
"""Names of the same look are those of files."""


def test_every_code_says_what_it_means() -> None:
    headings = ("Verdicts", "Reasons", "Faults", "Errors", "Readiness", "Cases")
    for heading in headings:
        for name, row in documented(heading).items():
            assert len(row) >= 2, name
            assert re.search(r"[a-z]{3}", " ".join(row[1:])), name
