"""What leaves the gate was checked as exactly these bytes; all else is withheld."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from safehold.cases.model import CaseState, OccurrenceKind, Queue
from safehold.config.gates import RepeatOptions
from safehold.gate.kept import KeptPictures
from safehold.gate.model import Stage
from safehold.gate.parts import GateParts
from safehold.intake.model import IntakeOptions
from safehold.media.sandbox.pool import WorkerPool
from safehold.policy.surfaces import SurfaceOptions
from tests.gate.house import (
    BROKEN,
    CLEAN,
    LIKE_LISTED,
    LISTED,
    OTHER,
    SUSPECTED,
    Gate,
    Home,
    gate_before,
    home,
    picture,
)
from tests.gate.simple import Answering, Asked, SimpleAdapter, Upstream, upstream

REFUSED = b'{"error": "refused"}'


@pytest.fixture(scope="module")
def behind() -> Iterator[Upstream]:
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home(tmp_path_factory.mktemp("gate-home")) as made:
        yield made


@pytest.fixture(scope="module")
def gate(behind: Upstream, shared: Home) -> Iterator[Gate]:
    with gate_before(behind.url, "openai", adapter=SimpleAdapter(), within=shared) as made:
        yield made


def gives(behind: Upstream, *bodies: bytes) -> None:
    """Have the upstream give these, one for each call; the last for all further ones."""
    left = list(bodies)

    def answer(asked: Asked) -> Answering:
        if asked.target == "/cancel":
            return Answering(b"{}")
        return Answering(left.pop(0) if len(left) > 1 else left[0])

    behind.answer = answer
    behind.asked.clear()


def make(gate: Gate, prompt: str = "a lighthouse", **more: Any) -> Any:
    headers = more.pop("headers", None)
    return gate.call("POST", "/make", {"prompt": prompt, **more}, headers)


def test_an_allowed_picture_leaves_as_it_is_and_is_in_the_ledger(
    gate: Gate, behind: Upstream
) -> None:
    gives(behind, CLEAN)
    before = len(gate.releases())
    found = make(gate, model="drawn-v1")
    assert (found.status, found.body) == (200, CLEAN)
    [(account, about, passed)] = gate.releases()[before:]
    assert (about.words, about.models[0].name) == ("a lighthouse", "drawn-v1")
    assert passed.quality is not None and passed.pdq is not None and len(passed.pdq) == 32
    with gate.runtime.records.read() as transaction:
        service = gate.runtime.service_id("studio")
        content = gate.runtime.names.content(service, passed.sha256)
        [row] = transaction.ledger.with_content([content], 9)
    assert (row.api, row.account, row.pdq) == ("openai", account.pseudonym, passed.pdq)
    make(gate)
    assert len(gate.releases()) == before + 1  # the same bytes of the same account, once


@pytest.mark.parametrize(
    ("content", "state"),
    [(LISTED, "block"), (LIKE_LISTED, "hold"), (SUSPECTED, "hold")],
)
def test_a_listed_picture_stays_and_is_evidence(
    gate: Gate, behind: Upstream, content: bytes, state: str
) -> None:
    gives(behind, content)
    known, noted = {case.case_id for case in gate.cases()}, len(gate.refusals())
    found = make(gate, "a teapot", headers={"Authorization": f"Bearer {state}{len(content)}"})
    assert (found.status, found.body) == (400, REFUSED)
    [case] = [case for case in gate.cases() if case.case_id not in known]
    assert (case.verdict.value, case.surface, case.state) == (state, "generation", CaseState.OPEN)
    [context] = gate.contexts(case)
    assert context["prompt"] == "a teapot"
    assert context["ip"] == "127.0.0.1"
    assert context["uploader"].startswith("credentials:")
    assert json.loads(context["generation"]) == {
        "api": "openai",
        "job": "job-1",
        "models": [{"name": "m"}],
        "seed": "7",
    }
    with gate.runtime.records.read() as transaction:
        [occurrence] = transaction.cases.occurrences(case.case_id)
        assert transaction.cases.evidence(case.case_id)
    assert occurrence.kind is OccurrenceKind.GENERATION
    assert gate.refusals()[noted:] == [Stage.OUTPUT]
    gate.wait(lambda: [a for a in behind.asked if a.target == "/cancel"])
    # Asked for once more it is refused as before, and makes no further occurrence.
    make(gate, "a teapot", headers={"Authorization": f"Bearer {state}{len(content)}"})
    assert len(gate.contexts(case)) == 1


def test_every_byte_that_leaves_was_looked_at(gate: Gate, behind: Upstream) -> None:
    """An upstream that gives other bytes the second time gains nothing."""
    gives(behind, OTHER, LISTED)
    assert gate.call("GET", "/view/a").body == OTHER
    assert gate.call("GET", "/view/a").body == REFUSED
    gives(behind, OTHER, LISTED)
    link = gate.call("POST", "/link", {}).json["url"].removeprefix(gate.url)
    assert [gate.call("GET", link).body for _ in range(2)] == [OTHER, OTHER]
    assert [asked.target for asked in behind.asked if asked.target != "/cancel"] == ["/link"]


@pytest.mark.parametrize("content", [BROKEN, b"", b"words, and no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_whole_picture_stays_and_counts_for_nobody(
    gate: Gate, behind: Upstream, content: bytes
) -> None:
    gives(behind, content)
    noted = len(gate.refusals())
    assert make(gate).body == REFUSED
    assert len(gate.refusals()) == noted


def test_pictures_going_in_are_looked_at(gate: Gate, behind: Upstream) -> None:
    gives(behind, CLEAN)
    noted = len(gate.refusals())

    def put_in(*contents: bytes) -> Any:
        coded = [base64.b64encode(one).decode() for one in contents]
        return make(gate, pictures=coded, headers={"X-Api-Key": "goes in"})

    assert put_in(OTHER, CLEAN).body == CLEAN
    behind.asked.clear()
    assert put_in(OTHER, LISTED).body == REFUSED
    assert gate.refusals()[noted:] == [Stage.INPUT]
    assert put_in(BROKEN).body == REFUSED
    assert put_in(*[CLEAN] * 65).body == REFUSED
    assert gate.refusals()[noted:] == [Stage.INPUT]
    gate.wait(lambda: not gate.server.started or len(behind.asked) == 3)
    assert {asked.target for asked in behind.asked} == {"/cancel"}


def test_words_are_looked_at_before_anything_is_made(
    behind: Upstream, shared: Home, tmp_path: Path
) -> None:
    (tmp_path / "terms.txt").write_text("zorblax\n")
    gives(behind, CLEAN)
    with gate_before(
        behind.url,
        "openai",
        adapter=SimpleAdapter(),
        within=shared,
        terms=str(tmp_path / "terms.txt"),
    ) as gate:
        assert make(gate, "a lighthouse").body == CLEAN
        behind.asked.clear()
        assert make(gate, "a Z0RBLAX").body == REFUSED
        assert gate.refusals() == [Stage.WORDS]
        gate.wait(lambda: behind.asked)
        assert {asked.target for asked in behind.asked} == {"/cancel"}
        assert "zorblax" not in gate.log.getvalue().lower()
        [said] = [e for e in gate.events("call") if e.get("stage")]
        assert said["stage"] == "words"


def test_an_account_that_is_stopped_reaches_nothing(behind: Upstream) -> None:
    gives(behind, LISTED)
    with gate_before(
        behind.url, "openai", adapter=SimpleAdapter(), repeats=RepeatOptions(stop=1)
    ) as gate:
        mine = {"Authorization": "Bearer one"}
        assert make(gate, headers=mine).body == REFUSED
        gives(behind, CLEAN)
        assert make(gate, headers=mine).body == REFUSED
        assert [a for a in behind.asked if a.target == "/make"] == []
        assert gate.refusals() == [Stage.OUTPUT]
        assert make(gate, headers={"Authorization": "Bearer two"}).body == CLEAN


def test_a_release_that_cannot_be_recorded_is_none(gate: Gate, behind: Upstream) -> None:
    gives(behind, picture(50))
    gate.book.failing = True
    try:
        assert make(gate).body == REFUSED
    finally:
        gate.book.failing = False
    assert [e["exception"] for e in gate.events("release_not_recorded")] == ["OSError"]
    assert make(gate).status == 200


def test_without_time_to_check_nothing_leaves_and_what_is_found_is_kept(
    behind: Upstream, shared: Home
) -> None:
    content = picture(40, "WEBP")
    gives(behind, content)
    with gate_before(
        behind.url, "openai", adapter=SimpleAdapter(), within=shared, check_seconds=0.001
    ) as gate:
        known = len(gate.cases())
        assert make(gate).body == REFUSED or gate.refusals() == []
        gate.wait(lambda: len(gate.cases()) == known + 1)
        assert gate.releases() == []


def test_without_decoders_nothing_leaves(behind: Upstream, shared: Home) -> None:
    def broken(parts: GateParts) -> GateParts:
        def pool() -> WorkerPool:
            raise OSError("no processes")

        return replace(parts, pool=pool)

    gives(behind, CLEAN)
    with gate_before(
        behind.url, "openai", adapter=SimpleAdapter(), within=shared, change=broken, ready=False
    ) as gate:
        assert gate.call("GET", "/view/a").body == REFUSED
        found = gate.ready()
        assert (found.status, found.json["reasons"]) == (503, ["decoder"])


def test_a_full_disk_lets_nothing_out_that_was_found(behind: Upstream) -> None:
    intake = IntakeOptions(min_free_bytes=1 << 62)
    gives(behind, LISTED)
    with gate_before(
        behind.url, "openai", adapter=SimpleAdapter(), settings={"intake": intake}
    ) as gate:
        assert make(gate).body == REFUSED
        assert gate.cases() == []
        assert {e["code"] for e in gate.events("picture_not_checked")} == {"disk_full"}
        gate.wait(lambda: "disk_full" in gate.ready().json.get("reasons", ()))


def test_without_a_required_list_nothing_leaves(behind: Upstream) -> None:
    surface = SurfaceOptions(required_lists=("partnerlist", "lost"))
    gives(behind, CLEAN)
    with gate_before(
        behind.url,
        "openai",
        adapter=SimpleAdapter(),
        settings={"surfaces": {"generation": surface}},
    ) as gate:
        assert make(gate).body == REFUSED
        assert gate.refusals() == []
        assert [case.queue for case in gate.cases()] == [Queue.FAULTS]
        assert gate.ready().json["reasons"] == ["list_missing"]


def test_kept_pictures_are_their_accounts_alone(gate: Gate, behind: Upstream) -> None:
    gives(behind, CLEAN)
    mine, other = {"Authorization": "Bearer me"}, {"Authorization": "Bearer other"}
    url = gate.call("POST", "/link", {}, {**mine, "Host": "gate.example:99"}).json["url"]
    assert url.startswith("http://gate.example:99/safehold/kept/")
    path = url.removeprefix("http://gate.example:99")
    found = gate.call("GET", path, headers=mine)
    assert (found.status, found.body, found.headers["content-type"]) == (200, CLEAN, "image/png")
    assert gate.call("GET", path, headers=other).status == 404
    assert gate.call("GET", path).status == 200  # a browser that shows it
    assert gate.call("HEAD", path, headers=mine).body == b""
    assert gate.call("DELETE", path, headers=mine).status == 405
    assert gate.call("GET", path[:-1], headers=mine).status == 404


def test_kept_pictures_go_by_age_and_by_room() -> None:
    now = [0.0]
    kept = KeptPictures(10.0, 100, monotonic=lambda: now[0])
    first = kept.add(bytes(60), b"image/png", b"me", named=True)
    now[0] = 5.0
    second = kept.add(bytes(60), b"image/png", b"me", named=True)
    assert kept.get(first, b"me", named=True) is None
    assert kept.get(second, b"you", named=True) is None
    assert kept.size == 60 and len(first) == len("/safehold/kept/") + 43
    now[0] = 15.0
    assert kept.get(second, b"me", named=True) is None
    assert kept.size == 0


def test_two_calls_at_once_stay_apart(gate: Gate, behind: Upstream) -> None:
    contents = {f"/view/{n}": picture(60 + n) for n in range(8)}
    behind.answer = lambda asked: Answering(contents[asked.target], seconds=0.05)
    got: dict[str, bytes] = {}
    threads = [
        threading.Thread(target=lambda p=path: got.update({p: gate.call("GET", p).body}))
        for path in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == contents
