"""One exchange for all tests of a module, calm before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.sim_client import Exchange


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """A running exchange."""
    exchange = Exchange(tmp_path_factory.mktemp("venue"), "--child")
    yield exchange
    exchange.close()


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    """The module's exchange without faults, orders or positions."""
    running.calm()
    return running
