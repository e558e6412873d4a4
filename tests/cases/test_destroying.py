"""Evidence is destroyed wholly or not at all, however often the process is killed on the way."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safehold.cases.destruction import Destruction, Ground
from safehold.cases.model import Case, CaseState, Evidence
from safehold.clock import FixedClock
from safehold.ids import EvidenceId
from safehold.runtime.service import ServiceRuntime
from safehold.vault.interface import VaultError
from safehold.vault.verify import PENDING_AGE, FindingKind, Verifier
from tests.custodian.reported import NOW, Reported, reported
from tests.vault.stores import descriptor_of

ROOT = Path(__file__).parents[2]
LATER = NOW + dt.timedelta(days=31)
STEPS = ("key", "begun", "object 1", "object 2", "shredded", "finished")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    with reported(tmp_path_factory.mktemp("home"), "http://127.0.0.1:9") as made:
        yield made


@pytest.fixture(scope="module")
def later(house: Reported) -> Iterator[ServiceRuntime]:
    """Another process's view of the home, a month later."""
    settings = house.runtime.settings
    with ServiceRuntime(settings, FixedClock(LATER)) as runtime:
        yield runtime


def cleared(house: Reported, content: bytes) -> tuple[Case, list[Evidence]]:
    """A case that was cleared, with two pieces of evidence."""
    case, runtime = house.case(content), house.runtime
    evidence_id = EvidenceId(runtime.ids())
    with descriptor_of(content) as descriptor:
        stored = runtime.vault.store(
            runtime.names.object(evidence_id),
            case.recipient,
            descriptor,
            hashlib.sha256(content).digest(),
        )
    with runtime.records.write() as transaction:
        [first] = transaction.cases.evidence(case.case_id)
        sealed = (stored.object_name, stored.size, stored.sealed_size, stored.sealed_sha256)
        added = Evidence(evidence_id, case.case_id, *sealed, first.sealed_manifest, NOW)
        transaction.cases.add_evidence(added)
        case = replace(case, state=CaseState.CLEARED, updated=NOW)
        transaction.cases.update(case)
    return case, [first, added]


def run_killed(home: Path, step: int) -> int:
    """`retention run` in a process of its own, killed after a step; its exit code."""
    command = [sys.executable, "-m", "tests.cases.killed", str(home), LATER.isoformat(), str(step)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, cwd=ROOT, check=False, timeout=120).returncode


def destruction_of(house: Reported, case: Case) -> list[Destruction]:
    with house.runtime.records.read() as transaction:
        return list(transaction.destructions.of_case(case.case_id))


def present(house: Reported, case: Case, evidence: list[Evidence]) -> list[bool]:
    """Which of the objects, and then the key, are there."""
    objects, keys = set(house.runtime.objects.names()), set(house.runtime.keys.names())
    return [*(one.object_name in objects for one in evidence), case.key_name in keys]


def broken(house: Reported) -> list[FindingKind]:
    """What the vault lacks that the records name. An orphan key of a kill harms nobody."""
    clock = FixedClock(dt.datetime.now(dt.UTC) + 2 * PENDING_AGE)
    verifier = Verifier(house.runtime.objects, house.runtime.keys, clock)
    with house.runtime.records.read() as transaction:
        found = verifier.run(transaction.cases.all_evidence(), transaction.cases.key_names())
        return [one.kind for one in found if one.kind is not FindingKind.KEY_ORPHAN]


@pytest.mark.parametrize("step", range(1, len(STEPS) + 2), ids=(*STEPS, "no kill"))
def test_killed_at_each_step(house: Reported, later: ServiceRuntime, step: int) -> None:
    case, evidence = cleared(house, b"drawn %d" % step)
    home = house.runtime.home.folder
    killed = step <= len(STEPS)
    assert run_killed(home, step) == (-signal.SIGKILL if killed else 0)

    begun = destruction_of(house, case)
    if step == 1:
        # Nothing was decided: all of it is there, and opens.
        assert begun == []
        assert present(house, case, evidence) == [True, True, True]
        assert broken(house) == []
    else:
        [one] = begun
        assert (one.ground, one.requested_by, one.approved_by) == (Ground.CLEARED, *["system"] * 2)
        assert set(one.evidence) == {item.evidence_id for item in evidence}
        assert (one.destroyed is not None) == (step >= 6)
        # No record names what is being destroyed, and the case has a key that is there.
        with house.runtime.records.read() as transaction:
            assert transaction.cases.evidence(case.case_id) == []
        assert house.find(b"drawn %d" % step).key_name != case.key_name
        assert FindingKind.KEY_MISSING not in broken(house)
        if step in (3, 4):
            assert present(house, case, evidence)[-1], "the key goes last"

    # Again, to its end; and once more, when there is nothing to do.
    assert any(later.retention.run().values()) == (step < len(STEPS))
    assert not any(later.retention.run().values())
    assert present(house, case, evidence) == [False, False, False]
    [done] = destruction_of(house, case)
    assert (done.destroyed, done.copies_until) == (LATER, LATER + dt.timedelta(days=14))
    if begun:
        assert done.destruction_id == begun[0].destruction_id
    with house.runtime.records.read() as transaction:
        kinds = [e.draft.kind for e in transaction.audit.events_of(case.case_id)]
    assert kinds[-2:] == ["case.purged", "evidence.destroyed"]
    assert broken(house) == []
    # The same bytes are kept anew, and open.
    house.upload(b"drawn %d" % step)
    assert broken(house) == []


def test_one_that_is_stuck_holds_up_no_other(
    house: Reported, later: ServiceRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, evidence = cleared(house, b"drawn stuck")
    delete = later.vault.delete

    def failing(name: str) -> None:
        if name == evidence[0].object_name:
            raise VaultError
        delete(name)

    monkeypatch.setattr(later.vault, "delete", failing)
    assert later.retention.run()["destroyed"] == 1
    other, _ = cleared(house, b"drawn other")
    with pytest.raises(VaultError):
        later.retention.run()
    assert [one.destroyed is None for one in destruction_of(house, stuck)] == [True]
    assert [one.destroyed is None for one in destruction_of(house, other)] == [False]
    monkeypatch.undo()
    assert later.retention.run()["finished"] == 1
    assert [one.destroyed is None for one in destruction_of(house, stuck)] == [False]


def test_all_records_are_signed_after_a_custodian_that_was_away(
    house: Reported, later: ServiceRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        cleared(house, b"drawn away %d" % n)
    later.retention.run()
    monkeypatch.setattr("safehold.retention.service._SIGNED_AT_ONCE", 2)
    later.retention.run(lambda _: (b"text", bytes(64)))
    with later.records.read() as transaction:
        assert transaction.destructions.unsigned(9) == []
