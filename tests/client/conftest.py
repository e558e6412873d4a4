"""The stand-in, one for all tests of the client, emptied before each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.stand_in import StandIn, served


@pytest.fixture(scope="session")
def running() -> Iterator[StandIn]:
    state = StandIn()
    with served(state.app()) as address:
        state.address = address
        yield state


@pytest.fixture
def stand_in(running: StandIn) -> StandIn:
    address = running.address
    running.__init__()  # type: ignore[misc]
    running.address = address
    return running


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
