"""Every text that the console can show is there in every language."""

from __future__ import annotations

import enum
import re
import string

import pytest
from babel.messages.catalog import Message

from safehold.cases.destruction import Ground
from safehold.cases.model import Attention, CaseState, OccurrenceKind, Queue, StatementKind
from safehold.cases.review.model import (
    Annotation,
    ClearReason,
    NoteKind,
    Order,
    ProposalKind,
    ProposalState,
)
from safehold.console.catalog import SOURCE_LANGUAGE, catalogs, choose, mark
from safehold.console.flashes import FLASHES
from safehold.console.labels import LABELS, label
from safehold.hashing.model import Orientation
from safehold.lists.model import Tier
from safehold.media.model import Fault
from safehold.policy.model import Reason, Verdict
from safehold.reporting.documents import Level
from safehold.reporting.model import (
    AuthorityCode,
    DocumentKind,
    Environment,
    Relevance,
    ReportState,
    StepKind,
    StepPhase,
    Trouble,
)
from safehold.reporting.workflow import Resolution
from safehold.retention.model import ClockState, Rule
from safehold.testing import catalogs as source
from safehold.users.model import LANGUAGES
from safehold.users.roles import Role

OTHERS = [language for language in LANGUAGES if language != SOURCE_LANGUAGE]


def forms(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)  # type: ignore[arg-type]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def texts() -> set[object]:
    return {message.id for message in source.template() if message.id}


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_missing_and_none_is_left_over(language: str) -> None:
    catalog = source.read(language)
    wanted = texts()
    assert len(wanted) > 300
    there = {message.id for message in catalog if message.id}
    assert wanted - there == set(), "run scripts/catalogs, then translate"
    assert there - wanted == set(), "run scripts/catalogs"
    assert not catalog.obsolete
    assert source.missing(catalog) == []


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_uncertain(language: str) -> None:
    assert [message.id for message in source.read(language) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_are_the_same(language: str) -> None:
    assert [m.id for m in source.read(language) if m.id and not has_same_placeholders(m)] == []


def has_same_placeholders(message: Message) -> bool:
    """Whether a translation can be filled as its text is; one that is missing can."""
    wanted = set().union(*(placeholders(text) for text in forms(message.id)))
    given = [text for text in forms(message.string) if text]
    # `{count}` may be left out where the number is said by a word.
    return all(placeholders(text) | {"count"} == wanted | {"count"} for text in given)


def test_a_wrong_placeholder_is_noticed() -> None:
    assert has_same_placeholders(Message("{a} of {b}", "{b} et {a}"))
    assert not has_same_placeholders(Message("{a} of {b}", "{a}"))
    assert not has_same_placeholders(Message("none", "{a}"))
    assert has_same_placeholders(Message(("{count} case", "{count} cases"), ("un cas", "{count}")))


def test_what_the_source_says_is_found() -> None:
    found = texts()
    for text in (
        "Skip to the content",  # a template
        "Audit log",  # marked in a module
        "There is no such page.",  # an error of the console
        "It is time for a pause.",  # an error of review
        "After several failures the next try has to wait.",  # a hint
        "reviewer",  # a role
        "exact match, blocked",  # a code
    ):
        assert text in found, text
    assert any(isinstance(text, tuple) for text in found)


MARKED = {
    ("transparency.html", "not_counted[code]"),
    ("transparency.html", "titles[table.code]"),
    ("user_fields.html", "role_words[role]"),
}
"""Texts that come from tables in which each is marked."""


def test_texts_are_plain_literals() -> None:
    """What is put together from pieces would not be found, and cannot be translated."""
    found = {
        (path.name, call)
        for path in source.CONSOLE.rglob("*.html")
        for call in re.findall(r"\b[tn]\(\s*([^\s\"')][^)]*)", path.read_text(encoding="utf-8"))
    }
    assert found == MARKED


def test_marks_change_nothing() -> None:
    assert mark("x {y}") == "x {y}"


def test_texts_are_filled() -> None:
    english, french = catalogs()["en"], catalogs()["fr"]
    assert english.text("{a} of {b}", a="x", b=12345) == "x of 12,345"
    assert french.text("{a} of {b}", a="x", b=12345) == "x of 12\u202f345"
    assert (
        english.text(
            "100 % of {",
        )
        == "100 % of {"
    )
    assert english.text("") == french.text("") == ""
    assert english.text("{a}", a="{b}") == "{b}"
    assert french.text("Sign out") == "Se déconnecter"


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [(0, "0 cases", "0 dossier"), (1, "1 case", "1 dossier"), (2, "2 cases", "2 dossiers")],
)
def test_plurals(number: int, english: str, french: str) -> None:
    assert catalogs()["en"].plural("{count} case", "{count} cases", number) == english
    assert catalogs()["fr"].plural("{count} case", "{count} cases", number) == french


