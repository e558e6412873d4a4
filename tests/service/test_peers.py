"""Two homes: what one has confirmed, the other finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from safehold.users.roles import Role
from tests.service.house import (
    CLEAN,
    LIKE_BLOCKED,
    SUSPECTED,
    Digests,
    House,
    built,
    custody,
    jpeg,
    serving,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module")
def ann(folder: Path) -> Iterator[House]:
    """Whose people confirm pictures."""
    with built(folder / "ann") as made:
        made.runtime.users.add("olga", frozenset({Role.OFFICER}), "operator")
        made.runtime.users.add("rita", frozenset({Role.REVIEWER}), "operator")
        yield made


def config(shared: Path) -> str:
    return f"""
[exchanges.ann]
kind = "safehold"
peer = "ann"
url = "{shared.as_uri()}"
"""


@pytest.fixture(scope="module")
def shared(folder: Path) -> Path:
    return folder / "shared.age"


@pytest.fixture(scope="module")
def ben(folder: Path, shared: Path) -> Iterator[House]:
    """Who has no list of these."""
    with built(folder / "ben", config(shared)) as made:
        yield made


def share(ann: House, output: Path, user: str = "olga") -> dict[str, int]:
    done = ann.command(
        "list", "share", "--peer", "ben", "--as", user, "--output", str(output), "--json"
    )
    assert done.code == 0, done.err
    told: dict[str, int] = json.loads(done.out)
    return told


def found(ben: House, content: bytes) -> set[tuple[str, str]]:
    file = ben.folder.parent / "picture.jpg"
    file.write_bytes(content)
    rows_file = file.with_name("rows.jsonl")
    done = ben.command("scan", str(file), "--list", "ann", "--output", str(rows_file))
    assert done.code in (0, 1), done.err
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    return {(match["list"], match["signal"]) for row in rows for match in row["matches"]}


def test_what_one_confirmed_the_other_finds(
    ann: House, ben: House, shared: Path, folder: Path
) -> None:
    for house, name, other in ((ann, "ben", ben), (ben, "ann", ann)):
        card = other.command("peer", "key").out.strip()
        assert house.command("peer", "add", name, card).code == 0
        assert card in house.command("peer", "list").out
    with serving(ann, log="ann") as server:
        for content in (SUSPECTED, LIKE_BLOCKED):
            assert server.screen(content).status == 423
    cases = {ann.runtime.cases.confirm(c.case_id, "user:rita").case_id for c in ann.cases()}
    with custody(ann):
        # A reviewer may not, and nothing is overwritten.
        refused = ["list", "share", "--peer", "ben", "--as", "rita", "--output", str(shared)]
        assert ann.command(*refused).code != 0
        assert not shared.exists()
        assert share(ann, shared) == {"entries": 2, "exact": 2, "left_out": 0}
        again = ann.command(
            "list", "share", "--peer", "ben", "--as", "olga", "--output", str(shared)
        )
        assert again.code == 64
    assert shared.stat().st_mode & 0o777 == 0o600
    with ann.runtime.records.read() as transaction:
        events = [e.draft for e in transaction.audit.events_of("ben")]
    assert [(e.kind, e.data.get("entries")) for e in events] == [
        ("list.peer_added", None),
        ("list.shared", 2),
    ]
    synced = ben.command("list", "sync", "ann", "--json")
    assert synced.code == 0, synced.err
    assert found(ben, SUSPECTED) >= {("ann", "sha256"), ("ann", "pdq")}
    assert found(ben, jpeg(41, quality=60)) == {("ann", "pdq")}
    assert found(ben, CLEAN) == set()
    # Neither a case nor a digest stands anywhere in plain.
    digest = Digests.of(SUSPECTED).sha256
    wanted = [digest.encode(), bytes.fromhex(digest), *(str(case).encode() for case in cases)]
    for path in (shared, *(p for p in ben.folder.rglob("*") if p.is_file())):
        content = path.read_bytes()
        for one in wanted:
            assert one not in content, path
    assert not list((ben.folder / "feeds").glob("feed-*"))


def test_what_is_undone_is_withdrawn_and_an_older_list_is_refused(
    ann: House, ben: House, shared: Path, folder: Path
) -> None:
    [first, _] = sorted(ann.cases(), key=lambda case: case.case_id)
    with ann.runtime.records.write() as transaction:
        transaction.audit.lock()
        transaction.cases.delete(first.case_id)
    older = shared.read_bytes()
    shared.unlink()
    with custody(ann):
        assert share(ann, shared)["entries"] == 1
    assert ben.command("list", "sync", "ann").code == 0
    # The first of them was the suspected one, as it came.
    assert found(ben, SUSPECTED) == set()
    assert found(ben, LIKE_BLOCKED) >= {("ann", "sha256")}
    newer = shared.read_bytes()
    for content, code in (
        (older, "shared_older"),
        (newer[:-1], "shared_damaged"),
        (b"id,md5\n", "shared_damaged"),
    ):
        shared.write_bytes(content)
        done = ben.command("list", "sync", "ann", "--json")
        assert done.code != 0
        assert code in done.out + done.err
    assert found(ben, LIKE_BLOCKED) >= {("ann", "sha256")}
    # Asked for everything anew, an older one is refused all the same.
    shared.write_bytes(older)
    assert "shared_older" in ben.command("list", "sync", "ann", "--full", "--json").out
    # Nor where the list is read for another tier.
    settings = ben.folder / "config.toml"
    was = settings.read_text()
    settings.write_text(was + 'tier = "confirmed"\n')
    assert "shared_older" in ben.command("list", "sync", "ann", "--json").out
    settings.write_text(was)
    # Of one who is no peer any more nothing is believed, though the file is as it was.
    shared.write_bytes(newer)
    assert ben.command("list", "sync", "ann").code == 0
    assert ben.command("list", "sync", "ann").code == 0
    assert ben.command("peer", "remove", "ann").code == 0
    done = ben.command("list", "sync", "ann", "--json")
    assert done.code != 0
    assert "peer_unknown" in done.out + done.err
