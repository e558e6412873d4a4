"""What a hostile, or merely an unusual, file must not bring about."""

from __future__ import annotations

import dataclasses
import io
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from safehold.intake.origin import told_reading
from safehold.media.sniff import sniff
from safehold.policy.model import PolicyOptions
from safehold.provenance.forms import MAX_TOLD_LORAS, claim_forms
from safehold.provenance.generators.sources import name
from safehold.provenance.model import (
    Claim,
    Conflict,
    Lora,
    Place,
    ProvenanceOptions,
    Reading,
    ReadingFault,
    Tier,
)
from safehold.provenance.read import Reader
from safehold.provenance.walkers.interface import Budget
from safehold.reporting.facts import FactFile
from safehold.reporting.known import is_shown_generated
from safehold.reporting.model import Relevance
from safehold.runtime.trust_list import TrustListError, read_trust_list
from safehold.scan.examine import Examined
from safehold.scan.labels import Label
from safehold.scan.rows import scan_row
from safehold.screening import Examination, Screening
from safehold.testing.pictures import draw
from tests.provenance import containers as c
from tests.provenance.readings import AMPLE
from tests.provenance.signing import action, chain, signed
from tests.provenance.test_screening import examined, jpeg_of

SHOWN = draw("cells", 4, (64, 48))
APPENDED = draw("skyline", 9, (64, 48))
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")


def encoded(picture: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, kind)
    return stream.getvalue()


def read(data: bytes) -> Reading:
    return Reader(AMPLE).read(data, sniff(data[:512]), None)


# Pictures within


@pytest.mark.parametrize("appended", [*FORMATS, "TIFF"])
@pytest.mark.parametrize("shown", FORMATS)
def test_a_picture_behind_a_picture_is_found_whatever_the_two_are(
    shown: str, appended: str
) -> None:
    behind = encoded(APPENDED, appended)
    found = read(encoded(SHOWN, shown) + behind).embedded
    assert behind in {one.data for one in found}


def test_what_begins_a_jpeg_hides_no_picture_of_another_kind() -> None:
    behind = c.png(image=APPENDED, chunks=[(b"teSt", b"\xff\xd8\xff")])
    found = read(encoded(SHOWN, "JPEG") + behind).embedded
    assert behind in {one.data for one in found}


def test_a_long_size_hides_no_picture() -> None:
    """The size of a box may take eight bytes more, before its contents."""
    plain = encoded(APPENDED, "AVIF")
    size = int.from_bytes(plain[:4], "big")
    behind = struct.pack(">I4sQ", 1, b"ftyp", size + 8) + plain[8:]
    found = read(encoded(SHOWN, "AVIF") + behind).embedded
    assert [one.data for one in found] == [behind]
    # What such a size looks like is no picture.
    odd = struct.pack(">I4s", 1, b"free") + b"\xff\xd8\xff\xe0" + bytes(60)
    assert read(encoded(SHOWN, "AVIF") + odd).embedded == ()


