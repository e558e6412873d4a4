"""Policy's reasons, and why something could not be checked, in words."""

from __future__ import annotations

from collections.abc import Mapping

from safehold.console.catalog import mark
from safehold.media.model import Fault
from safehold.policy.model import Reason

REASONS: Mapping[str, str] = {
    Reason.EXACT_CONFIRMED: mark("The same bytes as an entry of a confirmed list"),
    Reason.EXACT_SUSPECTED: mark("The same bytes as an entry of a suspected list"),
    Reason.EXACT_LOCAL: mark("The same bytes as an entry of a local list"),
    Reason.EXACT_MD5_ONLY: mark("The same md5 as an entry, and nothing else could be compared"),
    Reason.DIGEST_CONFLICT: mark("One digest of an entry is equal, another contradicts it"),
    Reason.SIMILAR_CONFIRMED: mark("Looks like an entry of a confirmed list"),
    Reason.SIMILAR_SUSPECTED: mark("Looks like an entry of a suspected list"),
    Reason.SIMILAR_LOCAL: mark("Looks like an entry of a local list"),
    Reason.OBSERVED: mark("Matches a list that is only observed"),
    Reason.NEGATIVE: mark("These very bytes stand on a negative list"),
    Reason.TOO_MANY_MATCHES: mark("Near so many entries that a list seems to be at fault"),
    Reason.LOW_QUALITY: mark("Too plain for likeness to mean anything"),
    Reason.LIST_MISSING: mark("A list that is required is not there"),
    Reason.LIST_STALE: mark("A list that is required is too old"),
    Reason.CONFIRMED_HERE: mark("These very bytes were confirmed here before"),
    Reason.HELD_HERE: mark("These very bytes are held here already"),
    Reason.CLASSIFIER_SCORE: mark("A classifier's score reaches the operator's mark"),
    Reason.CLASSIFIER_UNAVAILABLE: mark("A classifier that is required gave no score"),
    Reason.MATCHER_UNAVAILABLE: mark("A remote matcher that is required gave no answer"),
    "cleared_likeness": mark("Very near to what two people have cleared"),
}

FAULTS: Mapping[str, str] = {
    Fault.UNSUPPORTED: mark("A type that is not decoded"),
    Fault.UNREADABLE: mark("Could not be read"),
    Fault.DECODE_FAILED: mark("Nothing of it could be decoded"),
    Fault.DAMAGED: mark("Damaged: decoded only in part"),
    Fault.LIMIT_BYTES: mark("Larger than is decoded"),
    Fault.LIMIT_PIXELS: mark("More pixels than are decoded"),
    Fault.LIMIT_FRAMES: mark("More frames than are decoded"),
    Fault.LIMIT_TIME: mark("Took longer than it may"),
    Fault.LIMIT_MEMORY: mark("Needed more memory than it may"),
    Fault.DECODER_CRASHED: mark("The decoder crashed on it"),
    Fault.ARCHIVE_DAMAGED: mark("A damaged archive"),
    Fault.ARCHIVE_ENCRYPTED: mark("An encrypted archive"),
    Fault.ARCHIVE_UNSUPPORTED: mark("An archive packed in a way that is not known here"),
    Fault.ARCHIVE_LIMIT: mark("An archive beyond the bounds"),
}
