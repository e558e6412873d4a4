"""What is told of an upload, and what is done about several files."""

from __future__ import annotations

import pytest

from safehold.client import Answer, BodyError, ContractError, Refused, Unavailable, Verdict
from safehold.client.spool import NoRoomError, Room, Spool
from safehold.client.uploads import (
    TOO_LARGE,
    Checked,
    Turned,
    UploadOptions,
    context_of,
    judge,
    unavailable,
)

OPTIONS = UploadOptions(surface="public")
OPEN = UploadOptions(surface="public", fail_open=True)
ALLOW, HOLD, BLOCK = (Answer(verdict, "r") for verdict in Verdict)
REFUSED = Turned(422, OPTIONS.refused_text)
DOWN = Unavailable("connect_failed")


@pytest.mark.parametrize(
    ("where", "file_name", "expected"),
    [
        (("192.0.2.7", 4711), "a.jpg", ("192.0.2.7", 4711, "a.jpg")),
        (("2001:DB8::7", 1), None, ("2001:db8::7", 1, None)),
        (("192.0.2.7", None), "", ("192.0.2.7", None, None)),
        (("192.0.2.7", 0), "a\r\nb\0\x9f\u2028\ud800", ("192.0.2.7", None, "ab")),
        (("192.0.2.7", 65536), "ä" * 300, ("192.0.2.7", None, "ä" * 255)),
        (("testclient", 50000), "a", (None, None, "a")),
        (("fe80::1%eth0", 5), "a", (None, None, "a")),
        (None, "a", (None, None, "a")),
    ],
)
def test_context(
    where: tuple[str, int | None] | None, file_name: str | None, expected: tuple[object, ...]
) -> None:
    found = context_of(where, file_name)
    assert (found.ip, found.port, found.file_name) == expected


@pytest.mark.parametrize(
    ("outcomes", "options", "expected"),
    [
        ([], OPTIONS, ()),
        ([ALLOW, ALLOW], OPTIONS, (Checked("a", "r"), Checked("b", "r"))),
        ([ALLOW, HOLD], OPTIONS, REFUSED),
        ([BLOCK, ALLOW], OPTIONS, REFUSED),
        ([DOWN, HOLD], OPTIONS, REFUSED),
        ([DOWN, HOLD], OPEN, REFUSED),
        ([DOWN, ALLOW], OPTIONS, unavailable(OPTIONS)),
        ([DOWN, ALLOW], OPEN, (Checked("a", None), Checked("b", "r"))),
        ([ContractError("no_verdict"), DOWN], OPEN, unavailable(OPEN)),
        ([Refused("forbidden", status=403), ALLOW], OPEN, unavailable(OPEN)),
        ([BodyError("body_changed"), ALLOW], OPEN, unavailable(OPEN)),
        ([Refused("body_too_large", status=413), DOWN], OPEN, TOO_LARGE),
        ([Refused("body_too_large", status=413), BLOCK], OPTIONS, REFUSED),
    ],
)
def test_judgement(
    outcomes: list[Answer], options: UploadOptions, expected: Turned | tuple[Checked, ...]
) -> None:
    assert judge(["a", "b"][: len(outcomes)], outcomes, options) == expected


def test_options_that_cannot_be() -> None:
    for wrong in (
        {"surface": ""},
        {"routes": "/upload"},
        {"raw_routes": "/"},
        {"max_body_bytes": 0},
        {"max_files": 0},
        {"parallel": 0},
        {"memory_bytes": -1},
        {"refused_status": 200},
    ):
        with pytest.raises(ValueError, match=r"\w"):
            UploadOptions(**{"surface": "public", **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("memory", [0, 4, 100])
def test_spool(memory: int) -> None:
    room = Room(10)
    with Spool(room, memory) as spool:
        for piece in (b"ab", b"", b"cdef", b"gh"):
            spool.write(piece)
        assert b"".join(spool.chunks(1, 7)) == b"bcdefg"
        assert spool.read(6, 99) == b"gh"
        assert not room.take(3)
        with pytest.raises(NoRoomError):
            spool.write(b"xyz")
    spool.close()
    assert room.take(10)
    assert not room.take(1)
