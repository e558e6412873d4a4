"""Which bytes are hashed, and what an event may not hold."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.audit.chain import (
    MAX_INTEGER,
    MAX_TEXT,
    canonical,
    data_from,
    data_text,
    link,
    time_from,
    time_text,
)
from safehold.audit.model import GENESIS, Detail, EventDraft
from tests.audit.logs import T0, chain, draft

FORMAT = Path(__file__).parents[2] / "docs" / "formats" / "audit.md"

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=MAX_TEXT)
details: st.SearchStrategy[Detail] = st.one_of(
    texts,
    st.integers(-MAX_INTEGER, MAX_INTEGER),
    st.booleans(),
    st.lists(texts, max_size=4).map(tuple),
)
data = st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), details, max_size=5)
moments = st.datetimes(timezones=st.just(dt.UTC))


def test_the_example_of_the_format() -> None:
    event = EventDraft(
        "case.opened", T0, "policy", "s1", "c1", {"reasons": ("exact",), "canary": False}
    )
    text = canonical(1, event)
    written = FORMAT.read_text()
    assert f"these {len(text)} bytes" in written
    assert f"    {text.decode()}\n" in written
    assert f"    {link(GENESIS, 1, event).hash.hex()}\n" in written


def test_the_reader_of_the_format_follows_a_chain() -> None:
    code = re.search(r"```python\n(.*?)```", FORMAT.read_text(), re.DOTALL)
    assert code is not None
    events = chain(20)
    said: list[Any] = []
    stored = [json.loads(canonical(e.seq, e.draft)) for e in events]
    exec(code.group(1), {"events": stored, "print": lambda *words: said.extend(words)})
    assert said == [20, events[-1].hash.hex()]


@given(st.integers(1, MAX_INTEGER), texts, moments, data)
def test_canonical_bytes_are_the_json_that_they_say(
    seq: int, text: str, at: dt.datetime, values: dict[str, Detail]
) -> None:
    written = canonical(seq, EventDraft(text, at, text, text, text, values))
    parsed = json.loads(written)
    assert list(parsed) == sorted(parsed)
    assert (
        json.dumps(parsed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        == written
    )
    assert parsed == {
        "seq": seq, "kind": text, "at": time_text(at), "actor": text, "service": text,
        "subject": text,
        "data": {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()},
    }  # fmt: skip


@given(moments, data)
def test_what_is_stored_comes_back(at: dt.datetime, values: dict[str, Detail]) -> None:
    assert time_from(time_text(at)) == at
    back = data_from(data_text(values))
    assert back == values
    assert data_text(back) == data_text(values)


def test_a_moment_is_written_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=2))
    assert time_text(dt.datetime(2026, 1, 2, 3, tzinfo=zone)) == "2026-01-02T01:00:00.000000Z"
    assert time_text(dt.datetime(1, 1, 1, tzinfo=dt.UTC)) == "0001-01-01T00:00:00.000000Z"


def test_each_field_counts() -> None:
    event = draft(1)
    others = [
        dataclasses.replace(event, **{name: value})  # type: ignore[arg-type]
        for name, value in (
            ("kind", "x"), ("at", event.at + dt.timedelta(microseconds=1)), ("actor", "x"),
            ("service", "x"), ("subject", "x"), ("data", {}),
        )
    ]  # fmt: skip
    hashes = {link(GENESIS, 1, e).hash for e in [event, *others]}
    hashes |= {link(GENESIS, 2, event).hash, link(bytes([1]) * 32, 1, event).hash}
    assert len(hashes) == 9
    assert link(GENESIS, 1, event).hash == hashlib.sha256(bytes(32) + canonical(1, event)).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"at": T0.replace(tzinfo=None)},
        {"kind": "a\0b"},
        {"actor": "a\nb"},
        {"subject": "\ud800"},
        {"service": "x" * (MAX_TEXT + 1)},
        {"data": {"A": 1}},
        {"data": {"a b": 1}},
        {"data": {"a": 2**53}},
        {"data": {"a": 0.5}},
        {"data": {"a": None}},
        {"data": {"a": ["x"]}},
        {"data": {"a": (1,)}},
        {"data": {"a": "x" * (MAX_TEXT + 1)}},
    ],
)
def test_what_an_event_may_not_hold(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(1, dataclasses.replace(draft(1), **change))


@pytest.mark.parametrize("seq", [0, -1, 2**53])
def test_numbers_out_of_range(seq: int) -> None:
    with pytest.raises(ValueError, match="number"):
        canonical(seq, draft(1))


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1}', '{"b":1,"a":1}', '{"a":1.0}', '{"a":null}', "{"]
)
def test_stored_data_in_another_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        data_from(text)


@pytest.mark.parametrize(
    "text", ["", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.6Z", "2026-01-02 03:04:05.678901"]
)
def test_stored_moments_in_another_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        time_from(text)
