"""The custodian's rules: audited before handed out, to named recipients alone."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import pytest

from safehold.audit.chain import link
from safehold.audit.model import GENESIS, EventDraft
from safehold.custodian.interface import (
    Access,
    Custodian,
    CustodianError,
    RequestError,
    Rewrapped,
    RewrapRefusedError,
    UnknownRecipientError,
)
from safehold.custodian.local import LocalCustodian
from safehold.testing.blob_store import MemoryBlobs
from safehold.vault.interface import ObjectMissingError, VaultError
from safehold.vault.sealing import DamagedError, Identity, KeyMismatchError, unseal
from tests.custodian.conftest import ACCESS, KEY, NOW, OBJECT, ORIGINAL, Room
from tests.vault.stores import put, read

DIGEST = hashlib.sha256(ORIGINAL).digest()


def test_status(room: Room) -> None:
    custodian: Custodian = room.custodian
    status = custodian.status()
    assert (status.identities, status.officers, status.holds_officer) == (1, 1, True)
    room.parts.officers.add("bela", Identity.generate().recipient)
    room.parts.officers.remove("anna")
    status = custodian.status()
    assert (status.officers, status.holds_officer) == (1, False)
    assert room.events == []


def test_checking(room: Room) -> None:
    checked = room.custodian.check(ACCESS, OBJECT)
    assert (checked.sha256, checked.size) == (DIGEST, len(ORIGINAL))
    assert room.events == [
        EventDraft(
            "custodian.checked",
            NOW,
            "user:reviewer",
            subject="case1",
            data={"key": KEY, "reason": "canary", "object": OBJECT},
        )
    ]


def test_exporting(room: Room) -> None:
    output = io.BytesIO()
    count = room.custodian.export(ACCESS, OBJECT, room.named.recipient, output)
    assert count == len(output.getvalue())
    assert unseal([room.named], output.getvalue()) == ORIGINAL
    assert ORIGINAL[:20] not in output.getvalue()
    [event] = room.events
    assert (event.kind, event.data["recipient"]) == ("custodian.exported", "authority")


def test_opening_what_is_sealed(room: Room, officer: Identity) -> None:
    sealed = room.vault.seal(room.recipient, b'{"uploader": "42"}')
    for who in (room.named, officer):
        again = room.custodian.open_sealed(ACCESS, sealed, who.recipient)
        assert unseal([who], again) == b'{"uploader": "42"}'
    assert [event.kind for event in room.events] == ["custodian.opened"] * 2
    assert [event.data["recipient"] for event in room.events] == ["authority", "anna"]


def test_every_event_can_stand_in_the_log(room: Room) -> None:
    """Its form is that of the chain, whoever the officers are."""
    room.custodian.check(ACCESS, OBJECT)
    room.custodian.export(ACCESS, OBJECT, room.named.recipient, io.BytesIO())
    room.custodian.rewrap([KEY], "officer:anna", "rotation")
    room.custodian.shred(ACCESS)
    assert len(room.events) == 4
    for event in room.events:
        assert link(GENESIS, 1, event).draft == event


def test_to_nobody_but_named_recipients(room: Room) -> None:
    stranger = Identity.generate().recipient
    output = io.BytesIO()
    with pytest.raises(UnknownRecipientError):
        room.custodian.export(ACCESS, OBJECT, stranger, output)
    with pytest.raises(UnknownRecipientError):
        room.custodian.open_sealed(ACCESS, room.vault.seal(room.recipient, b"x"), stranger)
    with pytest.raises(UnknownRecipientError):
        room.custodian.export(ACCESS, OBJECT, "age1nonsense", output)
    assert output.getvalue() == b""
    assert room.events == []


def test_nothing_is_handed_out_where_it_cannot_be_audited(room: Room) -> None:
    def refuse(event: EventDraft) -> None:
        raise VaultError("the audit log is away")

    custodian = LocalCustodian(replace(room.parts, audit=refuse))
    output = io.BytesIO()
    wrapped = read(room.parts.keys, KEY)
    for call in (
        lambda: custodian.check(ACCESS, OBJECT),
        lambda: custodian.export(ACCESS, OBJECT, room.named.recipient, output),
        lambda: custodian.open_sealed(
            ACCESS, room.vault.seal(room.recipient, b"x"), room.named.recipient
        ),
        lambda: custodian.shred(ACCESS),
        lambda: custodian.rewrap([KEY], "system", "rotation"),
    ):
        with pytest.raises(VaultError, match="audit log is away"):
            call()
    assert output.getvalue() == b""
    assert read(room.parts.keys, KEY) == wrapped


def test_the_event_comes_before_the_bytes(room: Room) -> None:
    class Watching(io.BytesIO):
        def write(self, content: object, /) -> int:
            assert [event.kind for event in room.events] == ["custodian.exported"]
            return super().write(content)  # type: ignore[arg-type]

    room.custodian.export(ACCESS, OBJECT, room.named.recipient, Watching())


@pytest.mark.parametrize("end", [-1, 70_000, 300])
def test_a_damaged_original_is_no_export(room: Room, end: int) -> None:
    """Neither its check nor its export passes, and what was written cannot be opened."""
    sealed = read(room.parts.objects, OBJECT)[:end]
    objects = MemoryBlobs()
    put(objects, OBJECT, sealed)
    custodian = LocalCustodian(replace(room.parts, objects=objects))
    with pytest.raises(DamagedError):
        custodian.check(ACCESS, OBJECT)
    output = io.BytesIO()
    with pytest.raises(DamagedError):
        custodian.export(ACCESS, OBJECT, room.named.recipient, output)
    with pytest.raises(DamagedError):
        unseal([room.named], output.getvalue())


def test_an_output_that_fails(room: Room) -> None:
    class Full(io.BytesIO):
        def write(self, content: object, /) -> int:
            raise OSError(28, "no space")

    with pytest.raises(OSError, match="no space"):
        room.custodian.export(ACCESS, OBJECT, room.named.recipient, Full())


def test_what_is_missing_or_of_another(room: Room) -> None:
    with pytest.raises(ObjectMissingError):
        room.custodian.check(ACCESS, "e" * 32)
    with pytest.raises(ObjectMissingError):
        room.custodian.check(replace(ACCESS, key_name="e" * 32), OBJECT)
    other = room.vault.new_case_key("f" * 32, room.parts.officers.recipients())
    with pytest.raises(KeyMismatchError):
        room.custodian.check(replace(ACCESS, key_name="f" * 32), OBJECT)
    assert other != room.recipient


def test_a_stranger_opens_nothing(room: Room) -> None:
    parts = replace(room.parts, identities=[Identity.generate()])
    with pytest.raises(KeyMismatchError):
        LocalCustodian(parts).check(ACCESS, OBJECT)
    assert room.events == []
    with pytest.raises(CustodianError):
        LocalCustodian(replace(room.parts, identities=[]))


def test_after_an_officer_left_the_officer_opens_nothing_more(
    room: Room, officer: Identity
) -> None:
    bela = Identity.generate()
    room.parts.officers.add("bela", bela.recipient)
    with pytest.raises(KeyMismatchError):
        unseal([bela], read(room.parts.keys, KEY))
    assert room.custodian.rewrap([KEY], "officer:anna", "bela-joins") == Rewrapped(1, 0, 0)
    both = [room.holding(officer), room.holding(bela)]
    assert [custodian.check(ACCESS, OBJECT).sha256 for custodian in both] == [DIGEST] * 2

    room.parts.officers.remove("anna")
    with pytest.raises(RewrapRefusedError):
        room.custodian.rewrap([KEY], "officer:anna", "anna-left")
    done = both[1].rewrap([KEY, "e" * 32], "officer:bela", "anna-left")
    assert done == Rewrapped(done=1, missing=1, failed=0)
    assert both[1].check(ACCESS, OBJECT).sha256 == DIGEST
    with pytest.raises(KeyMismatchError):
        room.custodian.check(ACCESS, OBJECT)
    with pytest.raises(KeyMismatchError):
        room.holding(officer)  # Nor does the officer sign checkpoints any more.
    signed = room.holding(bela)
    assert signed.public_key() == room.custodian.public_key()
    assert room.events[-2].data["officers"] == ("bela",)


def test_a_key_that_cannot_be_opened_stays_as_it_was(room: Room) -> None:
    put(room.parts.keys, "e" * 32, b"damaged")
    before = read(room.parts.keys, "e" * 32)
    assert room.custodian.rewrap(["e" * 32, KEY], "system", "rotation") == Rewrapped(1, 0, 1)
    assert read(room.parts.keys, "e" * 32) == before


def test_shredding(room: Room) -> None:
    assert room.custodian.shred(ACCESS) is True
    assert room.custodian.shred(ACCESS) is False
    with pytest.raises(ObjectMissingError):
        room.custodian.check(ACCESS, OBJECT)
    assert room.custodian.rewrap([KEY], "system", "rotation") == Rewrapped(0, 1, 0)
    assert list(room.parts.keys.names()) == []
    assert [event.kind for event in room.events[:2]] == ["custodian.shredded"] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"key_name": "../etc"},
        {"case_id": "a b"},
        {"case_id": ""},
        {"actor": "somebody with a name"},
        {"actor": ""},
        {"reason": "free text about a person"},
        {"reason": "x" * 65},
    ],
)
def test_an_access_holds_codes_only(change: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        Access(**{"key_name": KEY, "case_id": "c", "actor": "system", "reason": "r"} | change)


def test_other_requests_that_are_none(room: Room) -> None:
    with pytest.raises(RequestError):
        room.custodian.check(ACCESS, "../etc/passwd")
    with pytest.raises(RequestError):
        room.custodian.rewrap(["../etc/passwd"], "system", "rotation")
    with pytest.raises(RequestError):
        room.custodian.rewrap([KEY], "system", "free text")
    assert room.events == []


def test_representations_show_no_secret(room: Room, officer: Identity) -> None:
    assert officer.secret not in repr(room.parts)
