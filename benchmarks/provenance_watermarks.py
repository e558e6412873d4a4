"""How often known watermarks are read, and how often where there are none; and what it costs.

Run as `python -m benchmarks.provenance_watermarks`. Bare pictures (drawings, noise, gradients,
tiles that repeat as payloads do, samples, their JPEGs) must tell of nothing: one that does is a
failure. Carriers of every payload, marked in every way in which programs call the embedder, are
read as they are and after JPEG of several kinds, of which the sum is told: a table kind by kind
would be a guide. The cost is that of a picture of 1024 x 1024 on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
import simplejpeg
from tests.provenance.carriers import SAMPLES, Bytes, Way, bare, drawn, embed

from safehold.provenance.watermarks import dwt_dct, jpeg_colour

PIXELS = 1_048_576
LEAST_READ = 0.99
"""Of carriers as they are."""
LEAST_READ_JPEG = 0.9
"""Of carriers after JPEG, all kinds together."""
MOST_MS = 4.0
JPEGS = (("444", 95), ("444", 85), ("444", 75), ("422", 95), ("420", 100))


def told(picture: Bytes) -> str:
    """The payload that is found, or nothing."""
    found = dwt_dct.decode(picture, PIXELS)
    return "" if found is None else found.payload.name


def through_jpeg(picture: Bytes, sampling: str, quality: int) -> Bytes | None:
    """As a service would see it; None where it is not looked at."""
    data = simplejpeg.encode_jpeg(picture, quality=quality, colorsubsampling=sampling)
    return jpeg_colour.colour_strip(data, simplejpeg.decode_jpeg(data))


def bare_pictures(count: int) -> Iterator[Bytes]:
    """Half of them as they are, half after JPEG."""
    for seed in range(count):
        picture = bare(seed // 2)
        if seed % 2:
            data = simplejpeg.encode_jpeg(picture, quality=60 + seed % 40, colorsubsampling="444")
            picture = simplejpeg.decode_jpeg(data)
        yield picture


def milliseconds(side: int = 1024) -> float:
    """The least of some rounds, since the machine does other work too."""
    picture = drawn(1, side, side)
    told(picture)
    rounds = []
    for _ in range(30):
        before = time.perf_counter()
        told(picture)
        rounds.append(time.perf_counter() - before)
    return 1e3 * min(rounds)


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bare", type=int, default=5_000)
    parser.add_argument("--drawings", type=int, default=16)
    chosen = parser.parse_args()
    false = sum(1 for picture in bare_pictures(chosen.bare) if told(picture))
    print(f"bare pictures: {false} of {chosen.bare} told of a mark")
    carriers = [*SAMPLES, *(drawn(seed, 512, 512) for seed in range(chosen.drawings))]
    plain = after_jpeg = wrong = total = 0
    for picture in carriers:
        for payload in dwt_dct.PAYLOADS:
            for way in Way:
                total += 1
                marked = embed(np.ascontiguousarray(picture), payload.bits, way)
                name = told(marked)
                plain += name == payload.name
                wrong += name not in ("", payload.name)
                for sampling, quality in JPEGS:
                    seen = through_jpeg(marked, sampling, quality)
                    name = "" if seen is None else told(seen)
                    after_jpeg += name == payload.name
                    wrong += name not in ("", payload.name)
    print(f"carriers as they are: {plain} of {total} read")
    print(f"carriers after JPEG: {after_jpeg} of {total * len(JPEGS)} read")
    print(f"carriers told to be another's: {wrong}")
    cost = milliseconds()
    print(f"1024 x 1024: {cost:.2f} ms (bar {MOST_MS} ms)")
    read = plain >= LEAST_READ * total and after_jpeg >= LEAST_READ_JPEG * total * len(JPEGS)
    return 0 if read and not false and not wrong and cost <= MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
