"""No `safehold list` command gives anything of an entry back."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.cases.model import CaseFilter
from safehold.cli import lists as command
from safehold.ids import EntryId, ListName
from safehold.lists.trust.floods import SetAside
from safehold.lists.trust.rules import shown_entry_id
from safehold.users.roles import Role
from tests.intake.house import match, submission
from tests.service.house import CLEAN, Digests, House, built, jpeg

DIGESTS = Digests.of(CLEAN)
SAID = {
    "add": ["add", "secret", "{file}", "--json"],
    "show": ["show", "--json"],
    "sync": ["sync", "--status"],
    "share": ["share", "--peer", "berta", "--as", "olga", "--output", "{output}"],
    "opinions": ["opinions", "--json"],
    "quarantined": ["quarantined", "--json"],
    "release": ["release", "aside"],
    "suppressions": ["suppressions", "--json"],
    "suppression-end": ["suppression-end", "{suppression}"],
    "remove": ["remove", "secret"],
}
"""How each command is called once, in this order."""


def spellings(text: str) -> Iterator[bytes]:
    """How a digest may stand in an output."""
    raw = bytes.fromhex(text)
    yield text.encode()
    yield raw
    for coded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw), base64.b32encode(raw)):
        yield coded.rstrip(b"=").lower()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with built(tmp_path / "home") as made:
        yield made


def test_no_output_of_a_list_command_has_a_digest(house: House) -> None:
    named = {one.name for one in command.app.registered_commands}
    assert named == set(SAID), "each command of lists is called here"
    file = house.folder.parent / "secret.csv"
    rows = [
        f"{DIGESTS.md5},{DIGESTS.sha1},{DIGESTS.sha256},{DIGESTS.pdq},{DIGESTS.sha1}",
        f"{DIGESTS.md5},{DIGESTS.sha1},{DIGESTS.sha256},{DIGESTS.pdq},{DIGESTS.md5.upper()}",
        f",,,{DIGESTS.pdq},",
        f"{DIGESTS.sha256},,,,wrong-column",
    ]
    file.write_text("\n".join(["md5,sha1,sha256,pdq,id", *rows, ""]))
    runtime = house.runtime
    hits = [match(DIGESTS.sha1, name="secret"), match(DIGESTS.md5.upper(), name="secret")]
    held = submission(jpeg(44), hits, service=runtime.service_id("shop"))
    runtime.recorder.record(held)
    [case] = runtime.cases.list(CaseFilter())
    runtime.cases.clear(case.case_id, "user:ann")
    with runtime.records.read() as transaction:
        first, *_ = transaction.suppressions.standing()
    with runtime.records.write() as transaction:
        entry = EntryId(f"k-{DIGESTS.pdq}")
        now = runtime.clock.now()
        aside = SetAside("aside", ListName("secret"), entry, now, 51, 50, bytes(32))
        transaction.hits.set_aside(aside)
    runtime.users.add("olga", frozenset({Role.OFFICER}), "operator")
    own = house.command("peer", "key").out.strip()
    assert house.command("peer", "add", "berta", own).code == 0
    output = str(house.folder.parent / "shared.age")
    given = {"file": str(file), "suppression": first.suppression_id, "output": output}
    outputs = []
    for words, more in itertools.product(SAID.values(), ([], ["--help"])):
        done = house.command("list", *[word.format(**given) for word in words], *more)
        assert done.code in (0, 2), (words, done.err)
        outputs.append(done.out + done.err)
        if words[0] == "suppressions" and not more:
            forms = [json.loads(line) for line in done.out.splitlines()]
            assert [form["entry"] for form in forms] == [None, None]
            assert {form["case"] for form in forms} == {case.case_id}
    everything = "\n".join(outputs).encode()
    for text in (DIGESTS.md5, DIGESTS.sha1, DIGESTS.sha256, DIGESTS.pdq):
        for spelled in spellings(text):
            assert spelled not in everything
            assert spelled.lower() not in everything.lower()


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ("4711", True),
        ("0b7f3a52-93ae-4c0e-8f3c-2f1f5a1d9d11", True),
        ("01hq3z5k2v8m4n6p7r9s0t1w2x", True),
        (DIGESTS.md5, False),
        (DIGESTS.sha256.upper(), False),
        (f"k-{DIGESTS.md5}", False),
        (base64.b64encode(bytes.fromhex(DIGESTS.md5)).decode(), False),
    ],
)
def test_ids_that_may_be_digests_are_not_shown(entry: str, *, shown: bool) -> None:
    assert (shown_entry_id(EntryId(entry)) is not None) is shown
