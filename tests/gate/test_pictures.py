"""Pictures in JSON documents: found however they are written, and nothing of them left."""

from __future__ import annotations

import base64
import html
import io
import json
import textwrap
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safehold.gate import documents
from safehold.gate.encoded import Encoded, decode, encode, is_canonical
from safehold.gate.model import UncheckedError
from safehold.gate.pictures import Limits, find, strip
from safehold.testing.pictures import draw_any
from tests.gate.upstreams_simple import traces


def drawn(seed: int, form: str = "PNG", size: tuple[int, int] = (96, 72)) -> bytes:
    out = io.BytesIO()
    draw_any(seed, size).save(out, form)
    return out.getvalue()


PNG = drawn(1)
JPEG = drawn(2, "JPEG")
B64 = base64.b64encode(PNG).decode()
LIMITS = Limits()
PROSE = (
    "A lighthouse on a cliff at dusk, soft light, 35mm, highly detailed, (warm colours:1.2), "
    "<lora:teapot_v2:0.8> trending\nNegative prompt: blurry, low quality\n"
    "Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 12, Size: 512x512, Model hash: "
    '6ce0161689, Model: v1-5-pruned, Lora hashes: "teapot: 6ce01616896ce016", Version: v1.9.4'
)


def wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 76))


WHOLE: dict[str, str] = {
    "base64": B64,
    "no padding": B64.rstrip("="),
    "url-safe": base64.urlsafe_b64encode(PNG).decode(),
    "wrapped": wrapped(B64),
    "wrapped by CRLF": wrapped(B64).replace("\n", "\r\n"),
    "data address": f"data:image/png;base64,{B64}",
    "data address in capitals": f"DATA:image/PNG;charset=x;BASE64,{B64}",
    "data address, percent signs": f"data:image/png;base64,{quote(B64, safe='')}",
    "data address of raw bytes": "data:image/png," + quote(PNG),
    "bytes as characters": PNG.decode("latin-1"),
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_a_whole_picture_is_found_as_its_exact_bytes(text: str) -> None:
    found = find({"a": [0, {"b": text}]}, LIMITS)
    assert [(one.path, one.picture, one.whole) for one in found.pictures] == [
        (("a", 1, "b"), PNG, True)
    ]
    assert found.unknown == () and not found.over
    assert strip({"a": text, "b": PROSE}, LIMITS) == {"a": "", "b": PROSE}


WITHIN: dict[str, str] = {
    "html": f"<p>made</p><img alt='' src=\"data:image/png;base64,{B64}\"><b>x</b>",
    "html in capitals": f"<IMG SRC='DATA:IMAGE/PNG;BASE64,{B64}'>",
    "markdown": f"Here it is: ![a teapot](data:image/png;base64,{B64} 'title') and text",
    "between words": f"the picture is {B64} and that is all",
    "wrapped between words": f"picture:\n{wrapped(B64)}\nthe end",
    "escaped slashes": "x = '" + B64.replace("/", "\\/") + "'",
    "percent signs": "https://a.example/?p=" + quote(B64, safe="") + "&q=1",
    "html entities": html.escape(B64).replace("/", "&#x2F;").replace("+", "&#43;") + " .",
}


@pytest.mark.parametrize("text", WITHIN.values(), ids=WITHIN)
def test_a_picture_within_a_text_is_found(text: str) -> None:
    found = find([text], LIMITS)
    assert any(one.picture.startswith(PNG) for one in found.pictures), found.unknown
    assert not any(one.whole for one in found.pictures)
    assert strip([text], LIMITS) == [""]


UNKNOWN: dict[str, Any] = {
    "a picture behind something else": base64.b64encode(b"xy" + PNG).decode(),
    "hexadecimal": PNG.hex(),
    "a zip": base64.b64encode(b"PK\x03\x04" + PNG).decode(),
    "a part of one": B64[800:1400],
    "bytes as characters, cut": PNG[100:2000].decode("latin-1"),
    "replaced bytes": PNG.decode("utf-8", "replace"),
    "an address of a vector picture": "data:image/svg+xml," + quote("<svg></svg>"),
    "a vector picture": "see <SVG xmlns='http://www.w3.org/2000/svg'><path d='M0 0'/></SVG> there",
    "numbers": list(drawn(1, size=(160, 120))),
    "numbers by name": {str(at): byte for at, byte in enumerate(drawn(1, size=(160, 120)))},
    "numbers in a string": ",".join(map(str, PNG)),
    "numbers in JSON in a string": json.dumps(list(drawn(1, size=(160, 120)))),
    "pixels": np.asarray(draw_any(3, (64, 48))).tolist(),
    "a number": int.from_bytes(PNG[:400], "big"),
    "an object twice": '{"a": "' + B64.replace("/", "\\/") + '", "a": "a lighthouse by the sea"}',
}


@pytest.mark.parametrize("value", UNKNOWN.values(), ids=UNKNOWN)
def test_what_may_be_of_a_picture_is_unknown(value: Any) -> None:
    found = find({"v": value}, LIMITS)
    assert found.unknown and not found.pictures
    left = json.dumps(strip({"v": value, "w": "text"}, LIMITS))
    assert len(left) < 64 and '"w": "text"' in left


HARMLESS: dict[str, Any] = {
    "a prompt": PROSE,
    "words without signs": "a lighthouse by the sea at dusk with a teapot " * 40,
    "words line by line": "lighthouse\nteapot\ncliff\nsea\n" * 60,
    "a long line of signs": "=" * 400 + "-" * 400 + "_" * 300,
    "another script": "灯台と海の夕暮れの風景" * 80,
    "digests": [f"{at:064x}" for at in range(40)],
    "digests in a line": ", ".join(f"name{at}: {at * 7**80 % 2**256:064x}" for at in range(12)),
    "a path": "/srv/models/" + "a-rather-long-folder-name/" * 8 + "model.safetensors",
    "an address": "https://files.example/x?sig=" + "Ab3%2F" * 12 + "&se=2030-01-01",
    "numbers": [0.5, 12, -3, True, None, 2**64],
    "a nested document": json.dumps({"prompt": PROSE, "seeds": [1, 2, 3], "n": 2}),
    "no document": "{not json " + PROSE,
    "links": [[at, 1, 0, 2, 0, "MODEL"] for at in range(1500)],
}


@pytest.mark.parametrize("value", HARMLESS.values(), ids=HARMLESS)
def test_texts_and_numbers_stay_as_they_are(value: Any) -> None:
    assert find(value, LIMITS).clean
    assert strip(value, LIMITS) == value


def test_a_document_in_a_string_loses_the_picture_alone() -> None:
    info = json.dumps({"prompt": PROSE, "extra": {"thumb": B64, "seed": 4}})
    found = find({"info": info}, LIMITS)
    assert [(one.path, one.picture) for one in found.pictures] == [
        (("info", "extra", "thumb"), PNG)
    ]
    left = strip({"info": info}, LIMITS)
    assert json.loads(left["info"]) == {"prompt": PROSE, "extra": {"thumb": "", "seed": 4}}


def test_names_are_looked_at() -> None:
    assert [one.picture for one in find({B64: 1}, LIMITS).pictures] == [PNG]
    assert strip({B64: 1, "a": 2}, LIMITS) == {"a": 2}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FORMS = [*WHOLE.values(), *WITHIN.values(), *UNKNOWN.values()]


@given(JSON, st.lists(st.tuples(st.sampled_from(FORMS), JSON), max_size=3), st.booleans())
def test_nothing_is_left_wherever_it_stands(
    value: Any, more: list[tuple[Any, Any]], in_text: bool
) -> None:
    for form, beside in more:
        value = {"a": [value, form], "b": beside}
        value = {"text": json.dumps(value), "c": [1]} if in_text else value
    left = strip(value, LIMITS)
    assert find(left, LIMITS).clean
    assert traces(json.dumps(left).encode(), PNG) == []
    if not more:
        assert left == value


def test_bounds_close() -> None:
    deep: Any = "x"
    for _ in range(80):
        deep = [deep]
    nested = "x"
    for _ in range(12):
        nested = json.dumps([nested])
    cases: list[tuple[Any, Limits]] = [
        (deep, LIMITS),
        (nested + " " * 64, Limits(max_depth=8)),
        ([0] * 101, Limits(max_values=100)),
        ([B64] * 3, Limits(max_pictures=2)),
        ([B64], Limits(max_bytes=len(PNG) - 1)),
    ]
    for value, limits in cases:
        assert find(value, limits).over
        with pytest.raises(UncheckedError):
            strip(value, limits)


@given(st.binary(min_size=100, max_size=400), st.integers(0, 3), st.sampled_from([0, 64, 76]))
def test_decoding_gives_back_what_was_encoded(data: bytes, pad: int, width: int) -> None:
    text = encode(data)
    assert is_canonical(text, data)
    assert decode(text) == data
    loose = text.rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))
    if width:
        loose = b"\r\n".join(loose[at : at + width] for at in range(0, len(loose), width))
    assert decode(loose) == data
    assert decode(text[:40] + b"!" + text[40:]) is None
    assert decode(text[:40] + b"=" + text[40:]) is None
    if loose != text:
        assert not is_canonical(loose, data)


