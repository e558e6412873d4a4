"""Forms, as strings by name. I/O-free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl

from safehold.console.errors import FormError, MediaTypeError

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MAX_FIELDS = 2_000

Fields = Mapping[str, tuple[str, ...]]


def read_query(text: str) -> Mapping[str, str]:
    """The query of an address; the last of values that are repeated. Raises `FormError`."""
    return last_of(_pairs(text))


def read_form(body: bytes, content_type: str, *, streams: bool) -> Fields:
    """The fields of a form, or of the JSON object that a script sent.

    Raises `MediaTypeError` or `FormError`.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != (JSON if streams else FORM):
        if not body and not kind:
            return {}
        raise MediaTypeError
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise FormError from None
    return _json_fields(text) if streams else _pairs(text)


def last_of(fields: Fields) -> Mapping[str, str]:
    """The last value of each field."""
    return {name: values[-1] for name, values in fields.items() if values}


def _pairs(text: str) -> Fields:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise FormError from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        check_text(name)
        check_text(value)
        found.setdefault(name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}


def _json_fields(text: str) -> Fields:
    try:
        made = json.loads(text)
    except (ValueError, RecursionError):
        raise FormError from None
    if not isinstance(made, dict) or len(made) > MAX_FIELDS:
        raise FormError
    return {
        name: tuple(_text(item) for item in value) if isinstance(value, list) else (_text(value),)
        for name, value in made.items()
        if check_text(name)
    }


def _text(value: object) -> str:
    if isinstance(value, str) and check_text(value):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise FormError


def check_text(text: str) -> bool:
    """Refuse what no text can be in a database: NUL, and halves of characters. Else True."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise FormError
    return True
