"""Suppressions behind whole servers: two of them, over one store, agree within moments."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from safehold.cases.model import CaseFilter, CaseState
from safehold.cases.suppressing import Suppressions
from safehold.config.doors import ServerOptions
from safehold.hashing.model import SignalType
from safehold.lists.model import Tier
from tests.server.site import BLOCKED, Site, jpeg, opened, running
from tests.service.house import Digests

PICTURE = jpeg(61)
EDIT = jpeg(61, quality=55)
"""The same picture stored anew: near the entries, equal to none."""
SECONDS = 20.0


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Site]]:
    folder = tmp_path_factory.mktemp("suppressing")
    fast = ServerOptions(list_refresh_seconds=0.1)
    with opened(folder, server=fast) as one:
        for name, tier in (("first", Tier.CONFIRMED), ("second", Tier.SUSPECTED)):
            file = folder / f"{name}.csv"
            file.write_text(f"pdq,id\n{Digests.of(PICTURE).pdq},{name}-entry\n")
            one.runtime.lists.add(name, file, type=SignalType.PDQ, tier=tier)
        with running(one):
            other = Site(one.runtime, keys=one.keys)
            with running(other):
                yield one, other


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def clear(site: Site) -> None:
    [case] = site.runtime.cases.list(CaseFilter(state=CaseState.OPEN))
    site.runtime.cases.clear(case.case_id, "user:ann")


def test_the_same_bytes_are_let_go_of_what_was_cleared_and_of_nothing_else(
    sites: tuple[Site, Site], tmp_path: Path
) -> None:
    one, other = sites
    runtime = one.runtime
    assert one.screen(EDIT).json["verdict"] == "hold"
    clear(one)
    service = Suppressions(runtime.records, runtime.clock)
    assert {str(found.entry_id) for found in service.standing()} == {"first-entry", "second-entry"}
    for site in sites:
        until(lambda site=site: site.screen(EDIT).json["verdict"] == "allow")  # type: ignore[misc]
    assert not list(runtime.cases.list(CaseFilter(state=CaseState.OPEN)))
    assert one.screen(EDIT, key="forum").json["verdict"] == "hold", "another service"
    clear(one)
    # Another list comes to know it: the same bytes are held, on both servers.
    file = tmp_path / "third.csv"
    file.write_text(f"pdq,id\n{Digests.of(PICTURE).pdq},third-entry\n")
    runtime.lists.add("third", file, type=SignalType.PDQ, tier=Tier.SUSPECTED)
    for site in sites:
        until(lambda site=site: site.screen(EDIT).json["verdict"] == "hold")  # type: ignore[misc]
    clear(one)
    until(lambda: other.screen(EDIT).json["verdict"] == "allow")
    # One is ended: held again, on both.
    [first] = [
        found
        for found in service.standing()
        if found.entry_id == "first-entry" and found.service_id == runtime.service_id("shop")
    ]
    service.end(first.suppression_id, "system")
    for site in sites:
        until(lambda site=site: site.screen(EDIT).json["verdict"] == "hold")  # type: ignore[misc]


def test_what_is_exactly_on_a_confirmed_list_is_never_suppressed(
    sites: tuple[Site, Site],
) -> None:
    one, _ = sites
    assert one.screen(BLOCKED).json["verdict"] == "block"
    sha256 = bytes.fromhex(Digests.of(BLOCKED).sha256)
    runtime = one.runtime
    content = runtime.names.content(runtime.service_id("shop"), sha256)
    [case] = [c for c in runtime.cases.list(CaseFilter()) if c.content == content]
    runtime.cases.clear(case.case_id, "user:ann")
    with runtime.records.read() as transaction:
        assert transaction.suppressions.of_case(case.case_id)
    suppressing = one.parts.door.suppressing
    assert suppressing is not None
    suppressing.refresh()
    assert suppressing.of(runtime.service_id("shop"), sha256)
    # Without the case that two people cleared nothing else lets it through.
    with runtime.records.write() as transaction:
        found = transaction.cases.find(case.case_id, lock=True)
        assert found is not None
        transaction.cases.update(replace(found, cleared=frozenset()))
    assert one.screen(BLOCKED).json["verdict"] == "block"
