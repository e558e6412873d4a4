"""One running server for most tests; those that need others start their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.site import Site, opened, running


@pytest.fixture(scope="session")
def home_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder for a home."""
    return tmp_path_factory.mktemp("server-home")


@pytest.fixture(scope="session")
def site(home_folder: Path) -> Iterator[Site]:
    """A server that runs for the whole session."""
    with opened(home_folder) as made, running(made):
        yield made
