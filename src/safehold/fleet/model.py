"""Server processes and canary results."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from safehold.ids import ServerId

ALIVE = dt.timedelta(seconds=30)
"""Servers that have not said for so long that they run are taken for gone."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server process, as it says of itself every few seconds.

    Attributes:
        server_id: made anew at each start.
        address: where it can be reached (`http://127.0.0.1:8450`).
        version: its software version.
        started, seen: when it started, and when it last said that it runs.
        lists: names and versions of the lists it has open.
    """

    server_id: ServerId
    address: str
    version: str
    started: dt.datetime
    seen: dt.datetime
    lists: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """How a canary fared.

    Attributes:
        server_id: which server it went through.
        at: when it ended.
        code: `ok`, or a stable code of what failed.
        seconds: how long it took.
    """

    server_id: ServerId
    at: dt.datetime
    code: str
    seconds: float
