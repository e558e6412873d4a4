"""One core: PDQ of pixels, and files to digests, beside pdqhash and threatexchange.

Files are read as Safehold always reads them, by a locked worker process that gets a descriptor
and answers with digests; host and worker share the one core. The peer decodes in this process.

Run alone with `python benchmarks/bench_files.py [--rounds N] [--only WORD]`, or by `bench.py`.
The pictures are scikit-image's benign samples, enlarged, with mild noise so that they compress
as photographs do: "calm" ones well, "detailed" ones as badly as a phone's.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image, ImageOps
from threatexchange.signal_type.pdq.pdq_hasher import pdq_from_bytes

from measure import NO_BAR, Bar, Contest, Row, contend, pin
from safehold.config import default_kernel_cache
from safehold.hashing.pdq import pdq, pdq_dihedral, pdq_orientations
from safehold.kernels.accelerate import KernelCache
from safehold.media.decode import open_picture
from safehold.media.limits import MediaLimits
from safehold.media.sandbox.interface import Outcome, SandboxOptions
from safehold.media.sandbox.pool import WorkerPool
from safehold.screening import JOB, ExamineOptions
from safehold.testing.edits import encode
from safehold.testing.pictures import draw
from safehold.testing.samples import sample

PHONE = (4000, 3000)
"""12 megapixels."""
WEB = (1600, 1004)
"""1.6 megapixels."""
SMALL = (640, 480)

SMOOTH = 0.0
"""No noise at all, as in a rendered picture."""
CALM = 2.5
"""Noise of a well-lit picture; its 12-megapixel JPEG of quality 88 has 1 to 2 MB."""
DETAILED = 5.0
"""Noise that makes a JPEG of quality 93 as large as a phone's, 3 to 4 MB."""

LIMITS = MediaLimits()

PDQHASH = "pdqhash.compute"
HASHER = "threatexchange pdq_from_bytes"


