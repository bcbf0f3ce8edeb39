"""Spot end to end: the session, its ledger and the connector against the bundled exchange's spot face."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from engine.commands import MoveOrder
from models import Category, Key, Side
from tests.faults.harness import QUICK, Ground, Terminal, until, write_private
from tests.faults.products import XBT_USDT

pytestmark = pytest.mark.late
BTC = Key("Binance", Category.SPOT, "BTCUSDT")


def spot(ground: Ground) -> Terminal:
    """A session with spot alone, recovered."""
    write_private(ground.home / ".env.Binance", "SPOT_SYMBOLS=BTCUSDT\nLINEAR_SYMBOLS=\nCURRENCIES=USDT")
    terminal = ground.terminal(QUICK, wait=False)
    try:
        until(lambda: terminal.fatal or terminal.is_live(BTC), 15)
    except AssertionError:
        raise AssertionError(terminal.report()) from None
    return terminal


def truth(ground: Ground, what: str) -> list[dict[str, str]]:
    """What the spot face knows."""
    return [row for row in ground.exchange.truth()[what]
            if (row["market"], row["category"]) == ("Binance", "spot")]


def test_a_moved_order_keeps_its_row_and_every_fill_is_booked_once(ground: Ground) -> None:
    terminal = spot(ground)
    name = terminal.place(Side.BUY, "0.002", terminal.far(key=BTC).quantize(Decimal("0.01")), key=BTC)
    until(lambda: ground.status(name) == "NEW", 15, "the order works")
    nearer = terminal.far(key=BTC, percent=2).quantize(Decimal("0.01"))
    assert terminal.ask(MoveOrder(terminal.ticket(), BTC, name, price=nearer)).ok
    until(lambda: ground.status(name) == "NEW" and Decimal(str(ground.order(name)["PRICE"])) == nearer, 15, "moved")
    newest = [row for row in truth(ground, "orders") if row["client_id"] == name.replace(".", "-")][-1]
    assert ground.order(name)["ORDERID"] == newest["order_id"] and newest["status"] == "NEW"
    ground.exchange.control("fault", name="cut", seconds=1)
    ground.exchange.control("price", market="Binance", category="spot", symbol="BTCUSDT", price=str(nearer - 10))
    until(lambda: ground.status(name) == "FILLED", 15, terminal.report())
    until(lambda: terminal.is_live(BTC), 15, "live again")
    terminal.place(Side.SELL, "0.001", key=BTC)
    until(lambda: {row["EXECID"] for row in ground.read().coins} == {row["exec_id"] for row in truth(
        ground, "executions")} and any(row["side"] == "SELL" for row in truth(ground, "executions")), 15, "all booked")

    theirs = {row["exec_id"]: row for row in truth(ground, "executions")}
    coins = ground.read().coins
    mine = [row for row in coins if row["PART"] == 0]
    assert sorted(row["EXECID"] for row in mine) == sorted(theirs)
    assert {row["client_id"] for row in theirs.values()} >= {name.replace(".", "-")}
    assert len([row for row in ground.read().orders if row["NAME"] == name]) == 1
    assert len([row for row in truth(ground, "orders") if row["client_id"] == name.replace(".", "-")]) == 2
    money = {row["asset"]: Decimal(row["wallet"]) for row in truth(ground, "balances")}
    for coin, start in (("BTC", Decimal(0)), ("USDT", Decimal(10_000))):
        rows = [row for row in coins if row["CURRENCY"] == coin]
        booked = sum((Decimal(str(row["SUMREAL"])) - Decimal(str(row["COMMISS"])) for row in rows), start)
        assert booked == money[coin], coin


@pytest.mark.parametrize("unseen", [False, True])
def test_of_a_partly_filled_order_the_rest_is_moved_and_never_more_is_bought(ground: Ground, unseen: bool) -> None:
    """`unseen`: the part is filled between the terminal's decision and the request, and told late."""
    terminal, control = spot(ground), ground.exchange.control
    control("fault", name="freeze", category="spot")
    time.sleep(0.3)
    top, size = terminal.session.board.books[BTC].bids[0]
    lower = top - 1
    name = terminal.place(Side.BUY, "0.020", top, key=BTC)
    until(lambda: ground.status(name) == "NEW", 15, "the order works")
    if unseen:
        control("fault", name="event", kind="delay", seconds=1.5, category="spot")
    ground.trade("SELL", str(size + Decimal("0.008")), key=BTC)
    if not unseen:
        until(lambda: ground.status(name) == "PARTIALLY_FILLED", 15, "partly filled")
    assert terminal.ask(MoveOrder(terminal.ticket(), BTC, name, price=lower)).ok
    try:
        until(lambda: ground.status(name) == "CANCELED", 15)
    except AssertionError:
        raise AssertionError(terminal.report()) from None
    moved = until(lambda: [row for row in ground.read().orders if row["NAME"] != name], 15, terminal.report())[0]
    until(lambda: ground.status(moved["NAME"]) == "NEW", 15, "the rest works")
    ground.calm()
    control("price", market="Binance", category="spot", symbol="BTCUSDT", price=str(lower - 1))
    until(lambda: ground.status(moved["NAME"]) == "FILLED", 15, terminal.report())

    filled = {row["client_id"]: Decimal(row["cum_qty"]) for row in truth(ground, "orders")}
    assert sum(filled.values()) == Decimal("0.020") and len(filled) == 2
    assert Decimal(str(moved["QTY"])) == Decimal("0.020") - filled[name.replace(".", "-")] > 0
    ground.check()


def test_bitmex_spot_books_a_round_trip_in_both_currencies(ground: Ground) -> None:
    key = XBT_USDT.key
    ground.trades(XBT_USDT)
    before = {row["asset"]: Decimal(row["wallet"]) for row in ground.exchange.truth()["balances"]
              if row["market"] == "Bitmex"}
    terminal = ground.terminal()
    moved = terminal.place(Side.BUY, "0.002", terminal.far(key=key), key=key)
    until(lambda: ground.status(moved) == "NEW", 15, "the order works")
    nearer = terminal.far(key=key, percent=2)
    assert terminal.ask(MoveOrder(terminal.ticket(), key, moved, price=nearer)).ok
    until(lambda: Decimal(str(ground.order(moved)["PRICE"])) == nearer, 15, "moved")
    ground.exchange.control("price", market="Bitmex", category="spot", symbol="XBT_USDT", price=str(nearer - 10))
    until(lambda: ground.status(moved) == "FILLED", 15, terminal.report())
    sold = terminal.place(Side.SELL, "0.002", key=key)
    until(lambda: ground.status(sold) == "FILLED", 15, terminal.report())
    ground.check()

    coins = ground.read().coins
    legs = {(row["PART"], row["CURRENCY"]) for row in coins}
    after = {row["asset"]: Decimal(row["wallet"]) for row in ground.exchange.truth()["balances"]
             if row["market"] == "Bitmex"}
    assert legs == {(0, "USDt"), (1, "XBt")} and len({row["EXECID"] for row in coins}) >= 2
    for currency in ("XBt", "USDt"):
        booked = sum(row["SUMREAL"] - row["COMMISS"] for row in coins if row["CURRENCY"] == currency)
        assert booked == after[currency] - before[currency], currency
    assert after["XBt"] == before["XBt"] and after["USDt"] < before["USDt"]
