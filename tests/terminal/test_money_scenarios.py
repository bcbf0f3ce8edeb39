"""The worked scenarios of funding and of books that close (11, 14, 15, 25) over the wire, on both databases."""


from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal as D

import pytest

from tests.faults.harness import BTC, BUY, QUICK, SELL, Ground, until
from tests.faults.products import BTCUSDT, XBTUSD, lift_limits
from tests.terminal.test_scenarios import Stage as Scenario
from tests.terminal.test_scenarios import database

INVERSE = XBTUSD.key
HAND, BTC_HAND = INVERSE.reserved, BTC.reserved
BOTS = {"A": INVERSE, "B": INVERSE, HAND: INVERSE, "Alfa": BTC, "Beta": BTC, BTC_HAND: BTC}


class Stage(Scenario):
    """The same on two markets, with fundings."""

    def buy(self, owner: str, qty: str) -> None:
        """A market order on Binance (negative: a sale), booked."""
        before = len(self.rows(owner))
        until(lambda: self.terminal.is_live(BTC), 8, "a market that takes orders")
        self.terminal.place(BUY if D(qty) > 0 else SELL, str(abs(D(qty))), None, owner, BTC)
        until(lambda: len(self.rows(owner)) > before, 5, f"the fill of {owner}")

    def funded(self, since: int) -> list[tuple[str, D, D]]:
        """Owner, position and share of the funding rows after this many, as written."""
        rows = sorted((row for row in self.ground.read().coins if row["SIDE"] < 0), key=lambda row: int(row["ID"]))
        return [(row["EMI"], row["QTY"], row["COMMISS"]) for row in rows[since:]]

    def fund(self, rate: str = "0.0001") -> list[tuple[str, D, D]]:
        """Funding of XBTUSD at 50,000 now: the rows it made."""
        before = len(self.funded(0))
        self.market.middle("50000")
        self.market.control("funding", category="inverse", rate=rate)
        until(lambda: len(self.funded(0)) > before, 5, "the funding's rows")
        return self.funded(before)


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One session for all scenarios on this kind of database."""
    env = database(request, "money")
    ground = Ground(tmp_path_factory.mktemp("money"))
    try:
        lift_limits(ground.exchange)
        ground.trades(XBTUSD, BTCUSDT, env=env)
        for place, (bot, key) in enumerate(BOTS.items()):
            if "." not in bot:
                ground.robot(bot, key.symbol, category=key.category.value, market=key.market, sort=place)
        yield Stage(ground, BOTS, replace(QUICK, check_account=1.0))
    finally:
        ground.close()


def test_scenarios_14_and_11_bots_on_both_sides(stage: Stage) -> None:
    """Ten times the scenarios' contracts: the lot here is 100."""
    stage.take("A", BUY, "1000", "50000")
    stage.take("B", SELL, "1000", "50000")
    stage.market.control("funding", category="inverse", rate="0.0001")     # the account is flat: nothing is told
    stage.take(HAND, BUY, "500", "50000")
    assert stage.funded(0) == []
    assert stage.fund() == [("A", D(1000), D("20e-7")), ("B", D(-1000), D("-20e-7")), (HAND, D(500), D("10e-7"))]

    stage.take("B", BUY, "600", "50000")
    stage.take(HAND, SELL, "100", "50000")
    assert stage.fund() == [("A", D(1000), D("2.0e-6")), ("B", D(-400), D("-0.8e-6")), (HAND, D(400), D("0.8e-6"))]

    rows = [row for row in stage.ground.read().coins if row["SIDE"] < 0]
    newest = [row for row in rows if row["EXECID"] == max(rows, key=lambda row: int(row["ID"]))["EXECID"]]
    assert [row["PART"] for row in newest] == [0, 1, 2] and {row["CURRENCY"] for row in newest} == {"XBt"}
    stage.terminal.recover()
    stage.ground.check()
    assert len(stage.funded(0)) == len(rows) == 6


def test_scenario_15_usd_m_shares_of_the_income(stage: Stage) -> None:
    before = len(stage.funded(0))
    for owner, qty in (("Alfa", "0.03"), ("Beta", "0.01"), (BTC_HAND, "0.01")):
        stage.buy(owner, qty)
    told = stage.ground.exchange.control("funding", market="Binance", category="linear", symbol="BTCUSDT",
                                         rate="0.0001")
    until(lambda: len(stage.funded(before)) == 3, 8, "three rows")

    unit = D(told["mark"]) * D("0.0001")
    assert stage.funded(before) == [("Alfa", D("0.03"), round(unit * 3 / 100, 8)),
                                    ("Beta", D("0.01"), round(unit / 100, 8)),
                                    (BTC_HAND, D("0.01"), round(unit * 5 / 100, 8) - round(unit * 3 / 100, 8)
                                     - round(unit / 100, 8))]
    stage.ground.check()


def test_scenario_25_the_books_close_in_every_currency(stage: Stage) -> None:
    """Control = what the venue holds less results, with fees and funding put back: it stays at the net deposits."""
    controls = stage.terminal.session.engine._core.state.controls

    def compared() -> bool:
        return {name[1] for name in controls} >= {"USDT", "XBt"} and all(c.agrees for c in controls.values())

    until(compared, 10, "every balance agrees")
    before = {name: control.control for name, control in controls.items()}
    stage.fund("0.0003")
    stage.take("A", SELL, "1000", "51000")
    stage.buy("Alfa", "-0.03")
    stage.buy("Beta", "-0.02")
    stage.ground.check()
    times = stage.terminal.view.ledger.agree_time
    until(lambda: stage.terminal.view.ledger.agree_time > times and compared(), 10, "every balance agrees again")

    for name, control in controls.items():
        assert abs(control.control - before[name]) <= control.tolerance, control
    books = stage.ground.read().books
    for currency in ("USDT", "XBt"):
        rows = [row for row in stage.ground.read().coins if row["CURRENCY"] == currency]
        assert sum(row["SUMREAL"] for row in rows) == sum(b["SUMREAL"] for b in books if b["CURRENCY"] == currency)
        assert sum(row["COMMISS"] for row in rows) == sum(
            b["FEES"] + b["FUNDING"] for b in books if b["CURRENCY"] == currency)
