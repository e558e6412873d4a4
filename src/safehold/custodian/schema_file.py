"""The CyberTipline's schema in use: a file that `report schema refresh` writes.

Without the file nothing is validated against it; the rules of the models hold all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from safehold.errors import SafeholdError
from safehold.reporting.documents import Document
from safehold.vault.durable import replace_file

MAX_SCHEMA_BYTES = 4 * 1024 * 1024
_XML = frozenset({"text/xml", "application/xml"})


class SchemaFileError(SafeholdError):
    """The file of the schema cannot be read or written."""

    code = "report_schema_file"
    default_message = "The file of the authority's schema cannot be read or written."
    default_hint = "The setting cybertip.schema_file names it; 'report schema refresh' fetches it."


class SchemaFile:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes | None:
        """The schema in use, or None where there is none. Raises `SchemaFileError`."""
        try:
            with self._path.open("rb") as stream:
                content = stream.read(MAX_SCHEMA_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError:
            raise SchemaFileError from None
        if len(content) > MAX_SCHEMA_BYTES:
            raise SchemaFileError
        return content

    def write(self, content: bytes) -> None:
        """Take another schema into use, durably. Raises `SchemaFileError`."""
        try:
            replace_file(self._path, content)
        except OSError:
            raise SchemaFileError from None

    def is_kept_by(self, documents: Iterable[Document]) -> bool:
        """Whether all XML among some documents keeps to the schema; so it does without one.

        Raises `SchemaFileError`, and what `Schema.parse` does.
        """
        content = self.read()
        if content is None:
            return True
        from safehold.reporting.cybertip.schema import Schema

        schema = Schema.parse(content)
        return not any(
            schema.validate(one.text.encode("utf-8"))
            for one in documents
            if one.media_type.partition(";")[0] in _XML
        )
