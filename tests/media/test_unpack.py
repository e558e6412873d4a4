"""Archives, whole and hostile, through the locked unpacker."""

from __future__ import annotations

import bz2
import dataclasses
import gc
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from safehold.media.limits import ArchiveLimits, MediaLimits
from safehold.media.model import Fault
from safehold.media.sandbox.interface import Outcome, SandboxOptions
from safehold.media.sandbox.pool import WorkerPool
from safehold.media.unpack.events import ArchiveEnd, Member, MemberFault
from safehold.media.unpack.worker import is_archive

KIB = 1024
MIB = 1024 * KIB
NOISE = random.Random(4).randbytes(300 * KIB)
LIMITS = ArchiveLimits(
    max_members=200,
    max_member_bytes=4 * MIB,
    max_total_bytes=24 * MIB,
    ratio_floor_bytes=8 * MIB,
    max_seconds=5.0,
)
FILES = {"a.jpg": NOISE[:1000], "folder/b.png": NOISE, "empty": b"", "c": b"x" * 70_000}


class Found(NamedTuple):
    """What an archive gave."""

    members: list[tuple[str, bytes, Fault | None]]
    faults: list[tuple[str | None, Fault]]
    end: ArchiveEnd

    @property
    def content(self) -> dict[str, bytes]:
        return {name: content for name, content, _ in self.members}


Unpack = Callable[..., Found]


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    limits = MediaLimits(max_bytes=8 * MIB, max_seconds=5.0, max_memory_bytes=512 * MIB)
    with WorkerPool(
        SandboxOptions(
            job="sandbox_jobs:run", python_path=(str(Path(__file__).parent),), limits=limits
        )
    ) as made:
        yield made


@pytest.fixture
def unpack(pool: WorkerPool, tmp_path: Path) -> Unpack:
    def run(content: bytes, limits: ArchiveLimits = LIMITS) -> Found:
        path = tmp_path / "archive"
        path.write_bytes(content)
        gc.collect()  # what earlier tests left behind is none of this
        before = len(list(Path("/proc/self/fd").iterdir()))
        descriptor = os.open(path, os.O_RDONLY)
        found = Found([], [], ArchiveEnd(-1, -1))
        for event in pool.unpack(descriptor, limits):
            match event:
                case Member():
                    content = os.pread(event.fd, event.size + 1, 0)
                    os.close(event.fd)
                    assert len(content) == event.size
                    found.members.append((event.name, content, event.fault))
                case MemberFault():
                    found.faults.append((event.name, event.fault))
                case ArchiveEnd():
                    found = found._replace(end=event)
        os.close(descriptor)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before
        assert found.end.members == len(found.members)
        return found

    return run


def made_zip(
    files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED, **options: Any
) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method, **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def made_tar(files: dict[str, bytes] = FILES, mode: str = "w", **options: Any) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, **options) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return target.getvalue()


# Whole archives


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_zip_methods(unpack: Unpack, method: int) -> None:
    found = unpack(made_zip(method=method))
    assert found == Found([(n, c, None) for n, c in FILES.items()], [], ArchiveEnd(4, 0))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_forms(unpack: Unpack, mode: str, form: int) -> None:
    found = unpack(made_tar(mode=mode, format=form))
    assert found == Found([(n, c, None) for n, c in FILES.items()], [], ArchiveEnd(4, 0))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_one_member(unpack: Unpack, pack: Callable[[bytes], bytes]) -> None:
    assert unpack(pack(NOISE)).members == [("", NOISE, None)]
    assert unpack(pack(NOISE[:1000]) + pack(NOISE[1000:])).members == [("", NOISE, None)]
    assert unpack(pack(b"")).members == [("", b"", None)]


def test_gzip_keeps_the_name(unpack: Unpack) -> None:
    target = io.BytesIO()
    with gzip.GzipFile("holiday.jpg", "wb", fileobj=target) as stream:
        stream.write(NOISE)
    assert unpack(target.getvalue()).members == [("holiday.jpg", NOISE, None)]


