"""One home and one server for each module whose tests do not hurt one another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.house import House, Process, built, serving
from tests.storage.conftest import postgres_url

__all__ = ["postgres_url"]


@pytest.fixture(scope="module")
def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """A home; a module's `CONFIG` is its `config.toml`."""
    config: str = getattr(request.module, "CONFIG", "")
    with built(tmp_path_factory.mktemp("service") / "home", config) as made:
        yield made


@pytest.fixture(scope="module")
def server(house: House) -> Iterator[Process]:
    """A server over that home."""
    with serving(house) as process:
        yield process
