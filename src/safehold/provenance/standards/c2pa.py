"""C2PA manifest stores, read by the library of the standard's own project, with the network off.

A store that the library reads gives a claim for each of its manifests that says something of how
the picture was made: often that is an ingredient's and not the active one's. Whether content,
signature, signer and time hold is told apart; a store that does not hold is told all the same,
since genuine files stop holding when a certificate expires. What the library rejects, or what is
larger than is read, is told by its presence alone.

The library runs in the locked worker. It starts no thread for reading, opens no file, and its
settings hold for one process: they are made anew after a fork. Sources: C2PA Technical
Specification 2.2, sections 15 (validation, its status codes) and 18 (actions, ingredients).
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from safehold.media.sandbox.interface import Buffer
from safehold.provenance.generators import jsons
from safehold.provenance.interface import Found
from safehold.provenance.model import (
    Claim,
    Embedded,
    Extent,
    Passage,
    PassageKind,
    Place,
    ProvenanceOptions,
    ReadingFault,
    Tier,
)
from safehold.provenance.standards.xmp import GENERATIVE, term
from safehold.provenance.walkers.interface import Budget, Piece, PieceKind

MAX_FILE: Final = 32 * 1024 * 1024
"""Largest file whose store is validated: its content is hashed within the time of one file."""
MAX_BOXES: Final = 2_000
MAX_MANIFESTS: Final = 16
MAX_ACTIONS: Final = 16
MAX_THUMBNAILS: Final = 8
_LONGEST: Final = 200
_MEDIA: Final = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
}
_SOURCES: Final = frozenset({"parentOf", "inputTo"})
_CONTENT: Final = ("assertion.dataHash", "assertion.bmffHash", "assertion.boxesHash")


class C2paReader:
    """Reads stores; for one process at a time."""

    def __init__(self, options: ProvenanceOptions, anchors: bytes | None = None) -> None:
        """`anchors`: certificates of signers that the operator trusts (PEM), or None for none."""
        self._options = options
        self._settings: dict[str, Any] = {
            "verify": {
                "remote_manifest_fetch": False,
                "ocsp_fetch": False,
                "verify_trust": True,
                "verify_timestamp_trust": bool(anchors),
            },
        }
        if anchors:
            self._settings["trust"] = {"trust_anchors": anchors.decode("ascii", "replace")}
        self._trusts = bool(anchors)
        self._context: Any = None
        self._process = 0

    def warm_up(self) -> None:
        """Load the library, before a sandbox closes."""
        if not self._options.c2pa:
            return
        import c2pa

        try:
            head = io.BytesIO(b"\x89PNG\r\n\x1a\n")
            c2pa.Reader.try_create("image/png", head, context=self._own())
        except c2pa.C2paError:
            return  # that it is no whole file was known

    def read(
        self, data: Buffer, format_name: str | None, pieces: Sequence[Piece], budget: Budget
    ) -> Iterator[Found]:
        """Claims of a file's store; see `Parser`."""
        stores = [piece for piece in pieces if piece.kind is PieceKind.C2PA]
        if not stores:
            return
        found: list[Found] = []
        if self._options.c2pa and self._fits(data, format_name, stores) and not budget.over:
            found = self._validated(data, _MEDIA[format_name or ""], stores[0].place, budget)
            if not found:
                budget.faults.add(ReadingFault.UNREADABLE_PIECE)
        yield from found
        for store in stores[1 if found else 0 :]:
            yield Found((Claim(Tier.HINT, "c2pa", False, store.place),))

    def _fits(self, data: Buffer, format_name: str | None, stores: Sequence[Piece]) -> bool:
        boxes = sum(store.data.count(b"jumb") for store in stores)
        return (
            format_name in _MEDIA
            and len(data) <= MAX_FILE
            and boxes <= MAX_BOXES
            and all(store.data for store in stores)
        )

    def _own(self) -> Any:
        """The library's settings, for this process."""
        import c2pa

        if self._context is None or self._process != os.getpid():
            self._context, self._process = c2pa.Context.from_dict(self._settings), os.getpid()
        return self._context

    def _validated(
        self, data: Buffer, media_type: str, place: Place, budget: Budget
    ) -> list[Found]:
        """What the library reads; nothing where it rejects the store."""
        import c2pa

        try:
            reader = c2pa.Reader.try_create(media_type, io.BytesIO(data), context=self._own())
            if reader is None:
                return []
            with reader:
                said = jsons.parse(reader.json(), budget)
                if not isinstance(said, dict):
                    return []
                claims = _Store(said, place, self._options, trusts=self._trusts)
                found = list(claims.read())
                found.extend(self._pictures(reader, claims.thumbnails(), place))
                address = reader.get_remote_url()
                if isinstance(address, str) and address:
                    passage = Passage(PassageKind.REMOTE_ADDRESS, address, place)
                    found.append(Found(passages=(passage,)))
                return found
        except (c2pa.C2paError, ValueError, OSError):
            return []

    def _pictures(
        self, reader: Any, names: Iterable[tuple[str, str]], place: Place
    ) -> Iterator[Found]:
        import c2pa

        for name, address in list(names)[:MAX_THUMBNAILS]:
            out = io.BytesIO()
            try:
                reader.resource_to_stream(address, out)
            except (c2pa.C2paError, ValueError, OSError):
                continue
            if out.getvalue():
                yield Found(embedded=(Embedded(name, out.getvalue(), place),))


