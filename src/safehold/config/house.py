"""Settings of the review console's process."""

from __future__ import annotations

from dataclasses import dataclass, field

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """Bounds and choices of `safehold console`.

    Attributes:
        origin: the address under which people reach the console, such as
            `https://review.example`; passkeys are bound to it. Empty for the address that it
            listens on.
        idle_minutes: after how long without a page a session ends.
        session_hours: after how long a session ends, whatever happens.
        sign_in_minutes: how long a sign-in may take between password and second factor.
        setup_hours: how long a set-up code is taken.
        bind_address: whether a session is bound to the address that it began at, beside the
            browser.
        proxies: networks whose word (`X-Forwarded-For`) is taken for the address of a visitor,
            where the console was told that it stands behind a proxy.
        free_failures: sign-ins that may fail before each further one has to wait.
        first_wait_seconds: how long the first wait is; it doubles with each failure.
        longest_wait_seconds: the longest wait.
        address_failures: failures from one address within an hour, whatever the names, before
            it has to wait.
        max_form_bytes: largest form.
        max_document_bytes: largest document that is handed in with a form.
        max_connections: connections at one time.
        request_seconds: within how long a request must have come.
        page_rows: rows of a page of the queue.
        list_max_age_hours: age from which lists are shown as old.
        oidc_issuer: address of an OpenID provider that may take the place of the password;
            empty for none. The second factor is asked for all the same.
        oidc_client_id, oidc_client_secret: as the provider gave them.
        help_words: where the people of the house find help, in the house's own words; shown on
            the quiet page. Empty for a general sentence.
        shutdown_seconds: how long requests under way may take when the process ends.
    """

    origin: str = ""
    idle_minutes: float = 30.0
    session_hours: float = 10.0
    sign_in_minutes: float = 5.0
    setup_hours: float = 72.0
    bind_address: bool = True
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    free_failures: int = 5
    first_wait_seconds: float = 2.0
    longest_wait_seconds: float = 900.0
    address_failures: int = 50
    max_form_bytes: int = 64 * 1024
    max_document_bytes: int = MIB
    max_connections: int = 256
    request_seconds: float = 30.0
    page_rows: int = 50
    list_max_age_hours: float = 48.0
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)
    help_words: str = ""
    shutdown_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """Bounds of the previews that the custodian has made.

    Attributes:
        workers: worker processes that make previews.
        max_bytes: largest original of which a preview is made.
        max_side: longest side of a preview in pixels; who asks for more gets this.
        waiting: previews that may be under way or waited for at one time.
    """

    workers: int = 1
    max_bytes: int = 256 * MIB
    max_side: int = 1_600
    waiting: int = 16
