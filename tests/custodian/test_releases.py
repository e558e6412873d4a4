"""What is sealed of releases: opened for who has traced them by the audit log, and no more."""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from safehold.audit.model import EventDraft
from safehold.cases.review.refusals import NotPermittedError
from safehold.custodian.client import CustodianClient
from safehold.custodian.interface import CustodianError, RequestError, TraceRefusedError
from safehold.custodian.local import LocalCustodian
from safehold.custodian.releases import ReleaseParts, Releases
from safehold.ids import ReleaseId, UserId
from safehold.ledger.model import Release
from safehold.users.roles import Role
from safehold.vault.interface import VaultError
from safehold.vault.sealing import Identity, seal
from tests.custodian.conftest import Room as CustodianRoom
from tests.custodian.serving import serving
from tests.ledger.rooms import TOLD, Room, exact, new

OFFICER = UserId("u-officer")
ACTOR = "user:u-officer"


@pytest.fixture
def house() -> Room:
    made = Room()
    made.add(new(b"one"))
    return made


def desk(house: Room, *identities: Identity) -> Releases:
    def audit(event: EventDraft) -> None:
        with house.records.write() as transaction:
            transaction.audit.append([event])

    return Releases(
        ReleaseParts(
            house.records,
            identities or [house.officer],
            audit,
            house.clock,
            dt.timedelta(minutes=10),
        )
    )


def opened(made: Releases, trace_id: str, actor: str = ACTOR) -> Any:
    output = io.BytesIO()
    size = made.open(actor, trace_id, output)
    assert size == len(output.getvalue())
    return json.loads(output.getvalue())["releases"]


def forge(house: Room, **changes: Any) -> str:
    """An event as a trace of the first release would leave, with changes; its subject."""
    row = house.rows()[-1]
    draft = EventDraft(
        "ledger.traced",
        house.clock.now(),
        ACTOR,
        subject="t-1",
        data={"exact": 1, "near": 0, "releases": (str(row.release_id),)},
    )
    draft = replace(draft, **changes)
    with house.records.write() as transaction:
        transaction.audit.append([draft])
    return draft.subject


def test_what_a_trace_found_is_opened_and_audited_first(house: Room) -> None:
    house.add(new(b"not traced"))
    made = house.tracing.trace(OFFICER, exact(b"one"), [])
    [found] = made.found

    class Watching(io.BytesIO):
        def write(self, content: Any, /) -> int:
            assert house.events()[-1][0] == "custodian.traced"
            return super().write(content)

    output = Watching()
    desk(house).open(ACTOR, made.trace_id, output)
    told = json.loads(output.getvalue())
    assert told == {"releases": {found.release.release_id: {"told": TOLD}}}
    data = {"reason": "trace", "releases": 1, "opened": 1}
    assert house.events()[-1] == ("custodian.traced", ACTOR, data)
    with house.records.read() as transaction:
        kinds = [one.draft.kind for one in transaction.audit.events_of(made.trace_id)]
    assert kinds == ["ledger.traced", "custodian.traced"]


def test_a_trace_that_found_nothing_opens_nothing(house: Room) -> None:
    made = house.tracing.trace(OFFICER, exact(b"other"), [])
    assert opened(desk(house), made.trace_id) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"actor": "user:u-other"},
        {"actor": "officer:anna"},
        {"kind": "ledger.traced_not"},
        {"subject": "t-2"},
        {"data": {"exact": 1}},
        {"data": {"releases": "r1"}},
    ],
)
def test_without_a_trace_of_that_person_nothing_is_opened(
    house: Room, changes: dict[str, Any]
) -> None:
    forge(house, **changes)
    before = house.events()
    with pytest.raises(TraceRefusedError):
        opened(desk(house), "t-1")
    assert house.events() == before


def test_a_trace_is_good_for_a_while(house: Room) -> None:
    trace_id = forge(house)
    house.clock.advance(dt.timedelta(minutes=9))
    assert len(opened(desk(house), trace_id)) == 1
    house.clock.advance(dt.timedelta(minutes=2))
    with pytest.raises(TraceRefusedError):
        opened(desk(house), trace_id)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.OFFICER}))
