"""Backups as an operator makes them: by the page, stopped midway, and after officers changed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.cases.destroying import Destroyer, DestroyerParts, Plan
from safehold.cases.destruction import Ground
from safehold.cli.backup import source_of
from safehold.cli.main import EXIT_INTERRUPTED, main
from safehold.custodian.drilling import Drill
from safehold.storage.backup.making import make
from safehold.vault.sealing import Identity
from tests.custodian.reported import NOW, Reported, reported

PAGE = Path(__file__).parents[2] / "docs/how-to/backups.md"
DAYS = 86_400


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reported]:
    with reported(tmp_path, "http://127.0.0.1:9") as house:
        monkeypatch.setenv("SAFEHOLD_HOME", str(house.runtime.home.folder))
        yield house


def blocks() -> str:
    text = PAGE.read_text("utf-8")
    return "\n".join(re.findall(r"^ *```sh\n(.*?)^ *```$", text, re.M | re.S))


def test_the_page_is_true(house: Reported, tmp_path: Path) -> None:
    """Each command of ours on it, in its order, in folders of the test."""
    house.case(b"one")
    key = house.runtime.home.folder / "officer.key"
    places = {"/mnt/": f"{tmp_path}/mnt/", "/srv/": f"{tmp_path}/srv/", "officer.key": str(key)}
    done = []
    for line in re.findall(r"^ *safehold (.*)$", blocks(), re.M):
        words = shlex.split(line)
        for said, place in places.items():
            words = [word.replace(said, place) for word in words]
        assert main(words) == 0, line
        done.append(" ".join(words[:2]))
    assert done == [
        "backup make",
        "backup drill",
        "backup restore",
        "audit verify",
        "vault verify",
    ]


def test_what_the_page_destroys_is_what_is_too_old(tmp_path: Path) -> None:
    [line] = re.findall(r"^find .*$", blocks(), re.M)
    second = tmp_path / "second"
    for age in (0, 11, 12, 14, 30):
        made = second / f"{age}"
        (made / "keys").mkdir(parents=True)
        # Half an hour over the day, as a timer runs a little after the backup.
        moment = int(time.time() - age * DAYS - DAYS / 48)
        os.utime(made, (moment, moment))
    command = line.replace("/mnt/second", shlex.quote(str(second)))
    subprocess.run(command, shell=True, check=True, timeout=30)
    assert {path.name for path in second.iterdir()} == {"0", "11", "12"}


def test_a_key_that_was_destroyed_is_not_put_back(
    house: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case, kept = house.case(b"gone"), house.case(b"kept")
    runtime = house.runtime
    make(source_of(runtime), tmp_path / "old-a", tmp_path / "old-b", NOW)
    parts = DestroyerParts(
        runtime.records,
        runtime.vault,
        runtime.names,
        runtime.ids,
        runtime.clock,
        runtime.officers.recipients,
        NOW - NOW,
    )
    with runtime.records.write() as transaction:
        transaction.audit.lock()
        evidence = transaction.cases.evidence(case.case_id)
        begun = Destroyer(parts).begin(transaction, case, evidence, Plan(Ground.EARLY))
    Destroyer(parts).finish(begun.destruction_id)
    make(source_of(runtime), tmp_path / "new-a", tmp_path / "new-b", NOW)
    # The key store is lost, and of its backups only an older one is left.
    home = tmp_path / "restored"
    halves = [str(tmp_path / "new-a"), "--keys", str(tmp_path / "old-b")]
    assert main(["backup", "restore", *halves, "--home", str(home)]) == 0
    told = capsys.readouterr().err
    assert "1 keys of what is destroyed" in told
    assert "not made together" in told
    names = {path.name for path in (home / "keys").rglob("*")}
    assert case.key_name not in names
    assert kept.key_name in names
    # Halves of one day have nothing to be left out, and nothing is said.
    halves = [str(tmp_path / "old-a"), "--keys", str(tmp_path / "old-b")]
    assert main(["backup", "restore", *halves, "--home", str(tmp_path / "before")]) == 0
    assert "keys of" not in capsys.readouterr().err
    assert case.key_name in {path.name for path in (tmp_path / "before/keys").rglob("*")}


def drilled(first: Path, second: Path, key: Path, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Codes of what a drill finds."""
    capsys.readouterr()
    command = ["backup", "drill", str(first), "--keys", str(second), "--officer-key", str(key)]
    code = main([*command, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == (0 if told["whole"] else 1)
    return {finding["code"] for finding in told["findings"]}


def test_who_opens_a_backup_is_who_was_an_officer_then(
    house: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = house.case(b"one")
    runtime, before = house.runtime, house.runtime.home.folder / "officer.key"
    make(source_of(runtime), tmp_path / "old-a", tmp_path / "old-b", NOW)
    after = Identity.generate()
    key = tmp_path / "berta.key"
    key.write_text(after.secret + "\n")
    key.chmod(0o600)
    runtime.officers.add("berta", after.recipient)
    with contextlib.closing(house.custodian()) as custodian:
        assert custodian.rewrap([case.key_name], "system", "officers-changed").done == 1
    runtime.officers.remove("officer")
    house.identity = after
    with contextlib.closing(house.custodian()) as custodian:
        assert custodian.rewrap([case.key_name], "system", "officers-changed").done == 1
    make(source_of(runtime), tmp_path / "new-a", tmp_path / "new-b", NOW)
    findings = {
        (half, officer.stem): drilled(
            tmp_path / f"{half}-a", tmp_path / f"{half}-b", officer, capsys
        )
        - {"keys_expired"}
        for half in ("old", "new")
        for officer in (before, key)
    }
    closed = {"key_unopened", "checkpoint_key"}
    assert findings == {
        ("old", "officer"): set(),
        ("old", "berta"): closed,
        ("new", "officer"): closed,
        ("new", "berta"): set(),
    }


def test_a_drill_that_is_stopped_leaves_nothing(
    house: Reported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.case(b"one")
    first, second, scratch = (tmp_path / name for name in ("a", "b", "scratch"))
    make(source_of(house.runtime), first, second, NOW)
    scratch.mkdir()
    there: list[Path] = []

    def stopped(_: Drill) -> None:
        there.extend(scratch.rglob("digest.key"))
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Drill, "run", stopped)
    before = signal.getsignal(signal.SIGTERM)
    drill = ["backup", "drill", str(first), "--keys", str(second), "--scratch", str(scratch)]
    assert main(drill) == EXIT_INTERRUPTED
    assert there
    assert list(scratch.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_backup_that_was_broken_off_is_none(
    house: Reported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house.case(b"one")
    house.case(b"two")
    first, second = tmp_path / "a", tmp_path / "b"
    left = [1, 1, 1]

    def broken_off() -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()

    # Both objects and one key are there then.
    with pytest.raises(KeyboardInterrupt):
        make(source_of(house.runtime), first, second, NOW, broken_off)
    assert not (first / "backup.json").exists()
    home = tmp_path / "restored"
    halves = [str(first), "--keys", str(second)]
    assert main(["backup", "restore", *halves, "--home", str(home)]) == 70
    assert not home.exists()
    assert main(["backup", "drill", *halves]) == 70
    assert "safehold backup make" in capsys.readouterr().err


def test_postgresql_is_refused_with_a_command_that_its_tools_understand(
    house: Reported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing listens there: it is refused before anything is asked.
    monkeypatch.setenv("SAFEHOLD_DATABASE", "postgresql+psycopg://somebody@127.0.0.1:9/safehold")
    assert main(["backup", "make", str(tmp_path / "a"), "--keys", str(tmp_path / "b")]) == 64
    said = capsys.readouterr().err
    [dump] = re.findall(r"pg_dump .*", said)
    assert not (tmp_path / "a").exists()
    address = dump.split()[-1]
    shown = subprocess.run(
        ["bash", "-c", f"printf %s {address}"], capture_output=True, text=True, check=True
    )
    assert shown.stdout == "postgresql://somebody@127.0.0.1:9/safehold"
    assert address in blocks()