def test_members_are_sealed_and_read_only(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(made_zip({"a": b"content"}))
    with (tmp_path / "archive").open("rb") as file:
        member = next(iter(pool.unpack(file.fileno(), LIMITS)))
    assert isinstance(member, Member)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.write(member.fd, b"x")
    with pytest.raises(OSError, match="Operation not permitted"):
        os.open(f"/proc/self/fd/{member.fd}", os.O_WRONLY | os.O_TRUNC)
    os.close(member.fd)


def test_an_archive_in_an_archive_is_a_member_to_unpack(
    pool: WorkerPool, unpack: Unpack, tmp_path: Path
) -> None:
    (tmp_path / "outer").write_bytes(made_tar({"inner.zip": made_zip()}, "w:gz"))
    names: list[str] = []
    with (tmp_path / "outer").open("rb") as file:
        for outer in pool.unpack(file.fileno(), LIMITS):
            if not isinstance(outer, Member):
                continue
            for inner in pool.unpack(outer.fd, LIMITS):
                if isinstance(inner, Member):
                    names.append(inner.name)
                    os.close(inner.fd)
            os.close(outer.fd)
    assert names == list(FILES)


def test_jobs_go_on_while_an_archive_is_unpacked(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(made_zip({str(n): NOISE[n : n + 999] for n in range(50)}))
    tickets = []
    with (tmp_path / "archive").open("rb") as file:
        for event in pool.unpack(file.fileno(), LIMITS):
            if isinstance(event, Member):
                tickets.append(pool.submit(event.fd, {"do": "digest"}))
                os.close(event.fd)
    outcomes: list[Outcome] = []
    while len(outcomes) < 50:
        outcomes += pool.completed(10)
    assert sorted(outcome.ticket for outcome in outcomes) == tickets
    assert {outcome.messages[0]["size"] for outcome in outcomes} == {999}


def test_something_before_a_zip(unpack: Unpack) -> None:
    found = unpack(b"#!/bin/sh\n" * 100 + made_zip())
    assert found.content == FILES
    assert found.faults == []


def test_zip64_and_streamed_zip(unpack: Unpack) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    assert unpack(target.getvalue()).content == FILES

    class Pipe(io.RawIOBase):
        """Not seekable, so that sizes come behind the content."""

        def __init__(self) -> None:
            self.parts: list[bytes] = []

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.parts.append(bytes(data))
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    streamed = b"".join(pipe.parts)
    assert unpack(streamed).content == FILES
    # Without its directory, too.
    recovered = unpack(streamed[: streamed.index(b"PK\x01\x02")])
    assert recovered.content == FILES
    assert recovered.faults == [(None, Fault.ARCHIVE_DAMAGED)]


def test_zip64_sizes_in_the_directory(unpack: Unpack) -> None:
    """Sizes and offset all ones, with the true ones in the 64-bit field."""
    packed = zlib.compress(NOISE, wbits=-15)
    local = struct.pack(
        "<4s5H3I2H", b"PK\x03\x04", 45, 0, 8, 0, 0, zlib.crc32(NOISE), len(packed), len(NOISE), 1, 0
    )
    body = local + b"n" + packed
    extra = struct.pack("<HHQQQ", 1, 24, len(NOISE), len(packed), 0)
    ones = 0xFFFFFFFF
    central = struct.pack(
        "<4s6H3I5H2I",
        *(b"PK\x01\x02", 45, 45, 0, 8, 0, 0, zlib.crc32(NOISE), ones, ones),
        *(1, len(extra), 0, 0, 0, 0, ones),
    )
    central += b"n" + extra
    end64 = struct.pack(
        "<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, len(central), len(body)
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(body) + len(central), 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, ones, ones, 0)
    found = unpack(body + central + end64 + locator + end)
    assert found == Found([("n", NOISE, None)], [], ArchiveEnd(1, 0))


# Names


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("/etc/absolute", "/etc/absolute"),
        ("../../up", "../../up"),
        ("back\\slash", "back\\slash"),
        ("line\nbreak\x1b[31m", "line\\nbreak\\x1b[31m"),
        ("right\u202eto-left", "right\\u202eto-left"),
        ("ünïcode", "ünïcode"),
        ("x" * 3000, "x" * 1023 + "…"),
    ],
)
def test_names_are_labels(unpack: Unpack, name: str, label: str) -> None:
    for archive in (made_zip({name: b"1"}), made_tar({name: b"1"})):
        assert unpack(archive).members == [(label, b"1", None)]


def test_names_that_are_no_text(pool: WorkerPool, tmp_path: Path) -> None:
    raw = b"caf\x82\xff"
    content = made_zip({"abcde": b"1"}).replace(b"abcde", raw)
    (tmp_path / "archive").write_bytes(content)
    with (tmp_path / "archive").open("rb") as file:
        events = list(pool.unpack(file.fileno(), LIMITS))
    assert isinstance(events[0], Member)
    assert events[0].name.startswith("café")
    assert events[0].raw_name == raw
    os.close(events[0].fd)


