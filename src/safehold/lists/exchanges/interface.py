"""The port of an exchange."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from safehold.lists.exchanges.model import Page, Refusal
from safehold.outbound.model import Call, Reply


class Exchange(Protocol):
    """Builds the calls and parses the answers of one exchange. Pure: the same in, the same out.

    A cursor is text of the exchange's own making (JSON), below 4,096 characters, that holds no
    credential and all that is needed to go on after the process was killed.
    """

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        """The cursor of the first page of a run.

        Args:
            checkpoint: what the last finished run left (`Page.cursor`); empty before the first.
            now: the present moment.
        """
        ...

    def restart(self, cursor: str, now: dt.datetime) -> str:
        """The cursor of the first page of the run that a cursor belongs to, begun again."""
        ...

    def call(self, cursor: str) -> Call:
        """The call that fetches a page."""
        ...

    def read(self, cursor: str, reply: Reply) -> Page:
        """What an answer says.

        Raises:
            PageDamagedError: it cannot be understood.
            PageAddressError: it leads on to another machine, or to a page that was read already.
        """
        ...

    def refusal(self, cursor: str, status: int) -> Refusal:
        """What to do about an error's status (400 to 599)."""
        ...

    def narrow(self, cursor: str) -> str | None:
        """The cursor of a part of a page that stays damaged, or None where it cannot be parted.

        What the part leaves out is fetched after it.
        """
        ...

    def pass_over(self, cursor: str) -> str | None:
        """The cursor behind a page that stays damaged, or None where nobody knows it."""
        ...
