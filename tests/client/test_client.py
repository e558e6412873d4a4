"""Both clients against the contract, over real HTTP."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import inspect
import io
import json
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from safehold.client import (
    Answer,
    AsyncClient,
    BodyError,
    BytesDiffer,
    Client,
    ClientOptions,
    Context,
    Digests,
    Flag,
    Refused,
    Unavailable,
    Verdict,
)
from tests.client.stand_in import BLOCK, HOLD, KEY, StandIn, problem

PICTURE = bytes(range(256)) * 700  # three chunks
CALLS = ("screen", "screen_digests", "receipt", "confirm", "send_bytes", "flag", "appeal", "close")


class Either:
    """One of the two clients, called in the same way."""

    def __init__(self, address: str, kind: str, options: ClientOptions, key: str = KEY) -> None:
        self._address, self._kind, self._options, self._key = address, kind, options, key
        self.slept: list[float] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._kind == "sync":
                with Client(
                    self._address, self._key, self._options, sleep=self.slept.append
                ) as client:
                    return getattr(client, name)(*args, **kwargs)
            return asyncio.run(self._later(name, args, kwargs))

        return call

    async def _later(self, name: str, args: Any, kwargs: Any) -> Any:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        async with AsyncClient(self._address, self._key, self._options, sleep=sleep) as client:
            return await getattr(client, name)(*args, **kwargs)


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(stand_in: StandIn, kind: str) -> Either:
    return Either(stand_in.address, kind, ClientOptions())


@pytest.mark.parametrize(
    ("data", "verdict"), [(b"x", "allow"), (HOLD, "hold"), (b"-" + BLOCK, "block"), (b"", "allow")]
)
def test_verdicts(client: Either, data: bytes, verdict: str) -> None:
    answer = client.screen(data, surface="public")
    assert answer == Answer(Verdict(verdict), "r0000")
    assert answer.allowed is (verdict == "allow")
    with pytest.raises(TypeError):
        bool(answer)


@pytest.mark.parametrize("status", [404, 429, 451, 500, 503])
def test_a_hold_may_have_a_status_of_its_own(
    client: Either, stand_in: StandIn, status: int
) -> None:
    stand_in.hold_status = status
    assert client.screen(HOLD, surface="public").verdict is Verdict.HOLD
    assert len(stand_in.seen) == 1


def test_the_whole_context_arrives(client: Either, stand_in: StandIn) -> None:
    context = Context(
        uploader_address="räv@example.org",
        ip="2001:db8::7",
        port=4711,
        time=dt.datetime(2026, 5, 4, 3, 2, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        file_name="50 % — ferie\r\nX: y.jpg",
        reference="item/7",
        screen_name="ü_7",
        display_name="Ü Sieben",
        profile_url="https://example.org/u/7?a=%20",
        url="https://example.org/p/ä",
        device_type="IMEI",
        device_id="35-7",
    )
    client.screen(PICTURE, surface="public", uploader="ü 7", context=context)
    seen = stand_in.seen[0]
    assert seen.body == PICTURE
    assert seen.headers["content-length"] == str(len(PICTURE))
    assert seen.context("surface") == "public"
    assert seen.context("uploader") == "ü 7"
    assert seen.context("uploader-address") == "räv@example.org"
    assert seen.headers["safehold-ip"] == "2001:db8::7"
    assert seen.headers["safehold-port"] == "4711"
    assert seen.headers["safehold-time"] == "2026-05-04T03:02:01+02:00"
    assert seen.context("file-name") == "50 % — ferie\r\nX: y.jpg"
    assert seen.headers["safehold-file-name"].isascii()
    assert seen.context("reference") == "item/7"
    assert seen.context("screen-name") == "ü_7"
    assert seen.context("display-name") == "Ü Sieben"
    assert seen.context("profile-url") == "https://example.org/u/7?a=%20"
    assert seen.context("url") == "https://example.org/p/ä"
    assert (seen.context("device-type"), seen.context("device-id")) == ("IMEI", "35-7")
    assert "x" not in seen.headers


def test_every_way_to_give_bytes(client: Either, stand_in: StandIn, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"skipped" + PICTURE)
    with path.open("rb") as file:
        file.seek(7)
        client.screen(file, surface="public")
    path.write_bytes(PICTURE)
    for data in (
        PICTURE,
        bytearray(PICTURE),
        memoryview(PICTURE),
        path,
        io.BytesIO(PICTURE),
        iter([PICTURE[:9], b"", PICTURE[9:]]),
    ):
        client.screen(data, surface="public")
    assert [seen.body for seen in stand_in.seen] == [PICTURE] * 7
    assert stand_in.seen[-1].headers["transfer-encoding"] == "chunked"
    assert len({seen.headers["idempotency-key"] for seen in stand_in.seen}) == 7


def test_an_asynchronous_iterator(stand_in: StandIn) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield PICTURE[:100_000]
        yield PICTURE[100_000:]

    Either(stand_in.address, "async", ClientOptions()).screen(pieces(), surface="public")
    assert stand_in.seen[0].body == PICTURE
    with pytest.raises(BodyError):
        Either(stand_in.address, "sync", ClientOptions()).screen(pieces(), surface="public")


def test_data_that_cannot_be_sent(client: Either, stand_in: StandIn, tmp_path: Path) -> None:
    with pytest.raises(BodyError) as caught:
        client.screen(tmp_path / "confidential-name", surface="public")
    assert "confidential" not in str(caught.value) + repr(caught.value.__context__)
    with pytest.raises(TypeError):
        client.screen("/a/path/or/bytes", surface="public")
    with pytest.raises(TypeError):
        client.screen(io.StringIO("text"), surface="public")
    assert not any(seen.body for seen in stand_in.seen)


def test_a_file_that_changes_while_it_is_sent_is_no_answer(client: Either, tmp_path: Path) -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size)[:-1]

    with pytest.raises(BodyError):
        client.screen(Shrinking(PICTURE), surface="public")


def test_idempotency(client: Either, stand_in: StandIn) -> None:
    first = client.screen(HOLD, surface="public", idempotency_key="upload-1")
    assert client.screen(HOLD, surface="public", idempotency_key="upload-1") == first
    with pytest.raises(Refused) as caught:
        client.screen(b"else", surface="public", idempotency_key="upload-1")
    assert (caught.value.status, caught.value.code) == (422, "idempotency_mismatch")
    with pytest.raises(ValueError, match="visible"):
        client.screen(b"x", surface="public", idempotency_key="a b")


def test_receipts(client: Either, stand_in: StandIn) -> None:
    receipt = client.screen(PICTURE, surface="public").receipt
    state = client.receipt(receipt)
    assert (state.allowed, state.bytes_wanted, state.until) == (True, False, None)
    client.confirm(receipt, hashlib.sha256(PICTURE).hexdigest())
    with pytest.raises(BytesDiffer):
        client.confirm(receipt, "0" * 64)
    with pytest.raises(ValueError, match="SHA-256"):
        client.confirm(receipt, "0" * 63)
    with pytest.raises(Refused) as caught:
        client.receipt("r-of-another")
    assert caught.value.status == 404
    for bad in ("", "..", ".", "a b", "a\n", "é"):
        with pytest.raises(ValueError, match="receipt"):
            client.receipt(bad)


def test_a_receipt_cannot_leave_its_path(client: Either, stand_in: StandIn) -> None:
    with pytest.raises(Refused):
        client.receipt("../flags?x=1#y")
    assert stand_in.seen == [] or stand_in.seen[0].path.startswith("/v1/receipts/")


def test_digests_and_the_bytes_that_are_wanted(client: Either, stand_in: StandIn) -> None:
    data = b"found by counting"
    number = 0
    while not hashlib.sha256(data + str(number).encode()).hexdigest().startswith("b10c"):
        number += 1
    data += str(number).encode()
    digests = Digests(hashlib.sha256(data).hexdigest(), md5="0" * 32, pdq="f" * 64, pdq_quality=90)
    answer = client.screen_digests(digests, surface="private_message", uploader="7")
    assert answer.verdict is Verdict.BLOCK
    said = json.loads(stand_in.seen[0].body)
    assert said["pdq"] == {"hash": "f" * 64, "quality": 90}
    assert (said["surface"], said["uploader"], "sha1" in said) == ("private_message", "7", False)
    state = client.receipt(answer.receipt)
    assert state.bytes_wanted
    assert state.until == dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    with pytest.raises(BytesDiffer):
        client.send_bytes(answer.receipt, b"others")
    assert client.send_bytes(answer.receipt, data) == answer
    with pytest.raises(Refused) as caught:
        client.send_bytes(client.screen(b"x", surface="public").receipt, b"x")
    assert caught.value.code == "bytes_not_wanted"


def test_flags_and_appeals(client: Either, stand_in: StandIn) -> None:
    flag = Flag("user_report", "public", receipt="r1", text="look", reporter="9", uploader="7")
    assert client.flag(flag).verdict is Verdict.HOLD
    assert json.loads(stand_in.seen[0].body) == {
        "reason": "user_report",
        "receipt": "r1",
        "text": "look",
        "reporter": "9",
        "surface": "public",
        "uploader": "7",
    }
    assert client.appeal("r1", "mine", appellant="7").receipt == "r1"
    assert json.loads(stand_in.seen[1].body) == {
        "receipt": "r1",
        "text": "mine",
        "appellant": "7",
    }
    with pytest.raises(ValueError, match="receipt or"):
        Flag("user_report", "public")


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_what_passes_is_tried_again_with_the_same_key(
    client: Either, stand_in: StandIn, status: int
) -> None:
    stand_in.faults.extend([problem(status, "overloaded"), problem(status, "overloaded")])
    assert client.screen(PICTURE, surface="public").allowed
    assert [seen.body for seen in stand_in.seen] == [PICTURE] * 3
    assert len({seen.headers["idempotency-key"] for seen in stand_in.seen}) == 1
    assert len(client.slept) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 411, 413, 415, 422])
def test_what_is_final_is_not_tried_again(client: Either, stand_in: StandIn, status: int) -> None:
    stand_in.faults.append(problem(status, "final"))
    with pytest.raises(Refused) as caught:
        client.screen(PICTURE, surface="public")
    assert (caught.value.status, caught.value.code) == (status, "final")
    assert len(stand_in.seen) == 1


def test_in_the_end_it_is_unavailable(client: Either, stand_in: StandIn) -> None:
    stand_in.faults.extend(problem(503, "vault_unavailable", retry_after="2") for _ in range(9))
    with pytest.raises(Unavailable) as caught:
        client.screen(PICTURE, surface="public")
    assert (caught.value.code, caught.value.retry_after) == ("vault_unavailable", 2.0)
    assert len(stand_in.seen) == ClientOptions().attempts
    assert all(wait >= 2 for wait in client.slept)


def test_an_iterator_is_not_sent_twice(client: Either, stand_in: StandIn) -> None:
    stand_in.faults.append(problem(503, "overloaded"))
    with pytest.raises(Unavailable):
        client.screen(iter([PICTURE]), surface="public")
    assert len(stand_in.seen) == 1


def test_a_wrong_key_is_refused_and_never_told(stand_in: StandIn, kind: str) -> None:
    other = Either(stand_in.address, kind, ClientOptions(), key="sfh_confidential")
    with pytest.raises(Refused) as caught:
        other.screen(b"x", surface="public")
    assert caught.value.status == 401
    assert "confidential" not in str(caught.value) + repr(caught.value.__dict__)
    for bad in ("", "with space", "line\r\nX: y", "é"):
        with pytest.raises(ValueError, match="API key"):
            Client(stand_in.address, bad)


def test_addresses() -> None:
    for good in ("https://screen.internal", "http://localhost:1", "http://127.0.0.1:1/base/"):
        Client(good, KEY).close()
    Client("http://screen.internal", KEY, ClientOptions(plain_http=True)).close()
    for bad in (
        "http://screen.internal",
        "http://127.0.0.1.example.org",
        "screen.internal",
        "ftp://screen.internal",
        "https://user:word@screen.internal",
        "https://screen.internal/?key=1",
        "",
    ):
        with pytest.raises(ValueError, match=r"address|clear"):
            Client(bad, KEY)


def test_the_environment_does_not_choose_where_pictures_go(
    stand_in: StandIn, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert Either(stand_in.address, kind, ClientOptions()).screen(b"x", surface="public").allowed


def test_one_client_for_many_threads(stand_in: StandIn) -> None:
    stand_in.seconds = 0.05
    before = set(threading.enumerate())
    with Client(stand_in.address, KEY) as client, ThreadPoolExecutor(8) as pool:
        data = [HOLD if number % 3 == 0 else b"%d" % number for number in range(32)]
        found = list(pool.map(lambda d: client.screen(d, surface="public"), data))
    assert [answer.allowed for answer in found] == [d != HOLD for d in data]
    assert len({answer.receipt for answer in found}) == 32
    assert stand_in.most_at_once > 1
    assert set(threading.enumerate()) <= before


@pytest.mark.anyio
async def test_one_client_for_many_tasks(stand_in: StandIn) -> None:
    stand_in.seconds = 0.05
    data = [BLOCK if number % 3 == 0 else b"%d" % number for number in range(32)]
    async with AsyncClient(stand_in.address, KEY) as client:
        found = await asyncio.gather(*(client.screen(d, surface="public") for d in data))
    assert [answer.allowed for answer in found] == [d != BLOCK for d in data]
    assert stand_in.most_at_once > 1


def test_the_two_clients_have_the_same_calls() -> None:
    for name in CALLS:
        one, other = getattr(Client, name), getattr(AsyncClient, name)
        assert inspect.signature(one) == inspect.signature(other), name
        assert inspect.iscoroutinefunction(other) and not inspect.iscoroutinefunction(one)
    public = {name for name in vars(Client) if not name.startswith("_")}
    assert public == {name for name in vars(AsyncClient) if not name.startswith("_")} == set(CALLS)


def test_nothing_personal_in_representations() -> None:
    context = Context("a@b.example", "192.0.2.7", 7, None, "name.jpg", "ref")
    flag = Flag("spam", "public", receipt="r", text="words", reporter="nine", context=context)
    said = repr(context) + repr(flag) + repr(Digests("ab" * 32)) + repr(Client("http://[::1]", KEY))
    for word in ("b.example", "192.0", "name.jpg", "ref", "words", "nine", "abab", KEY):
        assert word not in said
    with pytest.raises(ValueError, match="zone"):
        Context(time=dt.datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
