"""A C2PA manifest store as the library tells it in JSON, and what it claims.

Every value is looked at before it is believed. Sources: C2PA Technical Specification 2.2 to 2.4,
the sections on validation (status codes; results of ingredients as they were recorded, and what
differs from them now), actions, ingredients and the disclosure of models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from safehold.provenance.interface import Found
from safehold.provenance.model import Claim, Extent, Passage, PassageKind, Place, Tier
from safehold.provenance.standards.xmp import GENERATIVE, term

MAX_CLAIMS: Final = 32
"""Of one store: the active manifest, those in which a model had a part, then others."""
MAX_ACTIONS: Final = 16
MAX_READ_ACTIONS: Final = 500
_LONGEST: Final = 200
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NOTE = re.compile(r"[A-Za-z ]{0,60}SynthID[A-Za-z ]{0,60}\.?")
"""The only descriptions that stand in `actions`: others are any words, so they are passages."""
_DISCLOSURE: Final = "c2pa.ai-disclosure"
_MODEL_TYPE: Final = "c2pa.types.model"
_GENERATOR_TYPE: Final = "c2pa.types.generator"
_PROMPT_TYPE: Final = f"{_GENERATOR_TYPE}.prompt"
_CONTENT: Final = ("assertion.dataHash", "assertion.bmffHash", "assertion.boxesHash")
_GOOD: Final = (".match", ".validated", ".trusted", ".insideValidity")
_OVERRULED: Final = {
    "signingCredential.trusted": "signingCredential.untrusted",
    "claimSignature.insideValidity": "claimSignature.outsideValidity",
}
"""What holds now stands above what did not when an ingredient was taken in."""

_HASH: Final = (
    (*(f"{name}.match" for name in _CONTENT), "ingredient.manifest.validated"),
    (
        *(f"{name}.mismatch" for name in _CONTENT),
        "assertion.hashedURI.mismatch",
        "assertion.missing",
        "claim.hardBindings.missing",
        "ingredient.manifest.mismatch",
    ),
)
_SIGNATURE: Final = (
    ("claimSignature.validated",),
    ("claimSignature.mismatch", "claimSignature.missing", "claim.cbor"),
)
_TRUST: Final = (("signingCredential.trusted",), ("signingCredential.",))
_EXPIRY: Final = (
    ("claimSignature.insideValidity",),
    ("claimSignature.outsideValidity", "signingCredential.expired"),
)

Map = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Codes:
    """Status codes of one manifest, and whether it was changed after it was signed or taken in."""

    good: frozenset[str]
    bad: frozenset[str]
    broken: bool

    def word(self, codes: tuple[Sequence[str], Sequence[str]], other: str) -> str:
        """`ok`, `other` where something did not hold, `unknown` where nothing is said."""
        held, broken = codes
        if any(code.startswith(tuple(broken)) for code in self.bad):
            return other
        return "ok" if self.good.intersection(held) else "unknown"

    @property
    def checks(self) -> tuple[tuple[str, str], ...]:
        """For `Claim.checks`.

        An ingredient's own pixels are not in the file: `hash` tells of it whether its manifest
        is the one that was taken in, and whether its pixels were then those that it was made
        over.
        """
        return (
            ("hash", self.word(_HASH, "failed")),
            ("signature", self.word(_SIGNATURE, "failed")),
            ("trust", self.word(_TRUST, "untrusted")),
            ("expiry", self.word(_EXPIRY, "expired")),
        )

    @property
    def hold(self) -> bool:
        """Whether all of them hold, and nothing else fails."""
        return not self.bad and all(word == "ok" for _, word in self.checks)


class Store:
    """What a store says."""

    def __init__(self, said: Map, place: Place, trust_list: str) -> None:
        """`said`: the library's JSON; `trust_list`: the version of that in use, or empty."""
        self._place = place
        self._active = _text(said.get("active_manifest"))
        self._manifests = {
            label: _mapping(manifest) for label, manifest in _mapping(said.get("manifests")).items()
        }
        self._results = _mapping(said.get("validation_results"))
        self._list = (("trust_list", trust_list),) if trust_list else ()
        self._codes = {label: self._gathered(label) for label in self._manifests}

    def read(self) -> Iterator[Found]:
        """A claim for each manifest that says how the picture was made; the active one always."""
        held = self._held()
        found: list[tuple[int, Found]] = []
        for label, manifest in self._manifests.items():
            active = label == self._active
            claim = self._claim(manifest, self._codes[label], held=label in held)
            if active or claim.generative or claim.actions:
                rank = 0 if active else 1 if claim.generative else 2
                passages = tuple(self._passages(manifest))
                found.append((rank, Found((claim,), passages, broken=self._codes[label].broken)))
        found.sort(key=lambda one: one[0])
        yield from (one for _, one in found[:MAX_CLAIMS])

    def thumbnails(self) -> Iterator[tuple[str, str]]:
        """Names and addresses of pictures in the store: of ingredients first."""
        for manifest in self._manifests.values():
            for one in _ingredients(manifest):
                address = _text(_mapping(one.get("thumbnail")).get("identifier"))
                if address:
                    yield "c2pa_ingredient", address
        for manifest in self._manifests.values():
            address = _text(_mapping(manifest.get("thumbnail")).get("identifier"))
            if address:
                yield "c2pa_thumbnail", address

    def prompts(self) -> Iterator[str]:
        """Addresses of texts that a model was given."""
        for manifest in self._manifests.values():
            for one in _ingredients(manifest):
                data = _mapping(one.get("data"))
                text = _text(data.get("format")).startswith("text/") or _types(one, _PROMPT_TYPE)
                if text and one.get("relationship") == "inputTo" and _text(data.get("identifier")):
                    yield _text(data.get("identifier"))

    def _held(self) -> frozenset[str]:
        """Manifests that hold: the active one, and what one that holds has taken in.

        None does in a store where anything was changed after it was signed.
        """
        held: set[str] = set()
        broken = any(codes.broken for codes in self._codes.values())
        waiting = [] if broken else [self._active]
        while waiting:
            label = waiting.pop()
            codes = self._codes.get(label)
            if label in held or codes is None or not codes.hold:
                continue
            held.add(label)
            ingredients = _ingredients(self._manifests[label])
            waiting += [_text(one.get("active_manifest")) for one in ingredients]
        return frozenset(held)

    def _gathered(self, label: str) -> _Codes:
        """What the library found about a manifest, and what was recorded when it was taken in.

        The library tells of ingredients only what differs from that record.
        """
        now = _Status()
        if label == self._active:
            now.add(_mapping(self._results.get("activeManifest")))
        for delta in _list(self._results.get("ingredientDeltas")):
            now.add(_mapping(_mapping(delta).get("validationDeltas")), label)
        then = _Status()
        for manifest in self._manifests.values():
            for one in _ingredients(manifest):
                if one.get("active_manifest") == label:
                    recorded = _mapping(one.get("validation_results"))
                    then.add(_mapping(recorded.get("activeManifest")), label)
                    then.add({"failure": one.get("validation_status")}, label)
        overruled = {_OVERRULED[code] for code in now.good if code in _OVERRULED}
        broken = any(code.startswith((*_HASH[1], *_SIGNATURE[1])) for code in now.bad)
        bad = now.bad | (then.bad - overruled)
        return _Codes(frozenset(now.good | then.good), frozenset(bad), broken)

    def _claim(self, manifest: Map, codes: _Codes, *, held: bool) -> Claim:
        actions = list(_actions(manifest))
        inputs = list(_ingredients(manifest))
        made = [one for one in actions if _is_made(one)]
        taken = [one for one in inputs if _is_generative(_text(one.get("digital_source_type")))]
        name, version = _agent(made)
        if not name:
            name, version = _generator(manifest)
        issuer = _text(_mapping(manifest.get("signature_info")).get("issuer"))[:80]
        return Claim(
            tier=Tier.VERIFIED if held else Tier.SIGNED,
            form="c2pa",
            generative=bool(made or taken),
            place=self._place,
            generator=name,
            version=version,
            model=_model(manifest),
            source_image=True if any(_is_source(one) for one in inputs) else None,
            extent=_extent(made, taken),
            checks=(*codes.checks, *self._list, *((("issuer", issuer),) if issuer else ())),
            actions=_terms(manifest, (*made, *actions)),
        )

    def _passages(self, manifest: Map) -> Iterator[Passage]:
        titles = [_text(manifest.get("title"))]
        titles += [_text(one.get("title")) for one in _ingredients(manifest) if not _is_given(one)]
        for title in filter(None, titles):
            yield Passage(PassageKind.FILE_NAME, title, self._place)
        for assertion in _list(manifest.get("assertions")):
            data = _mapping(_mapping(assertion).get("data"))
            for author in _list(data.get("author")):
                name = _text(_mapping(author).get("name"))
                if name:
                    yield Passage(PassageKind.AUTHOR, name, self._place)
        for action in _actions(manifest):
            for text in _prompts(action):
                yield Passage(PassageKind.PROMPT, text, self._place)
            if _text(action.get("description")) and not _is_note(action):
                yield Passage(PassageKind.WORKFLOW, _text(action.get("description")), self._place)


