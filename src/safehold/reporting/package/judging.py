"""What is wrong with a package, from what was read of it. I/O-free. `verify` has the rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from safehold.audit.note import CheckpointVerifier, NoteError, NoteKey, read_checkpoints
from safehold.reporting.package import custody, statement
from safehold.reporting.package.bag import BAGIT_TXT, DATA, MANIFESTS, MEMBER_NAME, TAG_MANIFESTS
from safehold.reporting.package.statement import Statement, StatementError

KIND = "package"
KEY = "key.pem"
STATEMENT = "package-statement.txt"
SIGNATURE = "package-statement.sig"
CASE = "case.json"
EVIDENCE = "evidence/"
CUSTODY = "custody/"
CUSTODY_STATEMENT = f"{CUSTODY}statement.txt"
CUSTODY_SIGNATURE = f"{CUSTODY}statement.sig"
CUSTODY_KEY = f"{CUSTODY}key.pub.pem"

MAX_KEPT = 64 << 20
"""Bytes of all files together that are read whole: manifests, statements, `case.json`. Others are
only hashed."""

_UNNAMED = frozenset({*TAG_MANIFESTS.values(), STATEMENT, SIGNATURE})
"""Tag files that tag manifests do not name: themselves, and what signs them."""

_TAGS = frozenset({"bagit.txt", "bag-info.txt", KEY, *MANIFESTS.values()})
_LINE = re.compile(r"([0-9a-f]{64}|[0-9a-f]{128})  (\S{1,400})")
_OXUM = re.compile(r"^Payload-Oxum: ([0-9]{1,18})\.([0-9]{1,9})$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        code: stable; `docs/formats/package.md` has them all.
        name: the member that it is about, or empty. Only names that are neutral stand here.
    """

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Hashes:
    """A member as it was read: digests in hex by their algorithms, and bytes."""

    digests: Mapping[str, str]
    size: int


@dataclass(slots=True)
class Keep:
    """Keeps what is written, up to a limit in bytes."""

    limit: int
    content: bytearray = field(default_factory=bytearray)
    is_over: bool = False

    def write(self, content: bytes) -> None:
        """Take the next bytes."""
        self.is_over = self.is_over or len(self.content) + len(content) > self.limit
        if self.is_over:
            self.content.clear()
        else:
            self.content += content


@dataclass(slots=True)
class Read:
    """What was read of a package.

    Attributes:
        folders: first parts of all names.
        payload, tags: members by name, below the bag's folder.
        kept: content of small members.
        events: the check of `events.jsonl`.
        findings: what was wrong on the way.
        left: bytes that may still be kept.
    """

    folders: set[str] = field(default_factory=set)
    payload: dict[str, Hashes] = field(default_factory=dict)
    tags: dict[str, Hashes] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    events: custody.EventsCheck = field(default_factory=custody.EventsCheck)
    findings: list[Finding] = field(default_factory=list)
    left: int = field(default_factory=lambda: MAX_KEPT)

    def keeper(self, name: str) -> Keep | custody.EventsCheck | None:
        """What takes the content of a member beside its hashes, or None."""
        if name == f"{DATA}{CUSTODY}{custody.EVENTS}":
            return self.events
        below = name.removeprefix(DATA)
        if below in (name, CASE) or below.startswith(CUSTODY):
            return Keep(self.left)
        return None

    @property
    def key(self) -> bytes:
        """The key of the package (32 bytes), or nothing."""
        try:
            return statement.read_key_pem(self.kept.get(KEY, b""))
        except StatementError:
            return b""

    @property
    def said(self) -> Mapping[str, str]:
        """Fields of the package's statement, or nothing."""
        found = _statement(self.kept.get(STATEMENT, b""), KIND)
        return found.fields if found else {}

    @property
    def evidence(self) -> Mapping[str, Hashes]:
        """The originals, by their names below `data/`."""
        start = f"{DATA}{EVIDENCE}"
        found = {name: one for name, one in self.payload.items() if name.startswith(start)}
        return {name.removeprefix(DATA): one for name, one in found.items()}


def judge(read: Read) -> Iterator[Finding]:
    """All that is wrong with what was read."""
    yield from read.findings
    if len(read.folders) != 1:
        yield Finding("bag_folder")
    yield from _bag(read)
    yield from _package_statement(read)
    yield from _custody(read)
    yield from _case(read)


def _bag(read: Read) -> Iterator[Finding]:
    """Rule 2."""
    if read.kept.get("bagit.txt") != BAGIT_TXT:
        yield Finding("bag_declaration", "bagit.txt")
    octets = sum(one.size for one in read.payload.values())
    found = _OXUM.findall(read.kept.get("bag-info.txt", b"").decode("utf-8", "replace"))
    if found != [(str(octets), str(len(read.payload)))]:
        yield Finding("bag_oxum", "bag-info.txt")
    for algorithm, name in MANIFESTS.items():
        yield from _listed(read, algorithm, name, read.payload)
    named = {name: one for name, one in read.tags.items() if name not in _UNNAMED}
    for algorithm, name in TAG_MANIFESTS.items():
        yield from _listed(read, algorithm, name, named)
    for name in sorted(_TAGS - named.keys()):
        yield Finding("member_missing", name)


