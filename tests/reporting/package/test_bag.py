"""A package is a sound bag, its tar is what tars are, and nothing about it depends on names."""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path

import bagit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safehold.reporting.package import printing, summary, untar
from safehold.reporting.package.bag import BagWriter, PackageError, manifest
from safehold.reporting.package.making import Streamed, evidence_names, write_package
from safehold.reporting.package.summary import Heading
from safehold.reporting.package.verify import verify_stream
from safehold.vault.pipes import read_from
from safehold.vault.sealing import DamagedError, Identity, KeyMismatchError, Writer, seal_stream
from tests.audit.logs import T0
from tests.reporting.filings import filing, occurrence
from tests.reporting.package.made import (
    IDENTITY,
    ORIGINALS,
    TestKey,
    bag,
    contents,
    fact,
    sealed,
    streamed,
)

NAMES = st.from_regex(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}(/[A-Za-z0-9][A-Za-z0-9._-]{0,9}){0,2}", fullmatch=True
)


def unpacked(tar: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        archive.extractall(folder, filter="data")
    [top] = folder.iterdir()
    return top


def test_the_bag_is_valid(tmp_path: Path) -> None:
    top = unpacked(bag(), tmp_path)
    found = bagit.Bag(str(top))
    assert found.is_valid()
    assert sorted(found.algorithms) == ["sha256", "sha512"]
    assert found.info["External-Identifier"] == contents().facts.case_id
    evidence = sorted((top / "data/evidence").iterdir())
    assert [one.name for one in evidence] == ["001.png", "002.png"]
    assert tuple(one.read_bytes() for one in evidence) == ORIGINALS
    assert (top / "data/report/report.xml").read_text("utf-8") == "<report>\u00e9</report>"
    assert (top / "data/report/receipt-1.xml").read_bytes() == b"<done/>"
    # Nothing that the unsealed parts of a bag say is about persons or the files.
    info = (top / "bag-info.txt").read_text("ascii") + (top / "package-statement.txt").read_text()
    for private in ("compte-481", "camille", "203.0.113.7", "secret-list"):
        assert private not in info
    told = (top / "data/case.json").read_text("utf-8")
    assert "compte-481" in told
    assert "secret-list" not in told
    assert json.loads(told)["files"][0]["occurrences"][0]["context"]["ip"] == "203.0.113.7"


def test_it_is_made_the_same_each_time() -> None:
    assert bag() == bag()


@settings(max_examples=15)
@given(st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=8))
def test_any_names_and_sizes(members: dict[str, bytes]) -> None:
    names = {f"data/{name}": content for name, content in members.items()}
    clash = any(
        one != other and f"{other}/".startswith(f"{one}/") for one in names for other in names
    )
    output = io.BytesIO()
    writer = BagWriter(output, "folder", T0)
    for name, content in members.items():
        writer.add_bytes(name, content)
    writer.finish([("Bagging-Date", "2026-01-02")], {}, lambda signed: {"last.txt": b"x"})
    found = {
        one.name: b"".join(one.content) for one in untar.members(io.BytesIO(output.getvalue()))
    }
    assert {f"folder/{name}": content for name, content in names.items()}.items() <= found.items()
    with tarfile.open(fileobj=io.BytesIO(output.getvalue())) as archive:
        assert archive.getnames() == list(found)
        assert clash or all(member.isreg() for member in archive)


def test_what_cannot_stand_in_a_bag() -> None:
    writer = BagWriter(io.BytesIO(), "folder", T0)
    writer.add_bytes("a", b"")
    for name in ("a", "../a", "/a", "a//b", ".a", "a b", "a\n", "\u00e9", "x" * 80):
        with pytest.raises(PackageError):
            writer.add_bytes(name, b"")
    for size in (1, 3, -1):
        with pytest.raises(PackageError):
            BagWriter(io.BytesIO(), "folder", T0).add("b", size, _write)
    assert manifest({"b": "2", "a": "1"}) == b"1  a\n2  b\n"


def _write(output: Writer) -> None:
    output.write(b"xx")


