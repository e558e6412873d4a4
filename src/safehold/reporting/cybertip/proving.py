"""Whether the files of a report are what its documents say, before anything is sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from safehold.reporting.cybertip.calling import EVIDENCE_ERRORS, file_document, named
from safehold.reporting.documents import Document
from safehold.reporting.model import Report, ReportFile
from safehold.vault.sealing import Writer

_MD5_BYTES = 16


@dataclass(frozen=True, slots=True)
class Prover:
    """Reads files and compares them with what is said of them.

    Attributes:
        open_file: writes a file's bytes, opened, to the stream that it is given.
        sizes: a file's length in bytes.
    """

    open_file: Callable[[ReportFile, Writer], None] = field(repr=False)
    sizes: Callable[[ReportFile], int] = field(repr=False)

    def md5s(self, report: Report, documents: Sequence[Document]) -> tuple[bytes, ...]:
        """MD5 of each file, as the documents say it; of those that say nothing, as it is.

        Raises:
            ReportChangedError: a file has no document.
            VaultError: a file cannot be read.
        """
        found = []
        for number, file in enumerate(report.files):
            xml = named(documents, file_document(number))
            found.append(claimed_md5(xml) or self._read(file)[0])
        return tuple(found)

    def is_sound(self, report: Report, md5s: Sequence[bytes]) -> bool:
        """Whether every file opens to its end, with the length and the MD5 that it should have.

        Raises:
            VaultError: a file cannot be read just now.
        """
        try:
            return all(
                self._read(file) == (md5, self.sizes(file))
                for file, md5 in zip(report.files, md5s, strict=True)
            )
        except EVIDENCE_ERRORS:
            return False

    def _read(self, file: ReportFile) -> tuple[bytes, int]:
        hashed = _Hashed()
        self.open_file(file, hashed)
        return hashed.md5.digest(), hashed.size


class _Hashed:
    """A writer that keeps the MD5 and the length of what it gets."""

    def __init__(self) -> None:
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.size = 0

    def write(self, content: bytes, /) -> int:
        """Take further bytes."""
        self.md5.update(content)
        self.size += len(content)
        return len(content)

    def flush(self) -> None:
        """Keep nothing back."""


def claimed_md5(xml: bytes) -> bytes:
    """The MD5 (16 bytes) that a `fileDetails` document gives of its file, or nothing."""
    from lxml import etree

    try:
        root = etree.fromstring(xml, etree.XMLParser(resolve_entities=False, no_network=True))
        for element in root.findall("originalFileHash"):
            if (element.get("hashType") or "").upper() == "MD5":
                found = bytes.fromhex((element.text or "").strip())
                return found if len(found) == _MD5_BYTES else b""
    except (etree.XMLSyntaxError, ValueError):
        return b""
    return b""
