"""Credentials of exchanges."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.config.credentials import CredentialsError, read_credentials
from safehold.lists.exchanges.model import Credentials

TEXT = 'user = "esp"\npassword = "vennimoor"\n'


def written(folder: Path, text: str = TEXT, mode: int = 0o600) -> str:
    path = folder / "partner.toml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Credentials(user="esp", password="vennimoor")
    assert read_credentials(written(tmp_path), "") == expected
    monkeypatch.setenv("PARTNER", TEXT)
    assert read_credentials("", "PARTNER") == expected
    assert read_credentials("", "") == Credentials()
    assert "vennimoor" not in repr(expected)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(CredentialsError):
        read_credentials(written(tmp_path, mode=mode), "")


@pytest.mark.parametrize(
    "text",
    ["vennimoor", 'pin = "1"', "user = 1", 'user = "a\\nb"', 'user = "a"\nuser = "b"', "\x00"],
)
def test_what_cannot_be_read_is_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        read_credentials(written(tmp_path, text), "")
    said = f"{caught.value} {caught.value.hint}"
    assert "vennimoor" not in said
    assert "partner" not in said


def test_not_both_and_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARTNER", raising=False)
    for file, variable in (
        (written(tmp_path), "PARTNER"),
        ("", "PARTNER"),
        (str(tmp_path / "none"), ""),
        (str(tmp_path), ""),
    ):
        with pytest.raises(CredentialsError):
            read_credentials(file, variable)
