"""A BagIt bag (RFC 8493, version 1.0), written as a tar in one pass.

The payload is hashed on its way; manifests come after it. Nothing is kept but names and digests,
so memory does not grow with the files. Members are plain files with neutral names, one moment
and no owner; headers are POSIX's ustar, with a pax record only where a file has 8 GiB or more.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from safehold.errors import SafeholdError
from safehold.vault.sealing import Writer

BAGIT_TXT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
DATA = "data/"
MANIFESTS = {"sha256": "manifest-sha256.txt", "sha512": "manifest-sha512.txt"}
TAG_MANIFESTS = {"sha256": "tagmanifest-sha256.txt", "sha512": "tagmanifest-sha512.txt"}

MEMBER_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){0,4}"
)
"""Names of members, below the bag's folder: nothing that any file system or shell would take for
more than a name."""

RECORD_BYTES = 20 * tarfile.BLOCKSIZE
_MODE = 0o600
_LABEL = re.compile(r"[A-Za-z][A-Za-z-]{0,63}")
_VALUE = re.compile(r"[\x20-\x7e]{1,200}")


class PackageError(SafeholdError):
    """A package cannot be made, or was broken off."""

    code = "package"
    default_message = "The package could not be made."
    default_hint = "What was written of it does not open. Make it again."


@dataclass(frozen=True, slots=True)
class Payload:
    """A payload file as it was written: SHA-256 and SHA-512 in hex, and its bytes."""

    sha256: str
    sha512: str
    size: int


class BagWriter:
    """Writes a bag, member after member: payload, then `finish`.

    Args:
        output: takes the tar.
        folder: name of the bag's folder, which all members stand in.
        at: moment of all members.

    Attributes:
        payload: what was written so far, by name.
    """

    def __init__(self, output: Writer, folder: str, at: dt.datetime) -> None:
        if not MEMBER_NAME.fullmatch(folder) or "/" in folder:
            raise PackageError
        self.payload: dict[str, Payload] = {}
        self._output = output
        self._folder = folder
        self._at = int(at.timestamp())
        self._size = 0
        self._tags: dict[str, bytes] = {}
        self._member("bagit.txt", BAGIT_TXT)

    def add(self, name: str, size: int, produce: Callable[[Writer], None]) -> Payload:
        """Write a payload file that `produce` writes.

        Args:
            name: below `data/`.
            size: its bytes; a tar says them first.
            produce: writes exactly so many.

        Raises:
            PackageError: the name cannot be used or was, or there were more or fewer bytes.
        """
        path = f"{DATA}{name}"
        if path in self.payload:
            raise PackageError
        self._header(path, size)
        hashed = _Hashed(self._output, size)
        produce(hashed)
        if hashed.size != size:
            raise PackageError("A file of the package is not as long as the records say.")
        self._pad(size)
        sha256, sha512 = hashed.sha256.hexdigest(), hashed.sha512.hexdigest()
        self.payload[path] = Payload(sha256, sha512, size)
        return self.payload[path]

    def add_bytes(self, name: str, content: bytes) -> Payload:
        """Write a payload file that is at hand."""

        def produce(output: Writer) -> None:
            output.write(content)

        return self.add(name, len(content), produce)

    def finish(
        self,
        info: Sequence[tuple[str, str]],
        tags: Mapping[str, bytes],
        sealing: Callable[[Mapping[str, str]], Mapping[str, bytes]],
    ) -> None:
        """Write tag files and manifests, and end the tar.

        Args:
            info: of `bag-info.txt`, in order; `Payload-Oxum` is added.
            tags: further tag files, which the tag manifests name.
            sealing: from the SHA-256 of all manifests, by name, makes the last files of the bag.
                Nothing in the bag names those.
        """
        octets = sum(one.size for one in self.payload.values())
        oxum = ("Payload-Oxum", f"{octets}.{len(self.payload)}")
        self._member("bag-info.txt", _info([*info, oxum]))
        for name, content in tags.items():
            self._member(name, content)
        of_payload = {
            "sha256": {path: one.sha256 for path, one in self.payload.items()},
            "sha512": {path: one.sha512 for path, one in self.payload.items()},
        }
        for algorithm, name in MANIFESTS.items():
            self._member(name, manifest(of_payload[algorithm]))
        named = dict(self._tags)  # Tag manifests do not name themselves (RFC 8493, 2.2.1).
        for algorithm, name in TAG_MANIFESTS.items():
            digests = {tag: hashlib.new(algorithm, text).hexdigest() for tag, text in named.items()}
            self._member(name, manifest(digests))
        manifests = (*MANIFESTS.values(), *TAG_MANIFESTS.values())
        signed = {name: hashlib.sha256(self._tags[name]).hexdigest() for name in manifests}
        for name, content in sealing(signed).items():
            self._member(name, content)
        self._write(bytes(2 * tarfile.BLOCKSIZE))
        self._write(bytes(-self._size % RECORD_BYTES))

    def _member(self, name: str, content: bytes) -> None:
        """A tag file."""
        if name in self._tags or name.startswith(DATA):
            raise PackageError
        self._tags[name] = content
        self._header(name, len(content))
        self._output.write(content)
        self._pad(len(content))

    def _header(self, name: str, size: int) -> None:
        if not MEMBER_NAME.fullmatch(name) or size < 0:
            raise PackageError("A name in the package cannot be used.")
        member = tarfile.TarInfo(f"{self._folder}/{name}")
        member.size, member.mtime, member.mode = size, self._at, _MODE
        self._write(member.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))

    def _write(self, content: bytes) -> None:
        self._output.write(content)
        self._size += len(content)

    def _pad(self, size: int) -> None:
        """Fill up the last block of a member, whose bytes were written past `_write`."""
        self._size += size
        self._write(bytes(-size % tarfile.BLOCKSIZE))


def manifest(digests: Mapping[str, str]) -> bytes:
    """The text of a manifest, by path; `sha256sum -c` and its like read it."""
    lines = [f"{digest}  {path}\n" for path, digest in sorted(digests.items())]
    return "".join(lines).encode("ascii")


def _info(fields: Sequence[tuple[str, str]]) -> bytes:
    for label, value in fields:
        if not _LABEL.fullmatch(label) or not _VALUE.fullmatch(value):
            raise PackageError
    return "".join(f"{label}: {value}\n" for label, value in fields).encode("ascii")


@dataclass(slots=True)
class _Hashed:
    """Passes on and hashes what is written, at most as much as was said."""

    output: Writer
    limit: int
    size: int = 0
    sha256: hashlib._Hash = field(default_factory=hashlib.sha256)
    sha512: hashlib._Hash = field(default_factory=hashlib.sha512)

    def write(self, content: bytes, /) -> int:
        self.size += len(content)
        if self.size > self.limit:
            raise PackageError("A file of the package is longer than the records say.")
        self.sha256.update(content)
        self.sha512.update(content)
        self.output.write(content)
        return len(content)

    def flush(self) -> None:
        self.output.flush()
