"""The host believes a worker nothing but a plain JPEG within bounds."""

from __future__ import annotations

import base64
import io
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.media.model import Fault
from safehold.media.preview.answer import (
    MAX_JPEG_BYTES,
    MAX_STILLS,
    PreviewAnswerError,
    read_preview,
)
from safehold.media.preview.jpeg import NotPlainError, check_plain_jpeg
from tests.media.preview_samples import ORIGINALS, PLANTED, messages_of, picture, preview_of, wish

_MADE = preview_of(ORIGINALS["jpeg"], wish("grey", 160)).jpeg
assert _MADE is not None
PLAIN: bytes = _MADE
LAST_HEADER = PLAIN.index(b"\xff\xda")


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def encoded(**options: Any) -> bytes:
    stream = io.BytesIO()
    picture((64, 48)).save(stream, "JPEG", **options)
    return stream.getvalue()


def test_plain_files() -> None:
    assert check_plain_jpeg(PLAIN, 160) == (160, 120)
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}):
        assert check_plain_jpeg(encoded(**options), 64) == (64, 48)


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE, 0xF0, 0xDC, 0xCC, 0x01, 0xD8, 0xC1])
@pytest.mark.parametrize("place", [2, 20, LAST_HEADER])
def test_no_other_segment_passes(marker: int, place: int) -> None:
    """Wherever it stands: application data, comments, a second start, what is unknown."""
    added = segment(marker, b"Exif\0\0" + PLANTED)
    with pytest.raises(NotPlainError):
        check_plain_jpeg(PLAIN[:place] + added + PLAIN[place:], 160)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        PLAIN[:-2],
        PLAIN[:LAST_HEADER] + b"\xff\xd9",
        PLAIN + b"\0",
        PLAIN + PLANTED,
        PLAIN + PLAIN,
        PLAIN[:-2] + b"\xff\xd9" + PLANTED + b"\xff\xd9",
        b"\x89PNG\r\n\x1a\n" + PLAIN,
        PLANTED,
        # A thumbnail, or more than there is to JFIF.
        PLAIN.replace(b"JFIF\0", b"JFXX\0", 1),
        PLAIN[:2] + segment(0xE0, PLAIN[6:18] + b"\1\1" + b"abc") + PLAIN[20:],
        PLAIN[:2] + segment(0xE0, PLAIN[6:20] + PLANTED) + PLAIN[20:],
        # Tables with more behind them, or more than there are.
        PLAIN[:20] + segment(0xDB, bytes(65) + PLANTED) + PLAIN[20:],
        PLAIN[:20] + segment(0xDB, b"\x07" + bytes(64)) + PLAIN[20:],
        PLAIN[:20] + segment(0xC4, bytes(17) + PLANTED) + PLAIN[20:],
        PLAIN[:20] + segment(0xDD, bytes(2) + PLANTED) + PLAIN[20:],
        PLAIN[:20] + segment(0xDA, bytes(10)) + PLAIN[20:],
        PLAIN[:20] + segment(0xDD, bytes(2)) * 70 + PLAIN[20:],
        PLAIN[:20] + b"\xff\xff" + PLAIN[20:],
    ],
)
def test_what_is_no_plain_file(content: bytes) -> None:
    with pytest.raises(NotPlainError):
        check_plain_jpeg(content, 160)


def test_a_size_that_was_not_asked_for() -> None:
    with pytest.raises(NotPlainError):
        check_plain_jpeg(PLAIN, 159)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_altered_headers_pass_or_are_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, LAST_HEADER + 12))
        content[place] = data.draw(st.integers(0, 255))
    try:
        width, height = check_plain_jpeg(bytes(content), 160)
    except NotPlainError:
        return
    assert 0 < width <= 160
    assert 0 < height <= 160


@given(st.binary(max_size=400))
@settings(max_examples=200, deadline=None)
def test_any_bytes(content: bytes) -> None:
    with pytest.raises(NotPlainError):
        check_plain_jpeg(b"\xff\xd8" + content, 1600)


def sound() -> list[dict[str, Any]]:
    return [dict(message) for message in messages_of(ORIGINALS["jpeg"], wish("grey", 160))]


def test_a_sound_answer() -> None:
    made = read_preview(sound(), None, 160)
    assert made is not None
    assert (made.jpeg, made.stills, made.frames, made.whole) == (PLAIN, 1, 1, True)


def test_a_fault_after_the_picture_keeps_it_and_is_not_whole() -> None:
    made = read_preview(sound(), Fault.DECODER_CRASHED, 160)
    assert made is not None
    assert made.jpeg == PLAIN
    assert not made.whole


def test_a_fault_before_it() -> None:
    assert read_preview([], Fault.UNSUPPORTED, 160) is None
    made = read_preview(sound()[:1], Fault.DECODE_FAILED, 160)
    assert made is not None
    assert made.jpeg is None
    cut = [message for message in sound() if "made" not in message]
    made = read_preview(cut, Fault.LIMIT_TIME, 160)
    assert made is not None
    assert made.jpeg is None


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"jpeg": base64.b64encode(PLAIN).decode()}],
        [{"stills": 1}],
        [{"stills": True, "frames": 1}],
        [{"stills": 0, "frames": 1}],
        [{"stills": "1", "frames": 1}],
        [{"stills": MAX_STILLS + 1, "frames": 1}],
        [{"stills": 1, "frames": -1}],
        [{"stills": 1, "frames": 1}, {"jpeg": 5}],
        [{"stills": 1, "frames": 1}, {"jpeg": "not base64!"}],
        [{"stills": 1, "frames": 1}, {"jpeg": "\N{SNOWMAN}"}],
        [{"stills": 1, "frames": 1}, {"made": 3}],
        [{"stills": 1, "frames": 1}, {"jpeg": "AAAA"}, {"made": 4}],
        [{"stills": 1, "frames": 1}, {"made": MAX_JPEG_BYTES + 1}],
        [
            {"stills": 1, "frames": 1},
            *([{"jpeg": base64.b64encode(bytes(1 << 19)).decode()}] * 9),
        ],
    ],
)
def test_answers_that_make_no_sense(messages: list[dict[str, Any]]) -> None:
    with pytest.raises(PreviewAnswerError):
        read_preview(messages, None, 160)


def test_a_picture_with_something_behind_it() -> None:
    content = PLAIN + PLANTED
    messages: list[dict[str, Any]] = [
        {"stills": 1, "frames": 1},
        {"jpeg": base64.b64encode(content).decode()},
        {"made": len(content)},
    ]
    with pytest.raises(NotPlainError):
        read_preview(messages, None, 160)
