"""Backups are made while a home runs, put back elsewhere, and tried."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from safehold.audit.note import sign_checkpoint
from safehold.cases.destroying import Destroyer, DestroyerParts, Plan
from safehold.cases.destruction import Ground
from safehold.cli.backup import source_of
from safehold.cli.main import main
from safehold.custodian.drilling import Drill, Drilled, DrillOptions, Restored
from safehold.errors import UsageError
from safehold.runtime.home import Home
from safehold.storage.backup.files import sha256_of
from safehold.storage.backup.making import Made, Source, make
from safehold.storage.backup.manifests import BackupError, read_key_manifest, read_manifest
from safehold.storage.backup.restoring import restore
from safehold.vault.interface import ObjectMissingError
from safehold.vault.sealing import Identity
from tests.custodian.reported import NOW, Reported, reported

LIFE = dt.timedelta(days=14)
DAY = dt.timedelta(days=1)


@dataclass
class Backup:
    """A home, and a backup of it, which a test takes a copy of before it breaks it."""

    house: Reported
    first: Path
    second: Path
    made: Made

    def copy(self, folder: Path) -> Backup:
        first, second = folder / "first", folder / "second"
        shutil.copytree(self.first, first)
        shutil.copytree(self.second, second)
        return Backup(self.house, first, second, self.made)

    def drill(self, folder: Path, now: dt.datetime = NOW, *, opening: bool = True) -> Drilled:
        """Put it back, and look."""
        home = folder / "restored"
        restore(self.first, self.second, home, check=False)
        there = Restored(Home(home), read_manifest(self.first), read_key_manifest(self.second))
        identities = [self.house.identity] if opening else []
        return Drill(there, DrillOptions(identities, LIFE), now).run()


def source(house: Reported) -> Source:
    return source_of(house.runtime)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    folder = tmp_path_factory.mktemp("house")
    with reported(folder, "http://127.0.0.1:9") as house:
        with contextlib.closing(house.custodian()) as custodian:
            case = house.case(b"one")
            house.case(b"two")
            report = house.begin(case)
            access = house.access(report, "officer")
            custodian.keep_document(access, "acknowledgement", report.report_id, b"A-1")
            with house.runtime.records.read() as transaction:
                end = transaction.audit.head()
            signed = sign_checkpoint(
                house.runtime.log_id, end, NOW, custodian.public_key(), custodian.sign
            )
            with house.runtime.records.write() as transaction:
                transaction.audit.add_checkpoint(signed)
        first, second = folder / "backup", folder / "keys"
        yield Backup(house, first, second, make(source(house), first, second, NOW))


def codes(drilled: Drilled) -> list[str]:
    return sorted(finding.code for finding in drilled.findings)


def test_a_backup_is_whole_and_sealed(backup: Backup, tmp_path: Path) -> None:
    drilled = backup.drill(tmp_path)
    assert codes(drilled) == []
    assert (drilled.objects, drilled.opened, drilled.keys) == (3, 3, 3)
    assert drilled.events > 5
    assert drilled.checkpoints == 1
    assert backup.made.keys is not None
    assert backup.made.keys.expires == (NOW + LIFE).isoformat(timespec="seconds")
    for half in (backup.first, backup.second):
        for path in (half, *half.rglob("*")):
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path.name
    written = b"".join(path.read_bytes() for path in backup.first.rglob("*") if path.is_file())
    secrets = ("digest.key", "canary.key")
    for name in secrets:
        assert (backup.house.runtime.home.folder / name).read_bytes().strip() not in written
    assert not (backup.first / "keys").exists()


def test_without_an_identity_nothing_is_opened(backup: Backup, tmp_path: Path) -> None:
    drilled = backup.drill(tmp_path, opening=False)
    assert (codes(drilled), drilled.opened, drilled.objects) == ([], 0, 3)


def test_a_restored_home_is_the_home(backup: Backup, tmp_path: Path) -> None:
    home = tmp_path / "new"
    restore(backup.first, backup.second, home)
    there = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
    for name in ("digest.key", "canary.key", "config.toml", "officers.txt", "safehold.db"):
        assert name in there
    assert {"custodian/checkpoint.pub", "custodian/checkpoint.last"} <= there
    with pytest.raises(UsageError):
        restore(backup.first, backup.second, home)


def first_object(half: Path, folder: str) -> Path:
    return min(path for path in (half / folder).rglob("*") if len(path.name) == 32)


def cut(backup: Backup) -> None:
    path = first_object(backup.first, "vault")
    path.write_bytes(path.read_bytes()[:-1])


def alter(backup: Backup) -> None:
    path = first_object(backup.first, "vault")
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def lose_object(backup: Backup) -> None:
    first_object(backup.first, "vault").unlink()


def lose_key(backup: Backup) -> None:
    first_object(backup.second, "keys").unlink()


def no_database(backup: Backup) -> None:
    (backup.first / "safehold.db").write_bytes(b"rubbish" * 1_000)


def swap_key(backup: Backup) -> None:
    first_object(backup.second, "keys").write_bytes(b"age-encryption.org/v1\nrubbish")


def lose_public_key(backup: Backup) -> None:
    (backup.first / "home/custodian/checkpoint.pub").unlink()


def another_signing_key(backup: Backup) -> None:
    (backup.first / "home/custodian/checkpoint.key.age").write_bytes(b"rubbish")


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (cut, ["object_unopened", "size_differs"]),
        (alter, ["altered", "object_unopened"]),
        (lose_object, ["missing"]),
        (lose_key, ["key_missing"]),
        (swap_key, ["key_unopened"]),
        (no_database, ["database_altered", "database_damaged"]),
        (lose_public_key, ["checkpoint_key", "checkpoint_public_key"]),
        (another_signing_key, ["checkpoint_key"]),
    ],
)
def test_what_is_wrong_shows(
    backup: Backup, tmp_path: Path, damage: Callable[[Backup], None], found: list[str]
) -> None:
    copy = backup.copy(tmp_path)
    damage(copy)
    assert codes(copy.drill(tmp_path)) == found


def test_another_officer_opens_nothing(backup: Backup, tmp_path: Path) -> None:
    backup.house.identity, own = Identity.generate(), backup.house.identity
    try:
        found = codes(backup.drill(tmp_path))
    finally:
        backup.house.identity = own
    assert found == ["checkpoint_key", *["key_unopened"] * 3]


def test_a_rewritten_log_shows(backup: Backup, tmp_path: Path) -> None:
    copy = backup.copy(tmp_path)
    with contextlib.closing(sqlite3.connect(copy.first / "safehold.db")) as database:
        for name, kind in database.execute("SELECT name, type FROM sqlite_master").fetchall():
            if kind == "trigger":
                database.execute(f'DROP TRIGGER "{name}"')
        changed = database.execute("UPDATE audit_events SET actor = 'user:x' WHERE seq = 3")
        assert changed.rowcount == 1
        database.commit()
    with pytest.raises(BackupError):
        restore(copy.first, copy.second, tmp_path / "refused")
    first = tmp_path / "first-time"
    first.mkdir()
    assert codes(copy.drill(first)) == ["audit_altered", "database_altered"]
    # Who can write to the database can write to the manifest, and not sign.
    manifest = json.loads((copy.first / "backup.json").read_bytes())
    manifest["database_sha256"] = sha256_of(copy.first / "safehold.db")
    (copy.first / "backup.json").write_text(json.dumps(manifest))
    assert codes(copy.drill(tmp_path)) == ["audit_altered"]


def test_keys_do_not_outlive_what_records_of_destruction_promise(
    tmp_path: Path,
) -> None:
    with reported(tmp_path, "http://127.0.0.1:9") as house:
        case = house.case(b"gone")
        old, new = tmp_path / "old", tmp_path / "new"
        make(source(house), old / "a", old / "b", NOW - DAY)
        runtime = house.runtime
        parts = DestroyerParts(
            runtime.records,
            runtime.vault,
            runtime.names,
            runtime.ids,
            runtime.clock,
            runtime.officers.recipients,
            LIFE,
        )
        destroyer = Destroyer(parts)
        with runtime.records.write() as transaction:
            transaction.audit.lock()
            evidence = transaction.cases.evidence(case.case_id)
            begun = destroyer.begin(transaction, case, evidence, Plan(Ground.EARLY))
        destroyer.finish(begun.destruction_id)
        make(source(house), new / "a", new / "b", NOW)
        # A key that was destroyed is in no later backup.
        names = {path.name for path in (new / "b/keys").rglob("*")}
        assert case.key_name not in names
        identity = [house.identity]

        def drilled(first: Path, second: Path, now: dt.datetime) -> list[str]:
            home = tmp_path / f"restored-{now:%j}-{first.parent.name}-{second.parent.name}"
            restore(first, second, home)
            there = Restored(Home(home), read_manifest(first), read_key_manifest(second))
            return codes(Drill(there, DrillOptions(identity, LIFE), now).run())

        assert drilled(new / "a", new / "b", NOW) == []
        # The older half still has it, as the record says, until it must be gone.
        assert drilled(new / "a", old / "b", NOW + DAY) == ["key_missing"]
        late = drilled(new / "a", old / "b", NOW + LIFE)
        assert late == ["destroyed_key", "key_missing", "keys_expired"]
        assert drilled(old / "a", old / "b", NOW + LIFE - DAY) == ["keys_expired"]


def test_what_is_destroyed_while_a_backup_is_made_is_no_finding(tmp_path: Path) -> None:
    with reported(tmp_path, "http://127.0.0.1:9") as house:
        case = house.case(b"one")
        with house.runtime.records.read() as transaction:
            [evidence] = transaction.cases.evidence(case.case_id)
        given = source(house)

        class Meanwhile:
            """The store, from which an object is destroyed as it is about to be copied."""

            def open(self, name: str) -> contextlib.AbstractContextManager[io.BytesIO]:
                with house.runtime.records.write() as transaction:
                    transaction.cases.remove_evidence(case.case_id)
                house.runtime.objects.delete(name)
                raise ObjectMissingError

        first, second = tmp_path / "a", tmp_path / "b"
        made = make(replace(given, objects=Meanwhile()), first, second, NOW)  # type: ignore[arg-type]
        assert made.manifest.gone == (evidence.object_name,)
        assert made.manifest.missing == ()
        backup = Backup(house, first, second, made)
        assert codes(backup.drill(tmp_path)) == []


def test_the_commands(
    backup: Backup,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SAFEHOLD_HOME", str(backup.house.runtime.home.folder))
    first, second = tmp_path / "a", tmp_path / "b"
    assert main(["backup", "make", str(first), "--keys", str(second), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["objects"], told["keys"], told["missing"]) == (3, 3, 0)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    key = backup.house.runtime.home.folder / "officer.key"
    drill = ["backup", "drill", str(first), "--keys", str(second), "--scratch", str(scratch)]
    assert main([*drill, "--officer-key", str(key), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["whole"], told["opened"]) == (True, 3)
    assert list(scratch.iterdir()) == []
    assert main([*drill, "--officer-key", str(key), "--sample", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["opened"] == 1
    first_object(second, "keys").unlink()
    assert main(drill) == 1
    assert "key_missing" in capsys.readouterr().out
    # Halves do not lie in one another, nothing is written over, and a part is no backup.
    assert main(["backup", "make", str(first), "--keys", str(second)]) == 64
    assert main(["backup", "make", str(tmp_path / "c"), "--keys", str(tmp_path / "c/keys")]) == 64
    (first / "backup.json").unlink()
    assert main(drill) == 70
    assert (
        main(
            ["--home", str(tmp_path / "z"), "backup", "restore", str(first), "--keys", str(second)]
        )
        == 70
    )