class _Status:
    """Codes of success and of failure, as they are gathered."""

    def __init__(self) -> None:
        self.good: set[str] = set()
        self.bad: set[str] = set()

    def add(self, source: Map, label: str = "") -> None:
        """Those of a list of results that are about one manifest; of all without a label."""
        for kind in ("success", "failure"):
            for status in map(_mapping, _list(source.get(kind))):
                code, url = _text(status.get("code")), _text(status.get("url"))
                if code and (not label or f"/c2pa/{label}/" in f"{url}/"):
                    # Old records put both kinds into one list.
                    good = kind == "success" or code.endswith(_GOOD)
                    (self.good if good else self.bad).add(code)


def _ingredients(manifest: Map) -> Iterator[Map]:
    return map(_mapping, _list(manifest.get("ingredients")))


def _types(ingredient: Map, prefix: str) -> bool:
    types = _list(ingredient.get("data_types")) + _list(
        _mapping(ingredient.get("data")).get("data_types")
    )
    return any(_text(_mapping(one).get("type")).startswith(prefix) for one in types)


def _is_source(ingredient: Map) -> bool:
    """Whether it is a picture that was changed or given to a model; texts and models are not."""
    relation, kind = ingredient.get("relationship"), _text(ingredient.get("format"))
    return relation == "parentOf" or (
        relation == "inputTo"
        and kind.startswith(("image/", "video/"))
        and not _is_given(ingredient)
    )


