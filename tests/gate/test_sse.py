"""Streams of events, in any pieces and with any line ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gate.model import UpstreamError
from safehold.gate.sse import KEEP_ALIVE, Event, Parser, events

STREAM = (
    b"\xef\xbb\xbf: hello\n\nevent: made\nid: 7\nretry: 10\ndata: one\ndata:two\ndata\n\n"
    b"event: lonely\n\n" + KEEP_ALIVE + b"data:  {}\n\ndata: cut off\n"
)
EVENTS = [Event("made", b"one\ntwo\n"), Event("", b" {}")]


def parsed(parts: list[bytes], max_bytes: int = 1000) -> list[Event]:
    parser = Parser(max_bytes)
    return [event for part in parts for event in parser.feed(part)]


@given(
    st.sampled_from([b"\n", b"\r", b"\r\n"]),
    st.lists(st.integers(0, len(STREAM) + 40), max_size=12),
)
def test_events_do_not_depend_on_pieces_and_line_ends(end: bytes, cuts: list[int]) -> None:
    stream = STREAM.replace(b"\n", end)
    edges = [0, *sorted(cuts), len(stream)]
    assert parsed([stream[a:b] for a, b in itertools.pairwise(edges)]) == EVENTS


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n")), st.text())
def test_what_is_written_is_read_again(name: str, text: str) -> None:
    data = text.replace("\r", "").encode()
    assert parsed([Event(name, data).written()], 10_000) == [Event(name, data)]


@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 200, b"data: x\n" * 40, b": " + b"x" * 200 + b"\n\n", b"\ndata" * 60],
)
def test_an_event_without_end_is_not_gathered(stream: bytes) -> None:
    for parts in ([stream], [stream[at : at + 7] for at in range(0, len(stream), 7)]):
        with pytest.raises(UpstreamError):
            parsed(parts, 100)


def test_bounds_are_of_one_event() -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"data: " + b"x" * 80 + b"\n\n"

    async def read() -> list[Event]:
        return [event async for event in events(parts(), 100)]

    assert len(asyncio.run(read())) == 50