def _listed(
    read: Read, algorithm: str, name: str, members: Mapping[str, Hashes]
) -> Iterator[Finding]:
    """Whether a manifest and the members are the same."""
    listed = _manifest(read.kept.get(name))
    if listed is None:
        yield Finding("manifest_unreadable", name)
        return
    for path in sorted(listed.keys() | members.keys()):
        shown = path if MEMBER_NAME.fullmatch(path) else ""
        if path not in members:
            yield Finding("member_missing", shown)
        elif path not in listed:
            yield Finding("member_unlisted", shown)
        elif members[path].digests[algorithm] != listed[path]:
            yield Finding("member_altered", shown)


def _manifest(content: bytes | None) -> dict[str, str] | None:
    """Digests by path; None where it is no manifest or names something twice."""
    if not content or not content.isascii():
        return None
    lines = content.decode("ascii").split("\n")
    found = [_LINE.fullmatch(line) for line in lines[:-1]]
    listed = {one[2]: one[1] for one in found if one is not None}
    return listed if lines[-1] == "" and len(listed) == len(found) else None


def _package_statement(read: Read) -> Iterator[Finding]:
    """Rule 3."""
    text = read.kept.get(STATEMENT, b"")
    if not read.key:
        yield Finding("key_unreadable", KEY)
    elif not statement.is_signed(text, read.kept.get(SIGNATURE, b""), read.key):
        yield Finding("signature_wrong", SIGNATURE)
    found = _statement(text, KIND)
    if found is None:
        yield Finding("statement_unreadable", STATEMENT)
        return
    names = (*MANIFESTS.values(), *TAG_MANIFESTS.values())
    there = {name: read.tags[name].digests["sha256"] for name in names if name in read.tags}
    if dict(found.files) != there or len(there) != len(names):
        yield Finding("statement_mismatch", STATEMENT)


def _custody(read: Read) -> Iterator[Finding]:
    """Rule 4."""
    for code in read.events.faults:
        yield Finding(code, f"{CUSTODY}{custody.EVENTS}")
    text = read.kept.get(f"{DATA}{CUSTODY_STATEMENT}", b"")
    if read.kept.get(f"{DATA}{CUSTODY_KEY}") != read.kept.get(KEY):
        yield Finding("key_differs", CUSTODY_KEY)
    signature = read.kept.get(f"{DATA}{CUSTODY_SIGNATURE}", b"")
    if read.key and not statement.is_signed(text, signature, read.key):
        yield Finding("signature_wrong", CUSTODY_SIGNATURE)
    found = _statement(text, custody.KIND)
    if found is None:
        yield Finding("statement_unreadable", CUSTODY_STATEMENT)
        return
    names = (custody.EVENTS, custody.CHECKPOINTS)
    paths = {name: f"{DATA}{CUSTODY}{name}" for name in names}
    there = {
        name: read.payload[path].digests["sha256"]
        for name, path in paths.items()
        if path in read.payload
    }
    cases = {value for name, value in found.fields.items() if name.startswith("case-")}
    if (
        dict(found.files) != there
        or found.fields.get("events") != str(read.events.count)
        or not read.events.subjects <= cases
        or read.said.get("case") not in cases
    ):
        yield Finding("statement_mismatch", CUSTODY_STATEMENT)
    yield from _checkpoints(read, found)


def _checkpoints(read: Read, said: Statement) -> Iterator[Finding]:
    """Whether the checkpoints are the key's, agree with the events, and cover all of them."""
    name = f"{CUSTODY}{custody.CHECKPOINTS}"
    try:
        log_id = bytes.fromhex(said.fields.get("log", ""))
        content = read.kept.get(f"{DATA}{name}", b"").decode("utf-8")
        notes = read_checkpoints(content)
        keys = [NoteKey(custody.signer_name(one.note), read.key) for one in notes]
    except (NoteError, ValueError):
        yield Finding("checkpoint_unreadable", name)
        return
    genuine = CheckpointVerifier(log_id, keys)
    # There is one for each event at most (`custody.covering`).
    if not 0 < len(notes) <= max(1, read.events.count) or not all(genuine(one) for one in notes):
        yield Finding("checkpoint_signature", name)
        return
    last = max(notes, key=lambda one: one.seq)
    said_last = (said.fields.get("checkpoint"), said.fields.get("checkpoint-hash"))
    hashes = read.events.hashes
    agree = all(hashes.get(one.seq, one.hash) == one.hash for one in notes)
    covered = all(seq <= last.seq for seq in hashes)
    if not agree or not covered or said_last != (str(last.seq), last.hash.hex()):
        yield Finding("checkpoint_mismatch", name)


def _case(read: Read) -> Iterator[Finding]:
    """Rule 5."""
    try:
        told = json.loads(read.kept.get(f"{DATA}{CASE}", b""))
        files = {one["name"]: (one["manifest"]["sha256"], one["size"]) for one in told["files"]}
        case = told["case"]
    except (ValueError, KeyError, TypeError, RecursionError):
        yield Finding("case_unreadable", CASE)
        return
    there = {name: (one.digests["sha256"], one.size) for name, one in read.evidence.items()}
    if files != there or case != read.said.get("case"):
        yield Finding("case_mismatch", CASE)


def _statement(text: bytes, kind: str) -> Statement | None:
    try:
        found = statement.read(text)
    except StatementError:
        return None
    return found if found.kind == kind else None
