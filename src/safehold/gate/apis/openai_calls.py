"""Calls of OpenAI's images API, understood, and written anew as they go on.

A call is JSON or a form. Whatever is in it is looked at: texts under any name count as words,
pictures under any name as pictures that go in. Addresses of pictures are not let through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from safehold.gate import documents, forms
from safehold.gate.apis import passing
from safehold.gate.apis.passing import BadCallError
from safehold.gate.encoded import Encoded, encode
from safehold.gate.interface import GateRequest
from safehold.gate.model import Api, Generation, ModelName, Stage, UncheckedError, Words
from safehold.gate.pictures import Limits

_PICTURES: Final = frozenset(
    {
        *("image", "images", "image_url", "mask", "markup", "input_image", "file", "files"),
        *("init_image", "mask_image", "control_image", "ref_images", "reference_images"),
    }
)
"""Fields whose texts are pictures; those of common servers of this shape counted in."""
_NO_WORDS: Final = frozenset(
    {
        *("model", "user", "safety_identifier", "size", "response_format"),
        *("output_format", "input_fidelity", "moderation", "complexity"),
        *("stream", "n", "partial_images", "output_compression", "seed"),
    }
)
"""Fields that are no texts about what is to be made."""
_CHOICES: Final = frozenset(
    {
        *("", "auto", "natural", "vivid", "standard", "hd", "low", "medium", "high"),
        *("transparent", "opaque", "ultra"),
    }
)
"""Texts of such fields of which the API has a choice; some servers take any text there."""
_CHOSEN: Final = frozenset({"style", "quality", "background"})
_MODEL_NAMES: Final = ("model", "lora", "adapter", "checkpoint", "refiner", "vae", "embedding")
"""Fields with these in their names name models and adapters."""
_GUIDANCE: Final = ("guidance", "cfg")
_NEGATIVE: Final = "negative_prompt"
_PROMPTS: Final = frozenset({"prompt", _NEGATIVE})
_TRUE: Final = frozenset({"true", "1", "on", "yes", "t", "y"})


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it was understood, and as it goes on.

    Attributes:
        content_type, body: of the call as it goes on.
        words: what is asked for.
        seed: as it was said, or empty.
        streams: whether the answer comes as a stream of events.
        in_base64: whether the caller wants base64 and no addresses.
    """

    content_type: bytes
    body: bytes = field(repr=False)
    words: Words
    seed: str
    streams: bool
    in_base64: bool

    @property
    def about(self) -> Generation:
        """What is known of the making."""
        words = "\n".join((*self.words.texts, *self.words.negatives))
        return Generation(Api.OPENAI, words, self.words.models, self.seed)


def understood(request: GateRequest, limits: Limits) -> Asked:
    """A call, understood.

    Raises:
        BadCallError: it is not as the API has it, or names pictures that it does not hold.
        UncheckedError: it holds what cannot be looked at.
    """
    content_type = request.header(b"content-type")
    if forms.is_form(content_type):
        try:
            return _form(content_type, request.body, limits)
        except forms.NoFormError:
            raise BadCallError from None
    if content_type.partition(b";")[0].strip().lower() not in (b"", b"application/json"):
        raise BadCallError
    return _document(request.body, limits)


def _document(body: bytes, limits: Limits) -> Asked:
    said = passing.call_document(body)
    pictures, onward = _pictures_of(said)
    rest = {name: value for name, value in said.items() if name not in _PICTURES}
    pictures += [one.picture for one in passing.inputs(rest, limits).pictures]
    fields = [(name, passing.plain(value)) for name, value in rest.items()]
    if any(_is_address(text) for name, v in fields if name not in _PROMPTS for text in _texts(v)):
        raise BadCallError
    return _of_fields(fields, pictures, (b"application/json", documents.write(onward)), limits)