def photograph(name: str, size: tuple[int, int], noise: float = CALM) -> Image.Image:
    """A sample enlarged to `size`, with noise of a standard deviation in levels."""
    enlarged = ImageOps.fit(sample(name), size, Image.Resampling.LANCZOS)
    rng = np.random.default_rng(20_250_101)
    tile = rng.normal(0.0, noise, (500, 500, 3)).astype(np.float32)
    rows, columns = -(-size[1] // 500), -(-size[0] // 500)
    grain = np.tile(tile, (rows, columns, 1))[: size[1], : size[0]]
    pixels = np.asarray(enlarged, dtype=np.float32) + grain
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


class Worker:
    """A locked worker, and a file in memory that it is given again and again."""

    def __init__(self, data: bytes, job: str) -> None:
        options = SandboxOptions(
            job=job,
            warm_up="worker_jobs:warm_up",
            settings={"kernel_cache": str(default_kernel_cache())},
            workers=1,
            max_jobs_per_worker=1_000_000,
            python_path=(str(Path(__file__).parent),),
        )
        self._pool = WorkerPool(options)
        self._descriptor = os.memfd_create("picture")
        os.write(self._descriptor, data)
        self._request = ExamineOptions().as_request()

    def __call__(self) -> Outcome:
        """The file, read once."""
        self._pool.submit(self._descriptor, self._request)
        (outcome,) = self._pool.completed()
        if outcome.fault is not None:
            raise RuntimeError(f"the worker failed: {outcome.fault}")
        return outcome

    def pdq(self) -> bytes:
        """The hash that the worker gives."""
        return bytes.fromhex(str(self().messages[-1]["pdq"]))

    def close(self) -> None:
        self._pool.close()
        os.close(self._descriptor)


DIGEST = "worker_jobs:digest"


def peer_pixels(pixels: NDArray[np.uint8]) -> bytes:
    bits, _ = pdqhash.compute(pixels)
    return np.packbits(bits).tobytes()


def bits_apart(first: bytes, second: bytes) -> int:
    return (int.from_bytes(first, "big") ^ int.from_bytes(second, "big")).bit_count()


@dataclass(frozen=True)
class Plan:
    """A contest that is only prepared when its turn comes (12-megapixel pictures are large)."""

    name: str
    prepare: Callable[[], Contest] = field(repr=False)


def _pixels_plan(label: str, size: tuple[int, int]) -> Plan:
    name = f"PDQ of decoded pixels, {label}"

    def prepare() -> Contest:
        pixels = np.asarray(photograph("coffee", size))
        apart = bits_apart(pdq(pixels).bits, peer_pixels(pixels))
        return Contest(
            name,
            functools.partial(pdq, pixels),
            functools.partial(pdqhash.compute, pixels),
            PDQHASH,
            Bar(100.0),
            f"{apart} bits apart",
        )

    return Plan(name, prepare)


def _dihedral_plan(label: str, size: tuple[int, int], bar: Bar) -> Plan:
    name = f"eight orientations beside one, {label}"

    def prepare() -> Contest:
        pixels = np.asarray(photograph("chelsea", size))
        same = pdq_dihedral(pixels).hashes[0] == pdq(pixels).bits
        return Contest(
            name,
            functools.partial(pdq_dihedral, pixels),
            functools.partial(pdq, pixels),
            "safehold, one orientation",
            bar,
            "same hash" if same else "HASHES DIFFER",
        )

    return Plan(name, prepare)


@dataclass(frozen=True)
class _File:
    """How a file is made: which sample, how large, with how much noise, how encoded."""

    label: str
    size: tuple[int, int]
    encode: Callable[[Image.Image], bytes]
    bar: Bar
    noise: float = CALM


def _jpeg(picture: Image.Image, quality: int = 88, subsampling: str = "4:2:0") -> bytes:
    return encode(picture, "JPEG", quality=quality, subsampling=subsampling)


def _fine_jpeg(picture: Image.Image, subsampling: str = "4:2:0") -> bytes:
    return _jpeg(picture, 93, subsampling)


def _png(picture: Image.Image) -> bytes:
    return encode(picture, "PNG", compress_level=6)


def _webp(picture: Image.Image) -> bytes:
    return encode(picture, "WEBP", quality=80, method=2)


_444 = functools.partial(_jpeg, subsampling="4:4:4")
_FINE_444 = functools.partial(_fine_jpeg, subsampling="4:4:4")

_FILES = (
    _File("JPEG 12 MP 4:2:0, calm", PHONE, _jpeg, Bar(6.0)),
    _File("JPEG 12 MP 4:2:0, detailed", PHONE, _fine_jpeg, Bar(6.0), DETAILED),
    _File("JPEG 12 MP 4:4:4, calm", PHONE, _444, Bar(6.0)),
    _File("JPEG 12 MP 4:4:4, detailed", PHONE, _FINE_444, Bar(6.0), DETAILED),
    _File("JPEG 12 MP grey, calm", PHONE, lambda p: _jpeg(p.convert("L")), Bar(12.0)),
    _File(
        "JPEG 12 MP grey, detailed",
        PHONE,
        lambda p: _fine_jpeg(p.convert("L")),
        Bar(12.0),
        DETAILED,
    ),
    _File("JPEG 1.6 MP 4:2:0, calm", WEB, _jpeg, Bar(6.0)),
    _File("JPEG 1.6 MP 4:2:0, detailed", WEB, _fine_jpeg, Bar(6.0), DETAILED),
    _File(
        "JPEG 12 MP progressive, calm",
        PHONE,
        lambda p: encode(p, "JPEG", quality=88, progressive=True),
        NO_BAR,
    ),
    _File("PNG 12 MP, smooth", PHONE, _png, Bar(3.0), SMOOTH),
    _File("PNG 12 MP, calm", PHONE, _png, Bar(3.0)),
    _File("WebP 12 MP, calm", PHONE, _webp, Bar(3.0)),
    _File("WebP 12 MP, detailed", PHONE, _webp, Bar(3.0), DETAILED),
)


def _file_plan(made: _File) -> Plan:
    name = f"{made.label} file to md5+sha1+sha256+PDQ"

    def prepare() -> Contest:
        data = made.encode(photograph("astronaut", made.size, made.noise))
        worker = Worker(data, DIGEST)
        apart = bits_apart(worker.pdq(), bytes.fromhex(pdq_from_bytes(data)[0]))
        return Contest(
            name,
            worker,
            functools.partial(pdq_from_bytes, data),
            HASHER,
            made.bar,
            f"{len(data) / 1e6:.1f} MB, {apart} bits apart",
        )

    return Plan(name, prepare)


def _everything_plan() -> Plan:
    name = "JPEG 12 MP 4:2:0, calm, file to all that a scan computes"

    def prepare() -> Contest:
        data = _jpeg(photograph("astronaut", PHONE))
        return Contest(
            name,
            Worker(data, JOB),
            functools.partial(pdq_from_bytes, data),
            HASHER,
            note="all variants, eight orientations",
        )

    return Plan(name, prepare)


def _decode_share_plan() -> Plan:
    """How much of the work is the decoder's: what is left to gain by faster hashing."""
    name = "JPEG 12 MP 4:2:0, calm, file: share of decoding"

    def prepare() -> Contest:
        data = _jpeg(photograph("astronaut", PHONE))

        def decode() -> object:
            return next(iter(open_picture(data, LIMITS).frames()))

        return Contest(
            name,
            decode,
            Worker(data, DIGEST),
            "safehold, whole work",
            Bar(None, at_most=True),
        )

    return Plan(name, prepare)


def _exact_orientations_plan(label: str, size: tuple[int, int]) -> Plan:
    """Each orientation as if the turned picture were hashed itself: what a scan uses."""
    name = f"eight exact orientations beside one, {label}"

    def prepare() -> Contest:
        pixels = np.asarray(photograph("chelsea", size))
        return Contest(
            name,
            functools.partial(pdq_orientations, pixels),
            functools.partial(pdq, pixels),
            "safehold, one orientation",
            Bar(None, at_most=True),
            "four samplings; a scan uses these",
        )

    return Plan(name, prepare)


def _drawn_plan() -> Plan:
    """A drawing with saturated colours, where decoding luma alone would change the hash."""
    name = "JPEG 1.6 MP of saturated shapes to md5+sha1+sha256+PDQ"

    def prepare() -> Contest:
        data = encode(draw("shapes", 4, WEB), "JPEG", quality=85)
        worker = Worker(data, DIGEST)
        apart = bits_apart(worker.pdq(), bytes.fromhex(pdq_from_bytes(data)[0]))
        return Contest(
            name,
            worker,
            functools.partial(pdq_from_bytes, data),
            HASHER,
            Bar(6.0),
            f"{len(data) / 1e6:.1f} MB, {apart} bits apart",
        )

    return Plan(name, prepare)


PLANS: tuple[Plan, ...] = (
    _pixels_plan("1600x1004", WEB),
    _pixels_plan("4000x3000", PHONE),
    *(_file_plan(made) for made in _FILES),
    _drawn_plan(),
    _everything_plan(),
    _decode_share_plan(),
    _dihedral_plan("1600x1004", WEB, Bar(1.2, at_most=True)),
    _dihedral_plan("4000x3000", PHONE, Bar(1.2, at_most=True)),
    _dihedral_plan("640x480", SMALL, Bar(None, at_most=True)),
    _exact_orientations_plan("1600x1004", WEB),
    _exact_orientations_plan("4000x3000", PHONE),
)


def rows(rounds: int, only: str = "") -> Iterator[Row]:
    """Run the plans whose name holds `only`."""
    for plan in PLANS:
        if only.lower() in plan.name.lower():
            contest = plan.prepare()
            yield contend(contest, rounds)
            for side in (contest.ours, contest.peer):
                if isinstance(side, Worker):
                    side.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="only rows whose name holds this")
    chosen = parser.parse_args()
    pin()
    KernelCache.configure(default_kernel_cache())
    for row in rows(chosen.rounds, chosen.only):
        # One JSON object a line: bench.py reads them as they come.
        print(json.dumps(row.as_dict()), flush=True)


if __name__ == "__main__":
    main()
