"""`safehold list sync`, as its users run it: with real processes, and with kills of them."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.testing.exchanges.door import Answer, Asked, Fault
from safehold.testing.exchanges.threatexchange import GROUP, TOKEN, ThreatExchangeDoor
from tests.cli.conftest import Command

ENTRIES = 8
PAGES = 4
ANSWERED = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)


class Deadly(ThreatExchangeDoor):
    """Ends the process that asks, where it asks for the page of that number.

    Attributes:
        at: the number of the call, or -1.
        pid: of the process.
    """

    def __init__(self) -> None:
        super().__init__(lambda: ANSWERED)
        self.at = -1
        self.pid = 0

    def answer(self, asked: Asked) -> Answer:
        if len(self.calls) - 1 == self.at:
            os.kill(self.pid, signal.SIGKILL)
        return super().answer(asked)


@pytest.fixture
def door() -> Iterator[Deadly]:
    with Deadly() as made:
        for n in range(ENTRIES):
            gone = n == 3
            made.put(f"{n}", "HASH_SHA1", f"{n + 1:040x}", "MALICIOUS", gone=gone)
        made.put("9", "HASH_PHOTODNA", "1", "MALICIOUS")
        yield made


@pytest.fixture
def prepared(safehold: Command, door: Deadly) -> Command:
    return prepare(safehold, door)


def prepare(command: Command, door: Deadly) -> Command:
    command.home.mkdir(exist_ok=True)
    secret = command.home / "partner.toml"
    secret.write_text(f'key = "{TOKEN}"\n')
    secret.chmod(0o600)
    (command.home / "config.toml").write_text(
        f"""
[outbound]
allow_private = true
allow_http = true
timeout_seconds = 5

[exchanges.partner]
kind = "threatexchange"
url = "{door.url}/v19.0"
environment = "{GROUP}"
tier = "confirmed"
credentials_file = "{secret}"
page_rows = 3
"""
    )
    return command


def entries(command: Command) -> list[tuple[Any, ...]]:
    """What is kept of entries, but for digests, which are keyed by each home's own key."""
    base = sqlite3.connect(command.home / "safehold.db")
    with base:
        rows = base.execute(
            "SELECT entry_id, classification, state, sha1 IS NULL FROM entries ORDER BY entry_id"
        ).fetchall()
    base.close()
    return rows


def test_a_sync_and_its_standing(prepared: Command, door: Deadly) -> None:
    [row] = prepared("list", "sync", "--status", "--json").rows
    assert (row["exchange"], row["code"], row["good"]) == ("partner", "never", None)
    assert not door.calls
    done = prepared("list", "sync", "--json")
    [row] = done.rows
    assert (done.code, row["code"], row["added"], row["pages"]) == (0, "ok", 8, 3)
    assert row["unusable"] == {"hash_photodna_not_usable": 1}
    [shown] = prepared("list", "show", "--json").rows
    assert (shown["tier"], shown["source"], shown["active"]) == ("confirmed", "threatexchange", 7)
    assert shown["checked"] is not None
    again = prepared("list", "sync", "partner")
    assert (again.code, again.out) == (0, "")
    assert "partner (ok)" in again.err
    # Neither the token nor an address stands anywhere but in the settings.
    kept = b"".join(path.read_bytes() for path in prepared.home.glob("safehold.db*"))
    for secret in (TOKEN.split("|")[1], door.url.rsplit(":", 1)[1]):
        assert secret.encode() not in kept
        assert secret not in done.out + done.err + again.err


def test_killed_at_every_page_it_ends_equal(
    prepared: Command, door: Deadly, tmp_path: Path
) -> None:
    whole = prepare(Command(tmp_path / "whole"), door)
    assert whole("list", "sync").code == 0
    door.calls.clear()
    killed = 0
    for page in range(PAGES - 1):
        door.at = page if page == 0 else 1
        door.calls.clear()
        process = prepared.start("list", "sync")
        door.pid = process.pid
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
    assert killed == PAGES - 1
    door.at = -1
    assert prepared("list", "sync").code == 0
    assert entries(prepared) == entries(whole)
    ours, theirs = (c("list", "show", "--json").rows[0] for c in (prepared, whole))
    for name in ("active", "other", "digests", "tier", "source"):
        assert ours[name] == theirs[name]
    [row] = prepared("list", "sync", "--status", "--json").rows
    assert (row["pages"], row["added"], row["under_way"]) == (3, 8, False)


def test_twice_at_once(prepared: Command, door: Deadly) -> None:
    both = [prepared.start("list", "sync", "--json") for _ in range(2)]
    rows = [json.loads(process.communicate(timeout=60)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    # One of them did it; the other gave way, or came when all was done.
    assert "ok" in {row["code"] for row in rows}
    assert {row["code"] for row in rows} <= {"ok", "sync_overtaken"}
    [shown] = prepared("list", "show", "--json").rows
    assert (shown["active"], shown["other"]) == (7, 1)


def test_what_goes_wrong_is_told(prepared: Command, door: Deadly) -> None:
    door.updates["0"]["indicator"] = "zz"
    done = prepared("list", "sync", "--json")
    [row] = done.rows
    assert (done.code, row["faults"]) == (2, {"sha1_malformed": 1})
    door.faults.extend([Fault(status=401)])
    done = prepared("list", "sync", "--json")
    assert (done.code, done.rows[0]["code"]) == (70, "exchange_refused")
    door.updates["0"]["indicator"] = f"{1:040x}"
    assert prepared("list", "sync", "--json").code == 0
    assert prepared("list", "sync", "other").code == 64
    (prepared.home / "partner.toml").chmod(0o644)
    done = prepared("list", "sync")
    assert done.code == 64
    assert TOKEN not in done.err
    assert "0600" in done.err


def test_full_asks_for_everything(prepared: Command, door: Deadly) -> None:
    prepared("list", "sync")
    door.calls.clear()
    prepared("list", "sync")
    assert door.calls[0].query["start_time"] != "0"
    door.calls.clear()
    [row] = prepared("list", "sync", "--full", "--json").rows
    assert door.calls[0].query["start_time"] == "0"
    assert (row["rows"], row["added"]) == (8, 0)
