"""From a name to its addresses, by the system's resolver.

`getaddrinfo` cannot be interrupted: a name server that never answers would hold a thread, and an
event loop that ends waits for the threads of its pool. So each look-up has a daemon thread of its
own, which nobody waits for, and there are at most `MAX_LOOKUPS` of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Awaitable, Callable

from safehold.outbound.addresses import IpAddress
from safehold.outbound.model import OutboundFailedError

Resolver = Callable[[str, int], Awaitable[list[IpAddress]]]
"""Gives all addresses of a host name (or of an address as text), best first."""

MAX_LOOKUPS = 64
"""Look-ups at the same time; further ones fail."""

_lookups = threading.BoundedSemaphore(MAX_LOOKUPS)


async def system_resolver(host: str, port: int) -> list[IpAddress]:
    """All addresses of a host, as the system gives them. Raises `OutboundFailedError`."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[IpAddress]] = loop.create_future()

    def settle(found: list[IpAddress] | None) -> None:
        if answer.done():
            return
        if found is None:
            answer.set_exception(OutboundFailedError())
        else:
            answer.set_result(found)

    def look_up() -> None:
        found: list[IpAddress] | None = None
        try:
            found = _look_up(host, port)
        except (OSError, ValueError, UnicodeError):
            found = None
        finally:
            _lookups.release()
            # The loop may be gone, when nobody waited for the answer.
            if not loop.is_closed():
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(settle, found)

    if not _lookups.acquire(blocking=False):
        raise OutboundFailedError
    try:
        threading.Thread(target=look_up, name="safehold-lookup", daemon=True).start()
    except RuntimeError as error:
        _lookups.release()
        raise OutboundFailedError from error
    return await answer


def _look_up(host: str, port: int) -> list[IpAddress]:
    found: dict[IpAddress, None] = {}
    for _, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        found.setdefault(ipaddress.ip_address(address[0]))
    return list(found)
