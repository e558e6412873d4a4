"""Classifiers on real servers on loopback."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
import time
from collections.abc import Sequence

import pytest

from safehold.classifiers.model import (
    ClassifierItem,
    ClassifierOptions,
    ClassifierOptionsError,
    Score,
    ScoreCode,
)
from safehold.classifiers.run import Classifiers
from safehold.outbound.client import Outbound
from safehold.outbound.model import OutboundOptions
from tests.outbound.receiver import Received, Receiver, always, http, listening


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Reading:
    """Bytes of an item, that count how often they are read."""

    def __init__(self, data: bytes = b"picture") -> None:
        self.data = data
        self.times = 0

    async def __call__(self) -> bytes:
        self.times += 1
        return self.data

    def item(self, media_type: str = "image/jpeg") -> ClassifierItem:
        return ClassifierItem(media_type, len(self.data), self)


def plain(receiver: Receiver, name: str = "one", **changed: object) -> ClassifierOptions:
    option = ClassifierOptions(name, receiver.url(), "score", 0.5, timeout_seconds=2.0)
    return dataclasses.replace(option, **changed)  # type: ignore[arg-type]


def outbound(*receivers: Receiver) -> Outbound:
    hosts = tuple(receiver.host for receiver in receivers)
    return Outbound(OutboundOptions(allow_http=True, allowed_hosts=hosts))


async def ask(
    options: Sequence[ClassifierOptions], item: ClassifierItem, *receivers: Receiver
) -> tuple[Score, ...]:
    async with outbound(*receivers) as way_out:
        return await Classifiers(options, way_out).classify(item)


@pytest.mark.anyio
async def test_several_classifiers_score_an_item_that_is_read_once() -> None:
    answer = {"results": [{"category_scores": {"unsafe": 0.75}}]}
    with (
        listening(Receiver(always(200, b'{"score": 0.25}'))) as one,
        listening(Receiver(always(200, json.dumps(answer).encode()))) as two,
    ):
        options = (
            plain(one, api_key="word"),
            plain(two, "two", kind="openai", category="unsafe"),
        )
        reading = Reading(b"p" * 300_000)
        scores = await ask(options, reading.item(), one, two)
    assert scores == (
        Score("one", "", 0.25, ScoreCode.SCORED),
        Score("two", "unsafe", 0.75, ScoreCode.SCORED),
    )
    assert reading.times == 1
    assert one.received[0].body == b"p" * 300_000
    assert one.received[0].headers["authorization"] == "Bearer word"
    assert one.received[0].headers["content-type"] == "image/jpeg"
    assert "authorization" not in two.received[0].headers


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (http(200, b'{"scores": {}}'), ScoreCode.NOT_CHECKED),
        (http(200, b"{}"), ScoreCode.BAD_ANSWER),
        (http(200, b"not json"), ScoreCode.BAD_ANSWER),
        (http(200, b""), ScoreCode.BAD_ANSWER),
        (http(200, b'{"score": NaN}'), ScoreCode.BAD_ANSWER),
        (http(200, b'{"score": 1e999}'), ScoreCode.BAD_ANSWER),
        (http(200, b'{"score": ' + b"9" * 5000 + b"}"), ScoreCode.BAD_ANSWER),
        (http(200, b"[" * 60_000), ScoreCode.BAD_ANSWER),
        (http(200, b"\xff\xfe"), ScoreCode.BAD_ANSWER),
        (http(200, b'{"score": 0.5' + b" " * 100_000 + b"}"), ScoreCode.BAD_ANSWER),
        (http(500), ScoreCode.UNAVAILABLE),
        (http(401), ScoreCode.UNAVAILABLE),
        (http(302, b"", "Location: /x"), ScoreCode.UNAVAILABLE),
        (b"nonsense\r\n\r\n", ScoreCode.UNAVAILABLE),
    ],
)
async def test_every_fault_is_a_score_without_a_value(answer: bytes, expected: ScoreCode) -> None:
    with listening(Receiver(lambda _: answer)) as receiver:
        (score,) = await ask([plain(receiver, category="unsafe")], Reading().item(), receiver)
    assert score == Score("one", "unsafe", None, expected)


@pytest.mark.anyio
async def test_a_dripping_answer_is_a_time_out() -> None:
    with listening(Receiver(always(200, b'{"score": 0.5}'), drip=0.1)) as receiver:
        started = time.monotonic()
        (score,) = await ask([plain(receiver, timeout_seconds=0.3)], Reading().item(), receiver)
        assert time.monotonic() - started < 4
    assert (score.value, score.code) == (None, ScoreCode.TIMEOUT)


@pytest.mark.anyio
async def test_a_private_address_that_is_not_allowed_is_denied() -> None:
    with listening(Receiver(always(200, b'{"score": 0}'))) as receiver:
        (score,) = await ask([plain(receiver)], Reading().item())
        assert score.code is ScoreCode.DENIED
        assert receiver.connections == 0


@pytest.mark.anyio
async def test_what_a_classifier_does_not_take_is_neither_read_nor_sent() -> None:
    with listening(Receiver(always(200, b'{"score": 0}'))) as receiver:
        reading = Reading()
        options = [plain(receiver), plain(receiver, "small", max_bytes=3)]
        scores = await ask(options, reading.item("image/tiff"), receiver)
        assert [s.code for s in scores] == [ScoreCode.UNSUPPORTED_TYPE] * 2
        scores = await ask(options[1:], reading.item(), receiver)
        assert [s.code for s in scores] == [ScoreCode.TOO_LARGE]
    assert reading.times == 0
    assert not receiver.received


@pytest.mark.anyio
async def test_calls_to_one_classifier_are_bounded_and_do_not_hold_up_another() -> None:
    lock, answered = threading.Lock(), threading.Event()
    state = {"now": 0, "most": 0}

    def slow(_: Received) -> bytes:
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        answered.wait(20)
        time.sleep(0.05)
        with lock:
            state["now"] -= 1
        return http(200, b'{"score": 0.5}')

    with listening(Receiver(slow)) as one, listening(Receiver(always(200, b'{"score": 0}'))) as two:
        async with outbound(one, two) as way_out:
            classifiers = Classifiers(
                [plain(one, max_concurrent=2, timeout_seconds=15), plain(two, "two")], way_out
            )
            slow_ones = [
                asyncio.create_task(classifiers.classify(Reading().item(), ("one",)))
                for _ in range(8)
            ]
            await asyncio.sleep(0.05)
            # None of the others is answered before this one is.
            quick = await classifiers.classify(Reading().item(), ("two",))
            answered.set()
            done = await asyncio.gather(*slow_ones)
    assert [(score.name, score.value) for score in quick] == [("two", 0)]
    assert all(scores[0].value == 0.5 for scores in done)
    assert state["most"] == 2


@pytest.mark.anyio
async def test_waiting_for_a_place_counts_as_time() -> None:
    def slow(_: Received) -> bytes:
        time.sleep(1.5)
        return http(200, b'{"score": 0.5}')

    with listening(Receiver(slow)) as receiver:
        async with outbound(receiver) as way_out:
            classifiers = Classifiers(
                [plain(receiver, max_concurrent=1, timeout_seconds=2.8)], way_out
            )
            items = [classifiers.classify(Reading().item()) for _ in range(4)]
            codes = sorted(scores[0].code for scores in await asyncio.gather(*items))
    assert codes == ["scored", "timeout", "timeout", "timeout"]


@pytest.mark.anyio
async def test_no_classifiers_give_no_scores() -> None:
    reading = Reading()
    assert await ask([], reading.item()) == ()
    assert reading.times == 0


@pytest.mark.anyio
async def test_a_classifier_that_does_not_exist_gives_no_score() -> None:
    async with outbound() as way_out:
        scores = await Classifiers([], way_out).classify(Reading().item(), ("nobody",))
    assert scores == (Score("nobody", "", None, ScoreCode.NOT_CONFIGURED),)


@pytest.mark.anyio
async def test_names_are_unique() -> None:
    with listening(Receiver(always())) as receiver:
        async with outbound(receiver) as way_out:
            with pytest.raises(ClassifierOptionsError):
                Classifiers([plain(receiver), plain(receiver)], way_out)
