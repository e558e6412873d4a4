"""Pictures anywhere in a JSON document.

`find` tells of every picture in any string at any depth, however it got there: base64 of any
kind, wrapped or not, `data:` addresses, both within HTML, Markdown or JSON that is itself a
string, bytes written as characters or as numbers. What looks like encoded bytes and is no
picture that can be checked is told apart as unknown. `strip` gives the document without either.

Long strings are looked at by translation tables and `binascii`, whose cost is some nanoseconds a
byte; no regular expression sees them.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from safehold.config.gates import GateOptions
from safehold.gate.encoded import MAX_HEAD, Encoded, decode
from safehold.gate.model import Stage, UncheckedError
from safehold.gate.runs import ALPHABET, MIN_LINE, RUNS, runs
from safehold.media.sniff import HEAD_BYTES, PICTURE_FORMATS, sniff

Path = tuple[str | int, ...]
"""Where something stands: names and numbers from the top."""

MIN_PICTURE: Final = 48
"""Characters from which on a text is looked at: shorter ones hold no picture."""
MIN_UNKNOWN: Final = 256
"""Characters from which on a run of encoded bytes is told as unknown. Digests, keys and
signatures in addresses are shorter."""
MIN_NUMBERS: Final = 4_096
"""Numbers in a row, in lists alone, from which on they are taken for pixels or bytes."""

_ADDRESSES: Final = bytes(sign if sign in ALPHABET + b"=%,;:.\r\n" else 0x20 for sign in range(256))
_CONTROLS: Final = bytes(sign for sign in range(32) if sign not in b"\t\n\r")
_MAX_CONTROLS: Final = 32
_MIN_ESCAPES: Final = 16
_MAX_BITS: Final = 256
_SAMPLE: Final = 4_096
_MIN_SIGNS: Final = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one document.

    Attributes:
        max_depth: of lists and objects within each other, those in strings counted in.
        max_values: lists, objects, names and values.
        max_pictures: pictures.
        max_bytes: of all pictures together.
    """

    max_depth: int = 64
    max_values: int = 500_000
    max_pictures: int = 64
    max_bytes: int = 256 * 1024 * 1024

    @classmethod
    def of(cls, options: GateOptions) -> Limits:
        """Those of a gate."""
        return cls(max_pictures=options.max_pictures, max_bytes=options.max_answer_bytes)


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture in a document.

    Attributes:
        path: of the string (or the list of numbers) that holds it.
        picture: its bytes.
        whole: whether the string is the picture and nothing else.
    """

    path: Path
    picture: bytes = field(repr=False)
    whole: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a document.

    Attributes:
        pictures: those of formats that can be checked, in the document's order.
        unknown: where encoded bytes stand that are none of those.
        over: whether a bound was reached; then not all of it was seen.
    """

    pictures: tuple[Seen, ...] = ()
    unknown: tuple[Path, ...] = ()
    over: bool = False

    @property
    def clean(self) -> bool:
        """Whether there is nothing of the kind in it."""
        return not (self.pictures or self.unknown or self.over)


def find(value: object, limits: Limits) -> Found:
    """All pictures in a document (what `json.loads` gives, or `documents.read`)."""
    walk = _Walk(limits)
    walk.visit(value, (), 0)
    return Found(tuple(walk.pictures), tuple(walk.unknown), walk.over)


def strip(value: object, limits: Limits) -> Any:
    """A document without its pictures and without what is unknown.

    A string that holds any becomes empty, a string of JSON loses what it holds of them, a name is
    left out with its value.

    Raises:
        UncheckedError: a bound was reached.
    """
    walk = _Walk(limits)
    stripped, _ = walk.visit(value, (), 0)
    if walk.over:
        raise UncheckedError(Stage.OUTPUT)
    return stripped


