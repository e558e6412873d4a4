"""Digests as values.

PDQ hashes stand as 32 bytes in the order in which the hexadecimal form is printed
(`bytes.fromhex`), everywhere in Safehold.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

PDQ_BYTES = 32
PDQ_BITS = 256
UNKNOWN_DISTANCE = PDQ_BITS + 1
"""Stands for the distance of a likeness that a remote matcher does not tell: beyond all others."""


class SignalType(enum.StrEnum):
    """A kind of digest, in ThreatExchange's lower-case terms."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    PDQ = "pdq"


class RemoteSignal(enum.StrEnum):
    """A kind of digest that no list here has, by which remote matchers compare."""

    PHOTODNA = "photodna"


EXACT_LENGTHS: dict[SignalType, int] = {
    SignalType.MD5: 16,
    SignalType.SHA1: 20,
    SignalType.SHA256: 32,
}
"""Bytes of each exact digest."""


class Orientation(enum.StrEnum):
    """How a picture was turned or mirrored, in the order of `pdqhash.compute_dihedral`."""

    ORIGINAL = "original"
    ROTATE90 = "rotate90"
    ROTATE180 = "rotate180"
    ROTATE270 = "rotate270"
    FLIP_VERTICAL = "flip_vertical"
    FLIP_HORIZONTAL = "flip_horizontal"
    TRANSPOSE = "transpose"
    TRANSVERSE = "transverse"


@dataclass(frozen=True, slots=True)
class ExactDigests:
    """Digests of the bytes of one item, made in a single read."""

    md5: bytes
    sha1: bytes
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True)
class VariantDigests:
    """PDQ of one variant of a picture in all eight orientations.

    Attributes:
        variant: `frame` and treatment, for example `as_stored`, `trimmed`, `over_white`,
            `frame_3`, `frame_3_trimmed`.
        quality: PDQ quality, 0 to 100.
        pdq: eight hashes of 32 bytes, in the order of `Orientation`.
    """

    variant: str
    quality: int
    pdq: tuple[bytes, ...]