class _Store:
    """A store as the library tells it in JSON; every value is looked at before it is believed."""

    def __init__(
        self, said: Mapping[str, Any], place: Place, options: ProvenanceOptions, *, trusts: bool
    ) -> None:
        self._place = place
        self._active = _text(said.get("active_manifest"))
        manifests = _mapping(said.get("manifests"))
        self._manifests = {
            label: _mapping(manifest) for label, manifest in list(manifests.items())[:MAX_MANIFESTS]
        }
        if self._active in manifests:
            self._manifests.setdefault(self._active, _mapping(manifests[self._active]))
        self._results = _mapping(said.get("validation_results"))
        self._list = (("trust_list", options.trust_list_version or "unnamed"),) if trusts else ()

    def read(self) -> Iterator[Found]:
        """A claim for each manifest that says how the picture was made; the active one always."""
        for label, manifest in self._manifests.items():
            active = label == self._active
            codes = self._codes(label)
            claim = self._claim(manifest, codes)
            broken = active and ("hash", "failed") in claim.checks
            broken = broken or (active and ("signature", "failed") in claim.checks)
            if active or claim.generative or claim.actions:
                yield Found((claim,), tuple(self._passages(manifest)), broken=broken)

    def thumbnails(self) -> Iterator[tuple[str, str]]:
        """Names and addresses of pictures in the store: of ingredients first."""
        for manifest in self._manifests.values():
            for ingredient in _list(manifest.get("ingredients")):
                address = _text(_mapping(_mapping(ingredient).get("thumbnail")).get("identifier"))
                if address:
                    yield "c2pa_ingredient", address
        for manifest in self._manifests.values():
            address = _text(_mapping(manifest.get("thumbnail")).get("identifier"))
            if address:
                yield "c2pa_thumbnail", address

    def _codes(self, label: str) -> tuple[frozenset[str], frozenset[str]]:
        """Status codes of success and of failure that are about one manifest."""
        sources = [_mapping(self._results.get("activeManifest"))] if label == self._active else []
        for delta in _list(self._results.get("ingredientDeltas")):
            sources.append(_mapping(_mapping(delta).get("validationDeltas")))
        good: set[str] = set()
        bad: set[str] = set()
        for number, source in enumerate(sources):
            for kind, codes in (("success", good), ("failure", bad)):
                for status in _list(source.get(kind)):
                    one = _mapping(status)
                    own = label == self._active and number == 0
                    if own or label in _text(one.get("url")):
                        codes.add(_text(one.get("code")))
        return frozenset(good), frozenset(bad)

    def _claim(
        self, manifest: Mapping[str, Any], codes: tuple[frozenset[str], frozenset[str]]
    ) -> Claim:
        actions = list(_actions(manifest))
        made = [one for one in actions if _source(one).lower() in GENERATIVE]
        name, version = _agent(made) if made else ("", "")
        if not name:
            name, version = _generator(manifest)
        checks = _checks(*codes)
        issuer = _text(_mapping(manifest.get("signature_info")).get("issuer"))[:80]
        held = all(word == "ok" for _, word in checks) and not codes[1]
        said = dict.fromkeys(
            word
            for one in actions
            for word in (
                _text(one.get("action"))[:100],
                _source(one),
                _text(one.get("description"))[:100],
            )
            if word
        )
        relations = {
            _text(_mapping(one).get("relationship")) for one in _list(manifest.get("ingredients"))
        }
        return Claim(
            tier=Tier.VERIFIED if held else Tier.SIGNED,
            form="c2pa",
            generative=bool(made),
            place=self._place,
            generator=name,
            version=version,
            source_image=True if relations & _SOURCES else None,
            extent=_extent(made),
            checks=(*checks, *self._list, *((("issuer", issuer),) if issuer else ())),
            actions=tuple(said)[:MAX_ACTIONS],
        )

    def _passages(self, manifest: Mapping[str, Any]) -> Iterator[Passage]:
        titles = [_text(manifest.get("title"))]
        titles += [_text(_mapping(i).get("title")) for i in _list(manifest.get("ingredients"))]
        for title in filter(None, titles):
            yield Passage(PassageKind.FILE_NAME, title, self._place)
        for assertion in _list(manifest.get("assertions")):
            data = _mapping(_mapping(assertion).get("data"))
            for author in _list(data.get("author")):
                name = _text(_mapping(author).get("name"))
                if name:
                    yield Passage(PassageKind.AUTHOR, name, self._place)
        for action in _actions(manifest):
            for key, value in _mapping(action.get("parameters")).items():
                if "prompt" in key.lower() and _text(value):
                    yield Passage(PassageKind.PROMPT, _text(value), self._place)


