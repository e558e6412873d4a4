"""What `docs/formats/vault.md` says of bytes and names is so."""

from __future__ import annotations

import base64
import hashlib
import math
import os
from pathlib import Path

import pytest

from safehold.cases.names import KeyedNames
from safehold.hashing.keyed import DigestKey
from safehold.ids import CaseId, EvidenceId
from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.local import LocalBlobs
from safehold.vault.naming import is_object_name
from safehold.vault.sealing import Identity
from safehold.vault.vault import Vault
from tests.docs.pages import DOCS, read
from tests.vault.stores import NAME, OTHER, descriptor_of, put
from tests.vault.stores import read as content_of

PAGE = read(DOCS / "formats" / "vault.md")


def test_names_are_made_as_documented() -> None:
    key = bytes(range(32))
    names = KeyedNames(DigestKey(key))
    for purpose, name, identifier in (
        ("safehold object", names.object(EvidenceId("evidence1")), "evidence1"),
        ("safehold case key", names.case_key(CaseId("case1")), "case1"),
    ):
        assert f'"{purpose}"' in PAGE
        derived = hashlib.blake2b(
            purpose.encode(), digest_size=32, key=key, person=b"derive"
        ).digest()
        digest = hashlib.blake2b(identifier.encode(), digest_size=20, key=derived).digest()
        assert name == base64.b32encode(digest).decode().lower()
        assert is_object_name(name)
        assert identifier not in name


def test_names_under_another_key_have_nothing_in_common() -> None:
    one, two = (KeyedNames(DigestKey(bytes([i]) * 32)) for i in (1, 2))
    assert one.object(EvidenceId("e")) != two.object(EvidenceId("e"))
    assert one.object(EvidenceId("e")) != one.case_key(CaseId("e"))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_sizes_of_objects(size: int) -> None:
    assert "header + 16 + original + 16 * max(1, ceil(original / 65536))" in PAGE
    objects = MemoryBlobs()
    with descriptor_of(os.urandom(size)) as descriptor:
        stored = Vault(objects, MemoryBlobs()).store(
            NAME, Identity.generate().recipient, descriptor
        )
    sealed = content_of(objects, NAME)
    mac = sealed.index(b"\n--- ")
    header = sealed.index(b"\n", mac + 1) + 1
    assert stored.sealed_size == header + 16 + size + 16 * max(1, math.ceil(size / 65536))
    lines = sealed[:mac].split(b"\n")
    assert lines[0] == b"age-encryption.org/v1"
    assert sum(line.startswith(b"-> X25519 ") for line in lines) == 1


def test_a_wrapped_key_has_a_line_for_each_officer() -> None:
    keys = MemoryBlobs()
    officers = [Identity.generate().recipient for _ in range(5)]
    Vault(MemoryBlobs(), keys).new_case_key(NAME, officers)
    assert content_of(keys, NAME).count(b"\n-> X25519 ") == 5


def test_paths_of_a_folder(tmp_path: Path) -> None:
    put(LocalBlobs(tmp_path), NAME, b"1")
    put(LocalBlobs(tmp_path), OTHER, b"2")
    LocalBlobs(tmp_path).delete(OTHER)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert found == {".new", ".lock", NAME[:2], f"{NAME[:2]}/{NAME}", OTHER[:2]}
