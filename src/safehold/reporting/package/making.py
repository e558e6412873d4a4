"""Writing a package's bag, from what is at hand and what is streamed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from safehold.audit.chain import time_text
from safehold.audit.model import Checkpoint, Event
from safehold.reporting.documents import Document
from safehold.reporting.facts import FactFile, FilingFacts
from safehold.reporting.package import custody, judging, printing, statement, summary
from safehold.reporting.package.bag import BagWriter, PackageError
from safehold.reporting.package.custody import Vouched
from safehold.reporting.package.readme import README
from safehold.reporting.package.summary import Heading
from safehold.vault.sealing import DamagedError, Writer

FOLDER = "safehold-{}"
REPORT = "report/"
_MAX_EXTENSION = 8
_EXTENSIONS = {"jpeg": "jpg", "tiff": "tif"}
_DOCUMENT = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


class Signing(Protocol):
    """The key that signs statements."""

    @property
    def public(self) -> bytes:
        """Its public half: 32 bytes of Ed25519."""
        ...

    def sign(self, text: bytes) -> bytes:
        """64 bytes over the text of a statement."""
        ...


@dataclass(frozen=True, slots=True)
class Streamed:
    """A file that is written as it is opened.

    Attributes:
        size: its bytes.
        produce: writes them.
        sha256: that they must have, in hex; empty where none was kept.
    """

    size: int
    produce: Callable[[Writer], None]
    sha256: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a package.

    Attributes:
        heading: id, moment and software.
        facts: of the report, or of the case.
        recipient: the age recipient to whom it goes.
        files: originals, in the order of `facts.files`.
        documents: of the report, as they were fixed.
        kept: what the authority answered, by names such as `receipt-1.xml`.
        vouched: what the custodian vouches for.
        events: of the cases, by number.
        checkpoints: that cover them.
    """

    heading: Heading
    facts: FilingFacts
    recipient: str
    files: Sequence[Streamed]
    documents: Sequence[Document]
    kept: Mapping[str, Streamed]
    vouched: Vouched
    events: Sequence[Event]
    checkpoints: Sequence[Checkpoint]


def write_package(contents: Contents, signing: Signing, output: Writer) -> None:
    """Write the tar of a package's bag.

    Raises:
        PackageError: something is not as the records say.
        DamagedError: an original is not what it was when it was stored.
        Exception: whatever a file's `produce` or `output` raises.
    """
    heading, facts = contents.heading, contents.facts
    names = evidence_names(facts.files)
    if not names or len(names) != len(contents.files):
        raise PackageError("There is no evidence to make a package of.")
    # What can fail by itself is made before the first original is opened.
    sections = summary.sections(heading, facts, names)
    sheets = {
        judging.CASE: summary.as_json(heading, facts, names),
        "summary.html": printing.as_html(sections),
        "summary.pdf": printing.as_pdf(sections),
    }
    bag = BagWriter(output, FOLDER.format(heading.package_id), heading.made)
    for name, file in zip(names, contents.files, strict=True):
        _add(bag, name, file)
    for name, content in sheets.items():
        bag.add_bytes(name, content)
    for document in contents.documents:
        if not _DOCUMENT.fullmatch(document.name):
            raise PackageError("A document's name cannot be used.")
        bag.add_bytes(REPORT + document.name, document.text.encode("utf-8"))
    for name, kept in contents.kept.items():
        _add(bag, REPORT + name, kept)
    _add_custody(bag, contents, signing)

    def sealing(manifests: Mapping[str, str]) -> Mapping[str, bytes]:
        text = _statement(contents, manifests)
        return {judging.STATEMENT: text, judging.SIGNATURE: signing.sign(text)}

    info = [
        ("Bag-Software-Agent", heading.software),
        ("Bagging-Date", heading.made.date().isoformat()),
        ("External-Identifier", facts.case_id),
        ("Internal-Sender-Identifier", heading.package_id),
    ]
    bag.finish(info, {judging.KEY: statement.key_pem(signing.public)}, sealing)


def evidence_names(files: Sequence[FactFile]) -> tuple[str, ...]:
    """Neutral names of originals: their places, and the format that was found in them."""
    names = []
    for number, file in enumerate(files, 1):
        found = str(file.manifest.get("format") or "").lower()
        usable = found.isascii() and found.isalnum() and len(found) <= _MAX_EXTENSION
        extension = _EXTENSIONS.get(found, found) if usable else "bin"
        names.append(f"{judging.EVIDENCE}{number:03}.{extension}")
    return tuple(names)


def _add(bag: BagWriter, name: str, file: Streamed) -> None:
    written = bag.add(name, file.size, file.produce)
    if file.sha256 and written.sha256 != file.sha256:
        raise DamagedError("An original is not what it was when it was stored.")


def _add_custody(bag: BagWriter, contents: Contents, signing: Signing) -> None:
    lines = [custody.event_line(event) for event in contents.events]
    hashed = hashlib.sha256(b"".join(lines))
    checkpoints = custody.checkpoints_text(contents.checkpoints)
    text = custody.custody_statement(contents.vouched, len(lines), hashed.digest(), checkpoints)
    for name, content in (
        (f"{judging.CUSTODY}{custody.EVENTS}", b"".join(lines)),
        (f"{judging.CUSTODY}{custody.CHECKPOINTS}", checkpoints),
        (judging.CUSTODY_STATEMENT, text),
        (judging.CUSTODY_SIGNATURE, signing.sign(text)),
        (judging.CUSTODY_KEY, statement.key_pem(signing.public)),
        (f"{judging.CUSTODY}README.txt", README.encode("ascii")),
    ):
        bag.add_bytes(name, content)


def _statement(contents: Contents, manifests: Mapping[str, str]) -> bytes:
    """What is signed of the whole package."""
    facts = contents.facts
    fields = [("package", contents.heading.package_id), ("case", facts.case_id)]
    if facts.report_id:
        fields.append(("report", facts.report_id))
    fields += [
        ("made", time_text(contents.heading.made)),
        ("recipient", contents.recipient),
        ("evidence", str(len(contents.files))),
    ]
    return statement.write(judging.KIND, fields, list(manifests.items()))
