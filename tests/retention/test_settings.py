"""No setting is shorter than the law lets it be, nor so long that it cannot be reckoned with."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.config import load_settings
from safehold.config.settings import SettingsError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retention.reported_days", 364),
        ("retention.confirmed_days", 364),
        ("retention.canada_days", 20),
        ("retention.appeal_days", 0),
        ("retention.warn_days", -1),
        ("retention.reported_days", 10_000_000),
        ("transparency.least", 2),
    ],
)
def test_what_the_law_asks_for_cannot_be_set_aside(
    name: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"SAFEHOLD_{name.replace('.', '__').upper()}"
    monkeypatch.setenv(variable, str(value))
    with pytest.raises(SettingsError, match=name):
        load_settings(home=tmp_path)
    monkeypatch.setenv(variable, "365")
    load_settings(home=tmp_path)