def test_a_nul_in_a_name(unpack: Unpack) -> None:
    content = made_zip({"a_b.jpg": b"1"}).replace(b"a_b.jpg", b"a\x00b.jpg")
    assert unpack(content).members == [("a\\x00b.jpg", b"1", None)]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_names_are_all_given(unpack: Unpack) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("same", b"1")
        archive.writestr("same", b"2")
    assert [content for _, content, _ in unpack(target.getvalue()).members] == [b"1", b"2"]


# Members without content


def test_links_folders_and_devices_are_passed_over(unpack: Unpack) -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for kind in (
            tarfile.SYMTYPE,
            tarfile.LNKTYPE,
            tarfile.CHRTYPE,
            tarfile.BLKTYPE,
            tarfile.FIFOTYPE,
            tarfile.DIRTYPE,
        ):
            info = tarfile.TarInfo(f"kind-{kind!r}")
            info.type = kind
            info.linkname = "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("file")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    found = unpack(target.getvalue())
    assert found == Found([("file", b"abc", None)], [], ArchiveEnd(1, 6))


def test_zip_folders_and_links_are_passed_over(unpack: Unpack) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("folder/", b"")
        for name, content in (("link", b"/etc/passwd"), ("disguise", NOISE)):
            info = zipfile.ZipInfo(name)
            info.create_system = 3
            info.external_attr = 0o120777 << 16
            archive.writestr(info, content)
    found = unpack(target.getvalue())
    assert found == Found([("disguise", NOISE, None)], [], ArchiveEnd(1, 2))


def test_encrypted_and_unknown_members_are_faults(unpack: Unpack) -> None:
    whole = bytearray(made_zip({"locked": b"1" * 100, "odd": b"2" * 100, "plain": b"3" * 100}))
    first, second, _ = (i for i in range(len(whole)) if whole[i : i + 4] == b"PK\x01\x02")
    whole[first + 8] |= 1
    whole[second + 10] = 9  # deflate64
    found = unpack(bytes(whole))
    assert found.members == [("plain", b"3" * 100, None)]
    assert found.faults == [
        ("locked", Fault.ARCHIVE_ENCRYPTED),
        ("odd", Fault.ARCHIVE_UNSUPPORTED),
    ]


@pytest.mark.parametrize("content", [b"", b"text", NOISE, bytes(10_000)])
def test_what_is_no_archive(unpack: Unpack, content: bytes) -> None:
    assert unpack(content) == Found([], [(None, Fault.ARCHIVE_UNSUPPORTED)], ArchiveEnd(0, 0))


def test_an_empty_zip(unpack: Unpack) -> None:
    assert unpack(made_zip({})) == Found([], [], ArchiveEnd(0, 0))


# Damage


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wrong_checksum_gives_the_content_and_a_fault(unpack: Unpack, method: int) -> None:
    whole = bytearray(made_zip({"a": NOISE, "b": b"fine"}, method))
    central = whole.index(b"PK\x01\x02")
    whole[central + 16] ^= 1
    found = unpack(bytes(whole))
    assert found.members == [("a", NOISE, Fault.ARCHIVE_DAMAGED), ("b", b"fine", None)]


def test_damage_within_a_member_keeps_what_comes_before(unpack: Unpack) -> None:
    whole = bytearray(made_zip({"a": b"".join(b"%d," % n for n in range(200_000)), "b": b"fine"}))
    middle = len(whole) // 2
    whole[middle : middle + 2_000] = bytes(2_000)
    found = unpack(bytes(whole))
    assert found.members[0][2] is Fault.ARCHIVE_DAMAGED
    assert len(found.members[0][1]) > 400_000
    assert found.members[1] == ("b", b"fine", None)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_zip_without_its_directory_gives_what_is_there(unpack: Unpack, method: int) -> None:
    files = {"a": b"first" * 1000, "b": NOISE, "c": b"last"}
    whole = made_zip(files, method)
    cut = unpack(whole[: whole.index(b"PK\x01\x02") + 20])
    assert cut.content == files
    assert cut.faults == [(None, Fault.ARCHIVE_DAMAGED)]
    within = unpack(whole[: whole.index(b"last") if method == 0 else 250 * KIB])
    assert within.content["a"] == files["a"]
    assert NOISE.startswith(within.content.get("b", b""))
    assert within.faults


