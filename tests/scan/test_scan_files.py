"""Scans of real files by real workers: what is found, what is not, and what is said of each."""

from __future__ import annotations

import dataclasses
import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from safehold.config import Settings
from safehold.errors import UsageError
from safehold.ids import ListName
from safehold.runtime import Runtime
from safehold.testing.mutate import mutations
from tests.conftest import KERNEL_CACHE
from tests.samples import sample
from tests.scan.conftest import Scan, encoded, original, write_list


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def entries(row: dict[str, Any]) -> set[tuple[str, str]]:
    return {(m["entry"], m["signal"]) for m in row["matches"]}


def test_copies_and_edits_are_found_and_others_are_not(tmp_path: Path, scan: Scan) -> None:
    picture = Image.fromarray(sample("astronaut"))
    (tmp_path / "copy.jpg").write_bytes(original("astronaut"))
    (tmp_path / "wrong-name.txt").write_bytes(encoded("astronaut", "PNG"))
    ImageOps.mirror(picture).save(tmp_path / "mirror.webp", quality=70)
    picture.rotate(90, expand=True).save(tmp_path / "turned.png")
    picture.convert("CMYK").save(tmp_path / "print.jpg", quality=85)
    picture.convert("L").save(tmp_path / "grey.bmp")
    ImageOps.expand(picture, (0, 70), 0).save(tmp_path / "letterbox.jpg", quality=60)
    for name in ("chelsea", "rocket"):
        (tmp_path / f"{name}.jpg").write_bytes(original(name))

    rows = scan(tmp_path)

    assert rows["copy.jpg"]["verdict"] == "block"
    assert rows["copy.jpg"]["reasons"] == ["exact_confirmed"]
    assert entries(rows["copy.jpg"]) == {("astronaut", s) for s in ("md5", "sha1", "sha256", "pdq")}
    for name in ("wrong-name.txt", "mirror.webp", "turned.png", "print.jpg", "grey.bmp"):
        assert entries(rows[name]) == {("astronaut", "pdq")}, name
        assert rows[name]["verdict"] == "hold"
        assert rows[name]["reasons"] == ["similar_confirmed"]
    assert rows["letterbox.jpg"]["matches"][0]["variant"].startswith("trimmed")
    assert rows["mirror.webp"]["matches"][0]["orientation"] == "flip_horizontal"
    for name in ("chelsea.jpg", "rocket.jpg"):
        assert (rows[name]["verdict"], rows[name]["matches"]) == ("allow", [])
    assert scan.summary.exit_code() == 1
    assert scan.summary.found == 7


def test_archives_within_archives(tmp_path: Path, scan: Scan) -> None:
    inner = tarred({"deep/é.jpg": original("coffee"), "note.txt": b"x"}, "w:gz")
    outer = {"a/copy.jpg": original("astronaut"), "inner.tar.gz": inner, "t.txt": b"text"}
    (tmp_path / "box.bin").write_bytes(zipped(outer))
    (tmp_path / "plain.tar").write_bytes(tarred({"chelsea.jpg": original("chelsea")}))

    rows = scan(tmp_path)

    assert rows["box.bin!a/copy.jpg"]["verdict"] == "block"
    assert rows["box.bin!inner.tar.gz!deep/é.jpg"]["verdict"] == "block"
    assert rows["box.bin!t.txt"]["error"] == "unsupported"
    assert rows["plain.tar!chelsea.jpg"]["verdict"] == "allow"
    for name, kind in (
        ("box.bin", "zip"),
        ("box.bin!inner.tar.gz", "gzip"),
        ("plain.tar", "tar"),
    ):
        assert (rows[name]["error"], rows[name]["format"]) == (None, kind)
    names = list(rows)
    assert names.index("box.bin!inner.tar.gz!note.txt") < names.index("box.bin!inner.tar.gz")
    assert names.index("box.bin!t.txt") < names.index("box.bin")


