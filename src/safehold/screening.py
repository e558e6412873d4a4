"""The one path from bytes to a decision. Every door uses it and has no copy of any step.

    bytes -> examining.examine()  in a keyless worker: exact digests, decode, variants, PDQ,
                                  what the file says of its making
          -> Screening.judge()    in the caller: matching, policy

`examine` runs in the sandbox and sends what it finds step by step, so that the digests of a
file that kills its decoder are still matched. What arrives is untrusted: `read_examination`
checks every value.
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from safehold.errors import SafeholdError
from safehold.hashing.borders import BorderOptions
from safehold.hashing.model import (
    EXACT_LENGTHS,
    PDQ_BYTES,
    ExactDigests,
    Orientation,
    SignalType,
    VariantDigests,
)
from safehold.lists.trust.model import Suppressed
from safehold.lists.trust.rules import without_suppressed
from safehold.matching.match import ItemDigests, ItemMatches, Match, Matcher
from safehold.media.limits import MediaLimits
from safehold.media.model import Fault
from safehold.media.sandbox.interface import Message, Outcome
from safehold.policy.decide import decide
from safehold.policy.model import Decision, Observation, PolicyOptions, Reason
from safehold.provenance.forms import read_reading
from safehold.provenance.model import ProvenanceOptions, Reading

JOB = "safehold.examining:examine"
WARM_UP = "safehold.examining:warm_up"
MAX_VARIANT_NAME = 96
MAX_VARIANTS = 2_000
MAX_SIDE = 2**31 - 1
ORIENTATIONS = len(Orientation)
EMBEDDED = "embedded_"
"""How the names of variants begin that are of pictures within the file's metadata."""


class ExaminationError(SafeholdError):
    """A worker's answer is not of the agreed form: it is not to be believed."""

    code = "examination"
    default_message = "A worker process gave an answer that makes no sense."


@dataclass(frozen=True, slots=True)
class Examination:
    """What a worker found in the bytes of one item.

    Attributes:
        exact: digests of the bytes; None when they could not be read.
        format: the format by content, or None when unknown.
        width, height: of the first frame, 0 when nothing was decoded.
        frame_count: frames or pages in the file, 0 when nothing was decoded.
        variants: PDQ of each variant that was hashed: of the frames, then of pictures within the
            metadata (`embedded_<number>_<name>_<variant>`).
        fault: why the item was not, or not wholly, checked.
        reading: what the file says of its own making. No decision rests on it.
    """

    exact: ExactDigests | None = None
    format: str | None = None
    width: int = 0
    height: int = 0
    frame_count: int = 0
    variants: tuple[VariantDigests, ...] = ()
    fault: Fault | None = None
    reading: Reading = field(default=Reading(), repr=False)

    @property
    def shown(self) -> tuple[VariantDigests, ...]:
        """The variants of what the file shows, without pictures within its metadata."""
        return tuple(v for v in self.variants if not v.variant.startswith(EMBEDDED))

    @property
    def embedded(self) -> tuple[VariantDigests, ...]:
        """The variants of pictures within its metadata."""
        return tuple(v for v in self.variants if v.variant.startswith(EMBEDDED))


@dataclass(frozen=True, slots=True)
class Rules:
    """By which rules one item is decided.

    Attributes:
        policy: the options of the decision.
        lists: the lists that count; None for all.
        hidden: lists that do not count, even where `lists` is None.
        threshold: largest distance of a PDQ match that counts, where it is stricter than the
            matcher's; None for the matcher's.
        list_faults: what is wrong with the lists that are required.
        suppressed: entries whose matches with these very bytes do not count
            (`safehold.lists.trust.rules`).
    """

    policy: PolicyOptions
    lists: frozenset[str] | None = None
    hidden: frozenset[str] = frozenset()
    threshold: int | None = None
    list_faults: tuple[Reason, ...] = ()
    suppressed: Suppressed = field(default_factory=dict)

    def count(self, match: Match) -> bool:
        """Whether a match counts."""
        if match.list_name in self.hidden:
            return False
        if self.lists is not None and match.list_name not in self.lists:
            return False
        far = self.threshold is not None and match.distance > self.threshold
        return not (far and match.signal is SignalType.PDQ)


@dataclass(frozen=True, slots=True)
class Screened:
    """An item's examination, its matches and the decision on what was observed.

    `suppressed`: of how many entries matches were suppressed; they are not among `matches`.
    """

    examination: Examination
    matches: tuple[Match, ...]
    decision: Decision
    observation: Observation
    suppressed: int = 0


