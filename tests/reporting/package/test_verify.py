"""Whatever was altered in a package is found, and nothing else is."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping

import pytest

from safehold.audit.chain import extend
from safehold.audit.model import GENESIS, EventDraft
from safehold.reporting.package import judging, statement, verify
from safehold.reporting.package.bag import RECORD_BYTES, manifest
from safehold.reporting.package.custody import event_line
from safehold.reporting.package.judging import Finding
from safehold.reporting.package.statement import StatementError
from safehold.reporting.package.verify import MAX_HEADER, PackageReport, verify_stream
from tests.audit.logs import KEY, PRIVATE, T0
from tests.reporting.package.made import IDENTITY, ORIGINALS, bag, contents, edited, sealed

Members = Mapping[str, bytes]
FOLDER = "safehold-01package/"
WHOLE = bag()


def check(tar: bytes, public: bytes | None = KEY.public) -> PackageReport:
    return verify_stream(io.BytesIO(sealed(tar)), [IDENTITY], public)


def codes(tar: bytes) -> set[str]:
    return {finding.code for finding in check(tar).findings}


def signed_again(members: Members) -> dict[str, bytes]:
    """All digests and signatures made anew, as only who has the key can."""
    files = {name.removeprefix(FOLDER): content for name, content in members.items()}
    made = files["package-statement.txt"]
    payload = {name: one for name, one in files.items() if name.startswith("data/")}
    octets = sum(map(len, payload.values()))
    info = files["bag-info.txt"].split(b"Payload-Oxum")[0]
    files["bag-info.txt"] = info + f"Payload-Oxum: {octets}.{len(payload)}\n".encode()
    for algorithm in ("sha256", "sha512"):
        files[f"manifest-{algorithm}.txt"] = _manifest(algorithm, payload)
    tags = {
        name: one
        for name, one in files.items()
        if name in ("bagit.txt", "bag-info.txt", "key.pem") or name.startswith("manifest-")
    }
    for algorithm in ("sha256", "sha512"):
        files[f"tagmanifest-{algorithm}.txt"] = _manifest(algorithm, tags)
    said = statement.read(made)
    digests = [(name, hashlib.sha256(files[name]).hexdigest()) for name in said.files]
    text = statement.write("package", list(said.fields.items()), digests)
    files["package-statement.txt"] = text
    files["package-statement.sig"] = PRIVATE.sign(text)
    return {FOLDER + name: content for name, content in files.items()}


def _manifest(algorithm: str, files: Members) -> bytes:
    return manifest({name: hashlib.new(algorithm, one).hexdigest() for name, one in files.items()})


def custody_signed_again(members: Members) -> dict[str, bytes]:
    """The custody's statement made anew as well, of whatever stands there."""
    files = dict(members)
    folder = f"{FOLDER}data/custody/"
    said = statement.read(files[f"{folder}statement.txt"])
    digests = [(name, hashlib.sha256(files[folder + name]).hexdigest()) for name in said.files]
    text = statement.write("custody", list(said.fields.items()), digests)
    files[f"{folder}statement.txt"] = text
    files[f"{folder}statement.sig"] = PRIVATE.sign(text)
    return signed_again(files)


def test_a_whole_package() -> None:
    report = check(WHOLE)
    assert report.findings == ()
    assert report.is_whole
    assert report.is_authentic
    assert report.fingerprint == statement.fingerprint(KEY.public)
    assert (report.package_id, report.case_id) == ("01package", contents().facts.case_id)
    assert (report.evidence, report.events, report.report_id) == (2, 3, contents().facts.report_id)
    unknown = check(WHOLE, None)
    assert unknown.is_whole
    assert unknown.is_authentic is None
    other = check(WHOLE, bytes(31) + b"\1")
    assert other.is_authentic is False
    assert {one.code for one in other.findings} == {"key_other"}
    # What the tests below do finds nothing by itself.
    assert codes(edited(WHOLE, dict)) == set()
    assert codes(edited(WHOLE, custody_signed_again)) == set()


def names() -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(WHOLE)) as archive:
        return archive.getnames()


