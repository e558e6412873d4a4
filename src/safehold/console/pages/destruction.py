"""Records of what was destroyed, and destruction that an authority asks for."""

from __future__ import annotations

import re

from safehold.cases.destruction import Destruction, Ground
from safehold.cases.review import rules
from safehold.cases.review.model import ProposalKind
from safehold.console.catalog import mark
from safehold.console.errors import FormError, PageMissingError
from safehold.console.pages import fields
from safehold.console.pages.reports import case_of
from safehold.console.visit import Reply, Route, Visit
from safehold.custodian.interface import Access
from safehold.ids import DestructionId
from safehold.reporting.model import DocumentKind
from safehold.users.roles import Permission

_SHOWN = 200
_SYSTEM = "system"
_REFERENCE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:/-]{0,63}")


def show(visit: Visit) -> Reply:
    """The last records of destruction."""
    people = {rules.actor(user.user_id): user.name for user in visit.parts.users.users()}
    people[_SYSTEM] = visit.text(mark("nobody had to be asked"))
    return visit.page(
        "retention_records.html",
        records=visit.parts.retention.destructions(_SHOWN),
        who=lambda actor: people.get(actor, actor),
        opens=visit.may(Permission.CASES_READ),
    )


def statement(visit: Visit) -> Reply:
    """The custodian's statement, exactly as it is signed."""
    record = _record(visit)
    return _file(record, record.statement, "txt", "text/plain; charset=utf-8")


def signature(visit: Visit) -> Reply:
    """The signature of a statement: 64 bytes of Ed25519."""
    record = _record(visit)
    return _file(record, record.signature, "sig", "application/octet-stream")


def request(visit: Visit) -> Reply:
    """Propose to destroy a case's evidence as an authority asks, whose document is kept first."""
    fields.sure(visit)
    reference = visit.form.get("reference", "").strip()
    if _REFERENCE.fullmatch(reference) is None:
        raise FormError(mark("Give the authority's reference: letters, digits and . _ : / - only."))
    document = visit.document
    if document is None:
        raise FormError(mark("Choose the authority's document."))
    if len(document) > visit.parts.options.max_document_bytes:
        raise FormError(mark("The document is larger than is taken."))
    words = fields.words(visit)
    case = case_of(visit, fields.case_id(visit))
    access = Access(case.key_name, case.case_id, f"user:{visit.me.user_id}", f"case:{case.case_id}")
    kind = DocumentKind.DESTRUCTION_REQUEST.value
    document_id = visit.parts.custodian.keep_document(access, kind, "", document)
    details = {
        "ground": Ground.AUTHORITY.value,
        "document": document_id,
        "reference": reference,
    }
    visit.parts.reviews.propose(case.case_id, visit.me, ProposalKind.PURGE, details, words)
    return visit.redirect(visit.url("case", case_id=case.case_id, done="proposed"))


def _record(visit: Visit) -> Destruction:
    record = visit.parts.retention.record(DestructionId(visit.path["destruction_id"]))
    if record is None or not record.statement:
        raise PageMissingError
    return record


def _file(record: Destruction, content: bytes, ending: str, media_type: str) -> Reply:
    name = f"destruction-{record.destruction_id}.{ending}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return Reply(content, media_type=media_type, headers=headers)


_READ = Permission.RETENTION_READ
_ONE = "/retention/records/{destruction_id}"
ROUTES: tuple[Route, ...] = (
    Route("GET", "/retention/records", "retention_records", _READ, show),
    Route("GET", f"{_ONE}/statement", "retention_statement", _READ, statement),
    Route("GET", f"{_ONE}/signature", "retention_signature", _READ, signature),
    Route(
        "POST",
        "/cases/{case_id}/destroy",
        "case_destroy",
        Permission.CASES_HOLD,
        request,
        uploads=True,
    ),
)
