"""The vault: encrypted to cases, opened by officers alone, no plaintext on disk."""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
from pathlib import Path
from typing import BinaryIO

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.interface import KeyStore, ObjectExistsError, VaultError
from safehold.vault.local import LocalBlobs
from safehold.vault.sealing import (
    DamagedError,
    Identity,
    KeyMismatchError,
    RecipientError,
    unseal,
)
from safehold.vault.vault import ContentChangedError, Vault, VaultOptions
from tests.vault.stores import NAME, OTHER, descriptor_of, put, read

SMALL = VaultOptions(in_memory_bytes=1000, chunk_bytes=4096)
"""Under which nearly everything is encrypted as a stream."""


def _case(vault: Vault, keys: KeyStore, officer: Identity, name: str = NAME) -> Identity:
    """A new case's identity, opened as an officer would."""
    recipient = vault.new_case_key(name, [officer.recipient])
    identity = Identity.parse(unseal([officer], read(keys, name)).decode())
    assert identity.recipient == recipient
    return identity


@pytest.fixture
def officer() -> Identity:
    return Identity.generate()


@pytest.mark.parametrize("options", [VaultOptions(), SMALL])
@pytest.mark.parametrize("size", [0, 1, 999, 1001, 65_536, 65_537, 2_500_000])
def test_public_tools_open_it_with_the_officers_key_alone(
    officer: Identity, size: int, options: VaultOptions
) -> None:
    """With nothing but pyrage itself, as with the age command."""
    objects, keys = MemoryBlobs(), MemoryBlobs()
    vault = Vault(objects, keys, options)
    content = os.urandom(size)
    recipient = vault.new_case_key(NAME, [officer.recipient])
    with descriptor_of(content) as descriptor:
        stored = vault.store(OTHER, recipient, descriptor, hashlib.sha256(content).digest())
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == size
    sealed = read(objects, OTHER)
    assert stored.size == size
    assert stored.object_name == OTHER
    assert stored.sealed_size == len(sealed)
    assert stored.sealed_sha256 == hashlib.sha256(sealed).digest()

    mine = pyrage.x25519.Identity.from_str(officer.secret)
    secret = pyrage.decrypt(read(keys, NAME), [mine])
    assert re.fullmatch(rb"AGE-SECRET-KEY-1[0-9A-Z]{58}\n", secret)
    case = pyrage.x25519.Identity.from_str(secret.decode().strip())
    assert pyrage.decrypt(sealed, [case]) == content
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [mine])


@settings(max_examples=30)
@given(content=st.binary(max_size=5000))
def test_any_bytes_come_back(content: bytes) -> None:
    officer = Identity.generate()
    objects, keys = MemoryBlobs(), MemoryBlobs()
    vault = Vault(objects, keys, SMALL)
    identity = _case(vault, keys, officer)
    with descriptor_of(content) as descriptor:
        vault.store(OTHER, identity.recipient, descriptor)
    assert unseal([identity], read(objects, OTHER)) == content


def test_each_officer_opens_every_case_and_nobody_else(officer: Identity) -> None:
    keys = MemoryBlobs()
    second, stranger = Identity.generate(), Identity.generate()
    vault = Vault(MemoryBlobs(), keys)
    recipient = vault.new_case_key(NAME, [officer.recipient, second.recipient])
    for who in (officer, second):
        assert Identity.parse(unseal([who], read(keys, NAME)).decode()).recipient == recipient
    with pytest.raises(KeyMismatchError):
        unseal([stranger], read(keys, NAME))


def test_the_same_bytes_in_two_cases_are_two_objects(officer: Identity) -> None:
    objects, keys = MemoryBlobs(), MemoryBlobs()
    vault = Vault(objects, keys)
    cases = [_case(vault, keys, officer, name) for name in (NAME, OTHER)]
    assert cases[0].recipient != cases[1].recipient
    with descriptor_of(b"content") as descriptor:
        for name, case in zip((NAME, OTHER), cases, strict=True):
            vault.store(name, case.recipient, descriptor)
    assert read(objects, NAME) != read(objects, OTHER)
    with pytest.raises(KeyMismatchError):
        unseal([cases[0]], read(objects, OTHER))


@pytest.mark.parametrize("options", [VaultOptions(), SMALL])
def test_bytes_that_are_not_those_that_were_checked(
    officer: Identity, tmp_path: Path, options: VaultOptions
) -> None:
    vault = Vault(LocalBlobs(tmp_path), MemoryBlobs(), options)
    with descriptor_of(b"x" * 100_000) as descriptor, pytest.raises(ContentChangedError):
        vault.store(NAME, officer.recipient, descriptor, hashlib.sha256(b"other").digest())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("options", [VaultOptions(), SMALL])
def test_a_failing_store_fails_the_call_and_ends_its_thread(
    officer: Identity, options: VaultOptions
) -> None:
    class Failing(MemoryBlobs):
        def put(self, name: str, content: BinaryIO) -> int:
            content.read(10)
            raise VaultError("full")

    before = set(threading.enumerate())
    vault = Vault(Failing(), MemoryBlobs(), options)
    with descriptor_of(os.urandom(5_000_000)) as descriptor:
        with pytest.raises(VaultError, match="full"):
            vault.store(NAME, officer.recipient, descriptor)
        with pytest.raises(RecipientError):
            vault.store(NAME, "age1nonsense", descriptor)
    assert set(threading.enumerate()) <= before


