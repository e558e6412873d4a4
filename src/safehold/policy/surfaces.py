"""Surfaces: places within a service, each with settings of its own.

`public`, `storage`, `private_message` and `generation` are always there. An operator may name
others in the settings, for all services (`avatars`) or for one (`shop:avatars`); what is named
for one service stands before what is named for all.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace

from safehold.policy.model import PolicyOptions, Reason, Verdict

BUILT_IN = ("public", "storage", "private_message", "generation")
"""Surfaces that need no settings."""

DEFAULT_SURFACE = "public"
"""Where an item belongs whose caller does not say."""


class FailMode(enum.StrEnum):
    """What becomes of an item that could not be checked."""

    CLOSED = "closed"
    """It is held."""

    OPEN = "open"
    """It is allowed. A match still counts."""


@dataclass(frozen=True, slots=True)
class SurfaceOptions:
    """Settings of one surface. What is not set is as the group `policy` says.

    Attributes:
        enabled: whether items are checked at all. An item of a surface that is switched off is
            allowed unread.
        legal_basis: the operator's note of why this surface is, or is not, checked. It is shown
            by `safehold config show` and used for nothing else.
        lists: the lists that are matched; empty for all.
        required_lists: lists without which an item counts as not checked.
        max_list_age_hours: greatest age of required lists since they last changed or were
            confirmed to be current; 0 for any.
        fail: what becomes of items that could not be checked.
        threshold: largest distance in bits of a PDQ match, at most `matching.threshold`; -1
            for that.
        unsupported: verdict for types that are not decoded; empty for the one of `policy`.
        md5_only: verdict for matches that rest on md5 alone; empty for the one of `policy`.
        classifiers: names of the classifiers that are asked.
        matchers: names of the remote matchers that are asked.
        user_per_minute: budget of one end user here; -1 for the one of `budgets`, 0 for none.
        flags_hold: whether what a user flags is held until somebody decides. False by default,
            or any user could take down what others have stored.
        public: whether what stands here can be seen by everybody, which reports to authorities
            tell. Not said by default: then they say nothing of it.
        keep_digests_days: for how many days digests (not bytes) of items that were allowed are
            kept, to look back when lists grow (`safehold.retro`); 0 for not at all.
    """

    enabled: bool = True
    legal_basis: str = ""
    lists: tuple[str, ...] = ()
    required_lists: tuple[str, ...] = ()
    max_list_age_hours: float = 0.0
    fail: FailMode = FailMode.CLOSED
    threshold: int = -1
    unsupported: Verdict | None = None
    md5_only: Verdict | None = None
    classifiers: tuple[str, ...] = ()
    matchers: tuple[str, ...] = ()
    user_per_minute: int = -1
    flags_hold: bool = False
    public: bool | None = None
    keep_digests_days: float = 0.0

    def policy(self, base: PolicyOptions) -> PolicyOptions:
        """The options of decisions on this surface."""
        options = base
        if self.unsupported is not None:
            options = replace(options, unsupported=self.unsupported)
        if self.md5_only is not None:
            options = replace(options, md5_only=self.md5_only)
        if self.fail is FailMode.OPEN:
            allow = Verdict.ALLOW
            options = replace(options, fault=allow, damaged=allow, list_fault=allow)
        return options

    def list_faults(
        self, updated: Mapping[str, dt.datetime], now: dt.datetime
    ) -> tuple[Reason, ...]:
        """What is wrong with the required lists.

        Args:
            updated: for each list that is open, when it was last brought up to date.
            now: the present moment.
        """
        found = (self.list_fault(name, updated, now) for name in self.required_lists)
        return tuple(sorted({fault for fault in found if fault is not None}))

    def list_fault(
        self, name: str, updated: Mapping[str, dt.datetime], now: dt.datetime
    ) -> Reason | None:
        """What is wrong with one list, if it is required here; see `list_faults`."""
        oldest = dt.timedelta(hours=self.max_list_age_hours)
        if name not in updated:
            return Reason.LIST_MISSING
        if oldest and now - updated[name] > oldest:
            return Reason.LIST_STALE
        return None


class Surfaces:
    """All surfaces of a home."""

    def __init__(self, options: Mapping[str, SurfaceOptions]) -> None:
        self._options = {name: SurfaceOptions() for name in BUILT_IN} | dict(options)

    def find(self, service: str, surface: str) -> SurfaceOptions | None:
        """The settings of a service's surface, or None where there is no such surface."""
        own = self._options.get(f"{service}:{surface}")
        return (
            own if own is not None else self._options.get(surface) if ":" not in surface else None
        )

    @property
    def keep_digests(self) -> bool:
        """Whether any surface keeps digests of what is allowed."""
        return any(options.keep_digests_days for options in self._options.values())

    def all(self) -> Mapping[str, SurfaceOptions]:
        """All surfaces by name."""
        return dict(self._options)
