"""One service whose callers stall leaves room for the others."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import pytest

from safehold.engine.errors import OverloadedError
from safehold.engine.spool import Spool
from safehold.runtime.listening import raise_descriptors
from tests.server.site import CLEAN, Site, opened, running, with_options
from tests.server.test_hostile import (
    closed,
    connections,
    head,
    no_bodies,
    read_answer,
    settled,
)

MIB = 1024 * 1024


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(tmp_path_factory.mktemp("fair")) as made:
        parts = with_options(
            made.parts, max_body_bytes=MIB, spool_bytes=4 * MIB, max_connections=40
        )
        with running(made, parts) as site:
            yield site


def stall(site: Site, count: int, size: int) -> list[socket.socket]:
    """Calls of `shop` that send so many bytes of a megabyte, and then no more."""
    made = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", site.port), timeout=30)
        with contextlib.suppress(OSError):  # it may be refused while it sends
            connection.sendall(head(site, f"Content-Length: {MIB}") + b"x" * size)
        made.append(connection)
    return made


@pytest.mark.parametrize(("count", "size"), [(6, MIB - 4096), (25, 10)], ids=["memory", "places"])
def test_stalled_calls_of_one_service_hold_up_no_other(shared: Site, count: int, size: int) -> None:
    stalled = stall(shared, count, size)
    try:
        settled(shared)
        assert shared.screen(CLEAN, key="shop").json["code"] == "overloaded"
        assert shared.screen(CLEAN, key="forum").status == 200
    finally:
        for connection in stalled:
            connection.close()
    no_bodies(shared)
    assert shared.screen(CLEAN, key="shop").status == 200


def test_who_only_waits_keeps_nobody_out(shared: Site) -> None:
    with shared.raw() as kept:
        kept.sendall(head(shared, "Content-Length: 4") + b"x")  # a call is under way here
        time.sleep(0.5)
        idle = connections(shared, 39) + connections(shared, 5, b"POST /v1/scr")
        try:
            for _ in range(3):
                assert shared.screen(CLEAN).status == 200
            # Those that have waited for longest gave way, and were told nothing.
            assert closed(idle[0])
            kept.sendall(b"yyy")
            assert read_answer(kept).status == 200
        finally:
            for connection in idle:
                connection.close()


def test_memory_counts_for_its_owner() -> None:
    spool = Spool(8 * 4096, 4 * 4096)
    first, other = spool.body(MIB, "a"), spool.body(MIB, "b")
    first.write(b"x" * 4 * 4096)
    more = spool.body(MIB, "a")
    with pytest.raises(OverloadedError):
        more.write(b"x")
    other.write(b"x" * 4 * 4096)
    first.close()
    more.write(b"x" * 4 * 4096)
    for body in (more, other):
        body.close()
    assert (spool.used, spool.bodies) == (0, 0)


def test_descriptors_suffice_for_all_connections() -> None:
    """Else connections that wait leave none for bodies, vault and database."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1] if before[1] != resource.RLIM_INFINITY else 1 << 20
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
        assert raise_descriptors(512)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (2560, before[1])
        assert not raise_descriptors(hard)
        assert raise_descriptors(1)  # nothing is taken away
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2560
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
