"""Which IP addresses may be called.

The rules:

1. An address within an IPv6 address (IPv4-mapped, and NAT64 of RFC 6052's well-known prefix)
   counts as what it is: an IPv4 address.
2. Metadata services of clouds, link-local, multicast, broadcast, unspecified, documentation,
   benchmarking and reserved addresses are never called, whatever the settings.
3. Loopback, private networks (RFC 1918, RFC 4193) and shared carrier addresses (RFC 6598) are
   private: called only where the settings allow it.
4. Of IPv6, everything outside of the global unicast block 2000::/3 and the private ranges is
   never called, nor are tunnels that hide an IPv4 address (6to4, Teredo).
5. Everything else is public.

Source of the ranges: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890).
They stand here and are not taken from `ipaddress`, whose tables differ between versions of Python.
"""

from __future__ import annotations

import enum
import ipaddress

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Reach(enum.Enum):
    """What kind of address it is."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


_NEVER_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata (Alibaba)
        "168.63.129.16/32",  # metadata (Azure)
        "169.254.0.0/16",  # link-local, metadata (most)
        "192.0.0.0/24",  # protocol assignments, metadata (Oracle)
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_PRIVATE_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
_NEVER_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
        "fd00:ec2::254/128",  # metadata (Amazon)
        "fd20:ce::254/128",  # metadata (Google)
        "fd00:42::42/128",  # metadata (Scaleway)
        "fd00:c1::a9fe:a9fe/128",  # metadata (Oracle)
    )
)
_PRIVATE_6 = (ipaddress.IPv6Network("::1/128"), ipaddress.IPv6Network("fc00::/7"))
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOW_32_BITS = 0xFFFF_FFFF


def reach(address: IpAddress) -> Reach:
    """What kind of address it is, by the rules above."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return Reach.NEVER
        if address not in _MAPPED and address not in _NAT64:
            return _reach_6(address)
        address = ipaddress.IPv4Address(int(address) & _LOW_32_BITS)
    if any(address in network for network in _NEVER_4):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE_4):
        return Reach.PRIVATE
    return Reach.PUBLIC


def _reach_6(address: ipaddress.IPv6Address) -> Reach:
    if any(address in network for network in _NEVER_6):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE_6):
        return Reach.PRIVATE
    return Reach.PUBLIC if address in _GLOBAL_6 else Reach.NEVER


def permitted(addresses: list[IpAddress], *, private: bool) -> bool:
    """Whether a name that leads to these addresses may be called: one bad one spoils it.

    A name that leads to nothing may not be called.
    """
    wanted = {Reach.PUBLIC, Reach.PRIVATE} if private else {Reach.PUBLIC}
    return bool(addresses) and all(reach(address) in wanted for address in addresses)