def test_a_file_of_more_than_eight_gib_has_its_size() -> None:
    size = (8 << 30) + 5
    member = tarfile.TarInfo("folder/big")
    member.size = size
    header = member.tobuf(tarfile.PAX_FORMAT)
    assert len(header) > tarfile.BLOCKSIZE
    found = next(untar.members(io.BytesIO(header)))
    assert (found.name, found.size) == ("folder/big", size)


def test_neutral_names() -> None:
    formats = ["jpeg", "TIFF", "", "../../x", "webp", "a" * 20, "p\u00e9g"]
    files = [fact(number, b"", one) for number, one in enumerate(formats, 1)]
    endings = [name.rpartition(".")[2] for name in evidence_names(files)]
    assert endings == ["jpg", "tif", "bin", "bin", "webp", "bin", "bin"]
    assert evidence_names(files)[0] == "evidence/001.jpg"


def test_the_summary_is_printable_and_harmless() -> None:
    hostile = '<script>alert(1)</script><img src="x">\u202e\x07 \u03a9\U0001f600 \ud800'
    one = fact(1, b"x")
    many = tuple(occurrence(number, words=hostile) for number in range(1, 252))
    facts = filing(replace(one, occurrences=many))
    heading = Heading("01package", T0, "Safehold test")
    sections = summary.sections(heading, facts, ["evidence/001.png"])
    page = printing.as_html(sections).decode("utf-8")
    for part in ("<script", "<img", "<link", "http://", "https://www", "\u202e", "\x07"):
        assert part not in page
    assert "\\u202e\\u0007" in page
    assert "51 further occurrences" in page
    sheet = printing.as_pdf(sections)
    assert sheet.startswith(b"%PDF")
    assert b"/Subtype /Image" not in sheet
    assert b"/JavaScript" not in sheet
    assert sheet == printing.as_pdf(sections)
    streams = re.findall(rb"\nstream\n(.*?)endstream", sheet, re.DOTALL)
    drawn = b"".join(zlib.decompress(base64.a85decode(b"<~" + one, adobe=True)) for one in streams)
    # Within a text of a PDF a backslash is written twice.
    assert rb"\\u03a9\\U0001f600" in drawn
    told = json.loads(summary.as_json(heading, facts, ["evidence/001.png"]))
    assert len(told["files"][0]["occurrences"]) == 251
    assert told["files"][0]["occurrences"][0]["context"]["words"] == hostile


def test_an_original_that_is_not_what_it_was_ends_it() -> None:
    made = contents()
    wrong = replace(made.files[1], produce=streamed(b"z" * len(ORIGINALS[1])).produce)
    output = io.BytesIO()

    def produce(plain: Writer) -> None:
        write_package(contents(files=[made.files[0], wrong]), TestKey(), plain)

    with pytest.raises(DamagedError), read_from(produce) as plain:
        seal_stream([IDENTITY.recipient], plain, output)
    assert output.getvalue()
    report = verify_stream(io.BytesIO(output.getvalue()), [IDENTITY])
    assert [one.code for one in report.findings] == ["package_damaged"]


def test_a_package_without_its_end_never_opens() -> None:
    whole = sealed(bag())
    for length in (len(whole) - 1, len(whole) // 2, 300):
        report = verify_stream(io.BytesIO(whole[:length]), [IDENTITY])
        assert [one.code for one in report.findings] == ["package_damaged"]
        assert not report.is_whole
    with pytest.raises(KeyMismatchError):
        verify_stream(io.BytesIO(whole), [Identity.generate()])


def test_a_large_original_passes_in_flat_memory() -> None:
    size = 64 << 20
    piece = bytes(1 << 20)

    def produce(output: Writer) -> None:
        for _ in range(64):
            output.write(piece)

    made = contents([b"small"], files=[Streamed(size, produce)])

    class Sink:
        size = 0

        def write(self, content: bytes, /) -> int:
            self.size += len(content)
            return len(content)

        def flush(self) -> None:
            pass

    sink = Sink()
    bag(contents([b"small"]))  # what is loaded on demand is loaded
    tracemalloc.start()
    try:
        with read_from(lambda plain: write_package(made, TestKey(), plain)) as plain:
            seal_stream([IDENTITY.recipient], plain, sink)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sink.size > size
    assert peak < 16 << 20