@dataclass(frozen=True, slots=True)
class ExamineOptions:
    """Settings of an examination, as they travel to a worker."""

    limits: MediaLimits = field(default_factory=MediaLimits)
    borders: BorderOptions = field(default_factory=BorderOptions)
    provenance: ProvenanceOptions = field(default_factory=ProvenanceOptions)

    def as_request(self) -> Message:
        """The form in which they are sent; `from_request` reads it."""
        return {
            "limits": asdict(self.limits),
            "borders": asdict(self.borders),
            "provenance": asdict(self.provenance),
        }

    @classmethod
    def from_request(cls, request: Mapping[str, Any]) -> ExamineOptions:
        """Read what `as_request` made. It comes from the host, which a worker trusts."""
        return cls(
            MediaLimits(**request["limits"]),
            BorderOptions(**request["borders"]),
            ProvenanceOptions(**request["provenance"]),
        )


def exact_message(exact: ExactDigests) -> Message:
    """The JSON form of exact digests; `read_exact` reads it."""
    return {
        "md5": exact.md5.hex(),
        "sha1": exact.sha1.hex(),
        "sha256": exact.sha256.hex(),
        "size": exact.size,
    }


def variant_message(variant: VariantDigests) -> Message:
    """The JSON form of one variant; `read_variant` reads it."""
    return {
        "variant": variant.variant,
        "quality": variant.quality,
        "pdq": b"".join(variant.pdq).hex(),
    }


def read_examination(messages: Sequence[Mapping[str, Any]], fault: Fault | None) -> Examination:
    """Put a worker's messages together, checking each value.

    Args:
        messages: what `examine` emitted, perhaps cut short by a crash.
        fault: what the sandbox says of the job; it stands before the worker's own word.

    Raises:
        ExaminationError: a value is not of the agreed form.
    """
    found: dict[str, Any] = {}
    variants: list[VariantDigests] = []
    try:
        for message in messages:
            if "exact" in message:
                found["exact"] = read_exact(message["exact"])
            if "format" in message:
                found["format"] = _read_format(message["format"])
            if "size" in message:
                width, height, frames = (_bounded(n, MAX_SIDE) for n in message["size"])
                found.update(width=width, height=height, frame_count=frames)
            if "fault" in message:
                found["fault"] = Fault(message["fault"])
            for variant in message.get("variants", ()):
                variants.append(read_variant(variant))
            if len(variants) > MAX_VARIANTS:
                raise ExaminationError
        found["reading"] = read_reading(messages)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ExaminationError from error
    if fault is not None:
        found["fault"] = fault
    return Examination(variants=tuple(variants), **found)


def read_outcome(outcome: Outcome) -> Examination:
    """What an outcome says; a worker that answers nonsense counts as one that died."""
    try:
        return read_examination(outcome.messages, outcome.fault)
    except ExaminationError:
        return Examination(fault=Fault.DECODER_CRASHED)


def with_exact_digests(
    descriptor: int, examination: Examination, stop: Callable[[], bool] = lambda: False
) -> Examination:
    """Exact digests of bytes that no worker read: too large, or its worker died at once.

    Nothing is decoded here. What is too large and no picture is no fault.

    Args:
        descriptor: of the bytes, read by position.
        examination: what is known of them.
        stop: is asked between pieces whether to give up.

    Raises:
        OSError: they cannot be read.
    """
    from safehold.hashing.exact import exact_digests_of_descriptor
    from safehold.media.sniff import HEAD_BYTES, PICTURE_FORMATS, sniff

    format_name = sniff(os.pread(descriptor, HEAD_BYTES, 0))
    exact = exact_digests_of_descriptor(descriptor, stop)
    fault = examination.fault
    if fault is Fault.LIMIT_BYTES and format_name not in PICTURE_FORMATS:
        fault = Fault.UNSUPPORTED
    return replace(examination, exact=exact, format=format_name, fault=fault)


def read_exact(value: Mapping[str, Any]) -> ExactDigests:
    """Exact digests from their JSON form."""
    md5, sha1, sha256 = (_unhex(value[s], length) for s, length in EXACT_LENGTHS.items())
    return ExactDigests(md5, sha1, sha256, _bounded(value["size"], 1 << 62))


