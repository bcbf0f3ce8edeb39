"""Rows A4 to A9 of the table of faults over the wire; fundings of every kind of contract by the referee.

The exchange lists odd instruments too (`odd_exchange`): prices of 1e-8, a million million contracts, odd multipliers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from models import Category, Key, Side
from tests.faults.harness import BTC, BUY, QUICK, SELL, Ground, Terminal, recorded, until
from tests.faults.products import BTCUSDT, SPOT_BTCUSDT, XBTUSD, Traded, lift_limits

D = Decimal


def of(market: str, category: Category, symbol: str, qty: str) -> Traded:
    """An instrument and the smallest quantity of a test."""
    return Traded(Key(market, category, symbol), D(qty), "")


TINY = of("Binance", Category.LINEAR, "TINYUSDT", "1")
TENTH = of("Binance", Category.LINEAR, "TENTHUSDT", "0.1")
COIN = of("Binance", Category.INVERSE, "ETHUSD_261225", "3")
QUANTO = of("Bitmex", Category.QUANTO, "ODDUSD", "13")
LINEAR = of("Bitmex", Category.LINEAR, "ODDUSDT", "21")
INVERSE = of("Bitmex", Category.INVERSE, "ODXUSD", "9")
FUNDED = (COIN, QUANTO, LINEAR, INVERSE, XBTUSD)
TRADED = (BTCUSDT, TINY, TENTH, COIN, SPOT_BTCUSDT, XBTUSD, QUANTO, LINEAR, INVERSE)
RUN = ("-m", "tests.faults.odd_exchange")


class Stage:
    """One exchange with a session; two bots on every contract."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.terminal: Terminal = ground.terminal(replace(QUICK, check_account=1.0), wait=False)
        self.terminal.wait_recovered(30)

    def fill(self, one: Traded, side: Side, qty: str, owner: str = "") -> list[dict[str, Any]]:
        """A market order, booked: its new rows."""
        before = {row["ID"] for row in self.ground.read().coins}
        name = until(lambda: self.terminal.try_place(side, qty, None, owner, one.key).cl_ord_id, 15,
                     f"a market of {one.key.symbol} that takes orders")
        until(lambda: self.ground.status(name) == "FILLED" and D(str(self.ground.order(name)["BOOKED_QTY"])) == D(qty),
              8, f"{name} is filled and booked")
        return [row for row in self.ground.read().coins if row["ID"] not in before and row["SIDE"] >= 0]

    def position(self, one: Traded, owner: str) -> Decimal:
        """Of the rows."""
        return sum((row["QTY"] for row in self.ground.read().coins if row["EMI"] == owner and row["SIDE"] >= 0
                    and row["SYMBOL"] == one.key.symbol), D(0))

    def fund(self, one: Traded, rate: str) -> None:
        """Funding falls due."""
        self.ground.exchange.control("funding", market=one.key.market, category=one.key.category.value,
                                     symbol=one.key.symbol, rate=rate)


def bot(one: Traded, number: int) -> str:
    """A bot's name."""
    return f"b{number}_{one.key.symbol}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One for all rows."""
    ground = Ground(tmp_path_factory.mktemp("odd"), run=RUN)
    try:
        lift_limits(ground.exchange)
        ground.exchange.control("deposit", category="linear", asset="USDT", amount="1000000")
        ground.exchange.control("deposit", asset="BTC", amount="1")
        ground.trades(*TRADED)
        for one in (*FUNDED, TENTH):
            for number in (1, 2):
                ground.robot(bot(one, number), one.key.symbol, category=one.key.category.value, market=one.key.market,
                             sort=number)
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
    shared.ground.check(15)


# ---------------------------------------------------------------- A4: commissions

