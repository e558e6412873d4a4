"""Records of destruction are signed only of what is gone, and OpenSSL verifies them."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safehold.cases.destruction import Destruction, DestructionError
from safehold.cases.model import Case, CaseState
from safehold.cli.main import main
from safehold.clock import FixedClock
from safehold.custodian.interface import RequestError
from safehold.custodian.local import LocalCustodian
from safehold.ids import CaseId, EvidenceId
from safehold.reporting.package.statement import is_signed, read
from tests.custodian.reported import NOW, Reported, reported

LATER = NOW + dt.timedelta(days=31)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    clock = FixedClock(NOW)
    with reported(tmp_path_factory.mktemp("home"), "http://127.0.0.1:9", clock) as made:
        yield made


@pytest.fixture(scope="module")
def custodian(house: Reported) -> Iterator[LocalCustodian]:
    with contextlib.closing(house.custodian()) as made:
        yield made


def gone(house: Reported, content: bytes) -> tuple[Case, Destruction]:
    """A case that was cleared, and whose evidence went by itself; no record is signed yet."""
    clock = house.runtime.clock
    assert isinstance(clock, FixedClock)
    case = house.case(content)
    with house.runtime.records.write() as transaction:
        transaction.cases.update(replace(case, state=CaseState.CLEARED, updated=clock.now()))
    clock.advance(dt.timedelta(days=31))
    assert house.runtime.retention.run()["destroyed"] == 1
    with house.runtime.records.read() as transaction:
        [found] = transaction.destructions.of_case(case.case_id)
    return case, found


def attest(house: Reported, custodian: LocalCustodian) -> int:
    """Have records signed; how many were."""

    def signed(found: Destruction) -> tuple[bytes, bytes]:
        made = custodian.attest_destruction(found.destruction_id)
        return made.text, made.signature

    return house.runtime.retention.run(signed)["signed"]


def change(house: Reported, found: Destruction) -> None:
    with house.runtime.records.write() as transaction:
        transaction.destructions.update(found)


def test_what_the_record_says(
    house: Reported,
    custodian: LocalCustodian,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    case, found = gone(house, b"one")
    assert attest(house, custodian) == 1
    assert attest(house, custodian) == 0
    kept = house.runtime.retention.record(found.destruction_id)
    assert kept is not None
    assert is_signed(kept.statement, kept.signature, custodian.public_key().public)
    said = read(kept.statement)
    assert (said.kind, said.fields["case"], said.fields["ground"]) == (
        "destruction",
        case.case_id,
        "cleared",
    )
    assert said.fields["requested-by"] == said.fields["approved-by"] == "system"
    assert said.fields["evidence-1"] == found.evidence[0]
    assert found.destroyed is not None
    ends = found.destroyed + dt.timedelta(days=14)
    assert said.fields["last-copy-expires"].startswith(f"{ends:%Y-%m-%d}")
    kinds = house.kinds()
    assert kinds.count("destruction.signed") == 1
    # As a receiver verifies it (docs/how-to/retention.md).
    home = str(house.runtime.home.folder)
    folder = tmp_path / "record"
    arguments = ["--home", home, "retention", "record", found.destruction_id]
    assert main([*arguments, "--output", str(folder)]) == 0
    assert capsys.readouterr().out.encode() == kept.statement
    openssl = shutil.which("openssl")
    assert openssl is not None
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin"]
    command += ["-in", "record.txt", "-sigfile", "record.sig"]
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 0
    (folder / "record.txt").write_bytes(kept.statement.replace(b"cleared", b"early"))
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode != 0
    assert main(["--home", home, "retention", "record", "--json"]) == 0
    [row] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["case"], row["signed"]) == (case.case_id, True)


@pytest.mark.parametrize("which", ["object", "key"])
def test_nothing_is_signed_while_something_is_there(
    house: Reported, custodian: LocalCustodian, which: str
) -> None:
    _, found = gone(house, f"left {which}".encode())
    runtime = house.runtime
    store, name = {
        "object": (runtime.objects, found.objects[0]),
        "key": (runtime.keys, found.key_name),
    }[which]
    store.put(name, io.BytesIO(b"left"))
    with pytest.raises(DestructionError):
        custodian.attest_destruction(found.destruction_id)
    assert attest(house, custodian) == 0
    store.delete(name)
    assert attest(house, custodian) == 1


def test_the_row_alone_is_not_believed(house: Reported, custodian: LocalCustodian) -> None:
    """Who writes to the database has nothing attested that the log does not say."""
    case = house.case(b"still there")
    _, found = gone(house, b"two")
    with house.runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    invented = replace(
        found,
        destruction_id=type(found.destruction_id)("invented"),
        case_id=case.case_id,
        evidence=(evidence.evidence_id,),
        objects=(),
        key_name="k" * 32,
    )
    with house.runtime.records.write() as transaction:
        transaction.destructions.add(invented)
    with pytest.raises(DestructionError):
        custodian.attest_destruction("invented")
    # Nor a row that says more, of less, than was destroyed.
    row = replace(found, destruction_id=type(found.destruction_id)("twice"))
    with house.runtime.records.write() as transaction:
        transaction.destructions.add(replace(row, evidence=(EvidenceId("other"),)))
        transaction.destructions.add(
            replace(row, destruction_id=type(found.destruction_id)("third"), case_id=CaseId("no"))
        )
    for name in ("twice", "third"):
        with pytest.raises(DestructionError):
            custodian.attest_destruction(name)
    with pytest.raises(RequestError):
        custodian.attest_destruction("unknown")


def test_the_commands(house: Reported, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(house.runtime.home.folder)
    case = house.case(b"kept")
    assert main(["--home", home, "retention", "show", case.case_id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["rule"], told["reported"]) == ("kept", "confirmed", False)
    assert main(["--home", home, "retention", "show", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert case.case_id in {row["case"] for row in rows}
    assert main(["--home", home, "retention", "show", case.case_id, "--due"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["--home", home, "retention", "show", "no-such-case"]) == 70
    assert main(["--home", home, "retention", "record", "no-such-record"]) == 64
    # No custodian listens here: what is left unsigned is said.
    capsys.readouterr()
    assert main(["--home", home, "retention", "run", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["unsigned"] >= 1