@pytest.mark.parametrize("name", names())
def test_each_member_altered_or_left_out_or_renamed(name: str) -> None:
    def altered(members: Members) -> Members:
        content = bytearray(members[name])
        content[len(content) // 2] ^= 1
        return {**members, name: bytes(content)}

    def left_out(members: Members) -> Members:
        return {one: content for one, content in members.items() if one != name}

    def renamed(members: Members) -> Members:
        return {one + "x" * (one == name): content for one, content in members.items()}

    def longer(members: Members) -> Members:
        return {**members, name: members[name] + b"\n"}

    for edit in (altered, left_out, renamed, longer):
        found = check(edited(WHOLE, edit))
        assert not found.is_whole, edit.__name__


def _added(name: str) -> Callable[[Members], Members]:
    return lambda members: {**members, name: b"more"}


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_added(f"{FOLDER}data/evidence/003.png"), "member_unlisted"),
        (_added(f"{FOLDER}extra.txt"), "member_unlisted"),
        (_added("elsewhere/x"), "bag_folder"),
        (_added(f"{FOLDER}../../x"), "member_refused"),
        (_added("/absolute"), "member_refused"),
    ],
)
def test_what_was_added(edit: Callable[[Members], Members], code: str) -> None:
    assert code in codes(edited(WHOLE, edit))


def test_tars_that_no_package_is() -> None:
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.GNUTYPE_SPARSE):
        member = tarfile.TarInfo(f"{FOLDER}link")
        member.type, member.linkname = kind, "x" if kind != tarfile.DIRTYPE else ""
        assert "tar_refused" in codes(member.tobuf(tarfile.GNU_FORMAT) + WHOLE)
    twice = WHOLE[: 512 * 2]
    assert "member_twice" in codes(twice + WHOLE)
    assert "tar_trailing" in codes(WHOLE + bytes(2 * RECORD_BYTES))
    assert "tar_trailing" in codes(WHOLE[:-1] + b"x")
    assert "tar_unreadable" in codes(WHOLE[:3000])
    assert "tar_unreadable" in codes(b"\1" * 512 + WHOLE)
    assert "tar_unreadable" in codes(b"")
    long = tarfile.TarInfo("x" * 300)
    assert "tar_refused" in codes(long.tobuf(tarfile.PAX_FORMAT) + WHOLE)


def _with_events(lines: bytes) -> set[str]:
    def edit(members: Members) -> Members:
        changed = {**members, f"{FOLDER}data/custody/events.jsonl": lines}
        return custody_signed_again(changed)

    return codes(edited(WHOLE, edit))


def test_the_chain_of_custody_is_checked_by_itself() -> None:
    """Even where the key signed all of it, as a mistaken custodian could."""
    lines = [event_line(event) for event in contents().events]
    assert _with_events(b"".join(lines)) == set()
    assert "statement_mismatch" in _with_events(b"".join(lines[:2]))
    assert "event_order" in _with_events(b"".join(lines[::-1]))
    assert "event_unreadable" in _with_events(b"".join(lines)[:-1])
    assert "event_unreadable" in _with_events(b"{}\n" + b"".join(lines[1:]))
    assert "event_altered" in _with_events(b"".join(lines).replace(b'"n":1', b'"n":2'))
    # Another log, sound by itself, does not end as the checkpoint says.
    case = contents().facts.case_id
    drafts = [EventDraft("case.opened", T0, "policy", "s2", case) for _ in range(4)]
    other = [event_line(event) for event in extend(0, GENESIS, drafts)]
    assert "checkpoint_mismatch" in _with_events(b"".join(other[1:]))
    mixed = [other[2], lines[2]]
    assert "event_chain" in _with_events(b"".join(mixed))
    strange = list(extend(0, GENESIS, [EventDraft("x.y", T0, "policy", "s", "stranger")]))
    assert "statement_mismatch" in _with_events(
        b"".join(map(event_line, strange)) + lines[1] + lines[2]
    )


def _resigned(change: Callable[[dict[str, bytes]], None]) -> set[str]:
    def edit(members: Members) -> Members:
        files = dict(members)
        change(files)
        return custody_signed_again(files)

    return codes(edited(WHOLE, edit))


