"""Packets of Socket.IO: what goes through, what is left out, and that all else is nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gate import socketio
from safehold.gate.socketio import NoPacketError, Packet, Sieve, parse, write

PREVIEW = "AAAA" * 40
"""Stands for what is binary."""

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
).filter(lambda value: "_placeholder" not in json.dumps(value))


def sieve(*sids: str) -> Sieve:
    """Lets all packets through that are read, and sessions of these numbers."""
    return Sieve(lambda packet: packet, lambda packet: packet, lambda sid: sid in sids)


@given(
    st.sampled_from((0, 1, 2, 3, 4)),
    JSONS.map(lambda value: [value]),
    st.sampled_from(("", "/chat")),
    st.sampled_from(("", "7", "120")),
)
def test_a_packet_is_read_as_it_is_written(
    kind: int, data: object, namespace: str, number: str
) -> None:
    packet = Packet(kind, data, namespace, number)
    assert parse(write(packet)) == packet


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(0)),
        ('0{"token":"t"}', Packet(0, {"token": "t"})),
        ('2["a",{"b":1}]', Packet(2, ["a", {"b": 1}])),
        ('2/admin,13["a"]', Packet(2, ["a"], "/admin", "13")),
        ("1/admin,", Packet(1, None, "/admin")),
        (
            '51-["a",{"image":{"_placeholder":true,"num":0},"n":1}]',
            Packet(2, ["a", {"image": None, "n": 1}]),
        ),
        ('61-12[{"_placeholder":true,"num":0}]', Packet(3, [None], "", "12")),
    ],
)
def test_packets_of_the_protocol_are_read(text: str, packet: Packet) -> None:
    assert parse(text) == packet


@pytest.mark.parametrize(
    "text",
    ["", "7", "x", "2[", '2["a"', '21-["a"]', "2" + "[" * 3_000, '2["a"]x', "/a,2[]", "\x802[]"],
)
def test_what_is_no_packet_is_not_read(text: str) -> None:
    with pytest.raises(NoPacketError):
        parse(text)


def test_payloads_lose_what_is_binary_and_what_is_unknown() -> None:
    kept = ["2", '42["a",{"b":1}]', "6", '42["c"]', "40"]
    lost = ["b" + PREVIEW, PREVIEW, "4" + PREVIEW, "", "9", "2" + PREVIEW, "4451-x", "3x"]
    mixed = [*kept[:2], *lost[:4], *kept[2:], *lost[4:]]
    told = sieve().payload_down(socketio.SEPARATOR.join(mixed)).split(socketio.SEPARATOR)
    assert told == kept
    assert sieve().payload_down(socketio.SEPARATOR.join(lost)) == socketio.NOTHING
    # A caller opens nothing, and says nothing that is binary.
    mixed = [*lost, '0{"sid":"a"}', "3", "41"]
    assert sieve("a").payload_up(socketio.SEPARATOR.join(mixed)) == "3\x1e41"
    assert sieve().payload_up("") == ""


def test_binary_events_go_on_without_their_parts() -> None:
    payload = '452-["p",{"image":{"_placeholder":true,"num":0},"s":1}]\x1eb' + PREVIEW
    assert sieve().payload_down(payload) == '42["p",{"image":null,"s":1}]'


def test_a_session_opens_for_its_owner_and_tells_what_it_must() -> None:
    said = {
        **{"sid": "a-_9", "upgrades": ["websocket"], "pingInterval": 25_000},
        **{"pingTimeout": 20_000, "maxPayload": 1_000_000, "preview": PREVIEW},
    }
    told = sieve("a-_9").to_caller("0" + json.dumps(said))
    assert told is not None
    del said["preview"]
    assert json.loads(told[1:]) == said
    assert sieve("b").to_caller("0" + json.dumps(said)) is None
    for bad in ("0", "0[]", '0{"sid":1}', '0{"sid":"a b"}', '0{"sid":"' + "a" * 65 + '"}'):
        assert Sieve(lambda p: p, lambda p: p, lambda sid: True).to_caller(bad) is None
    odd = sieve("a").to_caller('0{"sid":"a","upgrades":["' + PREVIEW + '"],"pingInterval":"x"}')
    assert odd is not None
    assert json.loads(odd[1:]) == {"sid": "a", "upgrades": []}


def test_other_namespaces_are_closed() -> None:
    for text in ('42/admin,["a"]', "40/admin,", '451-/admin,["a"]'):
        assert sieve().to_upstream(text) is None
        assert sieve().to_caller(text) is None


def test_payloads_are_bounded() -> None:
    payload = socketio.SEPARATOR.join(["2"] * (socketio.MAX_PACKETS + 1))
    for look in (sieve().payload_up, sieve().payload_down):
        with pytest.raises(NoPacketError):
            look(payload)


@given(st.text(max_size=60) | JSONS.map(lambda v: "42" + json.dumps(v)))
def test_whatever_comes_nothing_goes_through_that_is_not_read(text: str) -> None:
    nothing = Sieve(lambda packet: None, lambda packet: None, lambda sid: False)
    for kept in (nothing.to_caller(text), nothing.to_upstream(text)):
        assert kept is None or kept in {"1", "2", "3", "5", "6", "2probe", "3probe"}
