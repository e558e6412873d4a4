"""What an exchange is told and what it says. I/O-free.

An exchange builds calls and parses answers; it opens no connection, keeps nothing and reads no
clock. `safehold.lists.sync` makes the calls, writes the pages and remembers the cursor.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from safehold.errors import SafeholdError, UsageError


class ExchangeKind(enum.StrEnum):
    """The kinds of exchanges."""

    NCMEC = "ncmec"
    STOPNCII = "stopncii"
    THREATEXCHANGE = "threatexchange"
    FEED = "feed"
    """A whole list as csv, jsonl or lines: over HTTPS, from a file or from a bucket."""
    SAFEHOLD = "safehold"
    """What another Safehold has shared: a feed that is signed by it and sealed to this home."""


PAGE_BYTES = 8 * 1024 * 1024
"""Longest page of an exchange of many pages: taken apart it needs thirty times as much memory."""


@dataclass(frozen=True, slots=True)
class ExchangeOptions:
    """One exchange, a table `[exchanges.NAME]` of the settings. It needs `kind`.

    Attributes:
        kind: `ncmec`, `stopncii`, `threatexchange`, `feed` or `safehold`.
        list: the list that its entries go into; empty for one of the exchange's own name.
        url: the address; may be empty where the kind has a public one. A feed takes `https://`,
            `s3://bucket/key` and `file:///path` too.
        environment: which of the source's environments or collections (NCMEC: `industry`,
            `industry-test` and so on; ThreatExchange: the number of the privacy group).
        tier: how far the list is trusted: `confirmed`, `suspected`, `local`, `negative` or
            `observe`.
        credentials_file: a TOML file, mode 0600, with `user`, `password`, `key` or `second_key`,
            as the kind needs them.
        credentials_env: an environment variable with the same, instead of the file.
        minutes: how often `safehold work` asks; 0 for never.
        page_rows: entries that a page is asked to have, where the source lets one choose; 0 for
            the kind's own.
        first_days: how many days back the first run asks, where the source is asked by time; 0
            for all it has.
        format: of a feed: `csv`, `jsonl` or `lines`; empty to tell by its content.
        digest_type: of a feed of one digest a line: `md5`, `sha1`, `sha256` or `pdq`; empty to
            tell by length.
        max_bytes: largest file of a feed; longest page, but never more than `PAGE_BYTES`.
        timeout_seconds: time for one call.
        max_withdrawn_share: largest share of the active entries that one run of a feed may
            withdraw.
        stale_hours: age of the last good run from which it is alarmed; 0 for never.
        opinions: whether what people decide about its entries is sent back to it.
        opinion_hours: how long that waits, so that a decision may be undone.
        peer: of `safehold`: the peer that has made it, by its name here.
        opinion_reason: of NCMEC: the id of the reason that negative opinions give.
    """

    kind: str = ""
    list: str = ""
    url: str = field(default="", repr=False)
    environment: str = ""
    tier: str = "suspected"
    credentials_file: str = ""
    credentials_env: str = ""
    minutes: float = 60.0
    page_rows: int = 0
    first_days: float = 0.0
    format: str = ""
    digest_type: str = ""
    max_bytes: int = 67_108_864
    timeout_seconds: float = 60.0
    max_withdrawn_share: float = 0.2
    stale_hours: float = 48.0
    peer: str = ""
    opinions: bool = False
    opinion_hours: float = 24.0
    opinion_reason: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves to a source who asks. Never stored, logged or shown."""

    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    second_key: str = field(default="", repr=False)


class Statement(NamedTuple):
    """What a source says of one entry.

    Attributes:
        values: the row's text in the order of `safehold.lists.rows.COLUMNS` (id, classification,
            state, md5, sha1, sha256, pdq, pdq_quality), empty where it does not say. The state
            `withdrawn` takes the entry out, and then no digest is needed.
        source_at: when the source said it, in UTC, or None where it gives no time.
    """

    values: tuple[str, ...]
    source_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What one answer says.

    Attributes:
        statements: in the order of the answer.
        cursor: where to go on: the next page, or, where `finished`, the checkpoint from which
            the next run starts.
        finished: whether the run is over.
        unusable: statements that bring nothing that can be matched here, by code.
        faults: rows that could not be read, by code; they are not among the statements.
        replaces: whether the run as a whole names every entry there is, so that others are to be
            withdrawn when it has finished. The same on all pages of a source; the times of their
            statements then count for nothing.
    """

    statements: tuple[Statement, ...]
    cursor: str
    finished: bool
    unusable: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    replaces: bool = False


class Refusal(enum.StrEnum):
    """What to do where a source answers with an error's status."""

    RETRY = "retry"
    """Ask again, later."""

    RESTART = "restart"
    """The address of the page is not good any more: begin the run again from its checkpoint."""

    STOP = "stop"
    """Asking again will not help: the credentials or the settings are wrong."""


class ExchangeSettingsError(UsageError):
    """The settings of an exchange lack something, or it cannot be."""

    code = "exchange_settings"
    default_message = "The settings of an exchange cannot be used."


class PageDamagedError(SafeholdError):
    """An answer that cannot be understood: cut short, or not of the agreed form."""

    code = "page_damaged"
    default_message = "The source's answer cannot be read."


class PageBusyError(SafeholdError):
    """A source that asks to come back later, in its own words."""

    code = "page_busy"
    default_message = "The source asks to be asked later."


class PageExpiredError(SafeholdError):
    """The address of a page is not good any more: the run begins again from its checkpoint."""

    code = "page_expired"
    default_message = "The source has forgotten where its pages go on."


class PageAddressError(SafeholdError):
    """An answer that leads on to another machine, or round in a circle."""

    code = "page_address"
    default_message = "The source's answer leads to an address that is not followed."


class ExchangeRefusedError(SafeholdError):
    """The source refuses: the credentials or the address are wrong."""

    code = "exchange_refused"
    default_message = "The source refuses the call."
    default_hint = "Look at the credentials, the address and the environment of the exchange."
