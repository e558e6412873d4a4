"""Setting up: what is there is taken, what is lost is made anew, and nothing is made twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from safehold.config import load_settings
from safehold.custodian.setting_up import AlreadySetUpError, Plan, set_up
from safehold.runtime.service import ServiceRuntime


def plan(folder: Path, name: str = "anna") -> Plan:
    return Plan(name, folder / f"{name}.key", None, "shop")


def test_a_home_whose_officers_are_kept_elsewhere_is_set_up_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "etc" / "officers.txt"
    elsewhere.parent.mkdir()
    monkeypatch.setenv("SAFEHOLD_VAULT__OFFICERS", str(elsewhere))
    with ServiceRuntime(load_settings(home=tmp_path / "home")) as runtime:
        set_up(runtime, plan(tmp_path))
        assert [officer.name for officer in runtime.officers.read()] == ["anna"]
        assert elsewhere.exists()
        with pytest.raises(AlreadySetUpError):
            set_up(runtime, plan(tmp_path))


def test_a_lost_key_of_checkpoints_is_made_anew(tmp_path: Path) -> None:
    with ServiceRuntime(load_settings(home=tmp_path / "home")) as runtime:
        first = set_up(runtime, plan(tmp_path))
        for name in ("checkpoint.key.age", "checkpoint.pub"):
            (runtime.home.custodian / name).rename(tmp_path / name)
        again = set_up(runtime, plan(tmp_path))
        assert again.checkpoint_key != first.checkpoint_key
        assert again.recipient == first.recipient
        with pytest.raises(AlreadySetUpError):
            set_up(runtime, plan(tmp_path))
