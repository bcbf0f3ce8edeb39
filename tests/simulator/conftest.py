"""One exchange for all tests of a module, calm before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulator.bitmex_client import Bitmex
from tests.simulator.coin_client import Coin
from tests.simulator.sim_client import Exchange
from tests.simulator.spot_client import Spot


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


@pytest.fixture
def spot(running: Exchange) -> Spot:
    """The spot face of the module's exchange without faults or orders, its wallet without coins."""
    face = Spot(running)
    face.calm()
    return face


@pytest.fixture
def bitmex(running: Exchange) -> Bitmex:
    """The BitMEX face of the module's exchange without faults, orders or positions."""
    face = Bitmex(running)
    face.calm()
    return face


@pytest.fixture
def coin(running: Exchange) -> Coin:
    """The COIN-M face of the module's exchange without faults, orders or positions."""
    face = Coin(running)
    face.calm()
    return face
