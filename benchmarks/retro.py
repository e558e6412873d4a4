"""1,000 new entries looked for among millions of kept digests: the kernel, and the whole way.

First the kernel beside faiss's flat search over the same hashes, one thread each. Then a home with
kept digests in SQLite, sealed and packed as servers and `work` leave them: a list gains 1,000
entries, and `safehold.retro` looks back until the cases are there. A few kept items lie near to new
entries, in any orientation; the benchmark fails where one of them is not held, or anything else is.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import sys
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from safehold.cases.model import CaseFilter
from safehold.cases.receipt import Receipt, ReceiptSealer
from safehold.config import Settings
from safehold.ids import ChunkId, EntryId, ListName
from safehold.lists.interface import ImportPlan
from safehold.lists.model import EntryDraft, Tier
from safehold.matching.linear import as_words
from safehold.policy.surfaces import SurfaceOptions
from safehold.retro.keeping import expiry, sealed_chunk
from safehold.retro.model import ChunkHead
from safehold.retro.packing import ORIENTATIONS, Columns
from safehold.retro.sealing import KeptSealer
from safehold.retro.searching import build_table, near_pairs
from safehold.runtime.service import ServiceRuntime
from safehold.vault.sealing import Identity
from safehold.work.looking_back import SurfaceRulings, make_retro

NAME = ListName("growing")
ENTRIES = 1_000
NEAR = 50
THRESHOLD = 31
CHUNK = 8_192
FAISS_HASHES = 1_000_000


def near(rng: np.random.Generator, row: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """A hash at so many bits from another."""
    out = np.unpackbits(row)
    out[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(out)


def kernel(rng: np.random.Generator, hashes: int) -> list[tuple[str, str]]:
    """The kernel beside faiss."""
    new = rng.integers(0, 256, (ENTRIES, 32), dtype=np.uint8)
    kept = rng.integers(0, 256, (hashes, 32), dtype=np.uint8)
    places = rng.choice(hashes, NEAR, replace=False)
    for n, place in enumerate(places):
        kept[place] = near(rng, new[n], int(rng.integers(0, THRESHOLD + 1)))
    owners = np.arange(hashes, dtype=np.int64)
    near_pairs(as_words(kept[:100]), owners[:100], build_table(new, THRESHOLD), 9)  # compiles
    began = time.perf_counter()
    table = build_table(new, THRESHOLD)
    made = time.perf_counter() - began
    began = time.perf_counter()
    found, _ = near_pairs(as_words(kept), owners, table, 1_000)
    ours = time.perf_counter() - began
    assert set(places.tolist()) <= set(found.tolist())
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryFlat(256)
    index.add(new)
    part = kept[: min(hashes, FAISS_HASHES)]
    began = time.perf_counter()
    limits, _, labels = index.range_search(part, THRESHOLD + 1)
    theirs = (time.perf_counter() - began) / len(part) * hashes
    began = time.perf_counter()
    same, numbers = near_pairs(as_words(part), owners[: len(part)], table, 1_000)
    assert time.perf_counter() > began
    asked = np.repeat(np.arange(len(part)), np.diff(limits.astype(np.int64)))
    pairs = set(zip(same.tolist(), numbers.tolist(), strict=True))
    assert pairs == set(zip(asked.tolist(), labels.tolist(), strict=True))
    return [
        (f"kernel: 1,000 entries, {hashes:,} kept hashes, one thread", f"{ours:.2f} s"),
        ("of that, making the table, besides", f"{made:.3f} s"),
        ("faiss, flat, one thread (from 1,000,000)", f"{theirs:.2f} s, {theirs / ours:.1f}x"),
    ]


def columns(rng: np.random.Generator, items: int) -> Columns:
    """Random kept items of one variant each."""

    def random(*shape: int) -> NDArray[np.uint8]:
        return rng.integers(0, 256, shape, dtype=np.uint8)

    return Columns(
        variant_names=("as_stored",),
        fault_names=(),
        pdq=random(items, ORIENTATIONS * 32),
        md5=random(items, 16),
        sha1=random(items, 16),
        sha256=random(items, 16),
        sizes=np.full(items, 1_000, np.uint64),
        frames=np.ones(items, np.uint32),
        first=np.arange(items + 1, dtype=np.uint32),
        faults=np.zeros(items, np.uint8),
        names=np.zeros(items, np.uint32),
        qualities=np.full(items, 90, np.uint8),
        receipts=random(items, 51),
    )


def whole(folder: Path, rng: np.random.Generator, items: int) -> list[tuple[str, str]]:
    """Looking back in a home."""
    surfaces = {"public": SurfaceOptions(keep_digests_days=30)}
    settings = Settings(home=folder, surfaces=surfaces)
    with ServiceRuntime(settings) as runtime:
        runtime.officers.add("officer", Identity.generate().recipient)
        runtime.accounts.add_service("shop")
        [service] = [s.service_id for s in runtime.accounts.services() if s.name == "shop"]
        new = rng.integers(0, 256, (ENTRIES, 32), dtype=np.uint8)

        def put(name: str, hashes: NDArray[np.uint8]) -> None:
            with runtime.list_store.importing(NAME) as session:
                session.stage(
                    [
                        EntryDraft(EntryId(f"{name}{n}"), pdq=row.tobytes(), pdq_quality=90)
                        for n, row in enumerate(hashes)
                    ]
                )
                session.apply(ImportPlan(runtime.clock.now(), Tier.SUSPECTED))

        put("old", rng.integers(0, 256, (ENTRIES, 32), dtype=np.uint8))
        version = runtime.list_store.get(NAME).version
        sealer, receipts = KeptSealer(runtime.digest_key), ReceiptSealer(runtime.digest_key)
        now = runtime.clock.now()
        planted = set(rng.choice(items, NEAR, replace=False).tolist())
        number = 0
        for start in range(0, items, CHUNK):
            made = columns(rng, min(CHUNK, items - start))
            for place in sorted(planted & set(range(start, start + made.items))):
                bits = int(rng.integers(0, THRESHOLD + 1))
                where = int(rng.integers(ORIENTATIONS)) * 32
                made.pdq[place - start, where : where + 32] = near(rng, new[number], bits)
                receipt = receipts.seal(service, Receipt(rng.bytes(16), now))
                packed = np.frombuffer(_decoded(receipt), np.uint8)
                made.receipts[place - start] = packed
                number += 1
            head = ChunkHead(
                ChunkId(runtime.ids()),
                0,
                service,
                "public",
                expiry(now, 30),
                made.items,
                int(made.pdq.nbytes),
                {str(NAME): version},
            )
            chunk = sealed_chunk(head, made, [b'{"reference":"x"}'] * made.items, sealer)
            with runtime.records.write() as transaction:
                transaction.kept.add([chunk])
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        retro = make_retro(runtime, SurfaceRulings(runtime))
        began = time.perf_counter()
        first = retro.look(NAME)
        idle = time.perf_counter() - began
        assert (first.items, first.held) == (0, 0), "all was matched with what the list had"
        put("new", new)
        began = time.perf_counter()
        looked = retro.look(NAME)
        took = time.perf_counter() - began
        with runtime.records.read() as transaction:
            cases = len(transaction.cases.list(CaseFilter(limit=10_000)))
        assert looked.finished and looked.items == items, looked
        assert (looked.held, cases) == (NEAR, NEAR), (looked, cases)
    return [
        (f"kept items (8 hashes each), {size / 1e9:.1f} GB on disk", f"{items:,}"),
        ("a look when nothing came", f"{idle:.3f} s"),
        (
            "1,000 entries came: looked at all, cases opened",
            f"{took:.1f} s, {looked.held} of {NEAR}",
        ),
        ("kept hashes a second", f"{items * ORIENTATIONS / took / 1e6:.1f} million"),
    ]


def _decoded(receipt: str) -> bytes:
    import base64

    return base64.urlsafe_b64decode(receipt)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hashes", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=1_250_000)
    chosen = parser.parse_args()
    rng = np.random.default_rng(17)
    rows = kernel(rng, chosen.hashes)
    folder = Path(tempfile.mkdtemp(prefix="safehold-retro-"))
    try:
        rows += whole(folder, rng, chosen.items)
    finally:
        shutil.rmtree(folder)
    print(f"\n{dt.datetime.now(dt.UTC):%Y-%m-%d}\n\n| what | figure |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
