"""Money: rows A1 to A9 of the table of faults, over the wire. The referee judges every share by its own arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.faults.harness import BTC, BUY, ETH, SELL, Ground, Terminal, until
from tests.faults.products import lift_limits

D = Decimal


class Stage:
    """One exchange with a session and three bots that only keep books."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.terminal: Terminal = ground.terminal()

    def fill(self, owner: str, side: Any, qty: str, key: Any = BTC) -> None:
        """A market order of an owner, booked."""
        before = len(self.rows(owner))
        self.terminal.place(side, qty, None, owner, key)
        until(lambda: len(self.rows(owner)) > before, 5, f"the fill of {owner}")

    def fund(self, rate: str = "0.0001", *symbols: str) -> None:
        """Funding falls due now."""
        for symbol in symbols or ("BTCUSDT",):
            self.ground.exchange.control("funding", market="Binance", category="linear", symbol=symbol, rate=rate)

    def rows(self, emi: str, funding: bool = False) -> list[dict[str, Any]]:
        """Ledger rows of an owner, oldest first: its fills, or its fundings."""
        return sorted((row for row in self.ground.read().coins if row["EMI"] == emi and (row["SIDE"] < 0) == funding),
                      key=lambda row: int(row["ID"]))

    def fundings(self) -> int:
        """How many fundings the ledger has."""
        return len({row["EXECID"] for row in self.ground.read().coins if row["SIDE"] < 0})

    def truth(self) -> int:
        """How many there were."""
        return sum(1 for one in self.ground.exchange.truth()["funding"] if D(one["amount"]))

    def settled(self, limit: float = 12.0) -> None:
        """Every funding is booked, and the referee is content."""
        until(lambda: self.fundings() == self.truth(), limit, "every funding booked")
        self.ground.check(limit)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all rows: each begins and ends at quiet."""
    ground = Ground(tmp_path_factory.mktemp("money"))
    try:
        lift_limits(ground.exchange)
        for emi in ("alfa", "beta", "gamma"):
            ground.robot(emi)
        ground.robot("ether", "ETHUSDT")
        yield Stage(ground)
    finally:
        ground.close()


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    """At quiet before and after."""
    shared.terminal.wait_recovered()
    yield shared
    shared.ground.calm()
    lift_limits(shared.ground.exchange)
    shared.settled(15)


def test_a1_two_symbols_funded_at_the_same_time(stage: Stage) -> None:
    stage.fill("alfa", BUY, "0.03")
    stage.fill("ether", SELL, "0.5", ETH)
    before = stage.fundings()

    stage.fund("0.0001", "BTCUSDT", "ETHUSDT")

    stage.settled()
    assert stage.fundings() == before + 2
    assert stage.rows("alfa", True)[-1]["COMMISS"] > 0 > stage.rows("ether", True)[-1]["COMMISS"]


def test_a2_funding_read_again_stays_one(stage: Stage) -> None:
    stage.fill("alfa", BUY, "0.01")
    stage.fund()
    stage.settled()
    rows = len(stage.ground.read().coins)

    for _ in range(3):
        stage.terminal.recover()

    stage.settled()
    assert len(stage.ground.read().coins) == rows


def test_a3_position_of_three_bots_on_both_sides(stage: Stage) -> None:
    stage.fill("alfa", BUY, "0.011")
    stage.fill("beta", SELL, "0.004")
    stage.fill("gamma", BUY, "0.003")
    before = len(stage.rows("beta", True))

    stage.fund("0.000137")
    stage.fill("alfa", SELL, "0.02")           # turns around right behind it

    stage.settled()
    assert len(stage.rows("beta", True)) == before + 1


def test_funding_while_the_program_is_not_told(stage: Stage) -> None:
    """The private stream is silent; the hourly or the next recovery's reading finds it."""
    stage.fill("gamma", BUY, "0.002")
    stage.ground.exchange.fault("mute", stream="private", seconds=3)
    stage.fund("-0.0002")

    stage.settled(15)
    assert stage.rows("gamma", True)


def test_fill_that_comes_after_the_funding_it_belongs_before(stage: Stage) -> None:
    """The order's events are held back, the funding is told: the shares follow when the fill is known."""
    stage.fill("alfa", BUY, "0.005")
    stage.ground.exchange.fault("mute", stream="private", seconds=2)
    stage.terminal.place(BUY, "0.006", None, "beta", BTC)
    stage.fund("0.0003")

    stage.settled(15)
