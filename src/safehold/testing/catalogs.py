"""All texts that the console can show, as they stand in its source: what catalogs must have."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import safehold
from safehold.reporting.labels import FINDING_TEXTS

ROOT = Path(safehold.__file__).parent
CONSOLE = ROOT / "console"
CATALOGS = CONSOLE / "catalogs"

METHODS = [("**/templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
KEYWORDS: Mapping[str, tuple[int, ...] | None] = {
    "t": None,
    "text": None,
    "mark": None,
    "n": (1, 2),
    "plural": (1, 2),
}
"""Functions whose first argument, or first two, are texts."""

ERROR_PACKAGES = (
    "console",
    "users",
    "cases",
    "custodian",
    "vault",
    "storage",
)
"""Packages whose errors a page can show."""

NOT_IN_PAGES = frozenset(
    {
        "console/serve.py",
        "custodian/address.py",
        "custodian/compose.py",
        "custodian/server.py",
        "custodian/setting_up.py",
        "custodian/signing.py",
        "custodian/verifying.py",
        "storage/backup/files.py",
        "storage/backup/making.py",
        "storage/backup/manifests.py",
        "storage/backup/restoring.py",
        "storage/digest_key.py",
        "storage/migrate.py",
        "storage/schema.py",
        "vault/factory.py",
        "vault/officers.py",
        "vault/passphrase.py",
        "vault/s3.py",
    }
)
"""Files of those packages whose errors end a command before there is any page."""

FIRST = "# Texts of Safehold's console. Brought up to date by scripts/catalogs.\n"

HEADER = """\
msgid ""
msgstr ""
"Project-Id-Version: Safehold\\n"
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plurals}\\n"

"""

Key = str | tuple[str, str]
"""A text, or its forms for one and for many."""


def template() -> Catalog:
    """Every text, with the files that it stands in."""
    made = Catalog(project="Safehold", charset="utf-8")
    findings = ((text, "reporting/labels.py") for text in FINDING_TEXTS.values())
    for key, place in (*_marked(), *_errors(), *findings):
        made.add(key, locations=[(place, 0)])
    return made


def _marked() -> Iterator[tuple[Key, str]]:
    found = extract_from_dir(CONSOLE, method_map=METHODS, keywords=KEYWORDS)
    for name, _, message, _, _ in found:
        if not isinstance(message, str):
            one, many = message[:2]
            yield (one, many), f"console/{name}"
        elif message:
            yield message, f"console/{name}"


def _errors() -> Iterator[tuple[Key, str]]:
    """Messages and hints of errors: of their classes, and those that are given where raised."""
    paths = [ROOT / "errors.py"]
    for package in ERROR_PACKAGES:
        paths += (path for path in (ROOT / package).rglob("*.py") if path.parts[-2] != "versions")
    paths += (ROOT / "reporting").glob("*.py")  # those of an authority's calls reach no page
    for path in paths:
        place = path.relative_to(ROOT).as_posix()
        if place in NOT_IN_PAGES:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from ((text, place) for text in (*_declared(tree), *_raised(tree)))


def _declared(tree: ast.Module) -> Iterator[str]:
    """What classes of errors say by default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if {ast.unparse(target) for target in targets} & {"default_message", "default_hint"}:
                yield from _plain(node.value)


def _raised(tree: ast.Module) -> Iterator[str]:
    """Plain texts that are given to errors where they are raised."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Error"):
            for value in (*node.args[:1], *(w.value for w in node.keywords if w.arg == "hint")):
                yield from _plain(value)


def _plain(value: ast.expr | None) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and " " in value.value:
        yield value.value


def read(language: str) -> Catalog:
    """The catalog of a language."""
    with (CATALOGS / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def updated(language: str) -> Catalog:
    """The catalog of a language with all texts of the source, and no others."""
    catalog = read(language)
    catalog.update(template(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def write(language: str, catalog: Catalog) -> None:
    """Write the catalog of a language, in an order that does not depend on lines or days.

    Comments above the header stay as they are: a translator keeps the glossary there.
    """
    notes = _notes(CATALOGS / f"{language}.po") or FIRST
    made = io.BytesIO()
    write_po(made, catalog, width=96, sort_by_file=True, include_lineno=False, omit_header=True)
    header = notes + HEADER.format(language=language, plurals=catalog.plural_forms)
    (CATALOGS / f"{language}.po").write_bytes(header.encode("utf-8") + made.getvalue())


def _notes(path: Path) -> str:
    """The lines above the header of a catalog."""
    if not path.exists():
        return ""
    above, _, _ = path.read_text(encoding="utf-8").partition('msgid ""')
    return above


def missing(catalog: Catalog) -> list[object]:
    """Texts without a translation."""
    return [message.id for message in catalog if message.id and not _is_whole(message.string)]


def _is_whole(text: object) -> bool:
    return bool(text) and (isinstance(text, str) or (isinstance(text, tuple | list) and all(text)))
