"""`safehold trace`: copies of a released picture are traced, and by an officer alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from safehold.cli import main as cli
from safehold.config import load_settings
from safehold.custodian.compose import addresses, local_custodian
from safehold.custodian.setting_up import Plan, set_up
from safehold.ids import ServiceId
from safehold.ledger.model import Making, NewRelease
from safehold.runtime.service import ServiceRuntime
from safehold.testing.edits import bordered, cropped, encode, jpeg, resized, turned
from safehold.testing.pictures import draw_any
from safehold.users.roles import Role
from safehold.vault.officers import read_identity
from tests.cli.conftest import Result
from tests.conftest import KERNEL_CACHE
from tests.custodian.serving import serving, short_folder
from tests.ledger.rooms import TOLD, WORDS
from tests.service.house import Digests, examined

PICTURE = draw_any(7, (320, 240))
RELEASED = encode(PICTURE, "PNG")
COPIES = {
    "jpeg": jpeg(PICTURE),
    "half": jpeg(resized(PICTURE, 0.5)),
    "mirrored": encode(turned(PICTURE, Image.Transpose.FLIP_LEFT_RIGHT), "PNG"),
    "turned": jpeg(turned(PICTURE, Image.Transpose.ROTATE_90)),
    "bordered": jpeg(bordered(PICTURE, 0.0, 0.17, (0, 0, 0))),
    "edges_off": jpeg(cropped(PICTURE, 0.01)),
}


@dataclass
class Here:
    """A home with a released picture, and the command in this process."""

    folder: Path
    runtime: ServiceRuntime
    service: ServiceId
    capsys: pytest.CaptureFixture[str]

    def __call__(self, content: bytes, *arguments: str, user: str = "olga") -> Result:
        file = self.folder / "a-telling-name.png"
        file.write_bytes(content)
        self.capsys.readouterr()
        home = str(self.runtime.home.folder)
        code = cli.main(["--home", home, "trace", str(file), "--as", user, *arguments])
        shown = self.capsys.readouterr()
        return Result(code, shown.out, shown.err)

    def release(self, content: bytes, words: str = "") -> None:
        found = examined(content)
        assert found.exact is not None
        stored = found.variants[0]
        made = NewRelease(found.exact.sha256, stored.pdq[0], stored.quality)
        now = self.runtime.clock.now()
        making = Making(self.service, b"a" * 16, "openai", now, TOLD, words)
        self.runtime.ledger.add(making, [made])

    def events(self) -> list[Any]:
        with self.runtime.records.read() as transaction:
            return [event.draft for event in transaction.audit.events()]

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While the custodian answers."""
        identity = read_identity(self.runtime.home.folder / "officer.key", None)
        with (
            contextlib.closing(local_custodian(self.runtime, [identity])) as custodian,
            serving(custodian, *addresses(self.runtime)),
        ):
            yield


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    monkeypatch.setenv("SAFEHOLD_KERNEL_CACHE", str(KERNEL_CACHE))
    with short_folder() as folder:
        settings = load_settings(home=folder / "home")
        with ServiceRuntime(settings) as runtime:
            set_up(runtime, Plan("officer", settings.home / "officer.key", None, "studio"))
            for name, role in (("olga", Role.OFFICER), ("rose", Role.REVIEWER)):
                runtime.users.add(name, frozenset({role}), "operator")
            made = Here(folder, runtime, runtime.service_id("studio"), capsys)
            made.release(RELEASED, WORDS)
            made.release(encode(draw_any(8, (320, 240)), "PNG"))
            yield made


