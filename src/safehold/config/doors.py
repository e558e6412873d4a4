"""Settings of the processes: the server, the custodian and the one that does what is due."""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Bounds and choices of `safehold serve`.

    Attributes:
        max_body_bytes: largest body of one call.
        max_json_bytes: largest body of a call that takes JSON.
        spool_bytes: memory for all bodies that are under way together.
        body_seconds: within how long a body must have come.
        body_rate: bytes a second that a body must come with on average, after 5 seconds.
        max_waiting: items that may be under way; above that calls are refused (503).
        answer_seconds: how long a caller waits for an answer once the body is there; then the
            call is refused (503), and the item is seen through all the same.
        header_seconds: within how long a call's headers must have come.
        max_header_bytes: largest headers of a call.
        keep_alive_seconds: how long a connection may be idle between calls.
        max_connections: connections at one time. Above that the one that has waited for longest
            without a call is closed; where all have calls under way, further ones get 503.
        service_share: share of `spool_bytes` and of `max_connections` that calls of one service
            may take, so that one whose end users stall leaves room for the others.
        retry_after_seconds: what refused callers are told to wait.
        list_refresh_seconds: how often it is looked whether lists have changed.
        shutdown_seconds: how long calls that are under way may take when the server ends.
        digests_pdq: whether `POST /v1/screen/digests` takes PDQ hashes too. Off by default: it
            is the better oracle.
        canary_max_age_hours: greatest age of the last canary before readiness fails; 0 for any.
            A canary that failed makes it fail whatever this says.
    """

    max_body_bytes: int = 64 * MIB
    max_json_bytes: int = 64 * 1024
    spool_bytes: int = 512 * MIB
    body_seconds: float = 60.0
    body_rate: int = 1024
    max_waiting: int = 256
    answer_seconds: float = 60.0
    header_seconds: float = 10.0
    max_header_bytes: int = 16 * 1024
    keep_alive_seconds: float = 30.0
    max_connections: int = 1024
    service_share: float = 0.5
    retry_after_seconds: int = 2
    list_refresh_seconds: float = 0.5
    shutdown_seconds: float = 20.0
    digests_pdq: bool = False
    canary_max_age_hours: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """What `safehold work` does, and how often.

    Attributes:
        tick_seconds: how often it is looked what is due.
        deliver_seconds: how often webhooks and alarms that wait are sent.
        deadline_minutes: how often cases whose deadline has passed are expired, and so views and
            proposals.
        canary_minutes: how often canaries go through every server; 0 for never.
        canary_retry_minutes: how soon a server whose canary failed gets the next.
        canary_seconds: how long one call of a canary may take.
        canary_list_seconds: how long a canary waits for a server to open the canaries' list.
        canary_ca_file: PEM file of authorities that servers' certificates are checked against
            instead of the system's; empty for those.
        canary_tls_name: the name that servers' certificates have, where it is not that of the
            address at which a server can be reached; empty for that of the address.
        servers: how many servers are expected to run; fewer are alarmed as a failed canary. 0
            where none are.
        checkpoint_minutes: how often the custodian signs the audit log.
        check_minutes: how often lists, space and the custodian are looked at for alarms.
        forget_minutes: how often what is not needed any more is forgotten.
        forget_rows: how many rows are forgotten in one transaction.
        message_days: how long messages that were sent or given up are kept.
        usage_minutes: how long it is kept how much of a budget was used.
        server_hours: how long a server that does not run any more is remembered.
        jitter: by which share of its period a job may come early, so that several processes do
            not do everything at the same moment.
        retry_seconds: how soon a job that failed is tried again; twice as long each time, up to
            its period or a minute, whichever is longer.
        slow_job_seconds: after how long a job that still runs is logged as slow.
        shutdown_seconds: how long jobs that are under way may take when the process ends.
    """

    tick_seconds: float = 1.0
    deliver_seconds: float = 1.0
    deadline_minutes: float = 1.0
    canary_minutes: float = 60.0
    canary_retry_minutes: float = 5.0
    canary_seconds: float = 15.0
    canary_list_seconds: float = 20.0
    canary_ca_file: str = ""
    canary_tls_name: str = ""
    servers: int = 1
    checkpoint_minutes: float = 60.0
    check_minutes: float = 5.0
    forget_minutes: float = 10.0
    forget_rows: int = 1_000
    message_days: float = 30.0
    usage_minutes: float = 60.0
    server_hours: float = 24.0
    jitter: float = 0.1
    retry_seconds: float = 5.0
    slow_job_seconds: float = 300.0
    shutdown_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class VaultPlaces:
    """Where evidence and wrapped keys are kept.

    Attributes:
        objects: a folder, or `s3://bucket/prefix`; empty for the folder `vault` in the home.
        keys: the same for wrapped keys, which need backups of their own; empty for the folder
            `keys` in the home.
        s3_endpoint: address of the S3 service where it is not Amazon's.
        s3_region: its region.
        s3_access_key, s3_secret_key: credentials.
        s3_allow_http: whether it may be called without TLS.
        officers: file of the officers' public halves; empty for `officers.txt` in the home.
    """

    objects: str = ""
    keys: str = ""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = field(default="", repr=False)
    s3_secret_key: str = field(default="", repr=False)
    s3_allow_http: bool = False
    officers: str = ""


@dataclass(frozen=True, slots=True)
class CustodianOptions:
    """Where the custodian listens.

    Attributes:
        socket: path of its Unix socket; empty for `custodian/custodian.sock` in the home.
        address: `host:port` where it listens beside that, with mutual TLS; empty for nowhere.
        certificate, key, authority: PEM files for mutual TLS.
        timeout_seconds: how long callers wait for it.
    """

    socket: str = ""
    address: str = ""
    certificate: str = ""
    key: str = ""
    authority: str = ""
    timeout_seconds: float = 30.0
