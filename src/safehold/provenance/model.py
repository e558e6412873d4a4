"""Claims: what a file says of its own making.

A claim is the file's word, and anybody can paste one into a photograph. So a claim lowers no
priority, and a file without one is not thereby made by a camera. What may be personal (prompts,
names of accounts, numbers of jobs, addresses) stands apart in `Passage`, which goes to the sealed
case alone: never into rows, logs or figures.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from safehold.media.limits import MIB


class Tier(enum.StrEnum):
    """How much stands behind a claim, the most first."""

    VERIFIED = "verified"
    """Cryptographically: a valid signature by somebody who is trusted, over these very bytes."""
    SIGNED = "signed"
    """Signed, and the signer is not trusted, or expired, or something about it does not hold."""
    DECLARED = "declared"
    """The file says so; anybody could have written it."""
    WATERMARK = "watermark"
    """Its pixels carry a payload that is known."""
    HINT = "hint"
    """A trace that points there and says little."""


class Extent(enum.StrEnum):
    """How much of the picture a model is said to have made."""

    WHOLE = "whole"
    PARTIAL = "partial"
    """A picture that was there before was edited."""
    UNKNOWN = "unknown"


class Conflict(enum.StrEnum):
    """What in one file does not go together. Stable codes."""

    CAMERA_AND_GENERATOR = "camera_and_generator"
    """It says that a camera took it, and that a model made it."""
    GENERATORS_DIFFER = "generators_differ"
    MODELS_DIFFER = "models_differ"
    SEEDS_DIFFER = "seeds_differ"
    SIZE_DIFFERS = "size_differs"
    """It says that another size was made than it has."""
    SIGNATURE_BROKEN = "signature_broken"
    """What is signed is not what stands there."""
    REPEATED = "repeated"
    """One place that should be there once is there several times, with different contents."""


class PassageKind(enum.StrEnum):
    """What words are."""

    PROMPT = "prompt"
    NEGATIVE_PROMPT = "negative_prompt"
    WORKFLOW = "workflow"
    """The graph or the parameters as they stand, where prompts are within."""
    ACCOUNT = "account"
    AUTHOR = "author"
    JOB = "job"
    REMOTE_ADDRESS = "remote_address"
    """Where the file says that more is kept. It is never fetched."""
    FILE_NAME = "file_name"
    """Of a source picture or an ingredient."""


class ReadingFault(enum.StrEnum):
    """Why something was not read. No fault of a reading holds an item."""

    DAMAGED = "damaged"
    """The container breaks off, or a length in it does not fit."""
    LIMIT_PIECES = "limit_pieces"
    LIMIT_BYTES = "limit_bytes"
    LIMIT_TIME = "limit_time"
    UNREADABLE_PIECE = "unreadable_piece"
    """A piece that is of a known form by its place, and cannot be read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something stands.

    Attributes:
        path: container, part and key, for example `png/tEXt/parameters`,
            `jpeg/APP1/Exif/IFD0/0x010e`, `pixels`. ASCII, at most 120 characters.
        offset: bytes from the start of the file to the payload as it is stored; 0 for pixels.
        length: bytes of that payload as stored.
        sha256: of the payload as stored, in hex; empty for pixels, and for a piece that is
            larger than is read.
    """

    path: str
    offset: int = 0
    length: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Lora:
    """An adapter of a model."""

    name: str
    model_hash: str = ""
    weight: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a file says of its making.

    Attributes:
        tier: what stands behind it.
        form: in which form it is said: `a1111`, `comfyui`, `invokeai`, `fooocus`, `swarmui`,
            `easydiffusion`, `novelai`, `drawthings`, `midjourney`, `grok`, `flux`, `c2pa`,
            `iptc`, `tc260`, `dwt_dct`, `camera`, `software` (the name of a generator alone).
        generative: whether it says that a generative model had a part in it. False for what
            only says that there is provenance, or that a camera took it.
        place: where it stands.
        generator: the program or service, or empty.
        version: of that.
        model: name of the model, or empty.
        model_hash: as it is said, hex, or empty.
        loras: adapters.
        seed: as it is said, or empty. A text, since some are larger than 64 bits.
        source_image: whether a picture was put in; None where it does not say.
        extent: how much of the picture.
        size: (width, height) that is said to have been made, or None.
        checks: of signed claims, what held and what did not: pairs of a code (`hash`,
            `signature`, `trust`, `expiry`, `trust_list`) and a word (`ok`, `failed`,
            `untrusted`, `expired`, `unknown`, or a version).
        actions: codes or terms of what is said to have been done (`c2pa.created`,
            `trainedAlgorithmicMedia`).
    """

    tier: Tier
    form: str
    generative: bool
    place: Place
    generator: str = ""
    version: str = ""
    model: str = ""
    model_hash: str = ""
    loras: tuple[Lora, ...] = ()
    seed: str = ""
    source_image: bool | None = None
    extent: Extent = Extent.UNKNOWN
    size: tuple[int, int] | None = None
    checks: tuple[tuple[str, str], ...] = ()
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of a file that may be personal. Sealed to the case; never in rows, logs, figures."""

    kind: PassageKind
    text: str = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture within the file: a thumbnail, an ingredient. It may show what was cut away.

    Attributes:
        name: `exif_thumbnail`, `c2pa_thumbnail`, `c2pa_ingredient`, `xmp_thumbnail`,
            `photoshop_thumbnail`, ... an identifier of at most 24 characters.
        data: its bytes.
        place: where it stands.
    """

    name: str
    data: bytes = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read in one file.

    Attributes:
        pieces: every piece of metadata that was found, known or not, in the file's order.
        claims: in the order of tier, then of the file.
        passages: words that may be personal.
        embedded: pictures within.
        conflicts: what does not go together, sorted.
        faults: why something was not read, sorted.
    """

    pieces: tuple[Place, ...] = ()
    claims: tuple[Claim, ...] = ()
    passages: tuple[Passage, ...] = field(default=(), repr=False)
    embedded: tuple[Embedded, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    faults: tuple[ReadingFault, ...] = ()

    @property
    def says_generated(self) -> bool:
        """Whether it says that a generative model had a part in it. Its absence says nothing."""
        return any(claim.generative for claim in self.claims)


@dataclass(frozen=True, slots=True)
class ProvenanceOptions:
    """Bounds on the reading of one file's metadata.

    At a bound the rest is not read, and a fault says so; no item is held for it.

    Attributes:
        enabled: whether it is read at all.
        watermarks: whether pixels are searched for known payloads too.
        c2pa: whether C2PA stores are validated; without it only their presence is told.
        max_c2pa_bytes: of the largest file whose C2PA store is validated; its content is hashed.
        trust_list: file of C2PA trust anchors (PEM), obtained by the operator; empty for none.
        trust_list_version: what the operator calls it; stands in each result.
        max_pieces: pieces of metadata in one file.
        max_piece_bytes: largest piece that is parsed, as stored and when inflated.
        max_total_bytes: all pieces together, as stored and when inflated.
        max_claims, max_passages: of one file.
        max_json_depth: of JSON within a piece; what is deeper is not read.
        max_json_values: values of one such JSON, about; one with more is not read.
        max_settings: settings in one line of them, as web interfaces write; more are not read.
        max_passage_chars: longest text that is kept; the rest is cut.
        max_embedded: pictures within one file that are hashed.
        max_embedded_bytes: largest of them.
        max_embedded_pixels: of all of them together.
        max_seconds: processor time for reading one file's metadata.
        max_watermark_pixels: of how many pixels, from the top, watermarks are read.
        max_hidden_bytes: of metadata in the lowest bits of pixels, as stored and when inflated.
        max_signed_pixels: of the largest picture whose signature by pixels is checked.
    """

    enabled: bool = True
    watermarks: bool = True
    c2pa: bool = True
    trust_list: str = ""
    trust_list_version: str = ""
    max_c2pa_bytes: int = 32 * MIB
    max_pieces: int = 1_024
    max_piece_bytes: int = 4 * MIB
    max_total_bytes: int = 16 * MIB
    max_claims: int = 64
    max_passages: int = 64
    max_json_depth: int = 64
    max_json_values: int = 100_000
    max_settings: int = 2_000
    max_passage_chars: int = 32_768
    max_embedded: int = 8
    max_embedded_bytes: int = 16 * MIB
    max_embedded_pixels: int = 16_777_216
    max_seconds: float = 0.15
    max_watermark_pixels: int = 1_048_576
    max_hidden_bytes: int = MIB
    max_signed_pixels: int = 4_194_304