def test_a_zip_with_a_damaged_directory_gives_the_rest_by_local_headers(unpack: Unpack) -> None:
    files = {str(n): NOISE[n : n + 100] for n in range(20)}
    whole = bytearray(made_zip(files))
    places = [i for i in range(len(whole)) if whole[i : i + 4] == b"PK\x01\x02"]
    whole[places[10]] = 0
    found = unpack(bytes(whole))
    assert found.content == files
    assert len(found.members) == 20
    assert found.faults == [(None, Fault.ARCHIVE_DAMAGED)]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_truncated_tar_gives_the_members_before(unpack: Unpack, mode: str) -> None:
    blocks = {str(n): random.Random(n).randbytes(100 * KIB) for n in range(30)}
    whole = made_tar(blocks, mode)
    found = unpack(whole[: len(whole) * 2 // 3])
    complete = [name for name, _, fault in found.members if fault is None]
    assert complete == [str(n) for n in range(len(complete))]
    assert len(complete) >= 10
    for name, content, fault in found.members:
        assert blocks[name].startswith(content)
        assert fault is None or name == str(len(complete))
    assert found.faults[-1] == (None, Fault.ARCHIVE_DAMAGED)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_truncated_stream_gives_its_beginning(
    unpack: Unpack, pack: Callable[[bytes], bytes]
) -> None:
    content = b"".join(b"%d," % n for n in range(400_000))
    whole = pack(content)
    found = unpack(whole[: len(whole) // 2])
    ((_, start, fault),) = found.members
    assert fault is Fault.ARCHIVE_DAMAGED
    assert content.startswith(start)
    assert len(start) > len(content) // 10


def test_a_tar_with_a_broken_header_gives_the_others(unpack: Unpack) -> None:
    whole = bytearray(made_tar({"a": b"1" * 600, "b": b"2" * 600, "c": b"3" * 600}))
    second = whole.index(b"b\x00")
    whole[second + 100] ^= 0xFF
    found = unpack(bytes(whole))
    assert set(found.content) == {"a", "c"}
    assert found.faults == [(None, Fault.ARCHIVE_DAMAGED)]


def test_joined_tars_are_both_read(unpack: Unpack) -> None:
    found = unpack(made_tar({"a": b"1"}) + made_tar({"b": b"2"}))
    assert found.content == {"a": b"1", "b": b"2"}


# Bounds


def test_a_member_over_the_bound_is_a_fault_and_the_next_is_read(unpack: Unpack) -> None:
    files = {"large": NOISE * 14, "small": b"1"}
    for archive in (made_zip(files), made_tar(files), made_tar(files, "w:gz")):
        found = unpack(archive)
        assert found.members == [("small", b"1", None)]
        assert found.faults == [("large", Fault.ARCHIVE_LIMIT)]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_single_file_bomb_is_bounded(unpack: Unpack, pack: Callable[[bytes], bytes]) -> None:
    assert unpack(pack(bytes(200 * MIB))).faults == [("", Fault.ARCHIVE_LIMIT)]


def test_a_bomb_of_many_members_is_bounded(unpack: Unpack) -> None:
    files = {str(n): bytes(2 * MIB) for n in range(20)}
    for archive in (made_zip(files), made_tar(files, "w:gz"), made_tar(files, "w:xz")):
        found = unpack(archive)
        # The ratio is looked at from 8 MiB.
        assert 2 <= len(found.members) <= 5
        assert found.faults == [(None, Fault.ARCHIVE_LIMIT)]


def test_the_sum_is_bounded_whatever_the_ratio(unpack: Unpack) -> None:
    dice = random.Random(5)
    files = {str(n): dice.randbytes(3 * MIB) for n in range(10)}
    for archive in (made_zip(files, zipfile.ZIP_STORED), made_tar(files)):
        found = unpack(archive)
        assert len(found.members) in {7, 8}
        assert found.faults == [(None, Fault.ARCHIVE_LIMIT)]


def test_overlapping_members_are_bounded(unpack: Unpack) -> None:
    """A directory of 100 members that all lead to the same 3 MiB of zeros."""
    whole = made_zip({"a": bytes(3 * MIB)})
    start = whole.index(b"PK\x01\x02")
    end = whole.rindex(b"PK\x05\x06")
    directory = whole[start:end] * 100
    record = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 100, 100, len(directory), start, 0)
    found = unpack(whole[:start] + directory + record)
    assert len(found.members) <= 3
    assert found.faults == [(None, Fault.ARCHIVE_LIMIT)]


def test_a_million_empty_members_are_bounded(unpack: Unpack) -> None:
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *[20] * 2, *[0] * 4, *[0] * 3, 1, *[0] * 6)
    directory = (entry + b"n") * 1_000_000
    record = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65_535, 65_535, len(directory), 30, 0)
    local = b"PK\x03\x04" + bytes(26)
    began = time.monotonic()
    found = unpack(local + directory + record)
    assert time.monotonic() - began < 5
    assert found.faults[-1] == (None, Fault.ARCHIVE_LIMIT)
    assert len(found.members) + len(found.faults) <= LIMITS.max_members + 1


def test_too_many_tar_members_are_bounded(unpack: Unpack) -> None:
    found = unpack(made_tar({str(n): b"" for n in range(1_000)}, "w:gz"))
    assert len(found.members) == LIMITS.max_members
    assert found.faults == [(None, Fault.ARCHIVE_LIMIT)]


@pytest.mark.parametrize("lie", [0, 1, 10**9])
def test_lies_about_sizes_hide_nothing(unpack: Unpack, lie: int) -> None:
    whole = bytearray(made_zip({"a": NOISE, "b": b"fine"}))
    central = whole.index(b"PK\x01\x02")
    struct.pack_into("<I", whole, central + 24, lie)
    struct.pack_into("<I", whole, 22, lie)
    found = unpack(bytes(whole))
    assert found.content == {"a": NOISE, "b": b"fine"}


def test_a_member_that_says_it_is_beyond_the_file(unpack: Unpack) -> None:
    whole = bytearray(made_zip({"a": NOISE, "b": b"fine"}))
    struct.pack_into("<I", whole, whole.index(b"PK\x01\x02") + 42, 10**9)
    found = unpack(bytes(whole))
    # Where the listing leads there is nothing; the local header is found all the same.
    assert found.members == [("b", b"fine", None), ("a", NOISE, None)]
    assert found.faults == [("a", Fault.ARCHIVE_DAMAGED)]


def test_header_bombs_are_bounded(unpack: Unpack) -> None:
    pax = made_tar({"a": b"1"}, format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 3 * MIB})
    assert unpack(pax).faults == [(None, Fault.ARCHIVE_LIMIT)]
    # Extended headers of extended headers, each of which `tarfile` answers by recursion.
    header = tarfile.TarInfo("x")
    header.type = tarfile.XHDTYPE
    header.size = 10
    chain = (header.tobuf(tarfile.USTAR_FORMAT) + b"10 a=bcde\n".ljust(512, b"\0")) * 5_000
    found = unpack(chain + made_tar({"a": b"1"}))
    assert found.faults


