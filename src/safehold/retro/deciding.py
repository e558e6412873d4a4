"""What becomes of candidates: matched, decided and recorded as if their bytes had just come."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from safehold.cases.model import OccurrenceKind
from safehold.cases.receipt import ReceiptSealer, UnknownReceiptError
from safehold.clock import Clock
from safehold.ids import ChunkId, ListName, ServiceId
from safehold.intake.model import Answer, Context, Earlier, Submission
from safehold.matching.interface import OpenList
from safehold.policy.model import Verdict
from safehold.retro.finding import first_of_same
from safehold.retro.interface import KeptRecords
from safehold.retro.matching import KeptView
from safehold.retro.model import ChunkHead
from safehold.retro.packing import unpack, unpack_contexts
from safehold.retro.sealing import CONTEXTS, DIGESTS, KeptDamagedError, KeptSealer
from safehold.screening import Rules, Screened, Screening

_AT_ONCE = 64
"""Items that are matched together."""

_CONTEXT = frozenset(field.name for field in dataclasses.fields(Context))


class Rulings(Protocol):
    """By which rules the items of surfaces are decided."""

    @property
    def hidden(self) -> frozenset[str]:
        """Lists that count nowhere."""
        ...

    def rules(self, service_id: ServiceId, surface: str) -> Rules | None:
        """The rules of a surface as they are now; None where there is none any more.

        Faults count for nothing: what could not be checked then was allowed all the same, and
        has not changed.
        """
        ...

    def counts(self, service_id: ServiceId, surface: str, name: str) -> bool:
        """Whether a list counts on a surface."""
        ...


@dataclass(frozen=True, slots=True)
class DeciderParts:
    """What candidates are decided with.

    Attributes:
        records: kept digests.
        sealer: opens chunks.
        receipts: opens receipts, which hold the names of items' bytes.
        rulings: the rules of surfaces.
        open_lists: opens all lists that may count, as they are now; the caller closes them.
        screening: matching and policy over open lists.
        record: records an item.
        tell_flood: told of a list and how many of its entries flood.
        clock: the present moment.
    """

    records: KeptRecords
    sealer: KeptSealer
    receipts: ReceiptSealer
    rulings: Rulings
    open_lists: Callable[[], Sequence[OpenList]]
    screening: Callable[[Sequence[OpenList]], Screening]
    record: Callable[[Submission], Answer]
    tell_flood: Callable[[ListName, int], None]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Decided:
    """How many candidates there were, and how many are held or blocked now."""

    candidates: int = 0
    held: int = 0


class Decider:
    """Decides on candidates. One thread uses it; lists are opened when the first candidate comes.

    Within `open` lists stay open from the first candidate on.
    """

    def __init__(self, parts: DeciderParts) -> None:
        self._parts = parts
        self._stack: contextlib.ExitStack | None = None
        self._screening: Screening | None = None
        self._versions: dict[str, int] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Lists that are opened within this are closed when it is left."""
        with contextlib.ExitStack() as stack:
            self._stack = stack
            try:
                yield
            finally:
                self._stack = self._screening = None

    def tell_flood(self, name: ListName, entries: int) -> None:
        """Say that entries of a list are near to more items than they may be."""
        self._parts.tell_flood(name, entries)

    def decide(self, chunk_id: ChunkId, chosen: Collection[int]) -> Decided:
        """Match some items of a chunk anew, and record what is held.

        Items of the same bytes as a chosen one are taken with it.

        Raises:
            KeptDamagedError: the chunk cannot be read.
            SafeholdError: lists cannot be opened, or nothing can be recorded.
        """
        with self._parts.records.read() as transaction:
            chunk = transaction.kept.chunk(chunk_id)
        if chunk is None:
            return Decided()  # packed meanwhile: it comes again with its new chunk, or is over
        head = chunk.head
        rules = self._parts.rulings.rules(head.service_id, head.surface)
        if rules is None:
            return Decided()
        sealer = self._parts.sealer
        columns = unpack(sealer.open(chunk_id, DIGESTS, chunk.digests))
        said = unpack_contexts(sealer.open(chunk_id, CONTEXTS, chunk.contexts), columns.items)
        first = first_of_same(columns)
        wanted = {int(first[item]) for item in chosen}
        items = [item for item in range(columns.items) if int(first[item]) in wanted]
        held = 0
        for start in range(0, len(items), _AT_ONCE):
            part = items[start : start + _AT_ONCE]
            examinations = [columns.examination(item) for item in part]
            screened = self._judge().judge(examinations, [rules] * len(part))
            for item, one in zip(part, screened, strict=True):
                if one.decision.verdict is Verdict.ALLOW:
                    continue
                submission = self._submission(head, columns.receipt(item), said[item], one, rules)
                held += self._parts.record(submission).verdict is not Verdict.ALLOW
        return Decided(len(items), held)

    def _judge(self) -> Screening:
        if self._screening is None:
            assert self._stack is not None, "candidates are decided within open()"
            opened = self._parts.open_lists()
            for one in opened:
                self._stack.callback(one.close)
            self._screening = self._parts.screening([KeptView(one) for one in opened])
            self._versions = {
                one.metadata.list_name: int(one.metadata.extra.get("version", 0)) for one in opened
            }
        return self._screening

    def _submission(
        self, head: ChunkHead, receipt: str, said: bytes, screened: Screened, rules: Rules
    ) -> Submission:
        try:
            content = self._parts.receipts.open(head.service_id, receipt).content
        except UnknownReceiptError as error:
            raise KeptDamagedError from error
        return Submission(
            service_id=head.service_id,
            kind=OccurrenceKind.RETRO,
            surface=head.surface,
            context=_context(said),
            received=self._parts.clock.now(),
            sha256=b"",
            screened=screened,
            lists=_counting(self._versions, rules),
            earlier=Earlier(receipt, content),
        )


def _counting(versions: Mapping[str, int], rules: Rules) -> Mapping[str, int]:
    return {
        name: version
        for name, version in versions.items()
        if name not in rules.hidden and (rules.lists is None or name in rules.lists)
    }


def _context(said: bytes) -> Context:
    """What the caller said; what another version of this program may have kept beside is left."""
    try:
        known = json.loads(said)
        return Context(**{name: value for name, value in known.items() if name in _CONTEXT})
    except (ValueError, TypeError, AttributeError) as error:
        raise KeptDamagedError from error
