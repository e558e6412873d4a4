"""The officers' file and the officers' identities."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.errors import UsageError
from safehold.vault.officers import (
    Officer,
    OfficerKeyError,
    OfficersFile,
    OfficersFileError,
    identity_file,
    new_officer_identity,
    read_identity,
    unlock,
    write_identity,
)
from safehold.vault.passphrase import MAX_CONTENT_BYTES, encrypt
from safehold.vault.sealing import Identity, RecipientError


@pytest.fixture
def recipients() -> list[str]:
    return [Identity.generate().recipient for _ in range(3)]


def test_adding_and_removing(tmp_path: Path, recipients: list[str]) -> None:
    officers = OfficersFile(tmp_path / "officers.txt")
    assert officers.read() == ()
    anna = officers.add("anna", f" {recipients[0]}\n")
    bela = officers.add("b.ela-2", recipients[1])
    assert anna == Officer("anna", recipients[0])
    assert OfficersFile(tmp_path / "officers.txt").read() == (anna, bela)
    assert officers.recipients() == tuple(recipients[:2])
    assert officers.remove("anna") == anna
    assert officers.read() == (bela,)
    assert stat.S_IMODE((tmp_path / "officers.txt").stat().st_mode) == 0o600
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".officers.txt.lock", "officers.txt"]


def test_what_is_refused_changes_nothing(tmp_path: Path, recipients: list[str]) -> None:
    path = tmp_path / "officers.txt"
    officers = OfficersFile(path)
    with pytest.raises(OfficersFileError):
        officers.recipients()
    officers.add("anna", recipients[0])
    before = path.read_bytes()
    for name, recipient in (
        ("anna", recipients[1]),
        ("bela", recipients[0]),
        ("with space", recipients[1]),
        ("line\nfeed", recipients[1]),
        ("", recipients[1]),
    ):
        with pytest.raises(UsageError):
            officers.add(name, recipient)
    with pytest.raises(RecipientError):
        officers.add("bela", "age1nonsense")
    with pytest.raises(UsageError, match="last officer"):
        officers.remove("anna")
    with pytest.raises(UsageError, match="no officer"):
        officers.remove("bela")
    assert path.read_bytes() == before


def test_a_file_written_by_hand(tmp_path: Path, recipients: list[str]) -> None:
    path = tmp_path / "officers.txt"
    text = f"# ours\n\n{recipients[0]}\r\n#officer: bela\n# since spring\n{recipients[1]}\n"
    path.write_text(text, encoding="utf-8")
    officers = OfficersFile(path)
    assert officers.read() == (Officer("", recipients[0]), Officer("bela", recipients[1]))
    officers.add("cyd", recipients[2])
    assert officers.recipients() == tuple(recipients)


@pytest.mark.parametrize("content", [b"age1nonsense\n", b"\xff\xfe", b"#" * 70_000])
def test_a_file_that_cannot_be_understood(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "officers.txt"
    path.write_bytes(content)
    with pytest.raises(OfficersFileError):
        OfficersFile(path).read()


def test_changes_by_several_processes_are_all_there(tmp_path: Path) -> None:
    path = tmp_path / "officers.txt"
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from safehold.vault.officers import OfficersFile\n"
        "from safehold.vault.sealing import Identity\n"
        "for i in range(5):\n"
        "    name = sys.argv[2] + str(i)\n"
        "    OfficersFile(Path(sys.argv[1])).add(name, Identity.generate().recipient)\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), who]) for who in "abc"]
    assert [writer.wait(30) for writer in writers] == [0, 0, 0]
    names = {officer.name for officer in OfficersFile(path).read()}
    assert names == {who + str(i) for who in "abc" for i in range(5)}


CHEAP = 10
"""A work factor for tests alone."""


def test_an_identity_behind_a_passphrase() -> None:
    content, identity = new_officer_identity("correct horse battery staple", CHEAP)
    assert identity.secret.encode() not in content
    assert unlock(content, "correct horse battery staple") == identity
    with pytest.raises(OfficerKeyError) as caught:
        unlock(content, "wrong")
    assert "wrong" not in str(caught.value)
    with pytest.raises(OfficerKeyError, match="passphrase"):
        unlock(content, None)


def test_the_real_work_factor() -> None:
    content, identity = new_officer_identity("passphrase")
    lines = content.split(b"\n", 2)
    assert lines[0] == b"age-encryption.org/v1"
    assert re.fullmatch(rb"-> scrypt [A-Za-z0-9+/]{22} 18", lines[1])
    plain = pyrage.passphrase.decrypt(content, "passphrase")
    assert plain == identity_file(identity)


@given(content=st.binary(min_size=1, max_size=2000), passphrase=st.text(max_size=50))
@settings(max_examples=25)
def test_public_tools_open_what_is_behind_a_passphrase(content: bytes, passphrase: str) -> None:
    made = encrypt(content, passphrase, 2)
    assert pyrage.passphrase.decrypt(made, passphrase) == content
    for place in range(0, len(made), 7):
        damaged = made[:place] + bytes([made[place] ^ 1]) + made[place + 1 :]
        with pytest.raises(pyrage.DecryptError):
            pyrage.passphrase.decrypt(damaged, passphrase)


def test_the_largest_content_behind_a_passphrase() -> None:
    made = encrypt(bytes(MAX_CONTENT_BYTES), "p", 2)
    assert pyrage.passphrase.decrypt(made, "p") == bytes(MAX_CONTENT_BYTES)
    for content in (b"", bytes(MAX_CONTENT_BYTES + 1)):
        with pytest.raises(ValueError, match="one chunk"):
            encrypt(content, "p", 2)
    assert encrypt(b"x", "p", 2) != encrypt(b"x", "p", 2)


def test_an_empty_passphrase_is_none() -> None:
    with pytest.raises(UsageError):
        new_officer_identity("")


def test_an_identity_in_the_clear() -> None:
    identity = Identity.generate()
    assert unlock(identity_file(identity), None) == identity
    assert unlock(f"{identity.secret}\n".encode(), "not needed") == identity
    made = pyrage.x25519.Identity.from_str(identity.secret)
    assert str(made.to_public()) == identity.recipient


@pytest.mark.parametrize("content", [b"# nothing\n", b"AGE-SECRET-KEY-1NONSENSE\n", b"#\xff\n"])
def test_files_without_an_identity(content: bytes) -> None:
    with pytest.raises(OfficerKeyError) as caught:
        unlock(content, None)
    assert "NONSENSE" not in repr(caught.value)


def test_identity_files_on_the_disk(tmp_path: Path) -> None:
    identity = Identity.generate()
    path = tmp_path / "keys" / "officer.key"
    write_identity(path, identity_file(identity))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_identity(path, None) == identity
    with pytest.raises(UsageError):
        write_identity(path, b"another")
    assert read_identity(path, None) == identity
    assert [p.name for p in path.parent.iterdir()] == ["officer.key"]
    with pytest.raises(OfficerKeyError):
        read_identity(tmp_path / "absent", None)
    (tmp_path / "long").write_bytes(b"#" * 100_000)
    with pytest.raises(OfficerKeyError):
        read_identity(tmp_path / "long", None)
