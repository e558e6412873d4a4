"""Uploads of ComfyUI's API (`/upload/image`, `/upload/mask`), understood and written anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from safehold.gate import documents, forms
from safehold.gate.apis import comfyui_graphs as graphs
from safehold.gate.apis.comfyui_graphs import File
from safehold.gate.apis.comfyui_jobs import Jobs
from safehold.gate.apis.passing import BadCallError
from safehold.gate.forms import NoFormError, Part
from safehold.gate.interface import GateRequest
from safehold.gate.model import UncheckedError, UpstreamError, Words

_KINDS: Final = ("input", "temp")
"""Folders into which anybody puts anything; results are the server's own."""


@dataclass(frozen=True, slots=True)
class Uploading:
    """An upload as it was understood.

    Attributes:
        words: the picture that goes in.
        content_type, body: the form as it goes on.
        whole: whether the server keeps exactly these bytes; of a mask it makes another picture.
    """

    words: Words
    content_type: bytes
    body: bytes = field(repr=False)
    whole: bool


def upload(request: GateRequest, jobs: Jobs) -> Uploading:
    """An upload. Raises `BadCallError` where it is not as the API has it."""
    try:
        parts = {part.name: part for part in _parts(request)}
        picture = parts.get("image")
        if picture is None or not picture.filename:
            raise BadCallError
        fields: dict[str, str] = {name: parts[name].text for name in _FIELDS if name in parts}
        file = _place(picture, fields)
        masked = request.path.endswith("/mask")
        onward = [Part("image", picture.data, file.name, "application/octet-stream")]
        onward += [Part("type", file.kind.encode()), Part("subfolder", file.folder.encode())]
        if masked:
            onward.append(_original(parts, request, jobs))
        if fields.get("overwrite") in ("true", "1") and _is_free(request, jobs, file):
            onward.append(Part("overwrite", b"true"))
    except (NoFormError, UncheckedError, UnicodeEncodeError):
        raise BadCallError from None
    content_type, body = forms.write(onward)
    return Uploading(Words(pictures=(picture.data,)), content_type, body, not masked)


_FIELDS: Final = ("type", "subfolder", "overwrite")


def _parts(request: GateRequest) -> list[Part]:
    found = forms.read(request.header(b"content-type"), request.body)
    if len({part.name for part in found}) != len(found):
        raise NoFormError
    return found


def _place(picture: Part, fields: dict[str, str]) -> File:
    kind = fields.get("type") or "input"
    if kind not in _KINDS or "/" in picture.filename or "\\" in picture.filename:
        raise BadCallError
    file = graphs.file_of(picture.filename, kind, fields.get("subfolder", "").strip("/"))
    if file.name != picture.filename:
        # `a.png [output]` names a file of another folder.
        raise BadCallError
    return file


def _original(parts: dict[str, Part], request: GateRequest, jobs: Jobs) -> Part:
    """The picture that a mask is for; it must be the account's own."""
    part = parts.get("original_ref")
    try:
        said = documents.read(part.data) if part is not None else None
    except documents.NoDocumentError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("filename"), str):
        raise BadCallError
    kind, folder = said.get("type") or "output", said.get("subfolder") or ""
    file = graphs.file_of(said["filename"], str(kind), str(folder))
    if not jobs.files.has(request.account.pseudonym, file):
        raise BadCallError
    onward = {"filename": file.name, "subfolder": file.folder, "type": file.kind}
    return Part("original_ref", documents.write(onward))


def _is_free(request: GateRequest, jobs: Jobs, file: File) -> bool:
    """Whether a file may be written over: it is the account's own and nobody else's.

    Else the server gives the new one another name, which its answer tells.
    """
    account = request.account.pseudonym
    return jobs.files.has(account, file) and not jobs.files.is_others(account, file)


def placed(answer: Any) -> tuple[dict[str, str], File]:
    """Where the server put an upload. Raises `UpstreamError`."""
    said = answer if isinstance(answer, dict) else {}
    name, folder, kind = (said.get(key) for key in ("name", "subfolder", "type"))
    if not isinstance(name, str):
        raise UpstreamError
    try:
        file = graphs.file_of(name, str(kind or "input"), str(folder or ""))
    except UncheckedError:
        raise UpstreamError from None
    return {"name": file.name, "subfolder": file.folder, "type": file.kind}, file