def _checks(good: frozenset[str], bad: frozenset[str]) -> tuple[tuple[str, str], ...]:
    """What holds of a manifest and what does not, by the standard's status codes."""

    def word(held: Iterable[str], broken: Iterable[str], other: str) -> str:
        if any(code.startswith(one) for one in broken for code in bad):
            return other
        return "ok" if any(code.startswith(one) for one in held for code in good) else "unknown"

    matched = [f"{name}.match" for name in _CONTENT]
    missed = [f"{name}.mismatch" for name in (*_CONTENT, "assertion.hashedURI")]
    missed += ["assertion.missing", "claim.hardBindings.missing"]
    return (
        ("hash", word(matched, missed, "failed")),
        (
            "signature",
            word(["claimSignature.validated"], ["claimSignature.mismatch", "claim.cbor"], "failed"),
        ),
        ("trust", word(["signingCredential.trusted"], ["signingCredential."], "untrusted")),
        (
            "expiry",
            word(
                ["claimSignature.insideValidity"],
                ["claimSignature.outsideValidity", "signingCredential.expired"],
                "expired",
            ),
        ),
    )


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for assertion in _list(manifest.get("assertions")):
        one = _mapping(assertion)
        if _text(one.get("label")).startswith("c2pa.actions"):
            for action in _list(_mapping(one.get("data")).get("actions"))[:200]:
                yield _mapping(action)


def _source(action: Mapping[str, Any]) -> str:
    return term(_text(action.get("digitalSourceType")))


def _extent(made: Sequence[Mapping[str, Any]]) -> Extent:
    """How much of the picture: a trained model's own only where the picture began so."""
    if not made:
        return Extent.UNKNOWN
    whole = any(
        _source(one).lower() == "trainedalgorithmicmedia"
        and _text(one.get("action")) == "c2pa.created"
        for one in made
    )
    return Extent.WHOLE if whole else Extent.PARTIAL


def _agent(made: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    for action in made:
        agent = action.get("softwareAgent")
        if isinstance(agent, str) and agent:
            return agent[:_LONGEST], ""
        named = _mapping(agent)
        if _text(named.get("name")):
            return _text(named.get("name"))[:_LONGEST], _text(named.get("version"))[:_LONGEST]
    return "", ""


def _generator(manifest: Mapping[str, Any]) -> tuple[str, str]:
    for one in _list(manifest.get("claim_generator_info")):
        info = _mapping(one)
        if _text(info.get("name")):
            return _text(info.get("name"))[:_LONGEST], _text(info.get("version"))[:_LONGEST]
    return _text(manifest.get("claim_generator"))[:_LONGEST], ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
