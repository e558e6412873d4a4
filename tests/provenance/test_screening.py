"""What a file says goes beside the decision, and pictures within it are matched."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from safehold import examining
from safehold.cases import urgency
from safehold.config.settings import load_settings
from safehold.examining import examine
from safehold.hashing.exact import exact_digests
from safehold.hashing.keyed import DigestKey
from safehold.hashing.model import SignalType
from safehold.hashing.pdq import pdq
from safehold.hashing.variants import AS_STORED
from safehold.matching.interface import SnapshotEntry
from safehold.matching.layout import SnapshotMetadata
from safehold.matching.match import Match, Matcher
from safehold.matching.snapshot import Snapshot
from safehold.matching.snapshot_writer import write_snapshot
from safehold.media.model import DecodeError, Fault
from safehold.media.sandbox.interface import Outcome, SandboxOptions
from safehold.media.sandbox.pool import WorkerPool
from safehold.policy.model import PolicyOptions, Verdict
from safehold.provenance.model import ProvenanceOptions, ReadingFault
from safehold.provenance.read import Reader
from safehold.runtime import Runtime
from safehold.runtime.trust_list import TrustListError, read_trust_list
from safehold.screening import (
    JOB,
    WARM_UP,
    Examination,
    ExamineOptions,
    Screened,
    Screening,
    read_examination,
    read_outcome,
)
from safehold.testing.pictures import draw
from tests.conftest import KERNEL_CACHE
from tests.provenance import containers as c
from tests.provenance.shapes import SHAPES
from tests.provenance.signing import action, chain, signed

KEY = DigestKey(bytes(range(32)))
SIZE = (256, 192)
LISTED = draw("skyline", 9, SIZE)
UNLIKE = draw("cells", 4, SIZE)
FLAT = Image.new("RGB", SIZE, (90, 120, 150))
INFOTEXT = "a quiet lighthouse\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 256x192, Model: zorblax"
OPTIONS = ExamineOptions(provenance=ProvenanceOptions(max_seconds=60))
"""Tests measure no time."""


def jpeg_of(picture: Image.Image, size: tuple[int, int] = SIZE) -> bytes:
    stream = io.BytesIO()
    picture.resize(size).save(stream, "JPEG", quality=92)
    return stream.getvalue()


def carrying(thumbnail: bytes, picture: Image.Image = UNLIKE) -> bytes:
    return c.png(image=picture, chunks=[(b"eXIf", c.camera(thumbnail=thumbnail))])


BROKEN = carrying(jpeg_of(UNLIKE)).replace(b"IDAT", b"IDAt")
"""A PNG that shows nothing, and whose Exif block is whole."""


def examined(data: bytes, options: ExamineOptions = OPTIONS) -> Examination:
    """As a worker does it, and the host after it."""
    messages: list[Any] = []
    fault: Fault | None = None
    try:
        examine(data, options.as_request(), messages.append)
    except DecodeError as error:
        fault = error.fault
    return read_examination(json.loads(json.dumps(messages)), fault)


@pytest.fixture(scope="module")
def screening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screening]:
    """A confirmed list: a picture by likeness, and a broken file by its bytes and a picture."""
    pixels = Image.open(io.BytesIO(jpeg_of(LISTED)))
    listed = pdq(np.asarray(pixels))
    sha256 = KEY.keyed(SignalType.SHA256, exact_digests(BROKEN).sha256)
    entries = [
        SnapshotEntry("listed", "A1", pdq=listed.bits, pdq_quality=100),
        SnapshotEntry("broken", "A1", sha256=sha256, pdq=pdq(np.asarray(LISTED)).bits),
    ]
    folder = tmp_path_factory.mktemp("lists")
    metadata = SnapshotMetadata("list", "confirmed", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    write_snapshot(folder / "list", entries, metadata, KEY.fingerprint())
    with Snapshot.open(folder / "list", KEY) as snapshot:
        yield Screening(Matcher([snapshot]), 50, PolicyOptions())


def judged(screening: Screening, examination: Examination) -> Screened:
    (screened,) = screening.judge([examination])
    return screened


def verdict(screening: Screening, data: bytes) -> Verdict:
    return judged(screening, examined(data)).decision.verdict


# Pictures within


@pytest.mark.parametrize("container", ["png", "jpeg", "webp", "irb"])
def test_a_listed_picture_within_another_holds(screening: Screening, container: str) -> None:
    block = c.camera(thumbnail=jpeg_of(LISTED, (160, 120)))
    within = {
        "png": lambda: c.png(image=UNLIKE, chunks=[(b"eXIf", block)]),
        "jpeg": lambda: c.jpeg([c.exif_segment(block)]),
        "webp": lambda: c.webp([(b"EXIF", block)]),
        "irb": lambda: c.jpeg(
            [(0xED, c.IRB_MARK + c.irb((0x040C, bytes(28) + jpeg_of(LISTED, (160, 120)))))]
        ),
    }[container]()
    screened = judged(screening, examined(within))
    name = "photoshop_thumbnail" if container == "irb" else "exif_thumbnail"
    assert screened.decision.verdict is Verdict.HOLD
    assert {match.variant for match in screened.matches} == {f"embedded_1_{name}_{AS_STORED}"}
    assert {match.entry_id for match in screened.matches} == {"listed", "broken"}


def test_unlisted_pictures_within_change_nothing(screening: Screening) -> None:
    assert verdict(screening, c.png(image=UNLIKE)) is Verdict.ALLOW
    assert verdict(screening, carrying(jpeg_of(draw("stripes", 3, SIZE)))) is Verdict.ALLOW
    for odd in (b"\xff\xd8 broken", b"\xff\xd8", jpeg_of(LISTED)[:300], b"\0" * 500):
        examination = examined(carrying(odd))
        assert examination.fault is None
        assert judged(screening, examination).decision.verdict is Verdict.ALLOW


def test_a_picture_within_makes_a_plain_one_no_less_plain(screening: Screening) -> None:
    plain = judged(screening, examined(c.png(image=FLAT)))
    carried = judged(screening, examined(carrying(jpeg_of(UNLIKE), FLAT)))
    assert plain.observation.low_quality
    assert carried.observation.low_quality
    assert carried.decision == plain.decision


def test_a_picture_within_contradicts_no_exact_match(screening: Screening) -> None:
    examination = examined(BROKEN)
    assert examination.shown == ()
    assert [variant.variant for variant in examination.embedded] == [
        "embedded_1_exif_thumbnail_as_stored"
    ]
    screened = judged(screening, examination)
    assert [match.conflict for match in screened.matches] == [False]
    assert screened.decision.verdict is Verdict.BLOCK


def test_pictures_within_are_bounded() -> None:
    thumbnails = [jpeg_of(draw("cells", seed, SIZE), (80, 60)) for seed in range(6)]
    data = c.jpeg([c.exif_segment(c.camera(thumbnail=one)) for one in thumbnails])
    few = dataclasses.replace(OPTIONS.provenance, max_embedded=2)
    examination = examined(data, dataclasses.replace(OPTIONS, provenance=few))
    assert len(examination.embedded) == 2
    assert examination.reading.faults == (ReadingFault.LIMIT_BYTES,)
    small = dataclasses.replace(OPTIONS.provenance, max_embedded_pixels=3 * 80 * 60 + 10)
    examination = examined(data, dataclasses.replace(OPTIONS, provenance=small))
    assert [variant.variant[:10] for variant in examination.embedded] == [
        "embedded_1",
        "embedded_2",
        "embedded_3",
    ]
    assert examination.fault is None


# Claims


def test_no_claim_changes_a_verdict_or_an_urgency(screening: Screening) -> None:
    said = [shape.data for shape in SHAPES.values()]
    said.append(c.png(image=LISTED, chunks=[c.itxt_chunk("parameters", INFOTEXT)]))
    said.append(c.png(image=FLAT, chunks=[c.itxt_chunk("parameters", INFOTEXT)]))
    claims = verdicts = 0
    for data in said:
        examination = examined(data)
        silent = Examination(
            **{
                field.name: getattr(examination, field.name)
                for field in dataclasses.fields(Examination)
                if field.name != "reading"
            }
        )
        with_claims, without = judged(screening, examination), judged(screening, silent)
        assert with_claims.decision == without.decision
        assert with_claims.observation == without.observation
        assert points(with_claims.matches) == points(without.matches)
        claims += bool(examination.reading.claims)
        verdicts += with_claims.decision.verdict is not Verdict.ALLOW
    assert claims > 60
    assert verdicts == 1


def points(matches: tuple[Match, ...]) -> int:
    return urgency.found(matches, "generation").points


def test_the_same_picture_is_judged_alike_with_and_without_words(screening: Screening) -> None:
    chunks = [c.itxt_chunk("parameters", INFOTEXT), (b"eXIf", c.camera())]
    for picture in (LISTED, UNLIKE, FLAT):
        bare = judged(screening, examined(c.png(image=picture)))
        worded = judged(screening, examined(c.png(image=picture, chunks=chunks)))
        assert worded.decision == bare.decision
        assert worded.matches == bare.matches
        assert worded.examination.reading.says_generated
        assert not bare.examination.reading.says_generated


def test_prompts_are_in_passages_alone() -> None:
    messages: list[Any] = []
    data = c.png(image=UNLIKE, chunks=[c.itxt_chunk("parameters", INFOTEXT)])
    examine(data, OPTIONS.as_request(), messages.append)
    worded = [message for message in messages if "quiet lighthouse" in json.dumps(message)]
    assert [[*message["reading"]] for message in worded] == [["passages"]]
    examination = examined(data)
    assert "quiet lighthouse" not in repr(examination)
    assert [passage.text for passage in examination.reading.passages] == ["a quiet lighthouse"]


# Failures


def test_what_cannot_be_decoded_is_read_all_the_same() -> None:
    examination = examined(BROKEN)
    assert examination.fault is Fault.DECODE_FAILED
    assert [claim.form for claim in examination.reading.claims] == ["camera"]
    video = c.mp4(mdta=[("parameters", INFOTEXT)])
    examination = examined(video)
    assert examination.fault is Fault.UNSUPPORTED
    assert [claim.form for claim in examination.reading.claims] == ["a1111"]


@pytest.mark.parametrize("found", [None, 7, RuntimeError("words of a person")])
def test_no_failure_of_the_reader_is_one_of_the_item(
    screening: Screening, monkeypatch: pytest.MonkeyPatch, found: object
) -> None:
    def read(*_: object) -> object:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(Reader, "read", read)
    examination = examined(c.png(image=UNLIKE, chunks=[c.itxt_chunk("parameters", INFOTEXT)]))
    assert examination.fault is None
    assert examination.reading.faults == (ReadingFault.UNREADABLE_PIECE,)
    assert judged(screening, examination).decision.verdict is Verdict.ALLOW


def test_what_the_host_would_refuse_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = Reader.read

    def read(*given: Any) -> Any:
        reading = inner(*given)
        claim = dataclasses.replace(reading.claims[0], size=(-1, 3), form="two words")
        return dataclasses.replace(reading, claims=(claim,))

    monkeypatch.setattr(Reader, "read", read)
    examination = examined(c.png(image=UNLIKE, chunks=[c.itxt_chunk("parameters", INFOTEXT)]))
    assert examination.reading.claims == ()
    assert examination.reading.faults == (ReadingFault.UNREADABLE_PIECE,)


def test_a_worker_that_sends_nonsense_counts_as_one_that_died() -> None:
    nonsense: list[Any] = [5, [], {"claims": [[]]}, {"pieces": [["x", -1, 0, ""]]}]
    for said in nonsense:
        assert read_outcome(Outcome(1, ({"reading": said},))).fault is Fault.DECODER_CRASHED


def test_nothing_is_read_where_reading_is_off() -> None:
    options = dataclasses.replace(OPTIONS, provenance=ProvenanceOptions(enabled=False))
    data = carrying(jpeg_of(LISTED))
    examination = examined(data, options)
    assert examination.reading == Examination().reading
    assert examination.embedded == ()
    assert examination.shown == examined(data).shown


def test_a_large_first_frame_of_several_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    inner = Reader.read

    def read(*said: Any) -> Any:
        given.append(said[3])
        return inner(*said)

    monkeypatch.setattr(Reader, "read", read)
    stream = io.BytesIO()
    LISTED.save(stream, "PNG", save_all=True, append_images=[UNLIKE])
    examined(stream.getvalue())
    monkeypatch.setattr(examining, "KEPT_PIXELS", 1_000)
    examined(stream.getvalue())
    examined(c.png(image=LISTED))
    assert [pixels is not None for pixels in given] == [True, False, True]


# Locked workers


def test_locked_workers_read_what_is_read_here() -> None:
    """All that reading needs is loaded before the lock: also a trust list longer than a packet."""
    signer = chain()
    anchors = "# a list\n" * 20_000 + signer.root.decode("ascii")
    names = [name for at, name in enumerate(SHAPES) if at % 5 == 0 or "xmp" in name]
    files = [SHAPES[name].data for name in names]
    files += [carrying(jpeg_of(LISTED)), BROKEN, signed(action(), by=signer)]
    options = SandboxOptions(
        job=JOB,
        warm_up=WARM_UP,
        settings={
            "kernel_cache": str(KERNEL_CACHE),
            "provenance": dataclasses.asdict(OPTIONS.provenance),
            "anchors": anchors,
        },
        workers=1,
    )
    with WorkerPool(options) as pool:
        found = [in_pool(pool, data) for data in files]
    assert [one.reading for one in found[:-1]] == [examined(data).reading for data in files[:-1]]
    assert [one.variants for one in found] == [examined(data).variants for data in files]
    (claim,) = found[-1].reading.claims
    assert (claim.form, claim.tier.value) == ("c2pa", "verified")


def in_pool(pool: WorkerPool, data: bytes) -> Examination:
    descriptor = os.memfd_create("item", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        pool.submit(descriptor, OPTIONS.as_request())
        while not (outcomes := pool.completed(None)):
            pass
    finally:
        os.close(descriptor)
    return read_outcome(outcomes[0])


# Settings


def test_the_settings_reach_the_examination(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEHOLD_PROVENANCE__MAX_CLAIMS", "3")
    with Runtime(load_settings(home=tmp_path)) as runtime:
        options = runtime.examine_options
    assert options.provenance.max_claims == 3
    assert ExamineOptions.from_request(options.as_request()) == options


def test_the_trust_list_is_read_by_the_host(tmp_path: Path) -> None:
    assert read_trust_list("") is None
    file = tmp_path / "anchors.pem"
    for body in (b"", b"no certificates", b"\0" * 100):
        file.write_bytes(body)
        with pytest.raises(TrustListError) as caught:
            read_trust_list(str(file))
        assert str(tmp_path) not in str(caught.value)
    with pytest.raises(TrustListError):
        read_trust_list(str(tmp_path / "missing.pem"))
    with pytest.raises(TrustListError):
        read_trust_list("\0")
    root = chain().root
    file.write_bytes(b"# anchors of \xe9\n" + root)
    assert (read_trust_list(str(file)) or "").endswith(root.decode("ascii"))
