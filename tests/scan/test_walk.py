"""Walking folders: each file once, nothing that is no file, nothing silently."""

from __future__ import annotations

import gc
import os
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from safehold.scan import walk as walk_module
from safehold.scan.walk import Found, Walk, outermost


def names(found: list[Found], root: Path) -> list[str]:
    return [os.fsdecode(f.path)[len(str(root)) + 1 :] for f in found]


def fill(root: Path) -> None:
    (root / "b" / "c").mkdir(parents=True)
    for name in ("z.jpg", "a.jpg", "b/2.jpg", "b/1.jpg", "b/c/deep.jpg"):
        (root / name).write_bytes(b"x")


def test_every_file_once_in_a_stable_order(tmp_path: Path) -> None:
    fill(tmp_path)
    found = names(list(Walk().files([bytes(tmp_path)])), tmp_path)
    assert found == ["a.jpg", "b/1.jpg", "b/2.jpg", "b/c/deep.jpg", "z.jpg"]


def test_large_folders_come_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "CHUNK", 3)
    expected = set()
    for number in range(10):
        (tmp_path / f"{number}").write_bytes(b"")
        expected.add(f"{number}")
    found = names(list(Walk().files([bytes(tmp_path)])), tmp_path)
    assert len(found) == 10
    assert set(found) == expected


def test_links_are_counted_and_not_followed(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    walk = Walk()
    assert len(list(walk.files([bytes(tmp_path)]))) == 5
    assert walk.skipped.symlinks == 2


def test_followed_links_end_even_in_loops(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    walk = Walk(follow=True)
    found = list(walk.files([bytes(tmp_path)]))
    assert len([f for f in found if f.readable]) == 5
    # A link that leads nowhere is a fault, not silence.
    assert names([f for f in found if not f.readable], tmp_path) == ["self"]


def test_special_files_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        walk = Walk()
        assert list(walk.files([bytes(tmp_path)])) == []
        assert walk.skipped.special == 2
        named = list(Walk().files([bytes(tmp_path / "pipe")]))
    assert [f.readable for f in named] == [False]


def test_what_is_not_there_is_a_fault(tmp_path: Path) -> None:
    found = list(Walk().files([bytes(tmp_path / "absent")]))
    assert [f.readable for f in found] == [False]


def test_a_folder_that_cannot_be_listed_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    closed = bytes(tmp_path / "b")
    real = os.scandir

    def scandir(path: bytes) -> object:
        if path == closed:
            raise PermissionError
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(Walk().files([bytes(tmp_path)]))
    assert names([f for f in found if not f.readable], tmp_path) == ["b"]
    assert len(found) == 3


def test_paths_below_one_another_are_walked_once(tmp_path: Path) -> None:
    fill(tmp_path)
    paths = [bytes(tmp_path / "b"), bytes(tmp_path), bytes(tmp_path / "a.jpg"), bytes(tmp_path)]
    assert outermost(paths) == [bytes(tmp_path)]
    assert len(list(Walk().files(paths))) == 5
    siblings = [bytes(tmp_path / "b"), bytes(tmp_path / "bc")]
    assert outermost(siblings) == siblings


def test_names_that_are_no_text_are_walked(tmp_path: Path) -> None:
    name = bytes(tmp_path) + b"/\xff\xfe.jpg"
    Path(os.fsdecode(name)).write_bytes(b"x")
    assert [f.path for f in Walk().files([bytes(tmp_path)])] == [name]


def test_own_files_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path)
    own = frozenset({os.path.realpath(bytes(tmp_path / "b" / "1.jpg"))})
    found = names(list(Walk(own=own).files([bytes(tmp_path)])), tmp_path)
    assert found == ["a.jpg", "b/2.jpg", "b/c/deep.jpg", "z.jpg"]


@pytest.fixture
def nested(tmp_path: Path) -> Iterator[Callable[[bytes, int], bytes]]:
    """Makes folders within folders with a file in the last, and takes them away in the end."""
    made: list[tuple[int, bytes]] = []

    def nest(name: bytes, depth: int) -> bytes:
        folder = os.open(tmp_path, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=folder)
            made.append((folder, name))
            folder = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(os.open("f", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
        made.append((folder, b"f"))
        return b"/".join([bytes(tmp_path), *[name] * depth, b"f"])

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[1], 5_000), limit[1]))
    yield nest
    os.unlink(b"f", dir_fd=made[-1][0])
    for folder, name in reversed(made[:-1]):
        os.rmdir(name, dir_fd=folder)
    for folder, _ in made:
        os.close(folder)
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_trees_deeper_than_calls_and_descriptors(
    tmp_path: Path, nested: Callable[[bytes, int], bytes]
) -> None:
    path = nested(b"d", 1_100)
    walk = Walk().files([bytes(tmp_path)])
    gc.collect()  # what earlier tests left behind is none of this
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert next(walk).path == path
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    assert list(walk) == []


def test_what_is_too_deep_to_be_named_is_a_fault(
    tmp_path: Path, nested: Callable[[bytes, int], bytes]
) -> None:
    nested(b"d" * 200, 30)
    assert [found.readable for found in Walk().files([bytes(tmp_path)])] == [False]


def test_very_many_paths_are_sorted_out_quickly(tmp_path: Path) -> None:
    paths = [bytes(tmp_path / f"{number}") for number in range(20_000)]
    assert outermost(paths) == paths