@pytest.mark.parametrize(
    ("preferred", "header", "language"),
    [
        ("", "", "en"),
        ("", "fr", "fr"),
        ("", "fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("", "de,en;q=0.5,fr;q=0.7", "fr"),
        ("", "de", "en"),
        ("", "fr;q=0", "en"),
        ("", "fr;q=x,;,", "en"),
        ("en", "fr", "en"),
        ("fr", "", "fr"),
        ("xx", "fr", "fr"),
    ],
)
def test_which_language(preferred: str, header: str, language: str) -> None:
    assert choose(preferred, header).language == language


@pytest.mark.parametrize(
    ("family", "codes"),
    [
        ("state", CaseState),
        ("queue", Queue),
        ("tier", Tier),
        ("order", Order),
        ("found", Verdict),
        ("verdict", Verdict),
        ("occurrence", OccurrenceKind),
        ("statement", StatementKind),
        ("note", NoteKind),
        ("clear_reason", ClearReason),
        ("annotation", Annotation),
        ("proposal", ProposalKind),
        ("proposal_state", ProposalState),
        ("reason", Reason),
        ("reason", Fault),
        ("role", Role),
        ("report_state", ReportState),
        ("environment", Environment),
        ("authority", AuthorityCode),
        ("level", Level),
        ("relevance", Relevance),
        ("step", StepKind),
        ("phase", StepPhase),
        ("document", DocumentKind),
        ("trouble", [code for code in Trouble if code is not Trouble.NONE]),
        ("check", [code for code in Trouble if code is not Trouble.NONE]),
        ("ground", Ground),
        ("resolution", Resolution),
        ("retention_rule", Rule),
        ("retention_state", ClockState),
        ("orientation", [code for code in Orientation if code is not Orientation.ORIGINAL]),
        ("attention", [code for code in Attention if code is not Attention.NONE]),
    ],
)
def test_every_code_has_words(family: str, codes: type[enum.StrEnum] | list[enum.StrEnum]) -> None:
    for code in codes:
        assert code.value in LABELS[family], code
        assert label(code, family) == LABELS[family][code.value]


def test_families_of_codes_that_pages_name_exist() -> None:
    named: set[str] = set()
    for path in [*source.CONSOLE.rglob("*.html"), *source.CONSOLE.rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"\blabel\([^\"\n]*, \"(\w+)\"\)", text))
    assert len(named) > 10
    assert named <= set(LABELS)


def test_what_pages_say_was_done_has_words() -> None:
    said: set[str] = set()
    for path in (source.CONSOLE / "pages").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        said |= set(re.findall(r"done=\"(\w+)\"", text))
        said |= set(re.findall(r"_done\(visit, (?:\w+, )?\"(\w+)\"\)", text))
        said |= set(re.findall(r"_(?:case|decide)\(visit, (?:[\w.]+, )?\"(\w+)\"\)", text))
    assert len(said) > 20
    assert said <= set(FLASHES)
