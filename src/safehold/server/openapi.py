"""The OpenAPI document (3.1).

Bodies come from `bodies`, bounds from `context` and the settings; a test calls every operation
with what the document allows and with what it forbids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safehold.config.doors import ServerOptions
from safehold.engine.documents import PROBLEM_TYPE
from safehold.server import bodies
from safehold.server.context import LIMITS

Json = dict[str, Any]

_TAIL = "%[89ABab][0-9A-Fa-f]"
_ASCII = ("[!-$&-~]", "%[2-6][0-9A-Fa-f]", "%7[0-9A-Ea-e]")
_ASCII_WITHOUT_AT = (
    "[!-$&-?A-~]",
    "%2[1-9A-Fa-f]",
    "%4[1-9A-Fa-f]",
    "%[356][0-9A-Fa-f]",
    "%7[0-9A-Ea-e]",
)
_BEYOND_ASCII = "|".join(
    (
        "%[Cc]2%[ABab][0-9A-Fa-f]",
        f"%([Cc][3-9A-Fa-f]|[Dd][0-9A-Fa-f]){_TAIL}",
        f"%[Ee]0%[ABab][0-9A-Fa-f]{_TAIL}",
        f"%[Ee][1-9A-CEFa-cef]{_TAIL}{_TAIL}",
        f"%[Ee][Dd]%[89][0-9A-Fa-f]{_TAIL}",
        f"%[Ff]0%[9ABab][0-9A-Fa-f]{_TAIL}{_TAIL}",
        f"%[Ff][1-3]{_TAIL}{_TAIL}{_TAIL}",
        f"%[Ff]4%8[0-9A-Fa-f]{_TAIL}{_TAIL}",
    )
)
ENCODED_PATTERN = f"^({'|'.join(_ASCII)}|{_BEYOND_ASCII})*$"
"""Percent-encoded UTF-8 (RFC 3986) of text without control characters."""

_PART = f"({'|'.join(_ASCII_WITHOUT_AT)}|{_BEYOND_ASCII})+"
ENCODED_ADDRESS_PATTERN = f"^({_PART}(@|%40){_PART})?$"
"""The same of a mail address."""

_ABOUT: Mapping[str, str] = {
    "surface": "Where in the service the item belongs; `public` where it is not said.",
    "uploader": "The service's own id of the end user.",
    "uploader_address": "The end user's mail address.",
    "ip": "From which IP address the item came.",
    "port": "From which port it came.",
    "time": "When it was uploaded: RFC 3339, with its zone.",
    "file_name": "The name that the file had.",
    "reference": "The caller's own id of the item.",
    "screen_name": "The end user's name as they sign in or are addressed by.",
    "display_name": "The end user's name as others see it.",
    "profile_url": "Address of the end user's profile.",
    "url": "Where the item stands, or was to stand.",
    "device_type": "Which kind of id of a device follows, such as IMEI.",
    "device_id": "The id of the device from which the item came.",
}
_SPELT: Mapping[str, str] = {"ip": "IP", "url": "URL", "id": "ID"}
_EMPTY: Json = {"const": ""}
_SHAPES: Mapping[str, Json] = {
    "surface": {"enum": ["public", "storage", "private_message", "generation", ""]},
    "ip": {"anyOf": [*({"type": "string", "format": f} for f in ("ipv4", "ipv6")), _EMPTY]},
    "port": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65_535}, _EMPTY]},
    "time": {"anyOf": [{"type": "string", "format": "date-time"}, _EMPTY]},
}
_SURFACE_NOTE = " Operators may add further surfaces."

_KEYED = ("401", "403", "429", "503")
_ANSWERS: Mapping[str, str] = {
    "200": "Allow: nothing was found.",
    "423": "Hold: do not publish it. A key may have another status for this; never a 2xx or 3xx.",
    "451": "Block: do not store it.",
}
_PROBLEMS: Mapping[str, str] = {
    "400": "The body is damaged.",
    "401": "There is no valid API key.",
    "403": "The key has not the scope.",
    "404": "There is no such receipt.",
    "408": "The body came too slowly.",
    "409": "It does not fit what is there.",
    "413": "The body is too large.",
    "415": "The body has another type.",
    "422": "A field cannot be used, or the idempotency key was used for another call.",
    "429": "A budget is used up.",
    "503": "No verdict can be given now. Hold the item and try again.",
}


def document(version: str, options: ServerOptions) -> bytes:
    """The document as JSON."""
    return json.dumps(_document(version, options), sort_keys=True).encode("utf-8")


def _document(version: str, options: ServerOptions) -> Json:
    schemas = _schemas(options)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Safehold screening service",
            "version": version or "0",
            "description": "Checks an item before it is stored. Only an allow is a 2xx.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "paths": _paths(),
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas,
        },
    }


def _paths() -> Json:
    bytes_ = {"schema": {"type": "string", "format": "binary", "minLength": 1}}
    raw = {"application/octet-stream": bytes_, "image/*": bytes_}
    form = {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "string", "format": "binary", "minLength": 1},
                    **{name: _field(name) for name in LIMITS},
                },
            }
        }
    }
    receipt = {
        "name": "receipt",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,128}$"},
    }
    headers = [*(_header(name) for name in LIMITS), _idempotency()]
    upload = ("408", "413", "422", *_KEYED)
    return {
        "/v1/screen": {
            "post": {
                "operationId": "screen",
                "summary": "Have an item checked.",
                "description": "Raw bytes, whatever their type is said to be, or a form. Headers "
                "stand before a form's fields of the same name. An empty value is as none. The "
                "bytes are those of the item: not compressed, not a range of it.",
                "parameters": headers,
                "requestBody": {"required": True, "content": {**raw, **form}},
                "responses": _verdicts("400", "415", *upload),
            }
        },
        "/v1/screen/digests": {
            "post": {
                "operationId": "screenDigests",
                "summary": "Have digests checked, for callers that keep the bytes.",
                "parameters": [_idempotency()],
                "requestBody": _json_body("DigestsBody"),
                "responses": _verdicts("415", *upload),
            }
        },
        "/v1/receipts/{receipt}": {
            "parameters": [receipt],
            "get": {
                "operationId": "receipt",
                "summary": "What a receipt says now.",
                "responses": {"200": _json("ReceiptStatus", "As it stands now.")}
                | _problems("404", *_KEYED),
            },
        },
        "/v1/receipts/{receipt}/confirm": {
            "parameters": [receipt],
            "post": {
                "operationId": "confirm",
                "summary": "Check that what was finally stored is what was checked.",
                "requestBody": _json_body("ConfirmBody"),
                "responses": {"204": {"description": "These are the bytes."}}
                | _problems("404", "409", "415", *upload),
            },
        },
        "/v1/receipts/{receipt}/bytes": {
            "parameters": [receipt],
            "put": {
                "operationId": "sendBytes",
                "summary": "Send bytes that are awaited.",
                "parameters": headers,
                "requestBody": {"required": True, "content": raw},
                "responses": _verdicts("404", "409", "415", *upload),
            },
        },
        "/v1/flags": {
            "post": {
                "operationId": "flag",
                "summary": "A user of the service flags a stored item.",
                "requestBody": _json_body("FlagBody"),
                "responses": {"202": _json("Answer", "Taken; the verdict as it stands now.")}
                | _problems("404", "415", *upload),
            }
        },
        "/v1/appeals": {
            "post": {
                "operationId": "appeal",
                "summary": "An uploader asks that a decision be looked at again.",
                "requestBody": _json_body("AppealBody"),
                "responses": {"202": _json("Answer", "Taken; the verdict as it stands now.")}
                | _problems("404", "409", "415", *upload),
            }
        },
        **_open_paths(),
    }


def _open_paths() -> Json:
    def get(name: str, summary: str, responses: Json) -> Json:
        return {
            "get": {
                "operationId": name,
                "summary": summary,
                "security": [],
                "responses": responses,
            }
        }

    text = {"text/plain": {"schema": {"type": "string"}}}
    anything = {"application/json": {"schema": {"type": "object"}}}
    return {
        "/health/live": get(
            "live", "Whether the process runs.", {"200": _json("Live", "It does.")}
        ),
        "/health/ready": get(
            "ready",
            "Whether it can do its work.",
            {"200": _json("Ready", "It can."), "503": _json("Unready", "It cannot.")},
        ),
        "/metrics": get(
            "metrics",
            "Figures for Prometheus.",
            {"200": {"description": "All figures.", "content": text}},
        ),
        "/openapi.json": get(
            "openapi",
            "This document.",
            {"200": {"description": "OpenAPI 3.1.", "content": anything}},
        ),
    }


def _field(name: str) -> Json:
    pattern = bodies.ADDRESS_PATTERN if name == "uploader_address" else bodies.TEXT_PATTERN
    text = {"type": "string", "maxLength": LIMITS[name], "pattern": pattern}
    return {**_SHAPES.get(name, text), "description": _about(name)}


def _header(name: str) -> Json:
    words = "-".join(_SPELT.get(word, word.capitalize()) for word in name.split("_"))
    text: Json = {"type": "string", "maxLength": LIMITS[name], "pattern": ENCODED_PATTERN}
    if name == "uploader_address":
        text = {"type": "string", "pattern": ENCODED_ADDRESS_PATTERN}
    return {
        "name": f"Safehold-{words}",
        "in": "header",
        "required": False,
        "schema": _SHAPES.get(name, text),
        "description": _about(name) + " Percent-encoded UTF-8.",
    }


def _about(name: str) -> str:
    return _ABOUT[name] + (_SURFACE_NOTE if name == "surface" else "")


def _idempotency() -> Json:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "description": "The same call with the same key gets the same answer, and counts once.",
    }


def _verdicts(*problems: str) -> Json:
    return {code: _json("Answer", text) for code, text in _ANSWERS.items()} | _problems(*problems)


def _problems(*codes: str) -> Json:
    return {code: _problem(code) for code in codes}


def _problem(code: str) -> Json:
    answer: Json = {
        "description": _PROBLEMS[code],
        "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if code in ("429", "503"):
        seconds = {"type": "integer", "minimum": 1}
        answer["headers"] = {"Retry-After": {"required": True, "schema": seconds}}
    if code == "401":
        answer["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    return answer


def _json(schema: str, description: str) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _json_body(schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"required": True, "content": content}


def _schemas(options: ServerOptions) -> Json:
    verdict = {"type": "string", "enum": ["allow", "hold", "block"]}
    receipt = {"type": "string", "description": "By which the item can be asked for later."}
    code = {"type": "string", "pattern": "^[a-z0-9_]+$"}
    codes = {"type": "array", "items": code}
    schemas: Json = {
        "Answer": _object({"verdict": verdict, "receipt": receipt}),
        "ReceiptStatus": _object(
            {
                "verdict": verdict,
                "receipt": receipt,
                "bytes": {"type": "string", "enum": ["none", "wanted"]},
                "until": {"type": ["string", "null"], "format": "date-time"},
            }
        ),
        "Problem": _object(
            {
                "type": {"type": "string", "format": "uri"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "code": code,
                "detail": {"type": "string"},
            },
            optional=("detail",),
        ),
        "Live": _object({"status": {"const": "live"}}),
        "Ready": _object({"status": {"const": "ready"}, "notes": codes}),
        "Unready": _object({"status": {"const": "unready"}, "reasons": codes}),
    }
    for model in (bodies.DigestsBody, bodies.FlagBody, bodies.AppealBody, bodies.ConfirmBody):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    for one_of in ("receipt", "sha256"):
        properties = schemas["FlagBody"]["properties"]
        [properties[one_of]] = (one for one in properties[one_of]["anyOf"] if "pattern" in one)
    for model_name in ("DigestsBody", "FlagBody"):
        surface = schemas[model_name]["properties"]["surface"]
        surface.update(enum=_SHAPES["surface"]["enum"], description=_about("surface"))
    if not options.digests_pdq:
        del schemas["DigestsBody"]["properties"]["pdq"], schemas["PdqBody"]
    return schemas


def _object(properties: Json, optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }
