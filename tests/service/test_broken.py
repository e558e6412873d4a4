"""What a server stands on breaks while it runs: a clear code, never a 2xx, and nothing lost.

After each the server recovers by itself, and all that it ever answered is there.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.cases.model import Case
from safehold.lists.model import Tier
from tests.service.breaking import (
    MAY_MOUNT,
    children,
    descendants,
    full_disk,
    gone,
    kill,
    no_file_beyond,
    other_content,
    read_only,
    small_disk,
)
from tests.service.house import (
    BLOCKED,
    CLEAN,
    LIKE_BLOCKED,
    LISTED_TEXT,
    Answer,
    House,
    Process,
    built,
    jpeg,
    serving,
)

CONFIG = """
[intake]
min_free_bytes = 0
[server]
list_refresh_seconds = 0.5
[surfaces.needs]
required_lists = ["partner"]
"""

_quality = itertools.count(30)


def new_edit() -> bytes:
    """The listed picture, stored as never before: a hold with a case of its own."""
    return jpeg(40, quality=next(_quality))


def case_of(house: House, content: bytes) -> Case | None:
    import hashlib

    [service] = [s.service_id for s in house.runtime.accounts.services() if s.name == "shop"]
    name = house.runtime.names.content(service, hashlib.sha256(content).digest())
    return next((case for case in house.cases("shop") if case.content == name), None)


def refused(server: Process, content: bytes, code: str) -> None:
    """The item gets no verdict, and the answer says why."""
    answer = server.screen(content)
    assert answer.is_problem(503, code), answer.body


@pytest.fixture(autouse=True)
def whole(house: House, server: Process) -> Iterator[None]:
    """After each test the server works as before, and what it keeps is whole."""
    assert server.screen(BLOCKED).status == 451
    yield
    server.wait_ready(20)
    held = new_edit()
    assert server.screen(CLEAN).status == 200
    assert server.screen(BLOCKED).status == 451
    assert server.screen(held).status == 423
    assert case_of(house, held) is not None
    house.check_whole()
    assert not server.events("internal"), server.events("internal")


def test_the_vault_is_gone_and_nobody_may_open_it(house: House, server: Process) -> None:
    content, home = new_edit(), house.runtime.home
    with gone(home.vault), other_content(home.officers, b""):
        refused(server, content, "vault_unavailable")
        server.wait_unready("vault", 15)
        assert "officers" in server.ready().json["reasons"]
        assert server.screen(CLEAN).status == 200  # what needs no vault goes on
        # Free space that cannot be told is no full disk either.
        assert "disk_full" not in server.ready().json["reasons"]
        refused(server, content, "vault_unavailable")
        assert case_of(house, content) is None
    assert server.screen(content).status == 423


def test_the_key_store_is_gone(house: House, server: Process) -> None:
    content = new_edit()
    with gone(house.runtime.home.keys):
        refused(server, content, "vault_unavailable")
        # What joins a case needs no new key.
        assert server.screen(BLOCKED).status == 451
        assert case_of(house, content) is None


@pytest.mark.parametrize("which", ["vault", "keys"])
def test_a_store_is_read_only(house: House, server: Process, which: str) -> None:
    content = new_edit()
    with read_only(house.folder / which):
        refused(server, content, "vault_unavailable")
        assert case_of(house, content) is None


@pytest.mark.parametrize("text", [b"", b"no recipient\n"], ids=["empty", "damaged"])
def test_the_file_of_officers_names_nobody(house: House, server: Process, text: bytes) -> None:
    content = new_edit()
    with other_content(house.runtime.home.officers, text):
        refused(server, content, "vault_unavailable")
        assert case_of(house, content) is None
        assert server.screen(BLOCKED).status == 451


def test_no_file_can_grow(house: House, server: Process) -> None:
    """As on a full disk: the vault, the database and the log cannot be written."""
    content = new_edit()
    with no_file_beyond(server.popen.pid, len(content) + 100):
        refused(server, content, "disk_full")
        assert case_of(house, content) is None
    assert server.screen(content).status == 423


def test_the_database_cannot_be_written(house: House, server: Process) -> None:
    content = new_edit()
    # Large enough for the item, too small for the log of the database.
    with no_file_beyond(server.popen.pid, 120_000):
        answers = [server.screen(new_edit()) for _ in range(6)]
        assert {answer.status for answer in answers} <= {423, 503}
        assert answers[-1].is_problem(503, "store_unavailable")
        server.wait_unready("database", 15)
        refused(server, content, "store_unavailable")
    assert server.screen(content).status == 423
    for answer in answers:
        if answer.status == 423:
            assert server.receipt(answer.receipt).verdict == "hold"


def _workers(server: Process) -> list[int]:
    [zygote, *_] = children(server.popen.pid)
    return [pid for pid in descendants(server.popen.pid) if pid != zygote]


def _under_load(server: Process, breaks: list[int]) -> list[Answer]:
    """Ask all the while that processes are killed; every answer."""
    answers: list[Answer] = []
    done = threading.Event()

    def ask() -> None:
        for content in itertools.cycle((BLOCKED, LIKE_BLOCKED, LISTED_TEXT)):
            if done.is_set():
                return
            answers.append(server.screen(content))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3)
        kill(*breaks)
        time.sleep(0.3)
        server.wait(lambda: server.screen(LIKE_BLOCKED).status == 423, 30)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    return answers


@pytest.mark.parametrize("who", ["workers", "zygote", "all"])
def test_decoders_are_killed(server: Process, who: str) -> None:
    below = descendants(server.popen.pid)
    assert len(below) >= 2
    breaks = {"workers": below[1:], "zygote": below[:1], "all": below}[who]
    answers = _under_load(server, breaks)
    assert {answer.status for answer in answers} <= {423, 451, 503}
    for answer in answers:
        if answer.status == 503:
            assert answer.code in ("decoder_unavailable", "overloaded")
    assert not set(breaks) & set(descendants(server.popen.pid))


def test_a_list_grows_and_goes_while_the_server_runs(house: House, server: Process) -> None:
    content = jpeg(55)
    assert server.screen(content).status == 200
    house.add_list("fresh", {"f1": content}, Tier.CONFIRMED)
    server.wait(lambda: server.screen(content).status == 451, 10)
    house.runtime.lists.remove("fresh")
    server.wait(lambda: server.screen(jpeg(55, quality=next(_quality))).status == 200, 10)
    assert server.screen(content).status == 451  # held here until somebody decides


def test_snapshots_are_damaged_and_built_anew(house: House, server: Process) -> None:
    folder = house.runtime.home.snapshots / "partner"
    files = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 500]
    assert files
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
        fresh = path.with_name(path.name + ".fresh")
        fresh.write_bytes(content)
        fresh.chmod(0o600)
        fresh.rename(path)
    # What is open goes on being matched.
    assert server.screen(BLOCKED, surface="needs").status == 451
    with serving(house, log="second") as second:
        assert second.screen(new_edit(), surface="needs").status == 423
        assert second.screen(jpeg(56), surface="needs").status == 200
        assert not second.events("list_not_opened")


def test_snapshots_are_gone_while_the_server_runs(house: House, server: Process) -> None:
    with gone(house.runtime.home.snapshots):
        assert server.screen(BLOCKED, surface="needs").status == 451
        time.sleep(1.2)
        assert server.screen(jpeg(57), surface="needs").status == 200
        assert server.ready().status == 200


def test_a_required_list_is_removed(house: House, server: Process) -> None:
    house.runtime.lists.remove("partner")
    try:
        server.wait_unready("list_missing", 10)
        assert server.screen(jpeg(58), surface="needs").status == 423
        assert server.screen(jpeg(59)).status == 200
    finally:
        house.add_list("partner", {"e1": BLOCKED, "e2": LISTED_TEXT}, Tier.CONFIRMED)
    server.wait_ready(10)
    # What was held for that alone is let go once it is checked.
    assert server.screen(jpeg(58), surface="needs").status == 200


def test_a_disk_is_full(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with small_disk(place, 8), built(place / "home", CONFIG) as house, serving(house) as server:
        held = server.screen(new_edit())
        assert held.status == 423
        with full_disk(place, server.popen.pid):
            answers = [server.screen(new_edit()) for _ in range(5)]
            assert {a.status for a in answers} == {503}, [a.body for a in answers]
            # Where no disk can be mounted the process may write no file, not even in memory.
            codes = {"disk_full", "store_unavailable"}
            codes |= set() if MAY_MOUNT else {"overloaded"}
            assert {a.code for a in answers} <= codes
            assert server.screen(CLEAN).status in (200, 503)
            server.wait(lambda: server.ready().status == 503, 15)
            assert server.receipt(held.receipt).verdict == "hold"
        server.wait_ready(20)
        assert server.screen(new_edit()).status == 423
        assert server.receipt(held.receipt).verdict == "hold"
        house.check_whole()


def test_less_room_than_must_be_kept(tmp_path: Path) -> None:
    config = "[intake]\nmin_free_bytes = 4000000000000000\n"
    with built(tmp_path / "home", config) as house, serving(house, ready=False) as server:
        server.wait_unready("disk_full")
        refused(server, BLOCKED, "disk_full")
        assert server.screen(CLEAN).status == 200
        assert house.cases() == []
        house.check_whole()
