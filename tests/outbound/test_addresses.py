"""Which addresses may be called."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.outbound.addresses import Reach, permitted, reach


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8.8.8.8", Reach.PUBLIC),
        ("100.63.255.255", Reach.PUBLIC),
        ("172.32.0.1", Reach.PUBLIC),
        ("2606:4700::1111", Reach.PUBLIC),
        ("::ffff:8.8.8.8", Reach.PUBLIC),
        ("64:ff9b::8.8.8.8", Reach.PUBLIC),
        ("127.0.0.1", Reach.PRIVATE),
        ("127.255.0.9", Reach.PRIVATE),
        ("10.1.2.3", Reach.PRIVATE),
        ("172.16.0.1", Reach.PRIVATE),
        ("172.31.255.255", Reach.PRIVATE),
        ("192.168.0.1", Reach.PRIVATE),
        ("100.64.0.1", Reach.PRIVATE),
        ("::1", Reach.PRIVATE),
        ("fd12::1", Reach.PRIVATE),
        ("::ffff:127.0.0.1", Reach.PRIVATE),
        ("64:ff9b::10.0.0.1", Reach.PRIVATE),
        ("0.0.0.0", Reach.NEVER),
        ("169.254.169.254", Reach.NEVER),
        ("168.63.129.16", Reach.NEVER),
        ("100.100.100.200", Reach.NEVER),
        ("192.0.0.192", Reach.NEVER),
        ("fd00:ec2::254", Reach.NEVER),
        ("fd20:ce::254", Reach.NEVER),
        ("224.0.0.1", Reach.NEVER),
        ("255.255.255.255", Reach.NEVER),
        ("::", Reach.NEVER),
        ("::7f00:1", Reach.NEVER),
        ("fe80::1", Reach.NEVER),
        ("fe80::1%eth0", Reach.NEVER),
        ("fec0::1", Reach.NEVER),
        ("ff02::1", Reach.NEVER),
        ("2001::1", Reach.NEVER),
        ("2002:7f00:1::", Reach.NEVER),
        ("64:ff9b:1::1", Reach.NEVER),
        ("::ffff:169.254.169.254", Reach.NEVER),
        ("64:ff9b::169.254.169.254", Reach.NEVER),
    ],
)
def test_known_addresses(text: str, expected: Reach) -> None:
    assert reach(ipaddress.ip_address(text)) is expected


@given(st.ip_addresses(v=4))
def test_nothing_that_python_calls_special_is_public(address: ipaddress.IPv4Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        # 192.0.0.9 and .10 aside, which Python calls global and we do not.
        assert reach(address) is not Reach.PUBLIC


@given(st.ip_addresses(v=6))
def test_nothing_special_of_ipv6_is_public(address: ipaddress.IPv6Address) -> None:
    if address.is_private or address.is_link_local or address.is_multicast or address.is_site_local:
        assert reach(address) is not Reach.PUBLIC


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::"]))
def test_an_address_within_an_address_counts_as_itself(
    address: ipaddress.IPv4Address, prefix: str
) -> None:
    inside = ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) + int(address))
    assert reach(inside) is reach(address)


@given(st.lists(st.ip_addresses(), max_size=5), st.booleans())
def test_one_bad_address_spoils_a_name(
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address], private: bool
) -> None:
    bad = ipaddress.ip_address("169.254.169.254")
    for place in range(len(addresses) + 1):
        assert not permitted([*addresses[:place], bad, *addresses[place:]], private=private)
    if permitted(addresses, private=False):
        assert permitted(addresses, private=True)


def test_a_name_without_addresses_is_not_called() -> None:
    assert not permitted([], private=True)
