"""What the load generator asks: files for it, and each call's bytes.

A JPEG is made different from every other by a comment segment behind its first two bytes: other
bytes and digests, the same pixels and the same work. So nothing that is sent was seen before.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

DIGEST_BYTES = {"md5": 16, "sha1": 20, "sha256": 32}


@dataclass(frozen=True, slots=True)
class Message:
    """A call as it is sent: headers with the beginning of the body, and the rest of the body."""

    head: bytes
    tail: bytes = b""


def with_comment(jpeg: bytes, text: bytes) -> bytes:
    """The JPEG with a comment segment (ITU T.81, B.2.4.5) behind its start marker."""
    return jpeg[:2] + comment(text) + jpeg[2:]


def comment(text: bytes) -> bytes:
    """A JPEG comment segment."""
    return b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text


def numbered(number: int) -> bytes:
    """The comment of the so many-th file of a kind; all have the same length."""
    return b"file %012d" % number


def messages(traffic: str, folder: Path, key: str, first: int) -> Iterator[Message]:
    """The calls of a kind of traffic, without end, from the `first` on."""
    return _TRAFFIC[traffic](folder, key, first)


def _head(key: str, path: str, fields: Mapping[str, str], length: int) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        f"Content-Length: {length}",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def pictures(folder: Path, key: str, first: int) -> Iterator[Message]:
    """Each file of the folder in turn, each time with another comment, from many uploaders."""
    files = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
    extra = len(comment(numbered(0)))
    for number in itertools.count(first):
        jpeg = files[number % len(files)]
        fields = {"Safehold-Uploader": f"user-{number % 9973}", "Safehold-Ip": "192.0.2.7"}
        head = _head(key, "/v1/screen", fields, len(jpeg) + extra)
        yield Message(head + jpeg[:2] + comment(numbered(number)), jpeg[2:])


def digests(folder: Path, key: str, first: int) -> Iterator[Message]:
    """Random digests that nobody listed."""
    return _digests(key, first, with_pdq=False)


def digests_pdq(folder: Path, key: str, first: int) -> Iterator[Message]:
    """Random digests and a random PDQ hash, which costs a search."""
    return _digests(key, first, with_pdq=True)


def _digests(key: str, first: int, *, with_pdq: bool) -> Iterator[Message]:
    rng = random.Random(first)
    fields = {"Content-Type": "application/json"}
    for number in itertools.count(first):
        asked: dict[str, object] = {n: rng.randbytes(b).hex() for n, b in DIGEST_BYTES.items()}
        asked["uploader"] = f"user-{number % 9973}"
        if with_pdq:
            asked["pdq"] = {"hash": rng.randbytes(32).hex(), "quality": 90}
        body = json.dumps(asked).encode("ascii")
        yield Message(_head(key, "/v1/screen/digests", fields, len(body)), body)


_TRAFFIC: Mapping[str, Callable[[Path, str, int], Iterator[Message]]] = {
    "pictures": pictures,
    "digests": digests,
    "digests_pdq": digests_pdq,
}


def list_row(content: bytes, entry: str, pdq: str = "") -> list[str]:
    """A row of a csv list: md5, sha1, sha256, pdq, id."""
    exact = [hashlib.new(name, content).hexdigest() for name in DIGEST_BYTES]
    return [*exact, pdq, entry]
