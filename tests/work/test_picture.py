"""The pictures that canaries send, and the list that they stand in."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from safehold.clock import FixedClock
from safehold.examining import examine
from safehold.hashing.exact import exact_digests
from safehold.hashing.keyed import DigestKey
from safehold.hashing.pdq import pdq
from safehold.lists.model import Tier
from safehold.lists.service import ListService
from safehold.matching.match import Matcher
from safehold.policy.model import PolicyOptions, Verdict
from safehold.screening import ExamineOptions, Screening, read_examination
from safehold.testing.list_store import MemoryListStore
from safehold.work.canary.listing import canary_list_file, ensure_list
from safehold.work.canary.model import CANARY_LIST
from safehold.work.canary.picture import (
    MAX_LIKENESS,
    MIN_QUALITY,
    MIN_UNLIKE,
    PURPOSE,
    VARIANTS,
    CanaryPicture,
    distance,
    draw_canary,
)

KEY = DigestKey(bytes(range(32)))
AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def picture() -> CanaryPicture:
    return draw_canary(KEY.derive(PURPOSE))


def pixels(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as opened:
        opened.load()
        return np.asarray(opened.convert("RGB"))


def test_the_same_home_draws_the_same_picture_and_another_home_another(
    picture: CanaryPicture,
) -> None:
    assert draw_canary(KEY.derive(PURPOSE)).files == picture.files
    others = [draw_canary(bytes([number] * 32)) for number in range(6)]
    hashes = [picture.hash.bits, *(other.hash.bits for other in others)]
    near = [distance(a, b) for n, a in enumerate(hashes) for b in hashes[:n]]
    assert min(near) > 60
    assert all(other.hash.quality >= MIN_QUALITY for other in others)


def test_the_files_are_one_picture_in_different_bytes(picture: CanaryPicture) -> None:
    assert len(set(picture.files)) == len(set(picture.sha256s())) == VARIANTS
    for file in (picture.files[0], picture.files[-1]):
        with Image.open(io.BytesIO(file)) as opened:
            assert (opened.format, opened.size, opened.mode) == ("PNG", (640, 480), "RGB")
            opened.verify()
        assert np.array_equal(pixels(file), picture.pixels)
    assert pdq(picture.pixels) == picture.hash


def test_nothing_of_the_picture_shows_where_it_is_shown(picture: CanaryPicture) -> None:
    assert picture.hash.bits.hex() not in repr(picture)
    assert len(repr(picture)) < 100


def test_likenesses_are_near_and_never_the_same_bytes(picture: CanaryPicture) -> None:
    source = random.Random(1)
    files = [picture.likeness(source.randbytes) for _ in range(10)]
    assert len(set(files)) == len(files)
    assert len({Image.open(io.BytesIO(file)).size for file in files}) > 3
    for file in files:
        found = pdq(pixels(file))
        assert file.startswith(b"\xff\xd8")
        assert distance(found.bits, picture.hash.bits) <= MAX_LIKENESS
        assert found.quality >= MIN_QUALITY


def test_unlisted_pictures_are_far_and_never_the_same(picture: CanaryPicture) -> None:
    source = random.Random(2)
    files = [picture.unlike(source.randbytes) for _ in range(5)]
    assert len(set(files)) == len(files)
    for file in files:
        assert distance(pdq(pixels(file)).bits, picture.hash.bits) >= MIN_UNLIKE
        assert pdq(pixels(file)).quality >= MIN_QUALITY


def test_the_list_is_made_once_and_mended(tmp_path: Path, picture: CanaryPicture) -> None:
    clock = FixedClock(AT)
    lists = ListService(MemoryListStore(), tmp_path, KEY, clock)
    made = ensure_list(lists, picture)
    assert (made.name, made.tier, made.active, made.version) == (
        CANARY_LIST,
        Tier.CONFIRMED,
        VARIANTS + 1,
        1,
    )
    assert ensure_list(lists, picture) == made
    lists.set_tier(CANARY_LIST, Tier.SUSPECTED)
    assert ensure_list(lists, picture).tier is Tier.CONFIRMED
    other = ensure_list(lists, draw_canary(bytes(32)))
    assert (other.active, other.other) == (VARIANTS + 1, 0)
    assert [*tmp_path.glob("**/*.jsonl")] == []


def test_the_real_path_decides_as_canaries_expect(tmp_path: Path, picture: CanaryPicture) -> None:
    lists = ListService(MemoryListStore(), tmp_path, KEY, FixedClock(AT))
    ensure_list(lists, picture)
    source = random.Random(3)
    items = [
        *((file, Verdict.BLOCK) for file in picture.files[:3]),
        *((picture.likeness(source.randbytes), Verdict.HOLD) for _ in range(3)),
        *((picture.unlike(source.randbytes), Verdict.ALLOW) for _ in range(2)),
    ]
    examinations = []
    for content, _ in items:
        messages: list = []  # type: ignore[type-arg]
        examine(content, ExamineOptions().as_request(), messages.append)
        examinations.append(read_examination(messages, None))
    [snapshot] = lists.open()
    with snapshot:
        screening = Screening(Matcher([snapshot]), 50, PolicyOptions())
        found = [screened.decision.verdict for screened in screening.judge(examinations)]
    assert found == [verdict for _, verdict in items]


def test_the_rows_hold_the_digests_of_the_files(picture: CanaryPicture) -> None:
    text = canary_list_file(picture)
    assert text.count("\n") == VARIANTS + 1
    for file in picture.files:
        assert exact_digests(file).sha256 == hashlib.sha256(file).digest()
        assert hashlib.sha256(file).hexdigest() in text
