"""BitMEX's spot pairs: coins change hands, both wallets and their histories say so, and there is no position."""

from __future__ import annotations

import time
from decimal import Decimal as D

from tests.simulator.bitmex_client import Bitmex, Row

PAIR = "XBT_USDT"


def wallets(bitmex: Bitmex) -> dict[str, int]:
    """Balances in minor units."""
    return {row["currency"]: row["walletBalance"] for row in bitmex.ok("GET", "user/margin", currency="all")}


def spot_fills(bitmex: Bitmex, order: Row) -> list[Row]:
    """An order's fills."""
    return [row for row in bitmex.fills() if row["orderID"] == order["orderID"]]


def test_the_instrument_tells_coins_and_no_contract(bitmex: Bitmex) -> None:
    (row,) = bitmex.ok("GET", "instrument", symbol=PAIR)

    assert (row["typ"], row["lotSize"], row["tickSize"], row["underlyingToPositionMultiplier"]) == (
        "IFXXXP", 1000, D("0.5"), 10**8)
    assert not {"settlCurrency", "fundingRate", "fundingInterval", "riskLimit"} & set(row)
    assert bitmex.ok("GET", "funding", symbol=PAIR) == []


def test_a_buy_and_a_sale_move_both_wallets_by_what_the_executions_tell(bitmex: Bitmex) -> None:
    before = wallets(bitmex)
    bought = bitmex.order("Buy", 100_000, symbol=PAIR)
    held = wallets(bitmex)
    sold = bitmex.order("Sell", 40_000, symbol=PAIR)
    after = wallets(bitmex)

    buys, sales = spot_fills(bitmex, bought), spot_fills(bitmex, sold)
    for row in buys + sales:
        worth = row["lastQty"] * D(row["lastPx"]) / 100      # minor units: 1e-8 coins, 1e-6 dollars
        assert abs(row["execCost"]) == worth and row["execComm"] == round(worth * D("0.0005"))
        assert (row["execCost"] > 0) is (row["side"] == "Buy") and "settlCurrency" not in row
    assert held["XBt"] - before["XBt"] == 100_000 == sum(row["lastQty"] for row in buys)
    assert before["USDt"] - held["USDt"] == sum(row["execCost"] + row["execComm"] for row in buys)
    assert held["XBt"] - after["XBt"] == 40_000
    assert held["USDt"] - after["USDt"] == sum(row["execCost"] + row["execComm"] for row in sales)
    told = bitmex.ok("GET", "user/walletHistory", currency="all", count=2 * len(buys + sales))
    assert {row["transactType"] for row in told} == {"SpotTrade"} and {row["address"] for row in told} == {PAIR}
    assert not [row for row in bitmex.ok("GET", "position") if row["symbol"] == PAIR]


def test_truth_tells_coins_and_no_position(bitmex: Bitmex) -> None:
    order = bitmex.order("Buy", 3000, symbol=PAIR, clOrdID="7.spot")
    mine = [row for row in bitmex.truth("executions") if row["order_id"] == order["orderID"]]

    assert {row["category"] for row in mine} == {"spot"} and sum(D(row["qty"]) for row in mine) == D("0.00003")
    assert {row["commission_asset"] for row in mine} == {"USDt"}
    (told,) = [row for row in bitmex.truth("orders") if row["order_id"] == order["orderID"]]
    assert (told["qty"], told["cum_qty"], told["client_id"]) == ("0.00003", "0.00003", "7.spot")
    assert not [row for row in bitmex.truth("positions") if row["symbol"] == PAIR]
    assert {"XBt", "USDt", "Gwei"} == {row["asset"] for row in bitmex.truth("balances")}
    bitmex.control("funding", PAIR, rate="0.01")
    assert not [row for row in bitmex.truth("funding") if row["symbol"] == PAIR]


def test_open_orders_lock_what_they_would_pay_and_free_it_again(bitmex: Bitmex) -> None:
    bid = bitmex.top(PAIR)[0]
    low, high = bid // 2, bid * 2 // 1
    free = {name: bitmex.margin(name)["availableMargin"] for name in ("XBt", "USDt")}

    bitmex.order("Buy", 10_000, str(low), symbol=PAIR)
    bitmex.order("Sell", 20_000, str(high), symbol=PAIR)

    paid = 100 * low
    assert free["USDt"] - bitmex.margin("USDt")["availableMargin"] == paid + round(paid * D("0.0005"))
    assert free["XBt"] - bitmex.margin("XBt")["availableMargin"] == 20_000
    bitmex.ok("DELETE", "order/all")
    assert {name: bitmex.margin(name)["availableMargin"] for name in free} == free


def test_more_than_there_is_is_refused(bitmex: Bitmex) -> None:
    for side, currency in (("Sell", "XBt"), ("Buy", "USDt")):
        body = {"symbol": PAIR, "side": side, "orderQty": 9_000_000_000, "ordType": "Market"}
        status, text = bitmex.no("POST", "order", body)

        assert status == 400 and text.startswith("Account has insufficient Available Balance")
        assert text.endswith(f"{currency} required")


def test_what_belongs_to_positions_is_refused(bitmex: Bitmex) -> None:
    body = {"symbol": PAIR, "side": "Sell", "orderQty": 1000, "ordType": "Market", "execInst": "ReduceOnly"}

    assert bitmex.no("POST", "order", body) == (400, "Invalid execInst")
    assert bitmex.no("POST", "position/leverage", {"symbol": PAIR, "leverage": 5}) == (400, "Invalid symbol")
    assert bitmex.no("POST", "order", body | {"orderQty": 1500, "execInst": ""}) == (400, "Invalid orderQty")


def test_the_stream_tells_order_fill_and_both_margins(bitmex: Bitmex) -> None:
    stream = bitmex.socket("order", "execution", "margin", "wallet", "position", keyed=True)
    order = bitmex.order("Buy", 5000, symbol=PAIR)
    stream.settled(lambda: [row for row in stream.log if row["table"] == "wallet" and row["action"] == "update"
                            and row["data"][0]["currency"] == "XBt"])
    time.sleep(0.1)
    stream.during(0.1)

    margins = {row["data"][0]["currency"] for row in stream.log
               if row["table"] == "margin" and row["action"] == "update"}
    assert {"XBt", "USDt"} <= margins
    assert next(row for row in stream.table("order") if row["orderID"] == order["orderID"])["ordStatus"] == "Filled"
    assert not [row for row in stream.table("position") if row["symbol"] == PAIR]
