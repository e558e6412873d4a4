"""What bounds signing in. The console's settings (`console.*`) have these and document them."""

from __future__ import annotations

from typing import Protocol


class SignInOptions(Protocol):
    """Bounds of signing in; see the settings of the same names."""

    @property
    def origin(self) -> str:
        """The address under which people reach the console; empty for none that is fixed."""
        ...

    @property
    def idle_minutes(self) -> float:
        """After how long without a page a session ends."""
        ...

    @property
    def session_hours(self) -> float:
        """After how long a session ends, whatever happens."""
        ...

    @property
    def sign_in_minutes(self) -> float:
        """How long a sign-in may take between password and second factor."""
        ...

    @property
    def setup_hours(self) -> float:
        """How long a set-up code is taken."""
        ...

    @property
    def free_failures(self) -> int:
        """Sign-ins that may fail before each further one has to wait."""
        ...

    @property
    def first_wait_seconds(self) -> float:
        """How long the first wait is; it doubles with each failure."""
        ...

    @property
    def longest_wait_seconds(self) -> float:
        """The longest wait."""
        ...

    @property
    def address_failures(self) -> int:
        """Failures from one address within an hour before it has to wait."""
        ...

    @property
    def oidc_issuer(self) -> str:
        """Address of an OpenID provider, or empty."""
        ...

    @property
    def oidc_client_id(self) -> str:
        """The console's name at the provider."""
        ...

    @property
    def oidc_client_secret(self) -> str:
        """The console's secret at the provider; empty for a public client."""
        ...
