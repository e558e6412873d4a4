"""Ways around the gate that were open once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from safehold.engine.errors import OverloadedError
from safehold.gate.apis import passing
from safehold.gate.checking import RELEASED_SECONDS, GateDesk, Memories
from safehold.gate.examining import Looked
from safehold.gate.memory import Memory
from safehold.gate.model import Account, Api, GateRulesError, Generation, Stage
from safehold.gate.parts import GateParts
from safehold.gate.rules import terms
from safehold.gate.sending import leaving
from tests.gate.house import CLEAN, LISTED, Gate, Home, gate_before, home, picture
from tests.gate.simple import Answering, Asked
from tests.gate.upstreams_simple import FakeA1111, FakeOpenAI, running, traces
from tests.service.house import Answer

TERM = "zorblax"
HASH = "fedcba9876543210"


@dataclass
class Telling(FakeA1111):
    """Tells what it made its pictures with."""

    info: dict[str, Any] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Answering:
        said = FakeA1111.answer(self, asked)
        told = json.loads(said.body)
        if "info" in told:
            told["info"] = json.dumps(self.info)
        return replace(said, body=json.dumps(told).encode())


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("rules")
    (folder / "terms").write_text(f"{TERM}\n")
    (folder / "models").write_text(f"{HASH}\nname: quindle mix\n")
    return {"terms": str(folder / "terms"), "models": str(folder / "models")}


@pytest.fixture(scope="module")
def images(shared: Home, rules: dict[str, Any]) -> Iterator[tuple[Gate, FakeOpenAI]]:
    def narrow(parts: GateParts) -> GateParts:
        return replace(parts, server=replace(parts.server, max_waiting=4))

    fake = FakeOpenAI()
    with (
        running(fake),
        gate_before(
            fake.server.url, "openai", within=shared, change=narrow, account_header="x-who", **rules
        ) as gate,
    ):
        yield gate, fake


@pytest.fixture(scope="module")
def webui(shared: Home, rules: dict[str, Any]) -> Iterator[tuple[Gate, Telling]]:
    fake = Telling()
    with (
        running(fake),
        gate_before(
            fake.server.url, "a1111", within=shared, account_header="x-who", **rules
        ) as gate,
    ):
        yield gate, fake


def generated(gate: Gate, who: str, **said: Any) -> Answer:
    body = {"prompt": "a lighthouse", "response_format": "b64_json", **said}
    return gate.call("POST", "/v1/images/generations", body, {"X-Who": who})


def made(gate: Gate, **said: Any) -> int:
    body = {"prompt": "a lighthouse", **said}
    return gate.call("POST", "/sdapi/v1/txt2img", body, {"X-Who": "a"}).status


def occurrences(gate: Gate) -> list[dict[str, Any]]:
    return [one for case in gate.cases() for one in gate.contexts(case)]


# One answer to all that is refused


def test_what_was_refused_a_moment_ago_is_refused_alike(images: tuple[Gate, FakeOpenAI]) -> None:
    gate, fake = images
    fake.results = [LISTED]
    before = len(gate.refusals())
    first, again = generated(gate, "twice"), generated(gate, "twice")
    fake.results = [LISTED, CLEAN]
    beside = generated(gate, "twice")
    word = generated(gate, "twice", prompt=TERM)
    assert first.status == 400
    assert (first.status, first.body, first.headers) == (again.status, again.body, again.headers)
    assert (beside.body, beside.headers) == (word.body, word.headers) == (first.body, first.headers)
    assert len(gate.refusals()) - before == 4
    assert gate.events("internal") == []


@pytest.mark.parametrize("said", [{"model": "\ud800"}, {"seed": "\ud800"}, {"prompt": "a \ud800"}])
def test_half_characters_lose_no_evidence(
    said: dict[str, str], images: tuple[Gate, FakeOpenAI]
) -> None:
    gate, fake = images
    fake.results = [LISTED]
    before = len(occurrences(gate))
    assert generated(gate, f"half {[*said]}", **said).status == 400
    assert len(occurrences(gate)) == before + 1


def test_a_picture_behind_a_picture_is_found(images: tuple[Gate, FakeOpenAI]) -> None:
    gate, fake = images
    for number, before in enumerate((CLEAN, picture(50, "JPEG"), picture(50, "GIF"))):
        fake.results = [before + LISTED]
        answer = generated(gate, f"behind {number}")
        assert answer.status == 400 and traces(answer.body, LISTED) == []
    fake.results = [CLEAN + b"\0" * 64]
    assert generated(gate, "behind").status == 200


def test_no_header_leaves_twice() -> None:
    many = ((b"x-request-id", b"a" * 60),) * 100
    names = [name for name, _ in leaving(many, b"application/json", 0)]
    assert names.count(b"x-request-id") == 1


# Words and models


@pytest.mark.parametrize(
    "said",
    [
        {"negative_prompt": TERM, "cfg_scale": 0},
        {"negative_prompt": TERM, "cfg_scale": "-7"},
        {"negative_prompt": TERM, "enable_hr": True, "hr_cfg": 0.5},
        {"negative_prompt": f"fog, ({TERM}:-1.5)"},
        {"prompt": "zor<lora:teapot:1>blax"},
        {"override_settings": {"sd_model_checkpoint": HASH[:10]}},
        {"override_settings": {"sd_checkpoint_hash": HASH}},
    ],
)
def test_words_and_models_that_stand_elsewhere(
    said: dict[str, Any], webui: tuple[Gate, Telling]
) -> None:
    gate, fake = webui
    fake.results, fake.info = [CLEAN], {}
    fake.server.asked.clear()
    assert made(gate, **said) == 422
    assert all(asked.target.endswith("interrupt") for asked in fake.server.asked)
    fine = {"negative_prompt": f"{TERM}, fog", "cfg_scale": 7, "prompt": "a teapot,<lora:fog:1>b"}
    assert made(gate, **fine) == 200


@pytest.mark.parametrize(
    "info",
    [
        {"sd_model_name": "sea", "sd_model_hash": HASH[:10]},
        {"sd_model_name": "Quindle_Mix.safetensors"},
        {"extra_generation_params": {"Lora hashes": f'"fog: 0123456789ab, sea: {HASH[:12]}"'}},
    ],
)
def test_models_are_those_of_the_answer(info: dict[str, Any], webui: tuple[Gate, Telling]) -> None:
    gate, fake = webui
    fake.results, fake.info = [CLEAN], info
    before = len(gate.releases()), len(gate.refusals())
    assert made(gate) == 422
    assert (len(gate.releases()), len(gate.refusals())) == (before[0], before[1] + 1)
    assert gate.refusals()[-1] is Stage.MODEL


@pytest.mark.parametrize(
    "said",
    [
        {"style": TERM},
        {"weights": {TERM: 1.2}},
        {"negative_prompt": TERM, "guidance_scale": 0},
        {"loras": [{"name": HASH[:12]}]},
        {"lora": HASH[:12]},
        {"prompt": "<lora:quindle_mix:1>"},
    ],
)
def test_no_field_steers_unsearched(said: dict[str, Any], images: tuple[Gate, FakeOpenAI]) -> None:
    gate, fake = images
    fake.results = [CLEAN]
    fake.server.asked.clear()
    answer = generated(gate, "words", **said)
    assert answer.body == gate.parts.adapter.refusal().body
    assert fake.calls == []
    assert generated(gate, "words", style="vivid", negative_prompt=TERM).status == 200


def test_tags_are_taken_out_in_time_that_grows_with_the_text() -> None:
    assert passing.without_tags("zor<a:1><b:2>blax < c") == "zorblax < c"
    assert passing.without_tags("a teapot <lora:x:1>, fog") == "a teapot , fog"
    assert passing.without_tags("a < b > c") == ""
    assert passing.without_tags("x<a:" * 300_000) == ""


@pytest.mark.parametrize(
    "line", [f"{TERM} -harbour", f"{TERM} +quindle", f"{TERM} ~5quindle", f"{TERM} ~5"]
)
def test_an_operator_without_its_spaces_is_told(line: str) -> None:
    with pytest.raises(GateRulesError):
        list(terms.parse([line]))


# Shares


def test_one_accounts_batch_leaves_room_for_others(images: tuple[Gate, FakeOpenAI]) -> None:
    gate, fake = images
    fake.results = [picture(seed, size=(48, 48)) for seed in range(200, 212)]
    told = json.loads(generated(gate, "batch").body)
    assert [base64.b64decode(one["b64_json"]) for one in told["data"]] == fake.results


def test_memory_is_shared_and_comes_back() -> None:
    memory = Memory(100, 60)
    one, other = memory.share(b"a"), memory.share(b"b")
    one.take(60)
    with pytest.raises(OverloadedError):
        memory.share(b"a").take(1)
    other.take(40)
    with pytest.raises(OverloadedError):
        other.take(1)
    one.give_back()
    with pytest.raises(OverloadedError):
        one.take(1)  # what still runs for a call that has ended
    other.give_back()
    assert memory.used == 0


# What is noted


def test_the_ledger_is_asked_again_after_a_while() -> None:
    now = [0.0]
    memories = Memories(lambda: now[0])
    memories.release(b"key")
    assert memories.is_released(b"key")
    now[0] += RELEASED_SECONDS
    assert not memories.is_released(b"key")


class Stubs:
    """A desk's parts, of which the look waits until it is told to go on."""

    def __init__(self) -> None:
        self.begun, self.go, self.noted = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.pictures = self.records = self.repeats = self.figures = self

    async def look(self, *_: Any) -> list[Looked]:
        self.begun.set()
        await self.go.wait()
        return [Looked(refused=True, sha256=b"x" * 32)]

    async def ask(self, call: Any, *arguments: Any) -> Any:
        return call(*arguments)

    def note(self, account: Account, stage: Stage) -> None:
        assert stage is Stage.OUTPUT
        self.noted.set()

    def refused(self, stage: Stage) -> None: ...


def test_who_leaves_during_the_check_is_counted_all_the_same() -> None:
    async def scenario() -> None:
        stubs: Any = Stubs()
        desk = GateDesk(stubs, Memories(), Memory(1, 1).share(b"a"), named=True)
        account = Account("a", b"a" * 16)
        asking = asyncio.ensure_future(desk.release(account, [LISTED], Generation(Api.OPENAI)))
        await stubs.begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        stubs.go.set()
        await asyncio.wait_for(stubs.noted.wait(), 5)

    asyncio.run(scenario())