def test_checkpoints_and_case_are_checked_by_themselves() -> None:
    checkpoints = f"{FOLDER}data/custody/checkpoints.txt"

    def change(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
        def made(files: dict[str, bytes]) -> None:
            assert old in files[name]
            files[name] = files[name].replace(old, new)

        return made

    year = change(checkpoints, b"2026-01-02", b"2027-01-02")
    assert _resigned(year) == {"checkpoint_signature"}
    assert "checkpoint_unreadable" in _resigned(change(checkpoints, b"safehold audit", b"other"))
    digest = hashlib.sha256(ORIGINALS[0]).hexdigest().encode()
    case = f"{FOLDER}data/case.json"
    assert _resigned(change(case, digest, b"0" * 64)) == {"case_mismatch"}
    assert _resigned(change(case, b'"files"', b'"others"')) == {"case_unreadable"}
    key = f"{FOLDER}data/custody/key.pub.pem"
    assert _resigned(change(key, b"PUBLIC", b"PUBLIK")) == {"key_differs"}


def test_findings_name_nothing_that_a_stranger_wrote() -> None:
    hostile = f"{FOLDER}data/evidence/\x1b[31m"
    report = check(edited(WHOLE, lambda members: {**members, hostile: b""}))
    assert Finding("member_refused") in report.findings


def test_statements() -> None:
    text = statement.write("package", [("a", "1"), ("b-2", "x y")], [("f.txt", "0" * 64)])
    said = statement.read(text)
    assert (said.kind, dict(said.fields), dict(said.files)) == (
        "package",
        {"a": "1", "b-2": "x y"},
        {"f.txt": "0" * 64},
    )
    for wrong in (
        [("a", "1\nb: 2")],
        [("a", "\u00e9")],
        [("a", "")],
        [("A", "1")],
        [("a", "1"), ("a", "2")],
    ):
        with pytest.raises(StatementError):
            statement.write("package", wrong)
    for other in (b"", text[:-1], text + b"c: 1\n", text.replace(b" 1 p", b" 2 p"), b"\xff" + text):
        with pytest.raises(StatementError):
            statement.read(other)
    pem = statement.key_pem(KEY.public)
    assert statement.read_key_pem(pem) == KEY.public
    for broken in (b"", pem[:-30], pem.replace(b"MCow", b"MCox"), b"x" + pem):
        with pytest.raises(StatementError):
            statement.read_key_pem(broken)
    signature = PRIVATE.sign(text)
    assert statement.is_signed(text, signature, KEY.public)
    assert not statement.is_signed(text, signature[:-1], KEY.public)
    assert not statement.is_signed(text, signature, b"short")


class _Endless:
    """An age file whose header has one recipient after another."""

    def __init__(self, lines: int) -> None:
        self._left = lines
        self.read_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        if not self._left:
            return b""
        self._left -= 1
        line = b"-> X25519 %s\n%s\n" % (b"A" * 43, b"A" * 43)
        self.read_bytes += len(line)
        return line if self.read_bytes > len(line) else b"age-encryption.org/v1\n" + line


@pytest.mark.timeout(20)
def test_a_header_without_end_ends() -> None:
    endless = _Endless(20_000)
    assert verify_stream(endless, [IDENTITY]).findings == (Finding("package_damaged"),)
    assert endless.read_bytes < MAX_HEADER + 1_000


@pytest.mark.timeout(20)
@pytest.mark.parametrize("fill", [b"\n" * 900, b"\n" * 200_000, b" " * 900 + b"x"])
def test_a_key_that_is_none_takes_no_time(fill: bytes) -> None:
    with pytest.raises(StatementError):
        statement.read_key_pem(b"-----BEGIN PUBLIC KEY-----" + fill + b"-----END PUBLIC KEY----")
    spaced = statement.key_pem(KEY.public).replace(b"\n", b"\r\n")
    assert statement.read_key_pem(spaced) == KEY.public


def test_memory_is_bounded_for_all_members_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MAX_KEPT", 50_000)
    assert codes(WHOLE) == set()
    more = {f"{FOLDER}more-{number}.txt": bytes(20_000) for number in range(3)}
    assert "member_too_large" in codes(edited(WHOLE, lambda members: {**members, **more}))


def test_members_are_counted_whatever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_MEMBERS", len(names()) + 5)
    assert codes(WHOLE) == set()
    refused = tarfile.TarInfo(f"{FOLDER}../x").tobuf(tarfile.USTAR_FORMAT)
    assert "tar_refused" not in codes(refused * 5 + WHOLE)
    assert "tar_refused" in codes(refused * 6 + WHOLE)
