"""Remote matchers behind a whole server: what they find and what they do not answer is held."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from safehold.accounts.keys import KeyTerms
from safehold.cases.model import Case, CaseFilter, DecisionRecord, Queue
from safehold.config.credentials import CredentialsError
from safehold.config.doors import ServerOptions
from safehold.engine.remote import LazyMatchers
from safehold.hashing.exact import exact_digests
from safehold.hashing.pdq import pdq
from safehold.ids import EntryId, ListName
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, Tier
from safehold.outbound.model import OutboundOptions
from safehold.policy.surfaces import FailMode, SurfaceOptions
from safehold.remote.model import MatcherOptions, MatcherOptionsError
from safehold.remote.run import Matchers
from safehold.server.compose import server_parts
from safehold.testing.exchanges.door import Fault
from safehold.testing.remote import photodna
from safehold.testing.remote.arachnid import ArachnidDoor
from safehold.testing.remote.photodna import PhotoDnaDoor
from tests.server.site import BLOCKED, CLEAN, Answer, Site, jpeg, opened, running

LOOPBACK = OutboundOptions(allow_private=True, allow_http=True)
SEEDS = itertools.count(7_000)
TIMEOUT = 1.0


@pytest.fixture(scope="module")
def doors() -> Iterator[tuple[ArachnidDoor, PhotoDnaDoor]]:
    with ArachnidDoor() as shield, PhotoDnaDoor() as cloud:
        yield shield, cloud


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, doors: tuple[ArachnidDoor, PhotoDnaDoor]
) -> Iterator[Site]:
    """A server whose surfaces ask remote matchers."""
    with _opened(tmp_path_factory.mktemp("matchers"), doors) as made, running(made):
        yield made


@contextmanager
def _opened(folder: Path, doors: tuple[ArachnidDoor, PhotoDnaDoor]) -> Iterator[Site]:
    shield, cloud = doors
    word = folder / "shield.toml"
    word.write_text('user = "house"\npassword = "word"\n')
    word.chmod(0o600)
    key = folder / "cloud.toml"
    key.write_text('key = "subscription"\n')
    key.chmod(0o600)
    digests = MatcherOptions(
        kind="arachnid", url=shield.url, credentials_file=str(word), timeout_seconds=TIMEOUT
    )
    picture = MatcherOptions(
        kind="arachnid",
        url=shield.url,
        credentials_file=str(word),
        send="picture",
        tier="confirmed",
    )
    tight = MatcherOptions(
        kind="arachnid", url=shield.url, credentials_file=str(word), per_minute=1
    )
    photos = MatcherOptions(
        kind="photodna",
        url=cloud.url + photodna.PATH,
        credentials_file=str(key),
        send="picture",
    )
    surfaces = {
        "digests": SurfaceOptions(matchers=("digests",)),
        "picture": SurfaceOptions(matchers=("picture",)),
        "tight": SurfaceOptions(matchers=("tight",)),
        "both": SurfaceOptions(matchers=("digests", "photos")),
        "open": SurfaceOptions(matchers=("digests",), fail=FailMode.OPEN),
        "stranger": SurfaceOptions(matchers=("nobody",)),
    }
    matchers = {"digests": digests, "picture": picture, "tight": tight, "photos": photos}
    server = ServerOptions(digests_pdq=True)
    with opened(
        folder, outbound=LOOPBACK, matchers=matchers, surfaces=surfaces, server=server
    ) as made:
        yield made


@pytest.fixture
def shield(doors: tuple[ArachnidDoor, PhotoDnaDoor]) -> Iterator[ArachnidDoor]:
    door = doors[0]
    door.calls.clear()
    yield door
    door.hashes, door.pictures = {}, {}
    door.go.set()
    assert not door.faults


def screen(site: Site, content: bytes, surface: str) -> Answer:
    return site.screen(content, Safehold_Surface=surface)


def found(site: Site) -> tuple[Case, DecisionRecord]:
    """The newest case, and the decision that opened it."""
    with site.runtime.records.read() as transaction:
        cases = transaction.cases.list(CaseFilter(limit=1000))
        case = max(cases, key=lambda one: one.case_id)
        [decision] = transaction.cases.decisions(case.case_id)
        return case, decision


def picture() -> bytes:
    """One that nobody has sent before."""
    return jpeg(next(SEEDS))


def pdq_of(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as opened_picture:
        return pdq(np.asarray(opened_picture.convert("RGB"))).bits


def test_a_likeness_holds_and_digests_alone_are_sent(site: Site, shield: ArachnidDoor) -> None:
    listed, other = picture(), picture()
    shield.hashes[pdq_of(listed)] = "csam"
    assert screen(site, other, "digests").json["verdict"] == "allow"
    held = screen(site, listed, "digests")
    assert held.json["verdict"] == "hold"
    assert held.json.keys() == {"verdict", "receipt"}  # nothing of what was found
    case, decision = found(site)
    assert case.queue is Queue.MATCHES and decision.reasons == ("similar_suspected",)
    [match] = decision.details["matches"]
    assert (match["list_name"], match["signal"], match["tier"]) == (
        "remote.digests",
        "pdq",
        "suspected",
    )
    assert match["classification"] == "csam" and match["known_by"] == ["pdq"]
    assert decision.details["matchers"] == [{"name": "digests", "code": "answered"}]
    assert [call.path for call in shield.calls] == ["/v1/pdq", "/v1/pdq"]
    for call in shield.calls:
        assert json.loads(call.body).keys() == {"hashes"}
        # Not a piece of the picture's bytes, nor its exact digests.
        sent = call.body + repr(call.headers).encode() + repr(call.query).encode()
        for content in (listed, other):
            assert (
                content[:64] not in sent and hashlib.sha1(content).hexdigest().encode() not in sent
            )


def test_the_same_bytes_on_a_confirmed_matcher_block(site: Site, shield: ArachnidDoor) -> None:
    content = picture()
    shield.pictures[hashlib.sha1(content, usedforsecurity=False).digest()] = "csam"
    assert screen(site, content, "picture").status == 451
    case, decision = found(site)
    assert decision.reasons == ("exact_confirmed",) and case.tier == "confirmed"
    assert [call.body for call in shield.calls] == [content]


def test_an_item_that_a_list_blocks_is_not_asked_about(site: Site, shield: ArachnidDoor) -> None:
    assert screen(site, BLOCKED, "digests").status == 451
    assert not shield.calls


def test_a_matcher_that_does_not_answer_in_time_holds(site: Site, shield: ArachnidDoor) -> None:
    content = picture()
    shield.go.clear()
    assert screen(site, content, "digests").json["verdict"] == "hold"
    shield.go.set()
    case, decision = found(site)
    assert case.queue is Queue.FAULTS and decision.reasons == ("matcher_unavailable",)
    assert decision.details["matchers"] == [{"name": "digests", "code": "timeout"}]
    # Asked again it is found clean, and nobody need look at it.
    assert screen(site, content, "digests").json["verdict"] == "allow"


def test_an_open_surface_lets_go_what_could_not_be_asked_but_no_match(
    site: Site, shield: ArachnidDoor
) -> None:
    content, listed = picture(), picture()
    shield.faults.append(Fault(status=503))
    assert screen(site, content, "open").json["verdict"] == "allow"
    shield.hashes[pdq_of(listed)] = "harmful-abusive-material"
    assert screen(site, listed, "open").json["verdict"] == "hold"


def test_beyond_the_budget_items_are_held(site: Site, shield: ArachnidDoor) -> None:
    within, beyond = picture(), picture()
    assert screen(site, within, "tight").json["verdict"] == "allow"
    assert screen(site, beyond, "tight").json["verdict"] == "hold"
    assert found(site)[1].details["matchers"] == [{"name": "tight", "code": "over_budget"}]
    assert len(shield.calls) == 1


def test_two_matchers_make_one_decision(
    site: Site, shield: ArachnidDoor, doors: tuple[ArachnidDoor, PhotoDnaDoor]
) -> None:
    cloud, content = doors[1], picture()
    cloud.known[hashlib.sha256(content).digest()] = ["A1"]
    shield.faults.append(Fault(status=429))
    assert screen(site, content, "both").json["verdict"] == "hold"
    _, decision = found(site)
    assert decision.reasons == ("matcher_unavailable", "similar_suspected")
    assert [match["signal"] for match in decision.details["matches"]] == ["photodna"]
    assert decision.details["matchers"] == [
        {"name": "digests", "code": "over_budget"},
        {"name": "photos", "code": "answered"},
    ]


def test_a_surface_that_names_a_matcher_without_settings_is_not_checked(site: Site) -> None:
    content = picture()
    assert screen(site, content, "stranger").json["verdict"] == "hold"
    assert found(site)[1].reasons == ("matcher_unavailable",)


def test_digests_alone_are_asked_about_too(site: Site, shield: ArachnidDoor) -> None:
    content = picture()
    exact, bits = exact_digests(content), pdq_of(content)
    shield.hashes[bits] = "csam"
    asked: dict[str, Any] = {
        "md5": exact.md5.hex(),
        "sha1": exact.sha1.hex(),
        "sha256": exact.sha256.hex(),
        "pdq": {"hash": bits.hex(), "quality": 100},
        "surface": "digests",
    }
    assert site.send_json("/v1/screen/digests", asked).json["verdict"] == "hold"
    assert len(json.loads(shield.calls[0].body)["hashes"]) == 1
    # One that takes pictures cannot be asked, so what it is required for is held.
    asked |= {"surface": "picture"} | {
        name: getattr(exact_digests(CLEAN), name).hex() for name in ("md5", "sha1", "sha256")
    }
    assert site.send_json("/v1/screen/digests", asked).json["verdict"] == "hold"
    assert len(shield.calls) == 1


def test_a_canary_is_asked_of_nobody(site: Site, shield: ArachnidDoor) -> None:
    key, text = site.runtime.accounts.add_canary_key(KeyTerms(per_minute=0))
    site.keys["canary"], site.key_ids["canary"] = text, key
    answer = site.screen(picture(), key="canary", Safehold_Surface="digests")
    assert answer.json["verdict"] == "allow" and not shield.calls


def test_nothing_of_it_is_logged(site: Site, shield: ArachnidDoor) -> None:
    content = picture()
    shield.hashes[pdq_of(content)] = "csam"
    shield.faults.append(Fault(status=500))
    screen(site, content, "digests")
    screen(site, content, "digests")
    logged = site.log.getvalue()
    for secret in (shield.url, "127.0.0.1:" + shield.url[-5:], "word", pdq_of(content).hex()):
        assert secret not in logged


def test_a_server_does_not_start_without_a_matchers_credentials(tmp_path: Path) -> None:
    bare = MatcherOptions(kind="arachnid")
    open_file = tmp_path / "word.toml"
    open_file.write_text('user = "house"\npassword = "word"\n')
    open_file.chmod(0o644)
    shared = MatcherOptions(kind="arachnid", credentials_file=str(open_file))
    for number, (options, error) in enumerate(
        ((bare, MatcherOptionsError), (shared, CredentialsError))
    ):
        home = tmp_path / str(number)
        home.mkdir(mode=0o700)
        with opened(home, matchers={"one": options}) as made, pytest.raises(error):
            server_parts(made.runtime)


@pytest.mark.parametrize("how", ["asking", "opening"])
def test_what_was_found_already_is_recorded_whatever_asking_comes_to(
    site: Site, shield: ArachnidDoor, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    listed = picture()
    name = ListName(f"found-{how}")
    with site.runtime.list_store.importing(name) as session:
        found_pdq = pdq_of(listed)
        session.stage([EntryDraft(EntryId("e"), pdq=found_pdq, pdq_quality=90)])
        session.apply(ImportPlan(site.runtime.clock.now(), Tier.SUSPECTED))
    for _ in range(200):
        if screen(site, listed, "digests").status == 423:
            break
    listed = resaved(listed)

    async def fails(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    target = Matchers if how == "asking" else LazyMatchers
    with monkeypatch.context() as patch:
        patch.setattr(target, "ask", fails)
        held = screen(site, listed, "digests")
    assert (held.status, held.json["verdict"]) == (423, "hold")
    _, decision = found(site)
    assert {m["list_name"] for m in decision.details["matches"]} == {name}
    assert decision.details["matchers"] == [{"code": "unavailable", "name": "digests"}]
    # And it goes on.
    assert screen(site, picture(), "digests").json["verdict"] == "allow"


def resaved(content: bytes) -> bytes:
    """Other bytes of the same picture."""
    with Image.open(io.BytesIO(content)) as opened_picture:
        out = io.BytesIO()
        opened_picture.convert("RGB").save(out, "PNG")
        return out.getvalue()