def _form(content_type: bytes, body: bytes, limits: Limits) -> Asked:
    pictures: list[bytes] = []
    fields: list[tuple[str, object]] = []
    onward: list[forms.Part] = []
    for part in forms.read(content_type, body):
        name = part.name.partition("[")[0]
        if part.filename or name in _PICTURES:
            if not passing.is_picture(part.data):
                raise UncheckedError(Stage.INPUT)
            pictures.append(part.data)
            kind = passing.type_of(part.data).decode("ascii")
            plain = f"{len(pictures)}.{kind.rpartition('/')[2]}"
            onward.append(forms.Part(part.name, part.data, plain, kind))
            continue
        found = passing.inputs({part.name: part.text}, limits)
        pictures += [one.picture for one in found.pictures]
        if name not in _PROMPTS and _is_address(part.text):
            raise BadCallError
        fields.append((part.name, part.text))
        onward.append(forms.Part(part.name, part.data))
    return _of_fields(fields, pictures, forms.write(onward), limits)


def _of_fields(
    fields: Sequence[tuple[str, object]],
    pictures: Sequence[bytes],
    onward: tuple[bytes, bytes],
    limits: Limits,
) -> Asked:
    if len(pictures) > limits.max_pictures:
        raise UncheckedError(Stage.INPUT)
    texts: list[str] = []
    negatives: list[str] = []
    models: list[ModelName] = []
    said: dict[str, str] = {}
    turned = False
    for name, value in fields:
        if name in said:
            raise BadCallError  # two readers could take two different ones
        said[name] = _word(value)
        if name == _NEGATIVE:
            negatives += _texts(value)
        elif name not in _NO_WORDS and not (name in _CHOSEN and said[name] in _CHOICES):
            texts += _texts(value)
        if any(word in name.lower() for word in _MODEL_NAMES):
            models += [ModelName(text) for text in _texts(value)]
        if any(word in name.lower() for word in _GUIDANCE):
            turned = turned or _turns_around(value)
    models += [ModelName(one) for text in (*texts, *negatives) for one in passing.networks(text)]
    # Of what is left out nothing is searched for, unless it comes to be asked for so.
    asked = [text for text in negatives if turned or passing.is_turned(text)]
    negatives = [text for text in negatives if text not in asked]
    texts += [*asked, *filter(None, map(passing.without_tags, texts))]
    return Asked(
        *onward,
        Words(tuple(texts), tuple(negatives), tuple(models), tuple(pictures)),
        said.get("seed", ""),
        said.get("stream", "") in _TRUE,
        said.get("response_format", "") == "b64_json",
    )


def _pictures_of(said: Mapping[str, Any]) -> tuple[list[bytes], dict[str, Any]]:
    """The pictures of a JSON call's own fields for them, and the call as it goes on."""
    pictures: list[bytes] = []

    def onward(value: object) -> object:
        if value is None:
            return None
        if isinstance(value, list):
            return [onward(item) for item in value]
        if isinstance(value, dict):
            if not value.keys() <= {"image_url", "type"}:
                raise BadCallError
            kept = {"type": value["type"]} if isinstance(value.get("type"), str) else {}
            return kept | {"image_url": onward(value.get("image_url"))}
        if isinstance(value, str) and _is_address(value):
            raise BadCallError
        picture = passing.picture_in(value)
        pictures.append(picture)
        address = b"data:" + passing.type_of(picture) + b";base64," + encode(picture)
        is_address = str(passing.plain(value))[:5].lower() == "data:"
        return Encoded(address if is_address else encode(picture), picture)

    made = {name: onward(value) if name in _PICTURES else value for name, value in said.items()}
    return pictures, made


def _word(value: object) -> str:
    """A field's value as forms have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip().lower() if isinstance(value, str | int | float) else ""


def _is_address(text: str) -> bool:
    """Whether a text names something elsewhere that a server might fetch, or a file."""
    begin = text[:64].strip().lower()
    if begin.startswith("/9j/"):
        return False  # a JPEG in base64
    path = begin.startswith(("/", "\\\\", "file:")) or begin[1:3] == ":\\"
    return path or "://" in begin


def _turns_around(value: object) -> bool:
    """Whether a scale is given by which a negative prompt is asked for."""
    if isinstance(value, bool) or value == "":
        return False
    return passing.turns_around(value) if isinstance(value, str | int | float) else False


def _texts(value: object) -> list[str]:
    return passing.strings(value)
