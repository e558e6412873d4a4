"""What a shape is, and the words of all of them.

Words are about lighthouses and teapots; models and adapters have invented names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Shape:
    """A file, and what is read in it.

    Attributes:
        name: family, container and what is special.
        data: the file.
        expected: claims as `claim_form` writes them, without places; in any order.
        passages: kinds and texts of the words in it; not all need be told here.
    """

    name: str
    data: bytes = field(repr=False)
    expected: list[dict[str, Any]]
    passages: tuple[tuple[str, str], ...] = ()


PROMPT: Final = "a lighthouse at dawn, (calm sea:1.2) <lora:zorblax:0.8>"
NEGATIVE: Final = "fog, people"
WORDS: Final = (("prompt", PROMPT), ("negative_prompt", NEGATIVE))
ACCENTED: Final = "灯台 — phare à l'aube"
JOB: Final = "01234567-89ab-cdef-0123-456789abcdef"


def dumped(value: object) -> str:
    """JSON as Python writes it."""
    return json.dumps(value)
