"""What a module of one kind of service has. All of it is I/O-free."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from safehold.hashing.model import VariantDigests
from safehold.lists.exchanges.model import Credentials
from safehold.remote.model import Ask, Found, MatcherOptions


class Service(Protocol):
    """One kind of service. Its module is one.

    Attributes:
        NEEDS: names of the fields of `Credentials` without which it cannot be asked.
        MEDIA_TYPES: types of pictures that it takes; empty where it takes none.
    """

    @property
    def NEEDS(self) -> tuple[str, ...]: ...  # noqa: N802 - constants of the modules

    @property
    def MEDIA_TYPES(self) -> frozenset[str]: ...  # noqa: N802

    def asks_by_digests(
        self, options: MatcherOptions, credentials: Credentials, variants: Sequence[VariantDigests]
    ) -> tuple[Ask, ...]:
        """The calls that ask about PDQ hashes; all variants are of sufficient quality."""
        ...

    def ask_by_picture(
        self, options: MatcherOptions, credentials: Credentials, media_type: str, data: bytes
    ) -> Ask:
        """The call that sends a picture."""
        ...

    def read(self, options: MatcherOptions, ask: Ask, answer: object) -> tuple[Found, ...]:
        """What the answer to one call says.

        Raises:
            BadAnswerError: it is not of the service's shape.
            NotAnsweredError: the service says that it did not look.
        """
        ...
