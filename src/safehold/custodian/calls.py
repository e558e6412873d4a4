"""The custodian's calls as they come over the wire: from JSON to the port and back. No I/O."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from safehold.custodian.interface import Access, Custodian, PreviewWish, RequestError
from safehold.custodian.protocol import MAX_KEYS, VERSION
from safehold.vault.sealing import Writer

WITH_BYTES = frozenset({"sign", "open_sealed", "words", "keep_document"})
"""Calls that a binary frame belongs to."""

PREVIEW = "preview"
"""The call that waits for a worker."""

LONG = frozenset({"send_report", "package", "fetch_schema"})
"""Calls that wait for other machines, or that take as long as there is evidence."""

_Handler = Callable[[Custodian, "Call"], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        name: which.
        arguments: of the JSON frame.
        content: of the binary frame; empty for calls without.
        output: takes what the call streams.
    """

    name: str
    arguments: Mapping[str, Any]
    content: bytes
    output: Writer

    def text(self, name: str) -> str:
        """An argument that is a text. Raises `RequestError`."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            raise RequestError
        return value

    def number(self, name: str) -> int:
        """An argument that is a whole number. Raises `RequestError`."""
        value = self.arguments.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise RequestError
        return value

    def texts(self, name: str) -> list[str]:
        """An argument that is a list of at most `MAX_KEYS` texts. Raises `RequestError`."""
        value = self.arguments.get(name)
        if not isinstance(value, list) or len(value) > MAX_KEYS:
            raise RequestError
        if not all(isinstance(item, str) for item in value):
            raise RequestError
        return value

    def digest(self, name: str) -> bytes:
        """An argument that is a SHA-256 in hex. Raises `RequestError`."""
        try:
            value = bytes.fromhex(self.text(name))
        except ValueError:
            raise RequestError from None
        if len(value) != 32:
            raise RequestError
        return value

    def access(self) -> Access:
        """On whose behalf. Raises `RequestError`."""
        return Access(*(self.text(field.name) for field in dataclasses.fields(Access)))


def needs_bytes(arguments: Mapping[str, Any]) -> bool:
    """Whether a binary frame follows; checks name and version. Raises `RequestError`."""
    name = arguments.get("call")
    if arguments.get("version") != VERSION or not isinstance(name, str) or name not in _HANDLERS:
        raise RequestError
    return name in WITH_BYTES


def carry_out(custodian: Custodian, call: Call) -> dict[str, Any]:
    """Carry out a call that `needs_bytes` let pass; returns its answer's JSON."""
    return {"ok": dict(_HANDLERS[call.name](custodian, call))}


def _status(custodian: Custodian, _: Call) -> Mapping[str, Any]:
    return dataclasses.asdict(custodian.status())


def _public_key(custodian: Custodian, _: Call) -> Mapping[str, Any]:
    return {"key": str(custodian.public_key())}


def _sign(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    return {"signature": custodian.sign(call.content).hex()}


def _check(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    checked = custodian.check(call.access(), call.text("object_name"))
    return {"sha256": checked.sha256.hex(), "size": checked.size}


def _preview(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    wish = PreviewWish(
        view_id=call.text("view_id"),
        level=call.text("level"),
        side=call.number("side"),
        still=call.number("still"),
        stills=call.number("stills"),
        mark=call.text("mark"),
    )
    made = custodian.preview(call.access(), call.text("object_name"), wish, call.output)
    return dataclasses.asdict(made)


def _words(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    told = custodian.words(call.access(), call.content).encode("utf-8")
    call.output.write(told)
    return {"size": len(told)}


def _export(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    name, recipient = call.text("object_name"), call.text("recipient")
    return {"size": custodian.export(call.access(), name, recipient, call.output)}


def _open_sealed(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    sealed = custodian.open_sealed(call.access(), call.content, call.text("recipient"))
    call.output.write(sealed)
    return {"size": len(sealed)}


def _rewrap(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    names = call.texts("key_names")
    return dataclasses.asdict(custodian.rewrap(names, call.text("actor"), call.text("reason")))


def _shred(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    return {"found": custodian.shred(call.access())}


def _compose_report(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    made = custodian.compose_report(call.access(), call.text("report_id"), call.output)
    return {"size": made.size, "digest": made.digest.hex(), "complete": made.complete}


def _fix_report(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    custodian.fix_report(call.access(), call.text("report_id"), call.digest("digest"))
    return {}


def _send_report(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    return dataclasses.asdict(custodian.send_report(call.access(), call.text("report_id")))


def _keep_document(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    kind, report_id = call.text("kind"), call.text("report_id")
    kept = custodian.keep_document(call.access(), kind, report_id, call.content)
    return {"document_id": kept}


def _read_document(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    document_id = call.text("document_id")
    return {"size": custodian.read_document(call.access(), document_id, call.output)}


def _package(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    report_id, recipient = call.text("report_id"), call.text("recipient")
    return {"size": custodian.package(call.access(), report_id, recipient, call.output)}


def _attest_destruction(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    made = custodian.attest_destruction(call.text("destruction_id"))
    return {"text": made.text.decode("utf-8"), "signature": made.signature.hex()}


def _open_releases(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    actor, trace_id = call.text("actor"), call.text("trace_id")
    return {"size": custodian.open_releases(actor, trace_id, call.output)}


def _fetch_schema(custodian: Custodian, call: Call) -> Mapping[str, Any]:
    return {"size": custodian.fetch_schema(call.text("environment"), call.output)}


_HANDLERS: dict[str, _Handler] = {
    "status": _status,
    "public_key": _public_key,
    "sign": _sign,
    "check": _check,
    PREVIEW: _preview,
    "words": _words,
    "export": _export,
    "open_sealed": _open_sealed,
    "rewrap": _rewrap,
    "shred": _shred,
    "compose_report": _compose_report,
    "fix_report": _fix_report,
    "send_report": _send_report,
    "keep_document": _keep_document,
    "read_document": _read_document,
    "package": _package,
    "attest_destruction": _attest_destruction,
    "open_releases": _open_releases,
    "fetch_schema": _fetch_schema,
}