@dataclass(slots=True)
class _Walk:
    limits: Limits
    pictures: list[Seen] = field(default_factory=list)
    unknown: list[Path] = field(default_factory=list)
    over: bool = False
    values: int = 0
    size: int = 0

    def visit(self, value: object, path: Path, depth: int) -> tuple[object, int]:
        """The value without what was found, and how many numbers it is made of alone."""
        self.values += 1
        if self.values > self.limits.max_values or depth > self.limits.max_depth:
            self.over = True
        if self.over:
            return None, 0
        if isinstance(value, str):
            return self._string(value, path, depth), 0
        if value is None or isinstance(value, bool):
            return value, 0
        if isinstance(value, int):
            if value.bit_length() > _MAX_BITS:
                self.unknown.append(path)
                return 0, 0
            return value, 1
        if isinstance(value, float):
            return value, 1
        if isinstance(value, list):
            return self._list(value, path, depth)
        if isinstance(value, dict):
            return self._dict(value, path, depth)
        if isinstance(value, Encoded):
            self._bytes(value.data, path, whole=True)
            return "", 0
        self.unknown.append(path)
        return None, 0

    def _list(self, value: list[Any], path: Path, depth: int) -> tuple[object, int]:
        out = []
        numbers = 0
        pure = True
        for at, item in enumerate(value):
            kept, count = self.visit(item, (*path, at), depth + 1)
            out.append(kept)
            numbers += count
            pure = pure and count > 0
        if pure and numbers >= MIN_NUMBERS:
            self.unknown.append(path)
            return [], 0
        return out, numbers if pure else 0

    def _dict(self, value: dict[Any, Any], path: Path, depth: int) -> tuple[object, int]:
        out = {}
        numbers = 0
        for name, item in value.items():
            self.values += 1
            before = self._count()
            self._string(str(name), path, depth + 1)
            if self._count() != before:
                continue
            out[name], count = self.visit(item, (*path, str(name)), depth + 1)
            numbers += count == 1
        # What `JSON.stringify` makes of an array of bytes.
        if numbers >= MIN_NUMBERS and numbers == len(value):
            self.unknown.append(path)
            return {}, 0
        return out, 0

    def _count(self) -> int:
        return len(self.pictures) + len(self.unknown)

    # Strings

    def _string(self, text: str, path: Path, depth: int) -> str:
        if len(text) < MIN_PICTURE:
            # A picture's address is never text, however short.
            if text[:11].lower() == "data:image/":
                self.unknown.append(path)
                return ""
            return text
        before = self._count()
        if text[:32].lstrip()[:1] in ("{", "["):
            nested = self._nested(text, path, depth)
            if nested is not None:
                return nested
        self._text(text, path)
        return text if self._count() == before and not self.over else ""

    def _nested(self, text: str, path: Path, depth: int) -> str | None:
        """A string of JSON without what is in it; None where it is no JSON."""
        before = self._count()
        if text.count(",") + text.count("[") + text.count("{") > self.limits.max_values:
            self.over = True
            return ""
        try:
            value = json.loads(text, object_pairs_hook=_once)
        except _TwiceError:
            self.unknown.append(path)
            return ""
        except RecursionError:
            self.over = True
            return ""
        except ValueError:
            return None
        kept, _ = self.visit(value, path, depth + 1)
        return text if self._count() == before and not self.over else json.dumps(kept)

    def _text(self, text: str, path: Path) -> None:
        raw = text.encode("ascii", "replace")
        data = _whole(text, raw)
        if data is not None:
            self._bytes(data, path, whole=True)
            return
        if _is_binary(text, raw):
            self.unknown.append(path)
            return
        before = self._count()
        for reading in _readings(text, raw):
            low = reading.lower()
            if b"<svg" in low:
                self.unknown.append(path)
            rest = self._addresses(reading, low, path) if b"data:image/" in low else reading
            for run, shorter in runs(rest):
                self._run(run, shorter, path)
            if self._count() != before:
                return

    def _bytes(self, data: bytes, path: Path, *, whole: bool) -> None:
        if not _is_picture(data):
            self.unknown.append(path)
            return
        self.size += len(data)
        if len(self.pictures) >= self.limits.max_pictures or self.size > self.limits.max_bytes:
            self.over = True
            return
        self.pictures.append(Seen(path, data, whole))

    def _run(self, run: bytes, shorter: bytes, path: Path) -> None:
        head = decode(run[: 2 * HEAD_BYTES])
        if head is not None and _is_picture(head):
            data = decode(run) or decode(shorter) or decode(shorter[: len(shorter) // 4 * 4])
            self._bytes(data or b"", path, whole=False)
        elif _is_encoded(run):
            self.unknown.append(path)

    def _addresses(self, text: bytes, low: bytes, path: Path) -> bytes:
        """Look at the `data:` addresses of pictures in a text; the text without them."""
        ends = text.translate(_ADDRESSES)
        rest: list[bytes] = []
        at = 0
        while (begin := low.find(b"data:image/", at)) >= 0:
            comma = text.find(b",", begin, begin + MAX_HEAD)
            end = ends.find(b" ", comma + 1)
            end = len(text) if end < 0 else end
            data = decode(text[begin:end]) if comma >= 0 else None
            if data is None or not _is_picture(data):
                self.unknown.append(path)
                return b""
            self._bytes(data, path, whole=False)
            rest.append(text[at:begin])
            at = end
        return b" ".join([*rest, text[at:]])


class _TwiceError(ValueError):
    """An object has a name twice: two readers could take two different values."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _TwiceError
    return made


def _is_picture(data: bytes) -> bool:
    return sniff(data[:HEAD_BYTES]) in PICTURE_FORMATS


def _whole(text: str, raw: bytes) -> bytes | None:
    """The bytes that a string is, where it is nothing else."""
    if raw[:5].lower() == b"data:":
        return decode(text)
    head = text[:HEAD_BYTES].encode("latin-1", "replace")
    if _is_picture(head):
        return text.encode("latin-1", "replace")
    first = raw[: 2 * HEAD_BYTES].translate(RUNS).split(b"\n", 1)[0]
    if len(first) < MIN_LINE or b" " in first[:MIN_LINE] or b" " in raw:
        return None  # words
    start = decode(first[: len(first) // 4 * 4])
    if _is_encoded(raw) or (start is not None and _is_picture(start)):
        return decode(raw)
    return None


def _is_encoded(run: bytes) -> bool:
    """Whether a run without words is long and mixed enough to be bytes of something."""
    if len(run) < MIN_UNKNOWN:
        return False
    return len(run) >= _SAMPLE or len(set(run)) >= _MIN_SIGNS


def _is_binary(text: str, raw: bytes) -> bool:
    """Whether a string holds bytes as characters or as numbers, which no text does."""
    if len(raw) - len(raw.translate(None, _CONTROLS)) >= _MAX_CONTROLS:
        return True
    if text.count("\ufffd") >= _MAX_CONTROLS:
        return True
    return len(raw) >= MIN_NUMBERS and not raw.translate(None, b"0123456789,;. \t\r\n")


def _readings(text: str, raw: bytes) -> Iterator[bytes]:
    """What a text is where its signs are escaped as in addresses or in HTML, and as it stands.

    As it stands it may hold the beginning of a picture alone, so it is the last one.
    """
    if raw.count(b"&#") >= _MIN_ESCAPES:
        yield html.unescape(text).encode("ascii", "replace")
    if raw.count(b"%") >= _MIN_ESCAPES:
        yield unquote_to_bytes(raw)
    yield raw
