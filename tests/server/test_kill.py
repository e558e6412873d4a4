"""A server that is killed under load has lost nothing that it answered: the short form.

`benchmarks/soak_service_kills.py` does it fifty times on each database.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.config import load_settings
from safehold.runtime.service import ServiceRuntime
from safehold.testing.kills import (
    Callers,
    Given,
    Items,
    check,
    prepare,
    wrong_answers,
)
from safehold.testing.postgres import find_binaries, running_server
from safehold.testing.serve_process import ServeProcess
from tests.conftest import KERNEL_CACHE

LISTED = 1_500
CALLERS = 6


@pytest.fixture(scope="module")
def items() -> Items:
    return Items((96, 72))


@pytest.fixture(scope="module")
def postgres_address() -> Iterator[str]:
    binaries = find_binaries()
    if binaries is None:
        pytest.fail("PostgreSQL's initdb and pg_ctl are not installed")
    with running_server(binaries, durable=True) as address:
        yield address


def kill_and_check(folder: Path, items: Items, database: str | None, kills: int) -> None:
    """Kill a server at seeded moments; check after each kill, and everything at the end."""
    rng = random.Random(kills)
    settings = {"SAFEHOLD_KERNEL_CACHE": str(KERNEL_CACHE), "SAFEHOLD_WORKERS": "1"}
    if database is not None:
        settings["SAFEHOLD_DATABASE"] = database
    given: list[Given] = []
    again: list[int] = []
    number = 0
    given_settings = {
        "home": folder / "home",
        "kernel_cache": KERNEL_CACHE,
        "workers": 1,
        "database": database,
    }
    with ServiceRuntime(load_settings(**given_settings)) as runtime:
        house = prepare(runtime, items, folder, LISTED)
        for _ in range(kills):
            server = ServeProcess(runtime.home.folder, folder / "serve.log", settings)
            try:
                server.wait_ready(60)
                callers = Callers(server.port, house.key, items, number, again)
                callers.start(CALLERS)
                time.sleep(rng.uniform(0.3, 1.0))
            finally:
                server.kill()
            heard = callers.end()
            number, again = callers.next_number, heard.silent
            assert heard.given and not heard.problems
            assert not wrong_answers(heard)
            given += heard.given
            report = check(runtime, house, items, heard.given)
            assert not report.wrong
        report = check(runtime, house, items, given)
        assert not report.wrong
        kept = [one for one in given if one.status != 200]
        assert report.opened == len(kept) > 0
        # What was killed before its answer may have a case all the same; never fewer.
        assert report.cases >= len(kept)
        assert number < LISTED


def test_on_sqlite(tmp_path: Path, items: Items) -> None:
    kill_and_check(tmp_path, items, None, 3)


def test_on_postgresql(tmp_path: Path, items: Items, postgres_address: str) -> None:
    kill_and_check(tmp_path, items, postgres_address, 2)


def test_what_is_lost_is_found(tmp_path: Path, items: Items) -> None:
    """The check itself finds an answer that nobody recorded."""
    with ServiceRuntime(
        load_settings(home=tmp_path / "home", kernel_cache=KERNEL_CACHE)
    ) as runtime:
        house = prepare(runtime, items, tmp_path, 30)
        receipt = runtime.intake.new_receipt(
            house.service, runtime.names.content(house.service, bytes(32))
        )
        report = check(runtime, house, items, [Given(1, 423, receipt)])
        assert report.wrong == ["item 1 was answered and has no case"]