def test_a_text_with_spare_bits_is_not_canonical() -> None:
    assert decode("AB==") == b"\0" and not is_canonical(b"AB==", b"\0")
    assert is_canonical(b"", b"") and is_canonical(b"AA==", b"\0")


def big(seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, 2_000_000, dtype=np.uint8)
    return PNG + noise.tobytes()


def test_long_strings_are_cut_out_and_put_back_as_they_were() -> None:
    one, two = big(1), big(2)
    text = {
        "created": 1,
        "data": [{"b64_json": encode(one).decode(), "revised_prompt": 'a "teapot" \\ é'}],
        "other": "data:image/png;base64," + encode(two).decode(),
        "long": "words, and more words. " * 1000,
        "quoted": '"' + encode(two).decode(),
    }
    body = json.dumps(text).encode()
    value = documents.read(body)
    assert value["data"][0]["b64_json"] == Encoded(encode(one), one)
    assert value["other"].data == two
    assert value["long"] == text["long"]
    assert json.loads(documents.write(value)) == text
    found = find(value, LIMITS)
    assert [seen.picture[:8] for seen in found.pictures] == [PNG[:8]] * 3


def test_long_lines_are_found_in_long_texts_as_in_short_ones() -> None:
    words = "a lighthouse by the sea, at dusk. " * 4_000
    for text in (wrapped(B64), B64, wrapped(B64).replace("\n", "\r\n  ")):
        for before in (words, words[:65_500], words[:65_530], "\n" * 65_536):
            found = find([f"{before}\n. {text} .{words}"], LIMITS)
            assert [one.picture for one in found.pictures] == [PNG]
            assert found.unknown == ()
    assert find([words], LIMITS).clean


