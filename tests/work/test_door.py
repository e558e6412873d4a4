"""Calling a server: TLS, time, and addresses that lead nowhere."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.policy.model import Verdict
from safehold.work.canary.door import Door, DoorOptions, Said
from safehold.work.canary.model import CanaryError
from tests.outbound.receiver import Receiver, always, certificate, http, listening

NAME = "door.example"
BLOCKED = b'{"verdict":"block","receipt":"r/../1?x"}'


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Receiver, str]]:
    """A server with a certificate of a name that is not its address."""
    context, authority = certificate(tmp_path, NAME)
    with listening(Receiver(always(451, BLOCKED)), context) as receiver:
        yield receiver, authority


def code_of(address: str, options: DoorOptions) -> str:
    with Door(address, options) as door, pytest.raises(CanaryError) as raised:
        door.screen(b"x", "image/png")
    return raised.value.code.value


def test_a_certificate_of_the_name_that_was_agreed(tls: tuple[Receiver, str]) -> None:
    receiver, authority = tls
    context = ssl.create_default_context(cafile=authority)
    with Door(receiver.url("", "https"), DoorOptions("k", 5.0, context, NAME)) as door:
        assert door.screen(b"x", "image/png") == Said(Verdict.BLOCK, "r/../1?x")
    assert receiver.received[0].line == "POST /v1/screen HTTP/1.1"
    assert receiver.received[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize("wrong", ["name", "authority"])
def test_another_certificate_gets_no_key(tls: tuple[Receiver, str], wrong: str) -> None:
    receiver, authority = tls
    context = ssl.create_default_context(cafile=authority)
    options = (
        DoorOptions("k", 5.0, context) if wrong == "name" else DoorOptions("k", 5.0, None, NAME)
    )
    assert code_of(receiver.url("", "https"), options) == "no_answer"
    assert receiver.received == []


def test_a_receipt_never_leads_elsewhere(tls: tuple[Receiver, str]) -> None:
    with (
        listening(Receiver(always(200, b'{"verdict":"block"}'))) as receiver,
        Door(receiver.url("/"), DoorOptions("k", 5.0)) as door,
    ):
        assert door.verdict_of("../a?b#c") is Verdict.BLOCK
    assert receiver.received[0].line == "GET /v1/receipts/..%2Fa%3Fb%23c HTTP/1.1"


@pytest.mark.parametrize("seconds", [0.5, 2.5], ids=["in its headers", "in its body"])
def test_an_answer_that_drips_ends_in_time(seconds: float) -> None:
    receiver = Receiver(always(451, BLOCKED * 12), drip=0.02)
    with listening(receiver):
        began = time.monotonic()
        assert code_of(receiver.url(""), DoorOptions("k", seconds)) == "no_answer"
        assert time.monotonic() - began < seconds + 5  # all of it takes more than 9


@pytest.mark.parametrize("address", ["http://[::1", "nothing", "ftp://127.0.0.1:1", "http://"])
def test_an_address_that_is_none(address: str) -> None:
    assert code_of(address, DoorOptions("k", 1.0)) == "no_answer"


@pytest.mark.parametrize(
    "body", [b'{"verdict":"perhaps"}', b"{}", b"\xff", b'{"verdict":["block"]}', b"[" * 5000]
)
def test_a_receipt_that_says_nothing(body: bytes) -> None:
    with (
        listening(Receiver(lambda _: http(200, body))) as receiver,
        Door(receiver.url(""), DoorOptions("k", 5.0)) as door,
        pytest.raises(CanaryError, match="bad_answer"),
    ):
        door.verdict_of("r")


def test_the_key_is_not_shown() -> None:
    assert "k1" not in repr(DoorOptions("k1"))
    assert "r1" not in repr(Said(Verdict.BLOCK, "r1"))