def read_variant(value: Mapping[str, Any]) -> VariantDigests:
    """One variant from its JSON form: `variant`, `quality`, `pdq` (eight hashes, hex)."""
    name = value["variant"]
    if not isinstance(name, str) or len(name) > MAX_VARIANT_NAME or not name.isidentifier():
        raise ExaminationError
    packed = _unhex(value["pdq"], PDQ_BYTES * ORIENTATIONS)
    hashes = tuple(packed[i : i + PDQ_BYTES] for i in range(0, len(packed), PDQ_BYTES))
    return VariantDigests(name, _bounded(value["quality"], 100), hashes)


def _unhex(text: Any, length: int) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * length:
        raise ExaminationError
    return binascii.unhexlify(text)


def _bounded(number: Any, most: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= most:
        raise ExaminationError
    return number


def _read_format(name: Any) -> str | None:
    if name is not None and not (isinstance(name, str) and len(name) <= 32 and name.isascii()):
        raise ExaminationError
    return name


class Screening:
    """Matching and policy: from what was found in an item to the decision on it."""

    def __init__(
        self,
        matcher: Matcher,
        quality_floor: int,
        options: PolicyOptions,
        thresholds: Mapping[str, int] | None = None,
    ) -> None:
        """Take what matches, and by what is decided.

        Args:
            matcher: matches with a set of open lists.
            quality_floor: the matcher's: variants below it were not matched by PDQ.
            options: of decisions.
            thresholds: largest distance of PDQ matches with single lists, where they are stricter
                than the matcher's.
        """
        self._matcher = matcher
        self._quality_floor = quality_floor
        self._options = options
        self._thresholds = thresholds or {}

    def judge(
        self, examinations: Sequence[Examination], rules: Sequence[Rules] | None = None
    ) -> list[Screened]:
        """Decide on a batch of items; the answer has the order of the question.

        `rules` has one for each item; without it all are decided by the options given at the
        start.
        """
        if rules is None:
            rules = [Rules(self._options)] * len(examinations)
        items = [
            ItemDigests(e.exact, e.shown, e.embedded) for e in examinations if e.exact is not None
        ]
        found = iter(self._matcher.match_many(items))
        return [
            self._decide(examination, next(found) if examination.exact else ItemMatches(), rule)
            for examination, rule in zip(examinations, rules, strict=True)
        ]

    def _decide(self, examination: Examination, matches: ItemMatches, rules: Rules) -> Screened:
        # A picture within the metadata says nothing of how plain the picture itself is.
        shown = examination.shown
        plain = bool(shown) and all(variant.quality < self._quality_floor for variant in shown)
        counting = tuple(m for m in matches.found if rules.count(m) and self._is_near(m))
        found, suppressed = without_suppressed(counting, rules.suppressed)
        observation = Observation(
            found,
            examination.fault,
            low_quality=plain,
            flooded=matches.flooded,
            list_faults=rules.list_faults,
        )
        decision = decide(observation, rules.policy)
        return Screened(examination, found, decision, observation, suppressed)

    def _is_near(self, match: Match) -> bool:
        """Whether a match is as near as its list wants it."""
        if match.signal is not SignalType.PDQ:
            return True
        return match.distance <= self._thresholds.get(match.list_name, match.distance)

    @staticmethod
    def with_scores(
        screened: Screened, rules: Rules, *, over_mark: bool, unscored: bool
    ) -> Screened:
        """Decide anew with what classifiers said of the item."""
        observation = replace(screened.observation, over_mark=over_mark, unscored=unscored)
        decision = decide(observation, rules.policy)
        return replace(screened, decision=decision, observation=observation)

    @staticmethod
    def with_remote(
        screened: Screened, rules: Rules, found: tuple[Match, ...], *, unanswered: bool
    ) -> Screened:
        """Decide anew with what remote matchers found beside the lists."""
        kept, suppressed = without_suppressed(found, rules.suppressed)
        matches = screened.matches + kept
        observation = replace(screened.observation, matches=matches, unanswered=unanswered)
        return replace(
            screened,
            matches=matches,
            decision=decide(observation, rules.policy),
            observation=observation,
            suppressed=screened.suppressed + suppressed,
        )


def signal_hex(exact: ExactDigests, signal: SignalType) -> str:
    """An exact digest in hexadecimal form."""
    digest: bytes = getattr(exact, signal.value)
    return digest.hex()