def test_pictures_within_are_hashed_whatever_is_wrong_with_claims(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inner = Reader.read

    def wrong(*given: Any) -> Reading:
        claim = Claim(Tier.DECLARED, "two words", True, Place("png/tEXt/a"))
        return dataclasses.replace(inner(*given), claims=(claim,))

    thumbnail = jpeg_of(APPENDED)
    data = c.png(image=SHOWN, chunks=[(b"eXIf", c.camera(thumbnail=thumbnail))])
    whole = examined(data)
    monkeypatch.setattr(Reader, "read", wrong)
    examination = examined(data)
    assert examination.reading == Reading(faults=(ReadingFault.UNREADABLE_PIECE,))
    assert examination.embedded == whole.embedded != ()
    assert examination.shown == whole.shown
    assert examination.fault is None


# Conflicts


def test_the_masks_of_a_portrait_contradict_nothing() -> None:
    """A telephone writes a packet for each of the depth map, the mask and the picture."""
    packets = [(b"mime", c.xmp(body)) for body in ("<a/>", "<b/>", "")]
    exif = [(b"Exif", c.exif_item(c.camera())), (b"Exif", c.exif_item(c.exif({0x010E: "one"})))]
    reading = read(c.bmff([*exif, *packets]))
    assert len(reading.pieces) > 5
    assert reading.conflicts == ()
    twice = c.jpeg([c.xmp_segment(packet) for _, packet in packets])
    assert read(twice).conflicts == (Conflict.REPEATED,)


def test_boxes_that_are_no_items_stand_there_once() -> None:
    packets = b"".join(c.box(b"xml ", c.xmp(body)) for body in ("<a/>", "<b/>"))
    data = c.bmff(boxes=[c.box(b"meta", bytes(4) + packets)])
    assert read(data).conflicts == (Conflict.REPEATED,)


# What rows, decisions and reports say


@pytest.mark.parametrize(
    "said",
    [
        "/home/USER/vennimoor.ckpt",
        "~/pictures of anna/vennimoor.ckpt",
        "~anna\\vennimoor.ckpt",
        "../anna/vennimoor.ckpt",
        "./home/USER/vennimoor.ckpt",
        "file:///home/USER/vennimoor.ckpt",
        "'/home/USER/vennimoor.ckpt'",
        "c:\\Users\\anna\\vennimoor.ckpt",
        "\\\\server\\anna\\vennimoor.ckpt",
    ],
)
def test_of_a_path_the_folders_are_left_out(said: str) -> None:
    assert name(said) == "vennimoor.ckpt"


@pytest.mark.parametrize("said", ["zorblax/vennimoor.ckpt", "zorblax v1.5", ".hidden", "a~b/c"])
def test_a_model_s_own_folder_is_kept(said: str) -> None:
    assert name(said) == said


@pytest.mark.parametrize(
    "said",
    [
        "%USERPROFILE%\\anna\\vennimoor.ckpt",
        "$HOME/anna/vennimoor.ckpt",
        "${HOME}/anna/vennimoor.ckpt",
        "file:c:\\anna\\vennimoor.ckpt",
    ],
)
def test_of_a_path_from_what_names_a_home_the_folders_are_left_out(said: str) -> None:
    assert name(said) == "vennimoor.ckpt"


def adapted(seed: int, count: int) -> Claim:
    loras = tuple(Lora(f"{number}{'z' * 190}", "", "0.5") for number in range(count))
    place = Place("png/iTXt/parameters", seed)
    return Claim(Tier.DECLARED, "a1111", True, place, seed=str(seed), loras=loras)


def test_no_file_fills_the_records_with_adapters() -> None:
    claims = tuple(adapted(seed, 60) for seed in range(32))
    told = told_reading(Reading(claims=claims))["claims"]
    assert told == claim_forms(claims)
    assert [one["seed"] for one in told] == [claim.seed for claim in claims]
    named = [len(one.get("loras", ())) for one in told]
    assert sum(named) == MAX_TOLD_LORAS
    assert [n + one.get("loras_omitted", 0) for n, one in zip(named, told, strict=True)] == [
        60
    ] * 32
    (few,) = claim_forms([adapted(1, 3)])
    assert len(few["loras"]) == 3
    assert "loras_omitted" not in few


def test_a_row_says_why_claims_may_be_missing(screened_row: Any) -> None:
    assert screened_row(Reading(faults=(ReadingFault.LIMIT_TIME,)))["provenance_faults"] == [
        "limit_time"
    ]
    assert "provenance_faults" not in screened_row(Reading())


@pytest.fixture
def screened_row() -> Any:
    from safehold.matching.match import Matcher

    screening = Screening(Matcher([]), 50, PolicyOptions())

    def row(reading: Reading) -> Any:
        examination = Examination(format="png", reading=reading)
        (screened,) = screening.judge([examination])
        return scan_row(Examined(Label("a.png"), 1, examination), screened)

    return row


def test_a_watermark_marks_no_report_by_itself() -> None:
    """What embeds one is public: anybody can put it into a photograph."""

    def shown(tier: Tier) -> bool:
        claim = {"form": "dwt_dct", "tier": tier.value, "generative": True, "place": "pixels"}
        file: Any = FactFile("c", "e", Relevance.REPORTED, 1, {}, claims=(claim,))  # type: ignore[arg-type]
        return is_shown_generated(file)

    assert {tier for tier in Tier if shown(tier)} == {Tier.VERIFIED}


# Trust lists


def test_a_trust_list_holds_whole_certificates_and_nothing_else(tmp_path: Path) -> None:
    """Of a list with one that is cut the library reads none, and tells every store as broken."""
    root, other = chain().root, chain(days=299).root
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    mark = root[:28]
    empty = mark + b"AAAA\n-----END CERTIFICATE-----\n"
    file = tmp_path / "anchors.pem"
    lines = root.splitlines(keepends=True)
    gap = b"".join(lines[:4] + lines[5:])
    cut = (root[:-200], root[:200] + b"\n" + other, mark, empty + root, gap, root + gap)
    for body in (*cut, root + key, key):
        file.write_bytes(body)
        with pytest.raises(TrustListError):
            read_trust_list(str(file))
    for body in (root + other, b"Anchors\n" + root.replace(b"\n", b"\r\n") + b"# more\n" + other):
        file.write_bytes(body)
        text = read_trust_list(str(file)) or ""
        reading = Reader(AMPLE, text.encode()).read(signed(action(), by=chain()), "png", None)
        assert [claim.tier for claim in reading.claims] == [Tier.VERIFIED]


def test_a_root_of_the_same_name_is_another() -> None:
    reading = Reader(AMPLE, chain(days=299).root).read(signed(action(), by=chain()), "png", None)
    assert [claim.tier for claim in reading.claims] == [Tier.SIGNED]


# Time


def test_a_machine_that_is_busy_with_others_takes_no_claims_away() -> None:
    budget = Budget(ProvenanceOptions(max_seconds=0.1))
    time.sleep(0.2)
    assert not budget.over
    assert budget.faults == set()