def test_sparse_members_are_bounded(unpack: Unpack) -> None:
    """A GNU sparse member of 1 GiB that holds nothing."""
    info = tarfile.TarInfo("sparse")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[386:410] = b"%011o\0%011o\0" % (2**30, 0)
    header[483:495] = b"%011o\0" % 2**30
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    found = unpack(bytes(header) + made_tar({"a": b"1"}))
    assert found.members == [("a", b"1", None)]
    assert found.faults == [("sparse", Fault.ARCHIVE_LIMIT)]


def test_an_xz_that_wants_all_memory_is_bounded(unpack: Unpack) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 768 * MIB, "preset": 0}]
    found = unpack(lzma.compress(b"x", filters=filters))
    assert found.faults == [(None, Fault.ARCHIVE_LIMIT)]


def test_closing_early_ends_the_unpacker(pool: WorkerPool, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(made_zip())
    gc.collect()  # what earlier tests left behind is none of this
    before = len(list(Path("/proc/self/fd").iterdir()))
    with (tmp_path / "archive").open("rb") as file:
        events = pool.unpack(file.fileno(), LIMITS)
        first = next(events)
        assert isinstance(first, Member)
        os.close(first.fd)
        events.close()  # type: ignore[attr-defined]
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_broken_archives_end_in_order(unpack: Unpack) -> None:
    """Mutations of every kind of archive: always an end, and no content that was never there."""
    dice = random.Random(6)
    files = {str(n): dice.randbytes(2_000) for n in range(5)}
    archives = [
        made_zip(files),
        made_zip(files, zipfile.ZIP_LZMA),
        made_tar(files),
        made_tar(files, "w:gz"),
        made_tar(files, "w:xz"),
    ]
    for archive in archives:
        for _ in range(12):
            changed = bytearray(archive)
            for _ in range(dice.randint(1, 8)):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            if dice.random() < 0.3:
                del changed[dice.randrange(len(changed)) :]
            found = unpack(bytes(changed))
            assert found.end.members <= LIMITS.max_members


def hidden(spans_only: bool) -> bytes:
    """A zip of three members whose directory does not list, or does not reach, the second."""
    whole = made_zip({"a.txt": b"first", "b.txt": b"second" * 20, "c.txt": b"third"})
    start = whole.index(b"PK\x01\x02")
    listed = [b"PK\x01\x02" + part for part in whole[start:].split(b"PK\x01\x02")[1:]]
    listed[-1], _ = listed[-1].split(b"PK\x05\x06")
    if spans_only:
        directory, offset, kept = listed[0] + listed[2], start, listed[0] + listed[2]
    else:
        directory, kept = b"".join(listed), listed[2]
        offset = start + len(listed[0]) + len(listed[1])
    count = 2 if spans_only else 1
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(kept), offset, 0)
    return whole[:start] + directory + end


