"""Settings of the gate before a generation service."""

from __future__ import annotations

from dataclasses import dataclass

from safehold.media.limits import MIB


@dataclass(frozen=True, slots=True)
class GateOptions:
    """Settings of a gate.

    Attributes:
        service: name of the service to which cases and records belong.
        surface: the surface whose settings and required lists count.
        account_header: header in which the operator's own front names the account; it must be
            set or removed by that front. Empty: the account is told by the call's credentials,
            and without any by the caller's address.
        proxies: networks whose word (`X-Forwarded-For`) is taken for the address of a caller,
            where the gate was told that it stands behind a proxy.
        monitors: networks that may ask for `/safehold/health/...` and `/safehold/metrics`.
        max_body_bytes: largest body of a call.
        max_answer_bytes: largest answer of the upstream.
        max_pictures: pictures in one call or answer; with more, all are withheld.
        max_calls: calls that may be under way; above that they are refused (503).
        account_share: share of `max_calls`, `max_sockets`, `pending_bytes`, `spool_bytes` and of
            the server's `max_waiting` that one account may take.
        max_sockets: open sockets.
        pending_bytes: bodies and answers that are under way together.
        spool_bytes: pictures that are being checked together.
        body_seconds: time for a call's body.
        body_rate: bytes a second that a body must come with on average, after 5 seconds.
        stalled_seconds: for how long a caller may take nothing of an answer that waits.
        upstream_seconds: time for the upstream's answer.
        check_seconds: time for checking one answer; what is not checked by then is withheld.
        shutdown_seconds: how long calls that are under way may take when the gate ends.
        kept_seconds, kept_bytes: how long, and how much, the gate keeps of pictures for which it
            gave out addresses.
        terms, models: files of the operator's rules; empty for none.
        moderation: names of text classifiers (`classifiers` of the settings) that are asked.
        comfyui_nodes: classes of nodes that ComfyUI's graphs may have, and no others; empty for
            all but those whose names say that they fetch, read folders or run code.
    """

    service: str = ""
    surface: str = "generation"
    account_header: str = ""
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    monitors: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    max_body_bytes: int = 64 * MIB
    max_answer_bytes: int = 256 * MIB
    max_pictures: int = 64
    max_calls: int = 64
    account_share: float = 0.5
    max_sockets: int = 256
    pending_bytes: int = 2_048 * MIB
    spool_bytes: int = 512 * MIB
    body_seconds: float = 30.0
    body_rate: int = 1_024
    stalled_seconds: float = 60.0
    upstream_seconds: float = 600.0
    check_seconds: float = 60.0
    shutdown_seconds: float = 20.0
    kept_seconds: float = 3_600.0
    kept_bytes: int = 512 * MIB
    terms: str = ""
    models: str = ""
    moderation: tuple[str, ...] = ()
    comfyui_nodes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """What becomes of an account whose calls are refused again and again.

    Attributes:
        hours: within how many hours refusals are counted.
        alert: from so many on the operator is alarmed and the service told; 0 for never.
        slow: from so many on each call of the account waits `slow_seconds`; 0 for never.
        slow_seconds: how long.
        stop: from so many on the account's calls are all refused; 0 for never.
        stop_hours: for how long after the last refusal.
    """

    hours: float = 24.0
    alert: int = 3
    slow: int = 0
    slow_seconds: float = 10.0
    stop: int = 0
    stop_hours: float = 24.0