def _is_given(ingredient: Map) -> bool:
    """Whether it is a model, or what a model was given."""
    return any(_types(ingredient, prefix) for prefix in (_MODEL_TYPE, _GENERATOR_TYPE))


def _actions(manifest: Map) -> Iterator[Map]:
    """All actions; an agent that is named by its number is put in."""
    left = MAX_READ_ACTIONS
    for assertion in map(_mapping, _list(manifest.get("assertions"))):
        if not _text(assertion.get("label")).startswith("c2pa.actions"):
            continue
        data = _mapping(assertion.get("data"))
        agents = _list(data.get("softwareAgents"))
        said = [
            _mapping(one) for one in (*_list(data.get("actions")), *_list(data.get("templates")))
        ]
        for action in _first(said, left):
            left -= 1
            number = action.get("softwareAgentIndex")
            if "softwareAgent" not in action and isinstance(number, int) and number < len(agents):
                yield {**action, "softwareAgent": agents[max(0, number)]}
            else:
                yield action


def _first(actions: list[Map], most: int) -> list[Map]:
    """At most so many, those in which a model had a part before others."""
    if len(actions) <= most:
        return actions
    return sorted(actions, key=lambda action: not _is_made(action))[:most]


def _is_generative(source: str) -> bool:
    return term(source).lower() in GENERATIVE


def _is_made(action: Map) -> bool:
    """Whether a model had a part in it: by its source, or since it was given a prompt."""
    inner = _text(_mapping(action.get("parameters")).get("digitalSourceType"))
    sources = (_text(action.get("digitalSourceType")), inner)
    return any(map(_is_generative, sources)) or any(True for _ in _prompts(action))


def _prompts(action: Map) -> Iterator[str]:
    for key, value in _mapping(action.get("parameters")).items():
        if "prompt" in key.lower() and _text(value):
            yield _text(value)


def _is_note(action: Map) -> bool:
    return _NOTE.fullmatch(_text(action.get("description"))) is not None


def _extent(made: Sequence[Map], taken: Sequence[Map]) -> Extent:
    """How much of the picture: a model's own only where the picture began so."""
    whole = any(
        term(_text(one.get("digitalSourceType"))).lower() == "trainedalgorithmicmedia"
        and one.get("action") == "c2pa.created"
        for one in made
    )
    if whole:
        return Extent.WHOLE
    return Extent.PARTIAL if made or taken else Extent.UNKNOWN


def _terms(manifest: Map, actions: Iterable[Map]) -> tuple[str, ...]:
    """Codes, sources and known notes of actions, each once."""
    said: dict[str, None] = {}
    for one in actions:
        source = term(_text(one.get("digitalSourceType")))
        code, note = _text(one.get("action")), _text(one.get("description"))
        words = (code if _CODE.fullmatch(code) else "", source, note if _is_note(one) else "")
        for word in filter(None, words):
            if len(said) < MAX_ACTIONS:
                said[word] = None
    if any(_mapping(one).get("label") == _DISCLOSURE for one in _list(manifest.get("assertions"))):
        said[_DISCLOSURE] = None
    return tuple(said)


def _model(manifest: Map) -> str:
    """The name of the model, by its disclosure, or of a model that was an ingredient."""
    for assertion in map(_mapping, _list(manifest.get("assertions"))):
        if _text(assertion.get("label")).startswith(_DISCLOSURE):
            data = _mapping(assertion.get("data"))
            name = _text(data.get("modelName")) or _text(data.get("modelIdentifier"))
            if name:
                return name[:_LONGEST]
    for one in _ingredients(manifest):
        if _types(one, _MODEL_TYPE) and _text(one.get("title")):
            return _text(one.get("title"))[:_LONGEST]
    return ""


def _agent(made: Sequence[Map]) -> tuple[str, str]:
    """Name and version of the first program that is named."""
    for action in made:
        agent = action.get("softwareAgent")
        named = {"name": agent} if isinstance(agent, str) else _mapping(agent)
        if _text(named.get("name")):
            return _text(named.get("name"))[:_LONGEST], _text(named.get("version"))[:_LONGEST]
    return "", ""


def _generator(manifest: Map) -> tuple[str, str]:
    for info in map(_mapping, _list(manifest.get("claim_generator_info"))):
        if _text(info.get("name")):
            return _text(info.get("name"))[:_LONGEST], _text(info.get("version"))[:_LONGEST]
    return _text(manifest.get("claim_generator"))[:_LONGEST], ""


def _mapping(value: object) -> Map:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