@pytest.mark.parametrize("spans_only", [True, False])
def test_members_that_the_listing_leaves_out_are_given(unpack: Unpack, spans_only: bool) -> None:
    found = unpack(hidden(spans_only))
    assert found.content == {"a.txt": b"first", "b.txt": b"second" * 20, "c.txt": b"third"}
    assert found.faults == []


def test_an_archive_before_an_archive_is_given_too(unpack: Unpack) -> None:
    found = unpack(made_zip({"a": b"1" * 50}) + made_zip({"b": b"2" * 50}))
    assert found.content == {"a": b"1" * 50, "b": b"2" * 50}
    assert found.faults == []


def test_a_stored_archive_in_an_archive_is_not_taken_for_gaps(unpack: Unpack) -> None:
    inner = made_zip({"x": b"3" * 50})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("inner.zip", inner)
    assert unpack(out.getvalue()).content == {"inner.zip": inner}


def test_many_headers_without_sizes_are_read_in_one_go(unpack: Unpack) -> None:
    header = struct.pack("<4sHHHHHIIIHH", b"PK\x03\x04", 20, 8, 0, 0, 0, 0, 0, 0, 1, 0) + b"n"
    data = header * 20_000 + bytes(20_000_000)
    began = time.monotonic()
    found = unpack(data, dataclasses.replace(LIMITS, max_members=30_000))
    assert time.monotonic() - began < 20
    assert found.faults[-1] == (None, Fault.ARCHIVE_DAMAGED)


@pytest.mark.parametrize("before", [b"", b"MZ" + bytes(900), b"\xff\xd8\xff" + bytes(70_000)])
@pytest.mark.parametrize("note", [b"", b"a comment" * 50])
def test_what_is_an_archive(tmp_path: Path, before: bytes, note: bytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"x")
        archive.comment = note
    path = tmp_path / "file"
    for data, expected in (
        (before + out.getvalue(), True),
        (before + b"text PK\x05\x06 of no archive", False),
    ):
        path.write_bytes(data)
        with path.open("rb") as file:
            assert is_archive(file.fileno(), len(data)) is expected


def test_a_tar_of_the_oldest_form_is_an_archive(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    head = bytearray(out.getvalue())
    head[257:265] = bytes(8)  # "ustar" came later
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    (tmp_path / "old.tar").write_bytes(head)
    with (tmp_path / "old.tar").open("rb") as file:
        assert is_archive(file.fileno(), len(head))


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_whose_first_header_is_damaged_gives_the_others(
    unpack: Unpack, tmp_path: Path, mode: str
) -> None:
    damaged = bytearray(made_tar({"a": b"1" * 700, "b": b"2" * 700}))
    damaged[0] ^= 1
    data = bytes(damaged) if mode == "w" else gzip.compress(bytes(damaged))
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as file:
        assert is_archive(file.fileno(), len(data))
    found = unpack(data)
    assert found.content == {"b": b"2" * 700}
    assert found.faults == [(None, Fault.ARCHIVE_DAMAGED)]


def test_a_gzip_of_an_unknown_method_is_damaged_and_not_nothing(
    unpack: Unpack, tmp_path: Path
) -> None:
    data = bytearray(gzip.compress(b"x" * 100))
    data[2] = 9
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as file:
        assert is_archive(file.fileno(), len(data))
    assert unpack(bytes(data)).faults == [("", Fault.ARCHIVE_DAMAGED)]
