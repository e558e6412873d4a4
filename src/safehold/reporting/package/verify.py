"""Verification of a package by whoever receives it: no home, no network, bounded memory.

One pass over the file: decrypted, unpacked and hashed as it is read. Nothing is written.

A package is **whole** where

1. the age file decrypts to its end, and its tar is read to its end, without anything after it;
2. the bag keeps to RFC 8493: declaration, payload as both manifests and `Payload-Oxum` say, tag
   files as both tag manifests say, and nothing that they do not name;
3. the package's statement names all four manifests, with their digests, and its signature is
   right;
4. the custody statement's signature is right and its digests are those of the events and the
   checkpoints; the events' hashes are right and they link; they are about the cases of the
   statement; the checkpoints are signed by the same key and agree with the events;
5. `case.json` names each file of evidence with the digest and the size that it has.

That the key is the sender's is known only where the receiver brings it: `is_authentic`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from safehold.reporting.package import statement
from safehold.reporting.package.bag import DATA, MANIFESTS, MEMBER_NAME
from safehold.reporting.package.custody import EventsCheck
from safehold.reporting.package.judging import KEY, Finding, Hashes, Keep, Read, judge
from safehold.reporting.package.untar import CHUNK, Member, UntarError, members
from safehold.vault.pipes import read_from
from safehold.vault.sealing import DamagedError, Identity, Reader, unseal_stream

MAX_MEMBERS = 100_000
"""More members than any package has; further ones are refused."""

MAX_HEADER = 1 << 16
"""Largest header of an age file that is read: a package has one recipient. What reads headers
takes time that grows with the square of their length, so a hostile one would never end."""

_HEADER_END = re.compile(rb"\n--- [^\n]*\n")


@dataclass(frozen=True, slots=True)
class PackageReport:
    """What verification found.

    Attributes:
        findings: what is wrong; none for a whole package.
        is_authentic: whether it is signed by the key that the receiver brought; None where no
            key was brought.
        fingerprint: of the key in the package (`statement.fingerprint`), or empty.
        package_id, case_id, report_id: as the signed statement says, or empty.
        made: when, as it says.
        files: how many payload files there are.
        size: their bytes.
        evidence: how many of them are originals.
        events: how many events of the audit log there are.
    """

    findings: tuple[Finding, ...]
    is_authentic: bool | None
    fingerprint: str = ""
    package_id: str = ""
    case_id: str = ""
    report_id: str = ""
    made: str = ""
    files: int = 0
    size: int = 0
    evidence: int = 0
    events: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.findings


def verify(
    path: Path, identities: Sequence[Identity], public: bytes | None = None
) -> PackageReport:
    """Verify a package.

    Args:
        path: of the age file.
        identities: one of them is the recipient's.
        public: the sender's Ed25519 key (32 bytes), which came by another way; None for none.

    Raises:
        KeyMismatchError: none of the identities opens it.
        OSError: the file cannot be read.
    """
    with path.open("rb") as sealed:
        return verify_stream(sealed, identities, public)


def verify_stream(
    sealed: Reader, identities: Sequence[Identity], public: bytes | None = None
) -> PackageReport:
    """Verify a package that is read from a stream. See `verify`."""
    read = Read()
    try:
        bounded = _Headed(sealed)
        with read_from(lambda plain: unseal_stream(identities, bounded, plain)) as plain:
            _walk(plain, read)
    except DamagedError:
        # What was read before it counts for nothing.
        return PackageReport((Finding("package_damaged"),), None if public is None else False)
    findings = list(judge(read))
    key = read.key
    authentic = None if public is None else public == key
    if authentic is False:
        findings.append(Finding("key_other", KEY))
    said = read.said
    return PackageReport(
        findings=tuple(dict.fromkeys(findings)),
        is_authentic=authentic,
        fingerprint=statement.fingerprint(key) if key else "",
        package_id=said.get("package", ""),
        case_id=said.get("case", ""),
        report_id=said.get("report", ""),
        made=said.get("made", ""),
        files=len(read.payload),
        size=sum(one.size for one in read.payload.values()),
        evidence=len(read.evidence),
        events=read.events.count,
    )


def _walk(plain: BinaryIO, read: Read) -> None:
    """Read the tar, and the stream to its end, which alone says that nothing was cut off."""
    try:
        for number, member in enumerate(members(plain), 1):
            if number > MAX_MEMBERS:
                raise UntarError("tar_refused")
            _member(member, read)
    except UntarError as error:
        read.findings.append(Finding(error.code))
        while plain.read(CHUNK):
            pass


def _member(member: Member, read: Read) -> None:
    folder, _, name = member.name.partition("/")
    if not MEMBER_NAME.fullmatch(name) or not MEMBER_NAME.fullmatch(folder):
        read.findings.append(Finding("member_refused"))
        return
    read.folders.add(folder)
    if name in read.payload or name in read.tags:
        read.findings.append(Finding("member_twice", name))
        return
    into = read.payload if name.startswith(DATA) else read.tags
    keeper = read.keeper(name)
    into[name] = _hashed(member, keeper)
    if isinstance(keeper, EventsCheck):
        keeper.end()
    elif keeper is not None and keeper.is_over:
        read.findings.append(Finding("member_too_large", name))
    elif keeper is not None:
        read.kept[name] = bytes(keeper.content)
        read.left -= len(keeper.content)


def _hashed(member: Member, keeper: Keep | EventsCheck | None) -> Hashes:
    """Read a member to its end."""
    hashes = {algorithm: hashlib.new(algorithm) for algorithm in MANIFESTS}
    for content in member.content:
        for one in hashes.values():
            one.update(content)
        if keeper is not None:
            keeper.write(content)
    return Hashes({algorithm: one.hexdigest() for algorithm, one in hashes.items()}, member.size)


class _Headed:
    """A reader of an age file whose header was looked at first.

    Raises:
        DamagedError: the header does not end within `MAX_HEADER` bytes.
    """

    def __init__(self, sealed: Reader) -> None:
        head = b""
        while len(head) < MAX_HEADER and (more := sealed.read(MAX_HEADER - len(head))):
            head += more
        if _HEADER_END.search(head) is None:
            raise DamagedError
        self._head = head
        self._rest = sealed

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size`; all that are left where it is negative."""
        if size < 0:
            return self.read(len(self._head)) + self._rest.read(size)
        if not self._head:
            return self._rest.read(size)
        given, self._head = self._head[:size], self._head[size:]
        return given
