"""Source files and their mutations: sound before, different after, the same for the same seed."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest
from PIL import Image

from safehold.testing.files import SIDES, archives, make_tar, make_zip, small_files
from safehold.testing.mutate import MUTATORS, mutations

ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".bz2", ".xz")


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return small_files(4)


def test_the_source_files_are_sound(files: dict[str, bytes]) -> None:
    pictures = [name for name in files if not name.endswith((*ARCHIVE_SUFFIXES, ".heic"))]
    assert len(pictures) >= 30
    for name in pictures:
        with Image.open(io.BytesIO(files[name])) as picture:
            picture.load()
            assert SIDES[0] <= min(picture.size) <= max(picture.size) <= SIDES[1]


def test_every_format_is_among_them(files: dict[str, bytes]) -> None:
    suffixes = {name.rsplit(".", 1)[1] for name in files}
    assert {"jpg", "png", "gif", "webp", "bmp", "tiff", "avif", "heic"} <= suffixes
    assert {"zip", "tar", "gz", "bz2", "xz"} <= suffixes


def test_the_same_seed_gives_the_same_files(files: dict[str, bytes]) -> None:
    assert small_files(4) == files
    assert small_files(5) != files


def test_archives_hold_what_was_put_in() -> None:
    members = {"a.txt": b"one", "b/c.txt": b"two" * 500}
    with zipfile.ZipFile(io.BytesIO(make_zip(members))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
    with tarfile.open(fileobj=io.BytesIO(make_tar(members))) as tar:
        assert tar.getnames() == list(members)
    packed = archives(members)
    with tarfile.open(fileobj=io.BytesIO(packed["tar_xz.tar.xz"]), mode="r:xz") as tar:
        member = tar.extractfile("b/c.txt")
        assert member is not None
        assert member.read() == members["b/c.txt"]


def test_mutations_are_deterministic_and_of_every_kind(
    files: dict[str, bytes],
) -> None:
    first = list(mutations(9, 400))
    assert first == list(mutations(9, 400))
    assert first != list(mutations(10, 400))
    assert len({name for name, _ in first}) == 400
    assert {name.split("-")[1] for name, _ in first} == set(MUTATORS)


def test_mutations_make_many_files_unreadable_and_none_huge() -> None:
    sound = set(small_files(0).values())
    sound_size = max(map(len, sound))
    mutated = [data for _, data in mutations(0, 600)]
    assert max(map(len, mutated)) < 4 * sound_size
    unreadable = 0
    for data in mutated:
        try:
            with Image.open(io.BytesIO(data)) as picture:
                picture.load()
        except Exception:  # noqa: BLE001
            unreadable += 1
    assert 200 < unreadable < 590


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    assert list(mutations(2, 50)) == list(mutations(2, 80))[:50]
