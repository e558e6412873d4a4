"""Rules on models and adapters: hashes and names. I/O-free.

One rule a line, `#` begins a comment:

    3fa9c1d2e4b5                        a hash: 8 to 128 hexadecimal digits
    name: zorblax mix                   a name, its folder and its ending left out
    name: zorb*                         all names that begin so

Tools name a model by the first 8, 10, 12 or all 64 digits of a hash, so the shorter of two
hashes is compared with the beginning of the longer one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from safehold.gate.model import GateRulesError, ModelName
from safehold.gate.rules.folding import fold

_HASH = re.compile(r"(?:[a-z0-9]{1,12}:)?(?:0x)?([0-9a-f]{8,128})\Z")
_SHORTEST: Final = 8
_ENDINGS: Final = (".safetensors", ".ckpt", ".pth", ".pt", ".gguf", ".bin", ".sft", ".onnx")
_IN_NAME = re.compile(r"\[([0-9a-f]{8,64})\]")
MAX_RULES = 200_000


class Models:
    """All rules on models."""

    def __init__(self, hashes: Iterable[str], names: Iterable[str]) -> None:
        """`hashes` in lower-case hex; `names` as they are given, `*` at the end for a prefix."""
        self._hashes: dict[str, list[str]] = {}
        for digest in hashes:
            self._hashes.setdefault(digest[:_SHORTEST], []).append(digest)
        kept = [(_name(name.removesuffix("*")), name.endswith("*")) for name in names]
        self._names = frozenset(name for name, begins in kept if not begins)
        self._prefixes = tuple(name for name, begins in kept if begins)
        self._count = sum(map(len, self._hashes.values())) + len(kept)

    def __len__(self) -> int:
        return self._count

    def match(self, model: ModelName) -> bool:
        """Whether a model falls under a rule, by its hash or its name."""
        # Some servers take a hash in the place of a name.
        named = model.name.strip().lower()
        said = [model.digest.strip().lower(), named, *_IN_NAME.findall(named)]
        for text in said:
            lexed = _HASH.match(text)
            if lexed is not None and self._listed(lexed[1]):
                return True
        name = _name(_IN_NAME.sub("", model.name.lower()))
        return bool(name) and (name in self._names or name.startswith(self._prefixes))

    def _listed(self, digest: str) -> bool:
        found = self._hashes.get(digest[:_SHORTEST], ())
        return any(one.startswith(digest) or digest.startswith(one) for one in found)


def _name(name: str) -> str:
    """A name as it is compared: letters and digits of its last part, without the ending."""
    last = re.split(r"[\\/]", name.strip())[-1]
    lowered = last.lower()
    for ending in _ENDINGS:
        if lowered.endswith(ending):
            last = last[: -len(ending)]
            break
    return "".join(char for char in fold(last) if char.isalnum())


def parse(lines: Iterable[str]) -> Models:
    """The rules of a file. Raises `GateRulesError`, which names the line's number alone."""
    hashes: list[str] = []
    names: list[str] = []
    for number, line in enumerate(lines, start=1):
        said = line.split("#", 1)[0].strip().removeprefix("\ufeff")
        if not said:
            continue
        key, colon, rest = said.partition(":")
        lexed = _HASH.match(said.lower())
        named = bool(colon) and key.strip().lower() == "name"
        if number > MAX_RULES or not (lexed or named) or (named and len(_name(rest)) < 2):
            raise GateRulesError(
                f"Line {number} of the file of models cannot be used.",
                hint="A line is a hash in hexadecimal digits, or 'name: NAME'.",
            )
        if named:
            names.append(rest.strip())
        elif lexed is not None:
            hashes.append(lexed[1])
    return Models(hashes, names)