def test_copies_are_traced_and_opened_for_an_officer(here: Here) -> None:
    with here.answering():
        same = here(RELEASED, "--json")
        [found] = json.loads(same.out)["found"]
        assert (same.code, found["exact"], found["distance"]) == (1, True, 0)
        assert (found["service"], found["api"]) == ("studio", "openai")
        assert {name: found[name] for name in TOLD} == TOLD
        assert "words" not in found  # they are kept only where the operator says so
        mirrored = here(COPIES["mirrored"], "--json")
        [near] = json.loads(mirrored.out)["found"]
        assert (mirrored.code, near["release"], near["exact"]) == (1, found["release"], False)
        assert (near["orientation"], near["account"]) == ("flip_horizontal", TOLD["account"])
        words = here(COPIES["bordered"])
        assert words.code == 1
        for said in ("studio", "ann@mail.example", "landscapes-v2", "4711", "job-17", "bits away"):
            assert said in words.out
    drafts = here.events()
    traced = [one for one in drafts if one.kind == "ledger.traced"]
    assert len(traced) == 3
    assert [one.kind for one in drafts].count("custodian.traced") == len(traced)
    assert all(one.data["releases"] == (found["release"],) for one in traced)
    for said in ("a-telling-name", str(TOLD["account"]), Digests.of(RELEASED).sha256):
        assert said not in str(drafts)


def test_every_copy_is_like_what_was_released(here: Here) -> None:
    ledger = here.runtime.ledger
    [same] = ledger.trace(examined(RELEASED).exact, examined(RELEASED).variants)
    for name, content in COPIES.items():
        found = ledger.trace(examined(content).exact, examined(content).variants)
        assert [one.release.release_id for one in found] == [same.release.release_id], name
        assert (found[0].exact, found[0].distance in range(32)) == (False, True)


def test_what_is_no_copy_is_not_traced_and_is_in_the_log(here: Here) -> None:
    stranger = here(jpeg(draw_any(99, (320, 240))))
    assert (stranger.code, "Nothing like it" in stranger.out) == (0, True)
    text = here(b"no picture at all", "--json")
    assert (text.code, json.loads(text.out)["error"]) == (0, "unsupported")
    broken = here(RELEASED[:2_000], "--json")
    assert broken.code in (1, 2)  # what can be decoded of it may be like it
    traced = [one for one in here.events() if one.kind == "ledger.traced"]
    assert len(traced) == 3
    assert traced[0].data == {"exact": 0, "near": 0, "releases": ()}


def test_without_the_custodian_times_and_ids_are_told_alone(here: Here) -> None:
    told = here(RELEASED, "--json")
    assert told.code == 1
    assert "custodian_away" in told.err
    assert str(TOLD["account"]) not in told.out
    [found] = json.loads(told.out)["found"]
    assert found.keys() == {
        *("release", "at", "service", "api", "exact", "distance", "variant", "orientation")
    }


def test_nobody_but_an_officer_traces(here: Here) -> None:
    with here.answering():
        refused = here(RELEASED, "--json", user="rose")
        unknown = here(RELEASED, "--json", user="nobody")
    assert (refused.code, refused.out, "not_permitted" in refused.err) == (70, "", True)
    assert (unknown.code, unknown.out) == (64, "")
    kinds = [one.kind for one in here.events()]
    assert "ledger.traced" not in kinds
    assert kinds.count("ledger.refused") == 1
    rose = here.runtime.users.named("rose")
    assert here.events()[-1].actor == f"user:{rose.user_id}"


def test_words_where_the_operator_keeps_them(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEHOLD_LEDGER__PROMPTS", "true")
    with ServiceRuntime(load_settings(home=here.runtime.home.folder)) as runtime:
        kept = Here(here.folder, runtime, here.service, here.capsys)
        content = encode(draw_any(9, (320, 240)), "PNG")
        kept.release(content, WORDS)
        with kept.answering():
            told = kept(content)
    assert "the same file" in told.out
    assert "words: a lighthouse at dusk\n    words: a teapot\n" in told.out


def test_a_file_that_is_not_there(here: Here) -> None:
    home = str(here.runtime.home.folder)
    assert cli.main(["--home", home, "trace", str(here.folder / "none"), "--as", "olga"]) == 64
