"""The CyberTipline's schema for tests. It is the authority's and not part of this project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from safehold.reporting.cybertip.schema import Schema

FOLDER = Path(__file__).parents[3] / "shared" / "cybertip"
"""Where it lies: beside the root of the checkout."""


@pytest.fixture(scope="session")
def schema_file() -> Path:
    """The file of the schema. Without it tests fail in CI, and say elsewhere why they skip."""
    file = FOLDER / "cyber_tipline.xsd"
    if not file.is_file():
        said = "the CyberTipline's schema is not in ../shared/cybertip (GET /xsd gives it)"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return file


@pytest.fixture(scope="session")
def schema_bytes(schema_file: Path) -> bytes:
    """The schema as it is."""
    return schema_file.read_bytes()


@pytest.fixture(scope="session")
def schema(schema_bytes: bytes) -> Schema:
    """The schema, to validate by."""
    return Schema.parse(schema_bytes)
