"""`scan --hold`: what is found is evidence, once, whatever kind of file it lies in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safehold.cases.model import Case, CaseFilter, OccurrenceKind
from safehold.config import Settings
from safehold.custodian.setting_up import Plan, set_up
from safehold.errors import UsageError
from safehold.intake.model import IntakeOptions
from safehold.lists.model import Tier
from safehold.runtime.service import ServiceRuntime
from safehold.scan.holding import HoldPlan
from safehold.scan.job import ScanPlan
from safehold.vault.officers import read_identity
from safehold.vault.sealing import Identity, unseal
from tests.conftest import KERNEL_CACHE
from tests.scan.conftest import Scan, encoded, original, write_list


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceRuntime]:
    """A home that is set up, with a confirmed list, and room for two faults."""
    folder = tmp_path_factory.mktemp("service")
    intake = IntakeOptions(fault_cases=2)
    settings = Settings(home=folder, kernel_cache=KERNEL_CACHE, workers=2, intake=intake)
    with ServiceRuntime(settings) as runtime:
        set_up(runtime, Plan("officer", folder / "officer.key", None, "default"))
        runtime.lists.add("samples", write_list(folder / "list.csv"), tier=Tier.CONFIRMED)
        yield runtime


def all_cases(runtime: ServiceRuntime) -> list[Case]:
    return list(runtime.cases.list(CaseFilter(limit=1000)))


def evidence_of(runtime: ServiceRuntime, case: Case) -> bytes:
    officer = read_identity(runtime.home.folder / "officer.key", None)
    with runtime.keys.open(case.key_name) as stream:
        identity = Identity.parse(unseal([officer], stream.read()).decode().strip())
    with runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    with runtime.objects.open(evidence.object_name) as stream:
        return unseal([identity], stream.read())


def test_what_is_found_is_held(service: ServiceRuntime, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    edit = encoded("coffee", "PNG")
    (folder / "listed.jpg").write_bytes(original("astronaut"))
    (folder / "copy.jpg").write_bytes(original("astronaut"))
    (folder / "fine.jpg").write_bytes(encoded("chelsea"))
    with zipfile.ZipFile(folder / "box.zip", "w") as box:
        box.writestr("edit.png", edit)
        box.writestr("fine.txt", "text")
    for n in range(4):
        (folder / f"broken{n}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes([n]) * 64)
    before = {case.case_id for case in all_cases(service)}
    out = tmp_path / "out"
    out.mkdir()
    options: dict[str, Any] = {"hold": HoldPlan("default")}
    rows = Scan(service, out)(folder, **options)
    held = {name: row.get("held") for name, row in rows.items()}
    assert held.pop("listed.jpg") is True
    assert held.pop("copy.jpg") is True
    assert held.pop("box.zip!edit.png") is True
    assert [held.pop(f"broken{n}.png") for n in range(4)].count(True) == 2, "the quota of faults"
    assert set(held.values()) == {None}
    new = [case for case in all_cases(service) if case.case_id not in before]
    kept = {evidence_of(service, case) for case in new}
    assert {original("astronaut"), edit} < kept
    assert len(new) == 4
    with service.records.read() as transaction:
        occurrences = {c.case_id: transaction.cases.occurrences(c.case_id) for c in new}
    assert sorted(len(found) for found in occurrences.values()) == [1, 1, 1, 2]
    assert {o.kind for found in occurrences.values() for o in found} == {OccurrenceKind.SCAN}
    again = tmp_path / "again"
    again.mkdir()
    Scan(service, again)(folder, **options)
    with service.records.read() as transaction:
        counts = [len(transaction.cases.occurrences(case.case_id)) for case in new]
    assert sorted(counts) == [1, 1, 1, 2], "the same scan anew records nothing twice"


def test_digests_cannot_be_held() -> None:
    with pytest.raises(UsageError):
        ScanPlan(from_digests=Path("kept.jsonl"), hold=HoldPlan("default")).check()
