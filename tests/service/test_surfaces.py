"""Surfaces and keys: what each setting changes in the answer, and that nothing else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.house import (
    BLOCKED,
    BROKEN,
    CLEAN,
    LIKE_BLOCKED,
    LISTED_TEXT,
    SUSPECTED,
    TEXT,
    House,
    Process,
    jpeg,
    serving,
)

CONFIG = """
[surfaces.off]
enabled = false
legal_basis = "not checked here, as the operator was advised"
[surfaces.needs]
required_lists = ["not-there"]
[surfaces.needs_open]
required_lists = ["not-there"]
fail = "open"
[surfaces.old]
required_lists = ["partner"]
max_list_age_hours = 0.00001
[surfaces.fresh]
required_lists = ["partner"]
max_list_age_hours = 24
[surfaces.narrow]
lists = ["rumour"]
[surfaces.exact]
threshold = 0
[surfaces.pictures]
unsupported = "hold"
[surfaces.open]
fail = "open"
[surfaces."forum:own"]
lists = ["rumour"]
[surfaces."forum:public"]
enabled = false
"""


@pytest.fixture(scope="module")
def server(house: House) -> Iterator[Process]:
    """A server that says why it is not ready, and works all the same."""
    with serving(house, ready=False) as process:
        expected = {"list_missing", "list_stale"}
        process.wait(lambda: set(process.ready().json["reasons"]) == expected)
        assert process.ready().status == 503
        yield process


@pytest.mark.parametrize(
    ("surface", "content", "status"),
    [
        ("off", BLOCKED, 200),
        ("off", b"", 200),
        ("public", BLOCKED, 451),
        ("public", LIKE_BLOCKED, 423),
        ("public", SUSPECTED, 423),
        ("public", TEXT, 200),
        ("public", LISTED_TEXT, 451),
        ("storage", LISTED_TEXT, 451),
        ("private_message", CLEAN, 200),
        ("generation", BLOCKED, 451),
        ("needs", jpeg(60), 423),
        ("needs", BLOCKED, 451),
        ("needs_open", jpeg(61), 200),
        ("needs_open", BLOCKED, 451),
        ("needs_open", SUSPECTED, 423),
        ("old", jpeg(62), 423),
        ("old", BLOCKED, 451),
        ("fresh", jpeg(63), 200),
        ("exact", jpeg(40, quality=20), 200),
        ("exact", BLOCKED, 451),
        ("pictures", TEXT + b"1", 423),
        ("pictures", LISTED_TEXT, 451),
        ("open", BROKEN[:-1], 200),
        ("open", LIKE_BLOCKED, 423),
    ],
)
def test_what_a_surface_says(server: Process, surface: str, content: bytes, status: int) -> None:
    answer = server.screen(content, surface=surface)
    assert answer.status == status
    assert set(answer.json) == {"verdict", "receipt"}


def test_a_surface_with_lists_of_its_own(house: House, server: Process) -> None:
    # Bytes that no case has: what is held elsewhere in the service is held here too.
    assert server.screen(jpeg(40, quality=61), surface="narrow").status == 200
    assert server.screen(SUSPECTED, surface="narrow").status == 423


def test_a_surface_of_one_service_alone(server: Process) -> None:
    assert server.screen(BLOCKED, surface="own", key="forum").status == 200
    assert server.screen(SUSPECTED, surface="own", key="forum").status == 423
    assert server.screen(CLEAN, surface="own", key="shop").is_problem(422, "unknown_surface")
    # What a service names so stands before what is named for all.
    assert server.screen(BLOCKED, surface="public", key="forum").status == 200
    assert server.screen(BLOCKED, key="forum").status == 200


@pytest.mark.parametrize("name", ["nowhere", "forum:own", "PUBLIC", "x" * 64, "%00", "a/b"])
def test_a_surface_that_there_is_not(server: Process, name: str) -> None:
    answer = server.screen(BLOCKED, surface=name)
    assert answer.status == 422
    assert answer.code in ("unknown_surface", "invalid_request")


def test_what_cannot_be_read_is_held_and_kept(house: House, server: Process) -> None:
    answer = server.screen(BROKEN)
    assert answer.status == 423
    [case] = [c for c in house.cases() if c.queue == "faults" and c.surface == "public"]
    with house.runtime.records.read() as transaction:
        [evidence] = transaction.cases.evidence(case.case_id)
    assert evidence.size == len(BROKEN)


def test_a_key_with_another_status_for_holds(house: House, server: Process) -> None:
    house.add_key("teapot", hold_status=418)
    assert server.screen(SUSPECTED, key="teapot").status == 418
    assert server.screen(BLOCKED, key="teapot").status == 451
    assert server.screen(CLEAN, key="teapot").status == 200
    for status in ("200", "204", "302"):
        done = house.command("key", "add", "shop", "--hold-status", status)
        assert done.code == 64, status
        assert "sfh_" not in done.out