def test_a4_commission_in_another_coin_stays_in_its_own_row(stage: Stage) -> None:
    for category in ("linear", "spot"):
        stage.ground.exchange.control("deposit", category=category, asset="BNB", amount="3")
        stage.ground.exchange.control("fees", category=category, bnb=True)

    rows = stage.fill(BTCUSDT, BUY, "0.01")
    spot = stage.fill(SPOT_BTCUSDT, BUY, "0.01")
    for category in ("linear", "spot"):
        stage.ground.exchange.control("fees", category=category, bnb=False)

    assert [(row["PART"], row["CURRENCY"], row["COMMISS"] > 0, bool(row["SUMREAL"])) for row in rows] == [
        (0, "USDT", False, True), (1, "BNB", True, False)] * (len(rows) // 2)
    assert {(row["CURRENCY"], row["COMMISS"] > 0) for row in spot} == {("USDT", False), ("BTC", False), ("BNB", True)}
    stage.ground.check()


@pytest.mark.parametrize(("taker", "sign"), [("0", 0), ("-0.0003", -1)])
def test_a4_no_commission_and_a_rebate(stage: Stage, taker: str, sign: int) -> None:
    for category in ("linear", "inverse", "spot"):
        stage.ground.exchange.control("fees", category=category, maker="-0.0001", taker=taker)

    rows = [*stage.fill(BTCUSDT, BUY, "0.01"), *stage.fill(COIN, SELL, "3"), *stage.fill(SPOT_BTCUSDT, SELL, "0.002")]
    for category in ("linear", "inverse", "spot"):
        stage.ground.exchange.control("fees", category=category, maker="0.0002", taker="0.0005")

    assert {(row["COMMISS"] > 0) - (row["COMMISS"] < 0) for row in rows if row["QTY"]} == {sign}
    stage.ground.check()


# ---------------------------------------------------------------- A5, A6: numbers

def test_a5_a_million_million_contracts_at_a_price_of_a_hundred_thousandth(stage: Stage) -> None:
    rows = stage.fill(TINY, BUY, "1000000000001")
    stage.fill(TINY, SELL, "600000001")

    assert sum(row["QTY"] for row in rows) == 1_000_000_000_001
    assert all(row["TRADE_PRICE"] < D("0.0001") for row in rows)
    assert all(row["SUMREAL"] == -row["QTY"] * row["TRADE_PRICE"] for row in rows)
    assert stage.position(TINY, TINY.key.reserved) == 10 ** 12 - 6 * 10 ** 8
    stage.ground.check()


def test_a5_tenths_add_up(stage: Stage) -> None:
    owner = bot(TENTH, 1)
    stage.fill(TENTH, BUY, "0.1", owner)
    stage.fill(TENTH, BUY, "0.2", owner)

    assert stage.position(TENTH, owner) == D("0.3")
    (book,) = (row for row in stage.ground.read().books if row["EMI"] == owner)
    assert book["POS"] == D("0.3")
    stage.fill(TENTH, SELL, "0.3", owner)
    assert stage.position(TENTH, owner) == 0
    stage.ground.check()


@pytest.mark.parametrize("one", FUNDED, ids=lambda one: f"{one.key.market} {one.key.category.value}")
def test_a6_values_and_fundings_of_odd_multipliers(stage: Stage, one: Traded) -> None:
    """Two bots and a person, on both sides; values by the category's formula, shares by the referee's own."""
    unit = one.qty
    stage.fill(one, BUY, str(unit * 7), bot(one, 1))
    stage.fill(one, SELL, str(unit * 3), bot(one, 2))
    stage.fill(one, BUY, str(unit), one.key.reserved)
    before = len({row["EXECID"] for row in stage.ground.read().coins if row["SIDE"] < 0})

    stage.fund(one, "0.000137")
    stage.fund(one, "-0.000251")

    until(lambda: len({row["EXECID"] for row in stage.ground.read().coins if row["SIDE"] < 0}) == before + 2, 12,
          "both fundings")
    stage.ground.check(12)
    stage.fill(one, SELL, str(unit * 9), bot(one, 1))         # crosses zero: a new entry at this price
    book = next(row for row in stage.ground.read().books if row["EMI"] == bot(one, 1) and row["POS"])
    assert book["POS"] == unit * -2


# ---------------------------------------------------------------- A7: many at one time

@pytest.mark.parametrize(("one", "each", "path"), [
    (TENTH, "0.1", "/fapi/v1/userTrades"),
    pytest.param(XBTUSD, "100", "/api/v1/execution/tradeHistory", marks=pytest.mark.long)], ids=["USD-M", "BitMEX"])
def test_a7_2500_fills_of_one_millisecond(stage: Stage, one: Traded, each: str, path: str) -> None:
    """More than a page holds (1,000; 500), and no time tells them apart; nobody hears of them but from history."""
    key, ground, owner = one.key, stage.ground, bot(one, 2)
    board = stage.terminal.session.board
    ground.exchange.fault("freeze")
    until(lambda: stage.terminal.is_live(key), 8, "a live book")
    book, lot, whole = board.books[key], D(each), D(each) * 2500
    price = book.bids[0][0]
    ahead = sum((qty for at, qty in book.bids if at >= price), D(0))         # who came first is filled first
    name = stage.terminal.place(BUY, str(whole), price, owner, key)
    until(lambda: ground.status(name) == "NEW", 8, "NEW")
    before = {(row["MARKET"], row["EXECID"]) for row in ground.read().coins}
    with recorded() as wire:
        ground.exchange.fault("mute", stream="" if key.market == "Bitmex" else "private", seconds=2)
        ground.exchange.control("trade", market=key.market, category=key.category.value, symbol=key.symbol,
                                side="SELL", qty=str(whole + ahead), parts=int((whole + ahead) / lot))

        until(lambda: D(str(ground.order(name)["BOOKED_QTY"])) == whole, 60, "every fill is booked")
        until(lambda: ground.status(name) == "FILLED", 10, "the order is filled")
    made = [row for row in ground.read().coins if (row["MARKET"], row["EXECID"]) not in before and row["SIDE"] >= 0]

    assert len(made) >= 2500 and {row["EMI"] for row in made} == {owner}
    assert len({str(row["TTIME"]) for row in made}) == 1, "they have one time"
    assert 3 <= wire.count("GET", path) <= 60, f"{wire.count('GET', path)} pages were asked for"


# ---------------------------------------------------------------- A8, A9: history that lags; a position that differs

def muted_fill(stage: Stage, qty: str = "0.001") -> None:
    """Somebody trades with the account's keys elsewhere while the private stream is silent."""
    stage.ground.exchange.fault("mute", stream="private", seconds=4)
    stage.ground.exchange.control("order", market="Binance", category="linear", symbol="BTCUSDT", side="BUY", qty=qty)


def test_a8_history_that_lags_and_comes_in_any_order(stage: Stage) -> None:
    """What is newest is not told yet, the position differs meanwhile; a later reading finds every fill, once."""
    stage.ground.exchange.fault("lag", path="GET /fapi/v1/userTrades", seconds=4)
    stage.ground.exchange.fault("disorder", path="GET /fapi/v1/userTrades")
    for qty in ("0.002", "0.001", "0.004"):
        muted_fill(stage, qty)

    stage.ground.check(20)
    until(lambda: stage.terminal.try_place(BUY, "0.01", stage.terminal.far()).ok, 8, "they agree: orders go")


def test_a9_one_lot_that_no_row_explains_blocks_its_symbol(stage: Stage) -> None:
    terminal = stage.terminal
    before = len(stage.ground.read().coins)
    stage.ground.exchange.fault("lag", path="GET /fapi/v1/userTrades", seconds=600)     # the trade is not told
    muted_fill(stage)

    until(lambda: any("difference" in strip.text for strip in terminal.view.strips), 20, "the difference is shown")
    shown = next(strip.text for strip in terminal.view.strips if "difference" in strip.text)
    refused = terminal.try_place(BUY, "0.01", terminal.far())
    assert "BTCUSDT" in shown and "0.001" in shown and "blocked" in shown
    assert not refused.ok and refused.refusal is not None and "until they agree" in refused.refusal.text
    assert terminal.try_place(BUY, "0.3", None, key=TENTH.key).ok, "others go on"
    assert not [row for row in stage.ground.read().coins[before:] if row["SYMBOL"] == "BTCUSDT"], "nothing is invented"

    stage.ground.calm()
    lift_limits(stage.ground.exchange)
    until(lambda: terminal.try_place(BUY, "0.01", terminal.far(), key=BTC).ok, 20, "they agree: orders go again")
    stage.ground.check()
    assert not any("difference" in strip.text for strip in terminal.view.strips)
