"""Whose a list is: of the source that filled it, and of no other. I/O-free but for the store.

A checkpoint tells where one source was left. With another it would leave out all that this one
said before; so what is kept of a run is bound to its source, and good with that alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from safehold.ids import ListName
from safehold.lists.exchanges.interface import Exchange
from safehold.lists.exchanges.model import ExchangeOptions, ExchangeSettingsError, Page, Refusal
from safehold.lists.interface import ListStore
from safehold.lists.model import ListInfo, UnknownListError
from safehold.lists.sync.model import SyncState
from safehold.outbound.model import Call, Reply


def fingerprint(*words: str) -> str:
    """16 letters that stand for some words."""
    return hashlib.blake2b(json.dumps(words).encode("utf-8"), digest_size=8).hexdigest()


def source_of(options: ExchangeOptions) -> str:
    """The fingerprint of a source of many pages: its kind, machine and collection."""
    return fingerprint(options.kind, urlsplit(options.url).netloc, options.environment)


def marked(source: str, cursor: str) -> str:
    """What is kept of a source."""
    return f"{source} {cursor}"


def unmarked(source: str, kept: str) -> str | None:
    """What was kept, or None where it is another source's."""
    mark, _, cursor = kept.partition(" ")
    return cursor if mark == source else None


@dataclass(frozen=True, slots=True)
class Bound:
    """An exchange whose cursors are good with it alone. See `Exchange`.

    Attributes:
        exchange: the exchange.
        source: its fingerprint.
    """

    exchange: Exchange
    source: str

    def begin(self, checkpoint: str, now: dt.datetime) -> str:
        """See `Exchange`."""
        own = self._own(checkpoint) if checkpoint else ""
        return marked(self.source, self.exchange.begin(own, now))

    def restart(self, cursor: str, now: dt.datetime) -> str:
        """See `Exchange`."""
        return marked(self.source, self.exchange.restart(self._own(cursor), now))

    def call(self, cursor: str) -> Call:
        """See `Exchange`."""
        return self.exchange.call(self._own(cursor))

    def read(self, cursor: str, reply: Reply) -> Page:
        """See `Exchange`."""
        page = self.exchange.read(self._own(cursor), reply)
        return replace(page, cursor=marked(self.source, page.cursor))

    def refusal(self, cursor: str, status: int) -> Refusal:
        """See `Exchange`."""
        return self.exchange.refusal(self._own(cursor), status)

    def narrow(self, cursor: str) -> str | None:
        """See `Exchange`."""
        narrowed = self.exchange.narrow(self._own(cursor))
        return None if narrowed is None else marked(self.source, narrowed)

    def pass_over(self, cursor: str) -> str | None:
        """See `Exchange`."""
        behind = self.exchange.pass_over(self._own(cursor))
        return None if behind is None else marked(self.source, behind)

    def _own(self, cursor: str) -> str:
        own = unmarked(self.source, cursor)
        if own is None:
            raise ExchangeSettingsError(
                "The list of an exchange was filled from another machine or collection.",
                hint=(
                    "Give the exchange a list of its own ('list' in its settings), or remove the "
                    "list. If it is the same source at a new address, ask for everything anew: "
                    "'safehold list sync NAME --full'."
                ),
            )
        return own


def check_owner(
    lists: ListStore, name: ListName, kind: str, state: SyncState | None
) -> ListInfo | None:
    """The list, if there is one, which must have come from this kind of source.

    Raises:
        ExchangeSettingsError: it has come from elsewhere.
    """
    try:
        info = lists.get(name)
    except UnknownListError:
        return None
    if info.source != kind or (state is None and info.active + info.other):
        raise ExchangeSettingsError(
            "The list of an exchange was made from another source.",
            hint="Give the exchange a list of its own ('list' in its settings).",
        )
    return info
