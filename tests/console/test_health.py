"""The page of health, and what it knows."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from safehold.audit.model import Checkpoint, EventDraft
from safehold.clock import FixedClock
from safehold.config import load_settings
from safehold.console.health_lines import HealthLine, HealthState, look
from safehold.console.pages.health import PARTS, WORDS
from safehold.custodian.interface import CustodianAwayError, Status
from safehold.custodian.setting_up import Plan, set_up
from safehold.fleet.model import CanaryResult, Server
from safehold.ids import ServerId
from safehold.runtime.service import ServiceRuntime
from safehold.users.roles import Role
from tests.console.conftest import NOW, House

MINUTE = dt.timedelta(minutes=1)


class Answering:
    """A custodian, as far as its status goes."""

    def __init__(self, *, holds_officer: bool = True, away: bool = False) -> None:
        self.holds_officer, self.away = holds_officer, away

    def status(self) -> Status:
        if self.away:
            raise CustodianAwayError
        return Status(1, 1, self.holds_officer, "1.2.3")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[ServiceRuntime]:
    settings = load_settings(home=tmp_path / "home", database="")
    with ServiceRuntime(settings, FixedClock(NOW)) as runtime:
        set_up(runtime, Plan("officer", tmp_path / "officer.key", None, "forum"))
        yield runtime


def lines(runtime: ServiceRuntime, custodian: Answering | None = None) -> dict[str, HealthLine]:
    found = look(runtime, cast(Any, custodian or Answering()))
    assert {line.code for line in found} <= WORDS.keys()
    assert {line.part for line in found} <= PARTS.keys()
    return {line.part: line for line in found}


def test_a_new_home(runtime: ServiceRuntime) -> None:
    found = lines(runtime)
    assert {part: line.code for part, line in found.items() if part != "space"} == {
        "database": "database_good",
        "vault": "vault_good",
        "faults": "faults_held",
        "officers": "officers_known",
        "custodian": "custodian_good",
        "servers": "servers_few",
        "lists": "lists_none",
        "messages": "messages_good",
        "checkpoint": "checkpoint_none",
        "reporting": "reporting_unready",
    }
    assert found["servers"].state is HealthState.BAD
    assert found["lists"].state is HealthState.NOTE


def test_what_is_away_hides_nothing_else(runtime: ServiceRuntime) -> None:
    found = lines(runtime, Answering(away=True))
    assert (found["custodian"].state, found["custodian"].code) == (HealthState.BAD, "failed")
    assert found["custodian"].values == {"code": "custodian_away"}
    assert found["database"].code == "database_good"
    assert found["reporting"].values == {"missing": "no_authority"}
    assert lines(runtime, Answering(holds_officer=False))["custodian"].code == "custodian_stranger"


def test_servers_and_their_canaries(runtime: ServiceRuntime) -> None:
    def server(name: str, minutes: float) -> Server:
        began = NOW - minutes * MINUTE
        return Server(ServerId(name), "http://127.0.0.1:1", "1.2", began, NOW)

    def codes() -> list[str]:
        found = look(runtime, cast(Any, Answering()))
        return [line.code for line in found if line.part in ("server", "servers")]

    with runtime.records.write() as transaction:
        transaction.fleet.seen(server("one", 5))
    assert codes() == ["servers_running", "server_no_canary"]
    for code, minutes, expected in (
        ("ok", 500, "server_canary_old"),
        ("ok", 10, "server_canary_good"),
        ("not_held", 5, "server_canary_failed"),
    ):
        result = CanaryResult(ServerId("one"), NOW - minutes * MINUTE, code, 1.0)
        with runtime.records.write() as transaction:
            transaction.fleet.add_canary(result)
        assert codes() == ["servers_running", expected]


def test_messages_and_checkpoints(runtime: ServiceRuntime) -> None:
    with runtime.records.write() as transaction:
        transaction.audit.append([EventDraft("case.opened", NOW, "policy")] * 3)
        end, last = transaction.audit.head()
        checkpoint = Checkpoint(end - 1, last, NOW - 500 * MINUTE, "a note")
        transaction.audit.add_checkpoint(checkpoint)
    found = lines(runtime)["checkpoint"]
    assert (found.code, found.values["after"]) == ("checkpoint_old", 1)
    with runtime.records.write() as transaction:
        transaction.audit.add_checkpoint(Checkpoint(end, last, NOW - 500 * MINUTE, "a note"))
    assert lines(runtime)["checkpoint"].code == "checkpoint_good"


def test_the_page_has_words_for_every_line(house: House) -> None:
    """Every code that stands in the module of lines has words, and these name known values."""
    values: dict[str, Any] = {
        name: 7 for text in WORDS.values() for name in re.findall(r"\{(\w+)\}", text)
    }
    all_lines = [
        HealthLine("database", list(HealthState)[n % 3], code, {**values, "at": NOW - MINUTE})
        for n, code in enumerate(WORDS)
    ]
    house.replace(health=lambda: all_lines)
    page = house.client(Role.ADMIN).get("/health")
    assert page.status_code == 200
    assert page.text.count('<tr role="row">') == len(WORDS) + 1
    assert "{" not in page.text
    assert "1 minute ago" in page.text
    assert "All is well." not in page.text


def test_all_is_well(house: House) -> None:
    house.replace(health=lambda: [HealthLine("database", HealthState.GOOD, "database_good")])
    page = house.client(Role.AUDITOR).get("/health")
    assert "All is well." in page.text
    assert page.text.count("badge-good") == 1


def test_reviewers_do_not_see_it(house: House) -> None:
    for role in (Role.REVIEWER, Role.APPROVER, Role.OFFICER):
        assert house.client(role).get("/health").status_code == 403