def test_who_is_no_officer_is_told_nothing(house: Room, role: Role) -> None:
    trace_id = forge(house, actor=f"user:u-{role}")
    with pytest.raises(NotPermittedError):
        opened(desk(house), trace_id, f"user:u-{role}")


def test_who_is_an_officer_no_more_is_told_nothing(house: Room) -> None:
    made = house.tracing.trace(OFFICER, exact(b"one"), [])
    with house.records.write() as transaction:
        user = transaction.users.user(OFFICER)
        assert user is not None
        transaction.users.update(replace(user, roles=frozenset({Role.REVIEWER})))
    with pytest.raises(NotPermittedError):
        opened(desk(house), made.trace_id)


@pytest.mark.parametrize("actor", ["system", "officer:anna", "u-officer", "user:", "user:a b"])
def test_only_a_person_can_ask(house: Room, actor: str) -> None:
    trace_id = forge(house)
    with pytest.raises((RequestError, NotPermittedError)):
        opened(desk(house), trace_id, actor)
    for wrong in ("", "x" * 65):
        with pytest.raises(RequestError):
            opened(desk(house), wrong)


def test_it_opens_no_key_that_somebody_put_in_the_place_of_a_record(house: Room) -> None:
    # Keys of cases are sealed to the same identities.
    secret = Identity.generate().secret
    [row] = house.rows()
    for content in (f"{secret}\n".encode(), json.dumps({"secret": secret}).encode()):
        with house.records.write() as transaction:
            wrapped = seal([house.officer.recipient], content)
            transaction.ledger.rows[row.release_id] = replace(row, sealed=wrapped)
        told = opened(desk(house), forge(house, subject=f"t-{len(content)}"))
        assert told == {row.release_id: {"error": "vault_damaged"}}
        assert secret not in str(told)


def test_what_is_sealed_to_others_is_said_to_be(house: Room) -> None:
    trace_id = forge(house)
    [row] = house.rows()
    told = opened(desk(house, Identity.generate()), trace_id)
    assert told == {row.release_id: {"error": "vault_key"}}
    assert house.events()[-1][2]["opened"] == 0


def test_nothing_is_told_where_it_cannot_be_audited(house: Room) -> None:
    def refuse(event: EventDraft) -> None:
        raise VaultError("the audit log is away")

    trace_id, output = forge(house), io.BytesIO()
    made = Releases(replace(desk(house)._parts, audit=refuse))
    with pytest.raises(VaultError):
        made.open(ACTOR, trace_id, output)
    assert output.getvalue() == b""


def test_over_the_wire(house: Room, room: CustodianRoom) -> None:
    trace_id = forge(house)
    [row] = house.rows()
    local = LocalCustodian(replace(room.parts, releases=desk(house)))
    with serving(local) as server:
        client, output = CustodianClient(server.addresses[0]), io.BytesIO()
        client.open_releases(ACTOR, trace_id, output)
        assert json.loads(output.getvalue())["releases"] == {row.release_id: {"told": TOLD}}
        for error, actor, trace in (
            (TraceRefusedError, ACTOR, "t-2"),
            (NotPermittedError, "user:u-reviewer", trace_id),
            (RequestError, "system", trace_id),
        ):
            with pytest.raises(error):
                client.open_releases(actor, trace, io.BytesIO())
    assert ("open_releases", "custodian_trace") in server.log
    with pytest.raises(CustodianError):
        room.custodian.open_releases(ACTOR, trace_id, output)


def test_as_much_as_can_be_found_fits(house: Room, room: CustodianRoom) -> None:
    [row] = house.rows()
    sealed = house.ledger._parts.seal(
        json.dumps({"kind": "safehold release 1", "words": "\n" * 16_384}).encode()
    )
    many: list[Release] = [
        replace(row, release_id=ReleaseId(f"r{n:03}"), sealed=sealed) for n in range(50)
    ]
    with house.records.write() as transaction:
        transaction.ledger.add_releases(many)
    names = tuple(str(one.release_id) for one in many)
    trace_id = forge(house, data={"releases": names})
    with serving(LocalCustodian(replace(room.parts, releases=desk(house)))) as server:
        output = io.BytesIO()
        CustodianClient(server.addresses[0]).open_releases(ACTOR, trace_id, output)
    assert len(json.loads(output.getvalue())["releases"]) == 50
    assert len(output.getvalue()) > 1024**2
