"""Packages of invented cases, made without a home."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from safehold.audit.chain import extend
from safehold.audit.model import GENESIS, EventDraft
from safehold.audit.note import sign_checkpoint
from safehold.audit.verify import AuditReport
from safehold.reporting.documents import Document
from safehold.reporting.facts import FactFile
from safehold.reporting.package.custody import Vouched, covering
from safehold.reporting.package.making import Contents, Streamed, write_package
from safehold.reporting.package.summary import Heading
from safehold.vault.sealing import Identity, Writer, seal
from tests.audit.logs import KEY, LOG_ID, PRIVATE, T0
from tests.reporting.filings import file, filing

IDENTITY = Identity.generate()

ORIGINALS = (b"first original\n" * 50, bytes(range(256)) * 3)


class TestKey:
    """Signs with the key of tests."""

    __test__ = False
    public = KEY.public

    def sign(self, text: bytes) -> bytes:
        return PRIVATE.sign(text)


def streamed(content: bytes) -> Streamed:
    def produce(output: Writer) -> None:
        for start in range(0, len(content), 1000):
            output.write(content[start : start + 1000])

    return Streamed(len(content), produce, hashlib.sha256(content).hexdigest())


def fact(number: int, content: bytes, format_name: str = "png") -> FactFile:
    manifest = {
        "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
        "sha1": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "format": format_name,
    }
    return file(number, size=len(content), manifest=manifest)


def contents(originals: Sequence[bytes] = ORIGINALS, **changes: object) -> Contents:
    """What goes into a package of some originals, the first of which is the case's own."""
    facts = filing(*(fact(number, one) for number, one in enumerate(originals, 1)))
    subjects = [facts.case_id, "other", facts.case_id, facts.case_id, "other"]
    drafts = [EventDraft("case.opened", T0, "policy", "s1", one, {"n": 1}) for one in subjects]
    log = list(extend(0, GENESIS, drafts))
    signed = [
        sign_checkpoint(LOG_ID, (one.seq, one.hash), T0, KEY, PRIVATE.sign)
        for one in (log[1], log[3], log[4])
    ]
    events = tuple(one for one in log if one.draft.subject == facts.case_id)
    covered = covering(events, signed)
    cases = tuple(dict.fromkeys((facts.case_id, *(one.case_id for one in facts.files))))
    made = Contents(
        heading=Heading("01package", T0, "Safehold test"),
        facts=facts,
        recipient=IDENTITY.recipient,
        files=[streamed(one) for one in originals],
        documents=[Document("report.xml", "text/xml", "<report>\u00e9</report>")],
        kept={"receipt-1.xml": streamed(b"<done/>")},
        vouched=Vouched(LOG_ID, cases, T0, AuditReport(5, 3, 5, ()), covered[-1]),
        events=events,
        checkpoints=covered,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def bag(made: Contents | None = None) -> bytes:
    """The tar of a package."""
    output = io.BytesIO()
    write_package(made or contents(), TestKey(), output)
    return output.getvalue()


def sealed(tar: bytes) -> bytes:
    """A package as it is sent."""
    return seal([IDENTITY.recipient], tar)


def edited(tar: bytes, edit: Callable[[Mapping[str, bytes]], Mapping[str, bytes]]) -> bytes:
    """A tar with other members, as whoever can open and encrypt it can make it."""
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        found = {}
        for member in archive:
            stream = archive.extractfile(member)
            assert stream is not None
            found[member.name] = stream.read()
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in edit(found).items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return output.getvalue()
