"""JSON bodies: what each call takes, checked in one place. The OpenAPI file is made of these."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from safehold.server.context import LIMITS, Said, said
from safehold.server.errors import RequestError

TEXT_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Text without control characters."""

ADDRESS_PATTERN = r"^([^@\x00-\x20\x7f-\x9f]+@[^@\x00-\x20\x7f-\x9f]+)?$"
"""A mail address, as far as that can be told; or nothing."""

Sha256 = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$", description="In hexadecimal form.")]
Sha1 = Annotated[str, Field(pattern="^[0-9a-fA-F]{40}$", description="In hexadecimal form.")]
Md5 = Annotated[str, Field(pattern="^[0-9a-fA-F]{32}$", description="In hexadecimal form.")]
ReceiptText = Annotated[
    str, Field(pattern="^[A-Za-z0-9_-]{1,128}$", description="As it was given.")
]
Words = Annotated[str, Field(max_length=4000, description="What somebody wrote. It is sealed.")]
Person = Annotated[
    str,
    Field(
        max_length=LIMITS["uploader"],
        pattern=TEXT_PATTERN,
        description="The service's own id of a user.",
    ),
]

B = TypeVar("B", bound="JsonBody")


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 443.0 is as whole as 443."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class JsonBody(BaseModel):
    """A JSON object with these members and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ContextBody(JsonBody):
    """Members that say something about an item. An empty text is as if it were not there."""

    surface: Annotated[str, Field(max_length=LIMITS["surface"], pattern=TEXT_PATTERN)] = ""
    uploader: Person = ""
    uploader_address: Annotated[
        str,
        Field(
            max_length=LIMITS["uploader_address"],
            pattern=ADDRESS_PATTERN,
            description="A mail address.",
        ),
    ] = ""
    ip: Annotated[
        str,
        Field(
            max_length=LIMITS["ip"],
            json_schema_extra={"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"const": ""}]},
        ),
    ] = ""
    port: Annotated[int | None, Field(ge=1, le=65_535), BeforeValidator(_whole)] = None
    time: Annotated[
        str,
        Field(
            max_length=LIMITS["time"],
            description="RFC 3339, with its zone.",
            json_schema_extra={"anyOf": [{"format": "date-time"}, {"const": ""}]},
        ),
    ] = ""
    file_name: Annotated[str, Field(max_length=LIMITS["file_name"], pattern=TEXT_PATTERN)] = ""
    reference: Annotated[str, Field(max_length=LIMITS["reference"], pattern=TEXT_PATTERN)] = ""
    screen_name: Annotated[str, Field(max_length=LIMITS["screen_name"], pattern=TEXT_PATTERN)] = ""
    display_name: Annotated[str, Field(max_length=LIMITS["display_name"], pattern=TEXT_PATTERN)] = (
        ""
    )
    profile_url: Annotated[str, Field(max_length=LIMITS["profile_url"], pattern=TEXT_PATTERN)] = ""
    url: Annotated[str, Field(max_length=LIMITS["url"], pattern=TEXT_PATTERN)] = ""
    device_type: Annotated[str, Field(max_length=LIMITS["device_type"], pattern=TEXT_PATTERN)] = ""
    device_id: Annotated[str, Field(max_length=LIMITS["device_id"], pattern=TEXT_PATTERN)] = ""

    def said(self) -> Said:
        """What they say, checked."""
        fields = {name: str(getattr(self, name) or "") for name in LIMITS}
        return said({name: value for name, value in fields.items() if value})


class PdqBody(JsonBody):
    """A PDQ hash of the picture as stored, with its quality."""

    hash: Sha256
    quality: Annotated[int, Field(ge=0, le=100), BeforeValidator(_whole)]


class DigestsBody(ContextBody):
    """Digests of one item, all of the same bytes."""

    sha256: Sha256
    sha1: Sha1
    md5: Md5
    pdq: PdqBody | None = None


class FlagBody(ContextBody):
    """What a user of the service flags, by its receipt or by the SHA-256 of its bytes."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["receipt"]}, {"required": ["sha256"]}]}
    )
    receipt: ReceiptText | None = None
    sha256: Sha256 | None = None
    reason: Annotated[
        str, Field(pattern="^[a-z0-9_]{1,64}$", description="A code of the service's own.")
    ]
    text: Words = ""
    reporter: Person = ""


class AppealBody(JsonBody):
    """An uploader asks that a decision be looked at again."""

    receipt: ReceiptText
    text: Annotated[Words, Field(min_length=1)]
    appellant: Person = ""


class ConfirmBody(JsonBody):
    """The SHA-256 of what was finally stored."""

    sha256: Sha256


def read_body(kind: type[B], content: bytes) -> B:
    """Read and check a JSON body.

    Raises:
        RequestError: it is not such an object; names at most the member, if it is one of ours.
    """
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        place = found[0]["loc"] if found else ()
        if place and place[0] in kind.model_fields:
            raise RequestError.field(str(place[0])) from None
        raise RequestError("The body is not the JSON object that this call takes.") from None
