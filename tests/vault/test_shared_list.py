"""A list on its way from one home to another, and the keys of both."""

from __future__ import annotations

import base64
import datetime as dt
import json
from pathlib import Path

import pytest

from safehold.errors import UsageError
from safehold.vault.peers import (
    Card,
    PeerCardError,
    PeerKeys,
    PeersFile,
    PeersFileError,
    UnknownPeerError,
    peer_keys,
)
from safehold.vault.sealing import seal, unseal
from safehold.vault.shared_list import (
    SharedForeignError,
    SharedListError,
    SharedOlderError,
    SharedRecipientError,
    pack,
    unpack,
)

AT = dt.datetime(2026, 5, 6, tzinfo=dt.UTC)
ROWS = b'{"id":"s-1","sha256":"' + b"ab" * 32 + b'"}\n'


@pytest.fixture
def homes(tmp_path: Path) -> tuple[PeerKeys, PeerKeys, PeerKeys]:
    ann, ben, eve = (peer_keys(tmp_path / f"{name}.key") for name in "abe")
    return ann, ben, eve


def test_what_one_shares_the_other_opens(homes: tuple[PeerKeys, PeerKeys, PeerKeys]) -> None:
    ann, ben, _ = homes
    sealed = pack(ROWS, 1, AT, ann, ben.card)
    assert b"sha256" not in sealed
    opened = unpack(sealed, ben, ann.card, 0)
    assert (opened.rows, opened.serial) == (ROWS, int(AT.timestamp() * 1000))
    # The same is taken again, an older one is not.
    assert unpack(sealed, ben, ann.card, opened.serial).rows == ROWS
    with pytest.raises(SharedOlderError):
        unpack(sealed, ben, ann.card, opened.serial + 1)


def test_what_is_another_s_is_not_taken(homes: tuple[PeerKeys, PeerKeys, PeerKeys]) -> None:
    ann, ben, eve = homes
    sealed = pack(ROWS, 1, AT, ann, ben.card)
    with pytest.raises(SharedRecipientError):
        unpack(sealed, eve, ann.card, 0)
    with pytest.raises(SharedForeignError):
        unpack(sealed, ben, eve.card, 0)
    # One who got a list passes it on as if it had been meant for another.
    plain = unseal([ben.identity], sealed)
    with pytest.raises(SharedRecipientError):
        unpack(seal([eve.identity.recipient], plain), eve, ann.card, 0)


def test_what_was_changed_is_not_taken(homes: tuple[PeerKeys, PeerKeys, PeerKeys]) -> None:
    ann, ben, _ = homes
    sealed = pack(ROWS, 1, AT, ann, ben.card)
    for damaged in (b"", sealed[:-9], sealed[:-1] + bytes([sealed[-1] ^ 1]), b"age" * 99):
        with pytest.raises(SharedListError):
            unpack(damaged, ben, ann.card, 0)
    head, signature, rows = unseal([ben.identity], sealed).split(b"\n", 2)
    later = json.loads(head) | {"serial": 1 << 60}
    for parts in (
        (json.dumps(later).encode(), signature, rows),
        (head, signature, rows + rows),
        (head, base64.b64encode(bytes(64)), rows),
        (head, b"???", rows),
        (b"{}", base64.b64encode(ann.sign(b"safehold shared list v1\0{}")), rows),
    ):
        with pytest.raises(SharedListError):
            unpack(seal([ben.identity.recipient], b"\n".join(parts)), ben, ann.card, 0)


@pytest.mark.parametrize(
    "serial", ["Infinity", "1e400", "NaN", "-1", "0", "true", '"9"', "9" * 4_001, str(1 << 53)]
)
def test_a_number_that_no_list_has_is_not_taken(
    homes: tuple[PeerKeys, PeerKeys, PeerKeys], serial: str
) -> None:
    ann, ben, _ = homes
    head, _, rows = unseal([ben.identity], pack(ROWS, 1, AT, ann, ben.card)).split(b"\n", 2)
    known = str(json.loads(head)["serial"]).encode()
    for said in (head.replace(known, serial.encode()), b"[" * 100_000):
        signature = base64.b64encode(ann.sign(b"safehold shared list v1\0" + said))
        with pytest.raises(SharedListError):
            sealed = seal([ben.identity.recipient], b"\n".join((said, signature, rows)))
            unpack(sealed, ben, ann.card, 0)


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    path = tmp_path / "peer.key"
    first = peer_keys(path)
    assert peer_keys(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert first.identity.secret not in repr(first)
    assert Card.parse(first.card.text + "\n") == first.card
    path.write_text("no key")
    with pytest.raises(PeersFileError):
        peer_keys(path)


@pytest.mark.parametrize("text", ["", "age1xyz", "safehold-peer-1:age1xyz:AAAA", "x:y:z"])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(PeerCardError):
        Card.parse(text)


def test_peers_are_named_once(tmp_path: Path) -> None:
    file = PeersFile(tmp_path / "peers.toml")
    card = peer_keys(tmp_path / "peer.key").card
    assert file.read() == {}
    file.add("berta", card)
    for name in ("berta", "../x", ""):
        with pytest.raises(UsageError):
            file.add(name, card)
    assert file.find("berta") == card
    with pytest.raises(UnknownPeerError):
        file.find("carla")
    file.remove("berta")
    assert file.read() == {}
    with pytest.raises(UnknownPeerError):
        file.remove("berta")
    (tmp_path / "peers.toml").write_text("[berta]\nkey = 7\n")
    with pytest.raises(PeersFileError):
        file.read()