def test_archives_can_be_left_closed(tmp_path: Path, scan: Scan) -> None:
    (tmp_path / "box.zip").write_bytes(zipped({"a.jpg": original("coffee")}))
    rows = scan(tmp_path, archives=False)
    assert list(rows) == ["box.zip"]
    assert rows["box.zip"]["error"] == "unsupported"


def test_a_damaged_member_that_is_no_picture_is_not_let_through(tmp_path: Path, scan: Scan) -> None:
    text = bytes(range(256)) * 8
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("note.txt", text)
    (tmp_path / "box.zip").write_bytes(out.getvalue().replace(text, text[::-1]))
    rows = scan(tmp_path)
    member = rows["box.zip!note.txt"]
    assert (member["verdict"], member["error"]) == ("hold", "archive_damaged")
    assert member["sha256"] is not None


def test_archives_behind_something_else(tmp_path: Path, scan: Scan) -> None:
    box = zipped({"a.jpg": original("coffee")})
    (tmp_path / "program.exe").write_bytes(b"MZ" + bytes(3_000) + box)
    (tmp_path / "picture.jpg").write_bytes(original("chelsea") + box)
    (tmp_path / "both.zip").write_bytes(box + zipped({"b.jpg": original("chelsea")}))
    rows = scan(tmp_path)
    for name in ("program.exe", "picture.jpg", "both.zip"):
        assert rows[f"{name}!a.jpg"]["verdict"] == "block"
        assert (rows[name]["verdict"], rows[name]["error"]) == ("allow", None)
    assert rows["picture.jpg"]["format"] == "jpeg"


def test_members_of_one_name_are_told_apart(tmp_path: Path, scan: Scan) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.jpg", original("coffee"))
        archive.writestr("a.jpg", original("chelsea"))
    (tmp_path / "box.zip").write_bytes(out.getvalue())
    rows = scan(tmp_path)
    assert set(rows) == {"box.zip", "box.zip!a.jpg", "box.zip!a.jpg#2"}
    assert rows["box.zip!a.jpg"]["verdict"] == "block"
    assert rows["box.zip!a.jpg#2"]["verdict"] == "allow"


def test_depth_and_damage_of_archives_are_faults(tmp_path: Path, scan: Scan) -> None:
    nested = original("coffee")
    for depth in range(5):
        nested = zipped({f"{depth}": nested})
    (tmp_path / "deep.zip").write_bytes(nested)
    whole = zipped({"a.jpg": original("astronaut"), "b.jpg": original("chelsea")})
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) - 5_000])
    rows = scan(tmp_path)
    assert "archive_limit" in {row["error"] for row in rows.values()}
    assert rows["cut.zip!a.jpg"]["verdict"] == "block"
    assert rows["cut.zip"]["error"] == "archive_damaged"
    assert rows["cut.zip"]["verdict"] == "hold"


def test_what_is_no_picture_is_matched_by_its_bytes(tmp_path: Path, runtime: Runtime) -> None:
    text = b"%PDF-1.7 not a picture"
    settings = Settings(home=tmp_path / "home", kernel_cache=KERNEL_CACHE)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "paper.pdf").write_bytes(text)
    (tmp_path / "in" / "empty").touch()
    import hashlib

    listed = tmp_path / "list.txt"
    listed.write_text(hashlib.sha1(text).hexdigest() + "\n")
    with Runtime(settings) as fresh:
        fresh.__dict__["workers"] = runtime.workers
        from safehold.lists.model import Tier

        fresh.lists.add("papers", listed, tier=Tier.CONFIRMED)
        rows = Scan(fresh, tmp_path)(tmp_path / "in")
    assert rows["paper.pdf"]["verdict"] == "block"
    assert rows["paper.pdf"]["reasons"] == ["exact_confirmed", "unsupported"]
    assert (rows["empty"]["verdict"], rows["empty"]["error"]) == ("allow", "unsupported")
    assert rows["empty"]["sha256"] == hashlib.sha256(b"").hexdigest()


