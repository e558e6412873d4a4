"""From which address a call came, and which networks that is in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks by their texts. Raises `ValueError`."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def client_address(peer: str, forwarded: str, proxies: Sequence[Network]) -> str:
    """Where a request came from: where a proxy sent it, the last hop that this names."""
    if forwarded and is_in(peer, proxies):
        hop = forwarded.rsplit(",", maxsplit=1)[-1].strip()
        try:
            return str(ipaddress.ip_address(hop))
        except ValueError:
            return peer
    return peer


def neighbourhood(address: str) -> str:
    """What counts of an address: of IPv6 the network of 64 bits, which is one house's.

    Within it browsers change their address by themselves (RFC 8981), and whoever guesses would
    have as many addresses as they like.
    """
    try:
        there = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(there, ipaddress.IPv4Address):
        return str(there)
    if there.ipv4_mapped is not None:
        return str(there.ipv4_mapped)
    if there.is_loopback:
        return str(there)
    return str(ipaddress.IPv6Network((int(there) >> 64 << 64, 64)))


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks; what is none is in none."""
    try:
        there = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(there, ipaddress.IPv6Address) and there.ipv4_mapped is not None:
        there = there.ipv4_mapped
    return any(there in network for network in networks)
