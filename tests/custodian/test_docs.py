"""The programs in the guide on keys and officers do what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from safehold.custodian.address import UnixAddress
from safehold.custodian.local import LocalCustodian
from safehold.vault.local import LocalBlobs
from safehold.vault.officers import OfficersFile
from safehold.vault.sealing import Identity, unseal
from tests.custodian.conftest import KEY, OBJECT, ORIGINAL, Room
from tests.custodian.serving import serving, short_folder
from tests.docs.pages import DOCS, read
from tests.vault.stores import put
from tests.vault.stores import read as content_of

PAGE = read(DOCS / "how-to" / "keys-and-officers.md")


def test_the_programs_of_the_guide(
    room: Room, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rewrap, export = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    bela = Identity.generate()
    with short_folder() as home:
        monkeypatch.chdir(home)
        keys = LocalBlobs(home / "keys")
        put(keys, KEY, content_of(room.parts.keys, KEY))
        custodian = LocalCustodian(replace(room.parts, keys=keys))
        with serving(custodian, UnixAddress(home / "custodian" / "custodian.sock")):
            room.parts.officers.add("bela", bela.recipient)
            exec(rewrap, {})
            assert "done=1, missing=0, failed=0" in capsys.readouterr().out
            assert unseal([bela], content_of(keys, KEY))
            values = {"KEY_NAME": KEY, "CASE_ID": "case1", "OBJECT_NAME": OBJECT}
            exec(export, values | {"RECIPIENT": room.named.recipient})
        assert unseal([room.named], Path("for-authority.age").read_bytes()) == ORIGINAL
    assert [event.kind for event in room.events] == ["custodian.rewrapped", "custodian.exported"]


def test_officers_written_by_hand_as_the_guide_shows(tmp_path: Path) -> None:
    block = re.search(r"```text\n(# officer: bela\nage1\.\.\.)\n```", PAGE)
    assert block is not None
    recipient = Identity.generate().recipient
    path = tmp_path / "officers.txt"
    path.write_text(block[1].replace("age1...", recipient), encoding="ascii")
    [officer] = OfficersFile(path).read()
    assert (officer.name, officer.recipient) == ("bela", recipient)
