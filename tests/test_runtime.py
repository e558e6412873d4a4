"""The home: made private, never made out of somebody else's folder, with one key."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

import pytest

from safehold.runtime import Home, HomeError


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_home_is_made_private(tmp_path: Path) -> None:
    Home(tmp_path / "new").prepare()
    assert mode(tmp_path / "new") == 0o700
    for name, content in (("empty", None), ("settings", "config.toml")):
        folder = tmp_path / name
        folder.mkdir(mode=0o755)
        if content:
            (folder / content).touch()
        Home(folder).prepare()
        assert mode(folder) == 0o700


def test_a_folder_of_other_things_is_not_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "letter.txt").touch()
    with pytest.raises(HomeError, match="other things"):
        Home(folder).load_digest_key()
    assert mode(folder) == 0o755
    assert [file.name for file in folder.iterdir()] == ["letter.txt"]
    folder.chmod(0o700)
    Home(folder).prepare()


@pytest.mark.parametrize("links", [True, False])
def test_all_who_begin_at_once_have_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    home = Home(tmp_path)
    if links:
        # Each finds no key, and is slow to write its own.
        barrier = threading.Barrier(8)
        token_bytes = secrets.token_bytes

        def slow(count: int) -> bytes:
            barrier.wait(30)
            return token_bytes(count)

        monkeypatch.setattr(secrets, "token_bytes", slow)
        monkeypatch.setattr(os, "getpid", threading.get_native_id)
    else:

        def refuse(*arguments: object) -> None:
            raise PermissionError

        monkeypatch.setattr(os, "link", refuse)
    keys: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: keys.append(home.load_digest_key().secret))
        for _ in range(8 if links else 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(keys) == {home.digest_key.read_bytes()}
    assert mode(home.digest_key) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["digest.key"]
