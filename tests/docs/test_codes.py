"""The reference of codes has every code of the program, and none that does not exist."""

from __future__ import annotations

import importlib
import pkgutil
import re

import safehold
from safehold.cli.main import EXIT_INTERNAL, EXIT_USAGE
from safehold.errors import SafeholdError, UsageError
from safehold.media.model import Fault
from safehold.policy.model import Reason, Verdict
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


def test_every_code_says_what_it_means() -> None:
    for heading in ("Verdicts", "Reasons", "Faults", "Errors"):
        for name, row in documented(heading).items():
            assert len(row) >= 2, name
            assert re.search(r"[a-z]{3}", " ".join(row[1:])), name