def test_plain_and_damaged_pictures_are_told_apart(tmp_path: Path, scan: Scan) -> None:
    Image.new("RGB", (300, 200), (40, 90, 200)).save(tmp_path / "plain.png")
    data = original("chelsea")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) * 2 // 3])
    (tmp_path / "ruin.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(80))
    rows = scan(tmp_path)
    plain, cut, ruin = (rows[n] for n in ("plain.png", "cut.jpg", "ruin.png"))
    assert (plain["verdict"], plain["reasons"], plain["error"]) == ("allow", ["low_quality"], None)
    assert (cut["verdict"], cut["error"]) == ("hold", "damaged")
    assert (ruin["verdict"], ruin["error"]) == ("hold", "decode_failed")
    assert ruin["sha256"] is not None
    assert scan.summary.exit_code() == 2


def test_a_very_wide_picture_is_no_crash(tmp_path: Path, scan: Scan) -> None:
    Image.new("L", (1_100_000, 8)).save(tmp_path / "wide.png")
    rows = scan(tmp_path)
    assert (rows["wide.png"]["reasons"], rows["wide.png"]["error"]) == (["low_quality"], None)


def test_files_that_cannot_be_opened_have_rows(
    tmp_path: Path, scan: Scan, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(original("coffee"))
    (tmp_path / "closed.jpg").write_bytes(original("coffee"))
    real = os.open

    def refuse(path: Any, *args: Any, **kwargs: Any) -> int:
        if isinstance(path, bytes) and path.endswith(b"closed.jpg"):
            raise PermissionError
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    rows = scan(tmp_path)
    closed = rows["closed.jpg"]
    assert (closed["verdict"], closed["error"], closed["sha256"]) == ("hold", "unreadable", None)
    assert rows["a.jpg"]["verdict"] == "block"


def test_names_that_are_no_text(tmp_path: Path, scan: Scan) -> None:
    (tmp_path / "in").mkdir()
    with open(bytes(tmp_path / "in") + b"/\xff.jpg", "wb") as odd:  # noqa: PTH123
        odd.write(original("coffee"))
    rows = scan(tmp_path / "in")
    assert set(rows) == {"\\xff.jpg"}
    assert rows["\\xff.jpg"]["path_base64"]


@pytest.fixture(scope="module")
def strict(home: Path) -> Iterator[Runtime]:
    """Narrow bounds."""
    base = Settings(home=home, kernel_cache=KERNEL_CACHE, workers=1)
    media = dataclasses.replace(
        base.media, max_bytes=200_000, max_pixels=300_000, max_frames=3, max_seconds=20
    )
    with Runtime(base.model_copy(update={"media": media})) as made:
        yield made


def test_bounds_are_faults_and_digests_survive(tmp_path: Path, strict: Runtime) -> None:
    rng = np.random.default_rng(0)
    big = Image.fromarray(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8))
    big.save(tmp_path / "bytes.png")
    (tmp_path / "film.bin").write_bytes(bytes(300_000))
    Image.new("L", (1000, 1000)).save(tmp_path / "pixels.png")
    (tmp_path / "copy.jpg").write_bytes(original("coffee"))
    frames = [Image.fromarray(sample("rocket", 64, 48)) for _ in range(9)]
    frames[8] = Image.fromarray(sample("coffee", 300, 200))
    frames[0].resize((300, 200)).save(
        tmp_path / "film.gif", save_all=True, append_images=[f.resize((300, 200)) for f in frames]
    )
    rows = Scan(strict, tmp_path.parent)(tmp_path)
    assert rows["bytes.png"]["error"] == "limit_bytes"
    assert rows["bytes.png"]["sha256"] is not None
    assert rows["film.bin"]["error"] == "unsupported"
    assert rows["film.bin"]["size"] == 300_000
    assert rows["pixels.png"]["error"] == "limit_pixels"
    assert rows["copy.jpg"]["verdict"] == "block"
    assert rows["film.gif"]["matches"][0]["variant"].startswith("frame_")


def test_a_list_can_be_chosen_and_an_unknown_one_is_refused(tmp_path: Path, scan: Scan) -> None:
    from safehold.lists.model import UnknownListError

    (tmp_path / "copy.jpg").write_bytes(original("coffee"))
    assert scan(tmp_path, lists=("samples",))["copy.jpg"]["verdict"] == "block"
    with pytest.raises(UnknownListError):
        scan(tmp_path, lists=("absent",))


def test_kept_digests_match_later_without_the_files(
    tmp_path: Path, runtime: Runtime, scan: Scan
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("astronaut", "chelsea"):
        (files / f"{name}.jpg").write_bytes(original(name))
    (files / "mirror.png").write_bytes(encoded("chelsea", "PNG"))
    (files / "cut.jpg").write_bytes(original("rocket")[:9000])
    (files / "t.txt").write_text("x")
    (files / "box.zip").write_bytes(zipped({"c.jpg": original("coffee")}))
    kept = tmp_path / "digests"
    before = scan(files, keep_digests=kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    for file in files.iterdir():
        file.unlink()

    again = scan(from_digests=kept, output=tmp_path / "again")
    strip = f"{files}/"
    for row in before.values():
        row.pop("provenance_faults", None)  # of its metadata nothing is kept
    assert {n.removeprefix(strip): r for n, r in again.items()} == before

    settings = Settings(home=tmp_path / "grown", kernel_cache=KERNEL_CACHE)
    with Runtime(settings) as grown:
        grown.lists.add("more", write_list(tmp_path / "l.csv", ("chelsea", "rocket")))
        rows = Scan(grown, tmp_path)(from_digests=kept, output=tmp_path / "grown.jsonl")
    named = {name.removeprefix(strip): row for name, row in rows.items()}
    assert named["chelsea.jpg"]["reasons"] == ["exact_suspected"]
    assert named["mirror.png"]["reasons"] == ["similar_suspected"]
    assert named["astronaut.jpg"]["verdict"] == "allow"


def test_only_what_came_since_is_matched_with_kept_digests(
    tmp_path: Path, runtime: Runtime, scan: Scan
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("astronaut", "chelsea", "rocket"):
        (files / f"{name}.jpg").write_bytes(original(name))
    (files / "mirror.png").write_bytes(encoded("chelsea", "PNG"))
    kept = tmp_path / "digests"
    scan(files, keep_digests=kept)
    runtime.lists.add("late", write_list(tmp_path / "l.csv", ("rocket",)))
    before = {info.name: info.version for info in runtime.lists.show()}
    runtime.lists.add("late", write_list(tmp_path / "m.csv", ("chelsea",)))
    since = (("late", before[ListName("late")]),)
    rows = scan(from_digests=kept, since=since, output=tmp_path / "new.jsonl")
    named = {name.rpartition("/")[2]: row for name, row in rows.items()}
    assert named["chelsea.jpg"]["reasons"] == ["exact_suspected"]
    assert named["mirror.png"]["reasons"] == ["similar_suspected"]
    # The rocket was there before: whoever scanned then has seen it.
    assert named["rocket.jpg"]["verdict"] == named["astronaut.jpg"]["verdict"] == "allow"
    with pytest.raises(UsageError):
        scan(files, since=(("late", 1),))
    with pytest.raises(UsageError):
        scan(from_digests=kept, lists=("late",), since=(("late", 1),))


def test_mutated_files_lose_no_row(tmp_path: Path, scan: Scan) -> None:
    files = tmp_path / "files"
    files.mkdir()
    names = set()
    for name, data in mutations(11, 400):
        (files / name).write_bytes(data)
        names.add(name)
    rows = scan(files)
    assert len(names) == 400
    assert names <= set(rows)
    for row in rows.values():
        assert row["sha256"] or row["error"]
        assert row["verdict"] in ("allow", "hold", "block")
    assert sum(row["error"] is None for row in rows.values()) > 40