def test_a_descriptor_that_cannot_be_read(officer: Identity) -> None:
    objects = MemoryBlobs()
    vault = Vault(objects, MemoryBlobs())
    read_end, write_end = os.pipe()
    try:
        with pytest.raises(VaultError):
            vault.store(NAME, officer.recipient, read_end)  # A pipe has no positions.
    finally:
        os.close(read_end)
        os.close(write_end)
    with pytest.raises(VaultError):
        vault.store(NAME, officer.recipient, write_end)
    assert list(objects.names()) == []


def test_objects_and_keys_are_written_once(officer: Identity) -> None:
    vault = Vault(MemoryBlobs(), MemoryBlobs())
    vault.new_case_key(NAME, [officer.recipient])
    with pytest.raises(ObjectExistsError):
        vault.new_case_key(NAME, [officer.recipient])
    with descriptor_of(b"1") as descriptor:
        vault.store(NAME, officer.recipient, descriptor)
        with pytest.raises(ObjectExistsError):
            vault.store(NAME, officer.recipient, descriptor)


def test_no_case_without_an_officer() -> None:
    keys = MemoryBlobs()
    vault = Vault(MemoryBlobs(), keys)
    with pytest.raises(RecipientError):
        vault.new_case_key(NAME, [])
    with pytest.raises(RecipientError):
        vault.new_case_key(NAME, ["age1nonsense"])
    assert list(keys.names()) == []


def test_sealed_bytes_and_their_damage(officer: Identity) -> None:
    vault = Vault(MemoryBlobs(), MemoryBlobs())
    sealed = vault.seal(officer.recipient, b'{"ip": "192.0.2.1"}')
    assert unseal([officer], sealed) == b'{"ip": "192.0.2.1"}'
    assert b"192.0.2.1" not in sealed
    for damaged in (sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"", b"text"):
        with pytest.raises(DamagedError):
            unseal([officer], damaged)


def test_deleting_and_shredding(officer: Identity) -> None:
    objects, keys = MemoryBlobs(), MemoryBlobs()
    vault = Vault(objects, keys)
    case = _case(vault, keys, officer)
    with descriptor_of(b"1") as descriptor:
        vault.store(OTHER, case.recipient, descriptor)
    assert vault.shred(NAME) is True
    assert vault.shred(NAME) is False
    assert vault.delete(OTHER) is True
    assert vault.delete(OTHER) is False
    assert list(objects.names()) == list(keys.names()) == []


@pytest.mark.parametrize("options", [VaultOptions(), SMALL])
def test_no_plaintext_is_ever_on_the_disk(
    tmp_path: Path, officer: Identity, options: VaultOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked for in all that is written, not only in what is left."""
    marker = b"a line of the original that must not be found"
    written = io.BytesIO()
    real = os.write

    def write(descriptor: int, content: bytes) -> int:
        count = real(descriptor, content)
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        if target.is_relative_to(tmp_path):
            written.write(memoryview(content)[:count])
        return count

    objects, keys = LocalBlobs(tmp_path / "objects"), LocalBlobs(tmp_path / "keys")
    vault = Vault(objects, keys, options)
    with descriptor_of(marker * 5000) as descriptor:
        monkeypatch.setattr(os, "write", write)
        identity = _case(vault, keys, officer)
        stored = vault.store(OTHER, identity.recipient, descriptor)
    assert len(written.getvalue()) > stored.sealed_size
    assert unseal([identity], read(objects, OTHER)) == marker * 5000
    for found in (
        written.getvalue(),
        *(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()),
    ):
        assert marker not in found
        assert identity.secret.encode() not in found


def test_representations_show_no_secret(officer: Identity) -> None:
    assert officer.secret not in repr(officer)
    assert officer.recipient in repr(officer)
    with pytest.raises(KeyMismatchError) as caught:
        Identity.parse(officer.secret[:-1] + "!")
    assert officer.secret[:40] not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_many_threads(tmp_path: Path, officer: Identity) -> None:
    objects, keys = LocalBlobs(tmp_path / "objects"), LocalBlobs(tmp_path / "keys")
    vault = Vault(objects, keys, SMALL)
    identity = _case(vault, keys, officer)
    contents = {f"{i:032d}": bytes([i]) * (i * 3000) for i in range(24)}

    def store(names: list[str]) -> None:
        for name in names:
            with descriptor_of(contents[name]) as descriptor:
                vault.store(name, identity.recipient, descriptor)

    names = list(contents)
    threads = [threading.Thread(target=store, args=(names[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: unseal([identity], read(objects, n)) for n in objects.names()} == contents


def test_the_fake_fails_when_told_to() -> None:
    store = MemoryBlobs()
    store.failure = VaultError("away")
    with pytest.raises(VaultError, match="away"):
        put(store, NAME, b"")
