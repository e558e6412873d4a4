"""Texts in the visitor's language.

The English text is its own key. Other languages lie beside this module as `catalogs/*.po`, which
are read when the console starts: there is no build step.
"""

from __future__ import annotations

import functools
import gettext
import io
from collections.abc import Mapping, Sequence
from importlib import resources

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from safehold.users.model import LANGUAGES

SOURCE_LANGUAGE = "en"
LOCALES = {"en": Locale("en", "GB"), "fr": Locale("fr", "FR")}
"""How moments and numbers are written in each language."""


class Catalog:
    """The texts of one language.

    Attributes:
        language: one of `LANGUAGES`.
        locale: how moments and numbers are written.
    """

    def __init__(self, language: str, translations: gettext.NullTranslations) -> None:
        self.language = language
        self.locale = LOCALES[language]
        self._translations = translations

    def text(self, message: str, /, **values: object) -> str:
        """A text; `{name}` in it stands for a value. One that is unknown stays English."""
        if not message:
            return ""
        return self._filled(self._translations.gettext(message), values)

    def plural(self, one: str, many: str, number: int, /, **values: object) -> str:
        """A text that depends on a number, which is `{count}` in it."""
        chosen = self._translations.ngettext(one, many, number)
        return self._filled(chosen, {"count": number, **values})

    def number(self, value: float) -> str:
        """A number as the language writes it."""
        return format_decimal(value, locale=self.locale)

    def _filled(self, text: str, values: Mapping[str, object]) -> str:
        if not values:
            return text
        return text.format(**{name: self._shown(value) for name, value in values.items()})

    def _shown(self, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return self.number(value) if is_number else value  # type: ignore[arg-type]


@functools.cache
def catalogs() -> Mapping[str, Catalog]:
    """All languages."""
    return {language: _load(language) for language in LANGUAGES}


def _load(language: str) -> Catalog:
    if language == SOURCE_LANGUAGE:
        return Catalog(language, gettext.NullTranslations())
    file = resources.files(__package__) / "catalogs" / f"{language}.po"
    compiled = io.BytesIO()
    with file.open("rb") as source:
        write_mo(compiled, read_po(source, locale=language))
    compiled.seek(0)
    return Catalog(language, gettext.GNUTranslations(compiled))


def choose(preferred: str, accept_language: str) -> Catalog:
    """The catalog for somebody: as they have chosen, else as the browser asks, else English."""
    known = catalogs()
    if preferred in known:
        return known[preferred]
    for language in _wanted(accept_language):
        if language in known:
            return known[language]
    return known[SOURCE_LANGUAGE]


def _wanted(header: str) -> Sequence[str]:
    """Languages of an Accept-Language header (RFC 9110, section 12.5.4), the best first."""
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:512].split(",")):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        language = tag.strip().split("-")[0].lower()
        if language and quality > 0:
            found.append((-quality, place, language))
    return [language for _, _, language in sorted(found)]


def mark(message: str) -> str:
    """Mark a text that is translated where it is shown. Returns it unchanged."""
    return message
