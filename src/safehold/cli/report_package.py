"""`safehold report export` and `report verify`: evidence packages, made and received."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safehold.cli.options import HomeOption, JsonOption, open_service
from safehold.cli.passphrases import PassphraseOption

if TYPE_CHECKING:
    from safehold.custodian.interface import Access
    from safehold.reporting.package.verify import PackageReport
    from safehold.runtime.service import ServiceRuntime
    from safehold.vault.sealing import Writer

EXPORT_EXAMPLE = "Example: safehold report export REPORT --recipient police --output case.age"
VERIFY_EXAMPLE = "Example: safehold report verify case.age --identity identity.txt --key sender.pem"


def export(
    context: typer.Context,
    report_or_case: Annotated[
        str,
        typer.Argument(metavar="REPORT_OR_CASE", help="Id of an approved report, or of a case."),
    ],
    recipient: Annotated[
        str,
        typer.Option(
            "--recipient",
            metavar="NAME",
            help="Who is to open it: a name in the custodian's recipients.txt, or age1...",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", metavar="FILE", help="Where it is written; never over a file."),
    ],
    as_json: JsonOption = False,
    home: HomeOption = None,
) -> None:
    """Have the custodian make an evidence package, encrypted to a named recipient.

    Of a report that two people have approved, or of a whole case whose export to this recipient
    two people have approved. Prints the fingerprint of the signing key: tell it to the recipient
    by another way than the package.
    """
    from safehold.cli.console import printable
    from safehold.custodian.compose import custodian_client
    from safehold.reporting.package.statement import fingerprint

    with open_service(context, home) as runtime:
        to = _recipient(runtime, recipient)
        access, report_id = _access(runtime, report_or_case)
        custodian = custodian_client(runtime)
        size = _write_new(output, lambda writer: custodian.package(access, report_id, to, writer))
        key = fingerprint(custodian.public_key().public)
    if as_json:
        print(json.dumps({"file": str(output), "bytes": size, "key_fingerprint": key}))
        return
    print(f"{printable(str(output))}: {size} bytes, for {printable(recipient)}")
    print(f"Fingerprint of the signing key: {key}")
    print("Tell it to the recipient by another way than the package.")


def verify(
    package: Annotated[Path, typer.Argument(metavar="FILE", help="The package.")],
    identity: Annotated[
        Path,
        typer.Option("--identity", metavar="KEYFILE", help="The recipient's age identity."),
    ],
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="PUBKEY",
            help="The sender's public key, which came by another way: PEM, or a checkpoint.pub.",
        ),
    ] = None,
    passphrase_file: PassphraseOption = None,
    as_json: JsonOption = False,
) -> int:
    """Verify a package that was received: whole, signed, and by whom. It needs no data folder.

    Nothing is written to the disk. Exit code 1 where something is wrong, 2 where nothing is but
    no --key was given, or the identity does not open it.
    """
    from safehold.cli.console import note
    from safehold.cli.serve import officer_identity
    from safehold.errors import UsageError
    from safehold.reporting.package.verify import verify as verified
    from safehold.vault.sealing import KeyMismatchError

    public = _public_key(key) if key is not None else None
    opener = officer_identity(identity, passphrase_file)
    try:
        report = verified(package, [opener], public)
    except OSError as error:
        raise UsageError("The package cannot be read.") from error
    except KeyMismatchError as error:
        note(f"Not checked: the identity does not open this package. [{error.code}]")
        return 2
    _show(report, as_json=as_json)
    if not report.is_whole:
        return 1
    return 0 if report.is_authentic else 2


def _show(report: PackageReport, *, as_json: bool) -> None:
    from safehold.cli.console import printable

    told = {
        "whole": report.is_whole,
        "authentic": report.is_authentic,
        "key_fingerprint": report.fingerprint,
        "package": report.package_id,
        "case": report.case_id,
        "report": report.report_id,
        "made": report.made,
        "files": report.files,
        "bytes": report.size,
        "evidence": report.evidence,
        "events": report.events,
        "findings": [{"code": one.code, "name": one.name} for one in report.findings],
    }
    if as_json:
        print(json.dumps(told))
        return
    for finding in report.findings:
        print(f"{finding.code}  {printable(finding.name)}".rstrip())
    for name in ("package", "case", "report", "made", "evidence", "events", "key_fingerprint"):
        if told[name]:
            print(f"{name}: {printable(str(told[name]))}")
    if not report.is_whole:
        print("Something is wrong with this package: do not rely on it.")
    elif report.is_authentic:
        print("The package is whole, and signed by the key that was given.")
    else:
        print("The package is whole. Compare the fingerprint with the sender's by another way,")
        print("or give --key: until then it is not known who made it.")


def _public_key(path: Path) -> bytes:
    """A public key (32 bytes) in a file: PEM, or a line of the form of `checkpoint.pub`."""
    from safehold.audit.note import NoteError, NoteKey
    from safehold.errors import UsageError
    from safehold.reporting.package.statement import StatementError, read_key_pem

    try:
        with path.open("rb") as stream:
            content = stream.read(4096)
        if content.lstrip().startswith(b"-----BEGIN"):
            return read_key_pem(content.strip())
        return NoteKey.parse(content.decode("ascii")).public
    except (OSError, UnicodeDecodeError, NoteError, StatementError) as error:
        raise UsageError("The file of --key has no public key that can be read.") from error


def _recipient(runtime: ServiceRuntime, name: str) -> str:
    """The age recipient of a name; the custodian checks that it is one of its own."""
    from safehold.custodian.compose import RECIPIENTS_FILE
    from safehold.errors import UsageError
    from safehold.vault.officers import OfficersFile
    from safehold.vault.sealing import RecipientError, check_recipient

    named = OfficersFile(runtime.home.custodian / RECIPIENTS_FILE)
    for known in (*named.read(), *runtime.officers.read()):
        if name and known.name == name:
            return known.recipient
    try:
        return check_recipient(name)
    except RecipientError:
        raise UsageError(
            "There is no recipient of that name.",
            hint="Name one that stands in recipients.txt of the custodian's folder, or age1...",
        ) from None


def _access(runtime: ServiceRuntime, wanted: str) -> tuple[Access, str]:
    """For which case the custodian is asked, and for which report of it, or none."""
    from safehold.cases.model import UnknownCaseError
    from safehold.custodian.interface import Access
    from safehold.ids import CaseId, ReportId

    with runtime.records.read() as transaction:
        report = transaction.reports.find(ReportId(wanted))
        case = transaction.cases.find(report.case_id if report else CaseId(wanted))
    if case is None:
        raise UnknownCaseError("There is no such report or case.")
    report_id = report.report_id if report else ""
    reason = f"report:{report_id}" if report_id else "package"
    return Access(case.key_name, case.case_id, "system", reason), report_id


def _write_new(path: Path, produce: Callable[[Writer], int]) -> int:
    """Write a file that is there whole and durably, or not at all; never over another."""
    from safehold.errors import UsageError
    from safehold.vault.durable import sync_folder

    if path.exists() or path.is_symlink():
        raise UsageError("There is a file of that name already.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(temporary, flags, 0o600)
    except OSError as error:
        raise UsageError("The file of --output cannot be written there.") from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            size = produce(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(temporary, path)
    except FileExistsError:
        raise UsageError("There is a file of that name already.") from None
    except OSError as error:
        raise UsageError("The file of --output cannot be written there.") from error
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return size
