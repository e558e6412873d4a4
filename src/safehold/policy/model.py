"""Verdicts, reasons, and the settings of a policy."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from safehold.matching.match import Match
from safehold.media.model import Fault


class Verdict(enum.StrEnum):
    """What is to be done with an item. A verdict says nothing about any person."""

    ALLOW = "allow"
    HOLD = "hold"
    BLOCK = "block"


class Reason(enum.StrEnum):
    """Why, beside the codes of `Fault`. Stable codes."""

    EXACT_CONFIRMED = "exact_confirmed"
    EXACT_SUSPECTED = "exact_suspected"
    EXACT_LOCAL = "exact_local"
    EXACT_MD5_ONLY = "exact_md5_only"
    """Equal by md5, and nothing else of the entry could be compared or is near: md5 collisions
    can be made at will."""
    DIGEST_CONFLICT = "digest_conflict"
    """One digest of an entry is equal and another of the same entry contradicts."""
    SIMILAR_CONFIRMED = "similar_confirmed"
    SIMILAR_SUSPECTED = "similar_suspected"
    SIMILAR_LOCAL = "similar_local"
    OBSERVED = "observed"
    """Matches a list that is only observed; this changes no verdict."""
    NEGATIVE = "negative"
    """These exact bytes stand on a negative list; a match by likeness is then let go."""
    TOO_MANY_MATCHES = "too_many_matches"
    """Near so many entries that a list seems to be at fault."""
    LOW_QUALITY = "low_quality"
    """Decoded, but too plain for PDQ to mean anything; exact digests alone were matched."""
    LIST_MISSING = "list_missing"
    """A list that the surface requires is not there."""
    LIST_STALE = "list_stale"
    """A list that the surface requires was not brought up to date for longer than it may be."""
    CONFIRMED_HERE = "confirmed_here"
    """A person has confirmed these very bytes in this service before."""
    HELD_HERE = "held_here"
    """These very bytes are held in this service already, and nobody has decided yet."""
    CLASSIFIER_SCORE = "classifier_score"
    """An operator's classifier gave a score over the operator's mark."""
    CLASSIFIER_UNAVAILABLE = "classifier_unavailable"
    """A classifier that the surface requires gave no usable score."""
    MATCHER_UNAVAILABLE = "matcher_unavailable"
    """A remote matcher that the surface requires gave no answer."""


@dataclass(frozen=True, slots=True)
class PolicyOptions:
    """What is done where the rules leave a choice.

    Attributes:
        md5_only: verdict for an exact match that rests on md5 alone. Where it is `block`, only
            matches with confirmed lists do; others hold.
        fault: verdict for an item that could not be checked.
        damaged: verdict for an item that was decoded only in part and matched nothing.
        unsupported: verdict for a type that is not decoded and matched nothing exactly.
        list_fault: verdict where a required list is missing or stale, or a required remote
            matcher gives no answer.
    """

    md5_only: Verdict = Verdict.HOLD
    fault: Verdict = Verdict.HOLD
    damaged: Verdict = Verdict.HOLD
    unsupported: Verdict = Verdict.ALLOW
    list_fault: Verdict = Verdict.HOLD


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything found about one item that a decision rests on.

    Attributes:
        matches: all matches, of all lists and remote matchers.
        fault: why the item was not, or not wholly, checked; None if it was.
        low_quality: it was decoded, and no variant reached the quality floor.
        flooded: tiers of the lists of which it matches more entries than `matches` tells.
        list_faults: what is wrong with the lists that the surface requires.
        over_mark: whether a classifier's score reaches the operator's mark.
        unscored: whether a classifier that the surface requires gave no score.
        unanswered: whether a remote matcher that the surface requires gave no answer.
    """

    matches: tuple[Match, ...]
    fault: Fault | None = None
    low_quality: bool = False
    flooded: frozenset[str] = frozenset()
    list_faults: tuple[Reason, ...] = ()
    over_mark: bool = False
    unscored: bool = False
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and its reason codes, sorted."""

    verdict: Verdict
    reasons: tuple[str, ...]
