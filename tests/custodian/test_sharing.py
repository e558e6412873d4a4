"""A list for a peer takes the place of the one before: it is made whole, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from safehold.cases.review.choices import Confirmation
from safehold.custodian.interface import Access, Checked, Custodian, CustodianAwayError
from safehold.custodian.refusals import CustodianError, RequestError
from safehold.custodian.sharing import Shared, Sharing, SharingParts
from safehold.errors import SafeholdError
from safehold.testing.records import MemoryRecords
from safehold.vault.interface import ObjectMissingError, VaultError
from safehold.vault.peers import PeerKeys, peer_keys
from safehold.vault.sealing import DamagedError, KeyMismatchError
from safehold.vault.shared_list import unpack
from tests.cases.review.office import ANN, Office, picture
from tests.intake.house import KEY, SHOP, match


class Opener:
    """A custodian that fails for the second original."""

    def __init__(self, error: SafeholdError | None) -> None:
        self._error = error
        self._calls = 0

    def check(self, access: Access, name: str) -> Checked:
        self._calls += 1
        if self._error is not None and self._calls == 2:
            raise self._error
        return cast("Checked", _Known)


class _Known:
    sha256 = bytes(range(32))


@pytest.fixture
def homes(tmp_path: Path) -> tuple[PeerKeys, PeerKeys]:
    return peer_keys(tmp_path / "ann.key"), peer_keys(tmp_path / "ben.key")


def shared(homes: tuple[PeerKeys, PeerKeys], error: SafeholdError | None) -> Shared:
    ann, ben = homes
    office = Office(MemoryRecords())
    for number in range(3):
        case_id = office.hold(picture(f"{number}".encode(), [match(f"e{number}")], service=SHOP))
        office.look(case_id, ANN)
        office.reviews.confirm(case_id, ANN, Confirmation())
    custodian: Any = Opener(error)
    parts = SharingParts(office.records, cast("Custodian", custodian), KEY, ann, office.clock)
    sharing = Sharing(parts)
    return sharing.share(("ben", ben.card), ANN.user_id, sharing.cases([SHOP]))


def rows(homes: tuple[PeerKeys, PeerKeys], made: Shared) -> list[dict[str, Any]]:
    ann, ben = homes
    return [json.loads(line) for line in unpack(made.content, ben, ann.card, 0).rows.splitlines()]


def test_every_confirmed_case_is_a_row(homes: tuple[PeerKeys, PeerKeys]) -> None:
    made = shared(homes, None)
    assert (made.entries, made.exact, made.left) == (3, 3, 0)
    assert all(row["sha256"] == bytes(range(32)).hex() for row in rows(homes, made))


@pytest.mark.parametrize("error", [ObjectMissingError(), DamagedError()])
def test_an_original_that_is_gone_has_no_digest(
    homes: tuple[PeerKeys, PeerKeys], error: SafeholdError
) -> None:
    made = shared(homes, error)
    assert made.exact == 2
    assert made.entries + made.left == 3


@pytest.mark.parametrize(
    "error",
    [VaultError(), KeyMismatchError(), CustodianError(), RequestError(), CustodianAwayError()],
)
def test_whatever_else_fails_fails_the_whole(
    homes: tuple[PeerKeys, PeerKeys], error: SafeholdError
) -> None:
    with pytest.raises(type(error)):
        shared(homes, error)
