"""Verification without keys: whatever is wrong is named, and nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.clock import FixedClock
from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.interface import VaultError
from safehold.vault.local import LocalBlobs
from safehold.vault.verify import Finding, FindingKind, Verifier
from tests.vault.stores import put

NOW = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)


@dataclasses.dataclass(frozen=True)
class Item:
    evidence_id: str
    object_name: str
    sealed_size: int
    sealed_sha256: bytes


def _filled(clock: FixedClock, count: int = 4) -> tuple[MemoryBlobs, MemoryBlobs, list[Item]]:
    objects, keys = MemoryBlobs(clock), MemoryBlobs(clock)
    items = []
    for number in range(count):
        content = bytes([number]) * (number + 1) * 1000
        name = f"{number:032d}"
        put(objects, name, content)
        put(keys, f"key{number:029d}", b"wrapped")
        digest = hashlib.sha256(content).digest()
        items.append(Item(f"evidence-{number}", name, len(content), digest))
    clock.advance(dt.timedelta(hours=2))
    return objects, keys, items


def _key_names(count: int = 4) -> list[str]:
    return [f"key{number:029d}" for number in range(count)]


def test_a_sound_vault() -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)
    verifier = Verifier(objects, keys, clock)
    assert list(verifier.run(iter(items), iter(_key_names()))) == []
    assert (verifier.objects_read, verifier.bytes_read) == (4, 10_000)
    assert (verifier.keys_seen, verifier.pending) == (4, 0)


def test_everything_that_can_be_wrong() -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)
    objects.delete(items[0].object_name)
    objects.replace(items[1].object_name, b"\xff" * items[1].sealed_size)
    objects.replace(items[2].object_name, b"shorter")
    put(objects, "f" * 32, b"put there")
    keys.delete(_key_names()[3])
    put(keys, "e" * 32, b"put there")
    clock.advance(dt.timedelta(hours=1, seconds=1))
    put(objects, "a" * 32, b"just now")
    found = list(Verifier(objects, keys, clock).run(items, _key_names()))
    assert found == [
        Finding(FindingKind.MISSING, items[0].object_name, "evidence-0"),
        Finding(FindingKind.ALTERED, items[1].object_name, "evidence-1"),
        Finding(FindingKind.SIZE_DIFFERS, items[2].object_name, "evidence-2"),
        Finding(FindingKind.ORPHAN, "f" * 32),
        Finding(FindingKind.KEY_MISSING, _key_names()[3]),
        Finding(FindingKind.KEY_ORPHAN, "e" * 32),
    ]


@pytest.mark.parametrize("place", [0, 1500, 3999])
def test_one_altered_bit_is_found(place: int) -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)
    content = bytearray(b"\x03" * 4000)
    content[place] ^= 1
    objects.replace(items[3].object_name, bytes(content))
    found = list(Verifier(objects, keys, clock).run(items, _key_names()))
    assert [finding.kind for finding in found] == [FindingKind.ALTERED]


@pytest.mark.parametrize(("minutes", "kinds"), [(59, []), (61, [FindingKind.ORPHAN])])
def test_a_young_orphan_is_pending(minutes: int, kinds: list[FindingKind]) -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)
    put(objects, "f" * 32, b"no record yet")
    clock.advance(dt.timedelta(minutes=minutes))
    verifier = Verifier(objects, keys, clock)
    assert [finding.kind for finding in verifier.run(items, _key_names())] == kinds
    assert verifier.pending == 1 - len(kinds)


def test_what_was_purged_meanwhile_is_not_missing() -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)
    objects.delete(items[0].object_name)
    keys.delete(_key_names()[0])
    asked: list[str] = []

    def still_named(name: str) -> bool:
        asked.append(name)
        return False

    assert list(Verifier(objects, keys, clock, still_named).run(items, _key_names())) == []
    assert asked == [items[0].object_name, _key_names()[0]]


def test_an_object_that_cannot_be_read(tmp_path: Path) -> None:
    store = LocalBlobs(tmp_path)
    (tmp_path / "aa" / ("a" * 32)).mkdir(parents=True)  # Reading a folder fails.
    item = Item("e", "a" * 32, 1, b"")
    clock = FixedClock(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    found = list(Verifier(store, MemoryBlobs(), clock).run([item], []))
    assert found == [Finding(FindingKind.UNREADABLE, "a" * 32, "e")]


def test_a_store_that_is_away_is_no_finding() -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)
    keys.failure = VaultError("away")
    with pytest.raises(VaultError, match="away"):
        list(Verifier(objects, keys, clock).run(items, _key_names()))


def test_what_is_stored_while_a_large_vault_is_read_is_no_orphan() -> None:
    clock = FixedClock(NOW)
    objects, keys, items = _filled(clock)

    def slowly() -> Iterator[Item]:
        for item in items:
            clock.advance(dt.timedelta(hours=1))
            put(objects, f"{item.evidence_id[-1]}" * 30, b"just now")
            yield item
        clock.advance(dt.timedelta(hours=5))

    verifier = Verifier(objects, keys, clock)
    assert list(verifier.run(slowly(), _key_names())) == []
    assert verifier.pending == 4