def test_many_values_are_no_document() -> None:
    body = b"[" + b"{}," * 1_000_001 + b"{}]"
    with pytest.raises(documents.NoDocumentError):
        documents.read(body)
    assert find([body.decode()], LIMITS).over


def test_what_is_no_document_is_told() -> None:
    for body in (
        b"",
        b"{",
        b"[" * 100_000,
        b'{"a":' + encode(big(1))[:9000] + b'"}',
        b"\xff\xfe\0",
    ):
        with pytest.raises(documents.NoDocumentError):
            documents.read(body)
    with pytest.raises(documents.NoDocumentError):
        documents.read(b'["' + b"A" * 9000 + b'", ' + b"B" * 9000 + b', "x"]')


@pytest.mark.parametrize(
    "make",
    [
        lambda: encode(big(3)).decode(),
        lambda: "a" * 2_000_000,
        lambda: "a " * 1_000_000,
        lambda: ("a" * 41 + ",") * 50_000,
        lambda: "data:image/" * 180_000,
        lambda: "data:image/png;base64," * 90_000,
        lambda: "{" * 2_000_000,
        lambda: "A" * 45 + "!" + ("B" * 45 + "\n") * 45_000,
        lambda: "%2F&#x2F;" * 220_000,
    ],
)
def test_two_megabytes_take_no_long_time(make: Callable[[], str]) -> None:
    text = make()
    began = time.thread_time()
    find({"v": text}, LIMITS)
    assert time.thread_time() - began < 10  # what is quadratic takes many minutes
