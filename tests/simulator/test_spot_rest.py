"""Spot's market data, account, history and limits; what a killed exchange takes up again; the scenarios' money."""

from __future__ import annotations

import time
from decimal import Decimal as D
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.sim_client import Exchange, order_params
from tests.simulator.spot_client import Spot

MINUTE = 60000
FILTERS = {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "TRAILING_DELTA", "PERCENT_PRICE_BY_SIDE", "NOTIONAL",
           "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS", "MAX_NUM_ORDER_AMENDS"}


def test_pairs_and_their_filters(spot: Spot) -> None:
    info = spot.get("exchangeInfo")
    rows = {row["symbol"]: row for row in info["symbols"]}

    assert list(rows) == ["BTCUSDT", "ETHUSDT", "BNBUSDT"] and info["rateLimits"][0]["limit"] == 6000
    btc = {f["filterType"]: f for f in rows["BTCUSDT"]["filters"]}
    assert set(btc) == FILTERS and btc["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert (btc["PRICE_FILTER"]["tickSize"], btc["NOTIONAL"]["minNotional"]) == ("0.01000000", "5.00000000")
    assert rows["ETHUSDT"]["permissionSets"] == [["SPOT"]] and "LIMIT_MAKER" in rows["ETHUSDT"]["orderTypes"]
    assert [s["symbol"] for s in spot.get("exchangeInfo", symbols='["BNBUSDT"]')["symbols"]] == ["BNBUSDT"]
    assert spot.get("exchangeInfo", symbol="NOPE")["code"] == -1121


def test_spot_and_futures_are_different_markets(spot: Spot) -> None:
    future = spot.exchange.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1h", limit=20)
    own = spot.get("klines", symbol="BTCUSDT", interval="1h", limit=20)
    assert [a[0] for a in own] == [b[0] for b in future]
    assert sum(D(a[4]) == D(b[4]) for a, b in zip(own, future, strict=True)) < 3
    spot.exchange.fault("freeze")
    before = spot.exchange.top()
    spot.move("66000.00")
    assert spot.exchange.top() == before and abs(spot.top()[0] - 66000) < 1


def test_seven_days_of_candles_that_fit_each_other(spot: Spot) -> None:
    now = int(time.time() * 1000)
    week = spot.get("klines", symbol="ETHUSDT", interval="1m", startTime=now - 7 * 86400_000, limit=1000)
    assert len(week) == 1000 and {b[0] - a[0] for a, b in pairwise(week)} == {MINUTE}
    assert all(D(b[1]) == D(a[4]) and D(r[3]) <= min(D(r[1]), D(r[4])) for (a, b), r in zip(pairwise(week), week,
                                                                                            strict=False))
    start = week[0][0] // 300_000 * 300_000 + 300_000
    five = spot.get("klines", symbol="ETHUSDT", interval="5m", startTime=start, limit=10)
    minutes = {row[0]: row for row in week}
    for bar in five:
        parts = [minutes[bar[0] + n * MINUTE] for n in range(5)]
        assert D(bar[5]) == sum(D(p[5]) for p in parts) and D(bar[7]) == sum(D(p[7]) for p in parts)
        assert D(bar[2]) == max(D(p[2]) for p in parts) and bar[6] == bar[0] + 5 * MINUTE - 1
        assert D(bar[10]) == sum(D(p[10]) for p in parts)
    assert len(spot.get("klines", symbol="ETHUSDT", interval="1m", limit=1500)) == 1000  # more is not refused


def test_trades_prices_and_statistics(spot: Spot) -> None:
    spot.exchange.fault("freeze")
    spot.control("trade", side="BUY", qty="0.05")
    newest = spot.get("trades", symbol="BTCUSDT", limit=5)[-1]
    assert newest["isBuyerMaker"] is False and D(newest["quoteQty"]) == D(newest["price"]) * D(newest["qty"])
    assert spot.get("historicalTrades", symbol="BTCUSDT", fromId=newest["id"])[0] == newest
    assert spot.get("aggTrades", symbol="BTCUSDT", limit=1)[0]["l"] == newest["id"]
    assert spot.get("ticker/price", symbol="BTCUSDT") == {"symbol": "BTCUSDT", "price": newest["price"]}
    day = spot.get("ticker/24hr", symbol="BTCUSDT")
    assert D(day["lowPrice"]) <= D(day["lastPrice"]) <= D(day["highPrice"]) and day["lastId"] == newest["id"]
    assert len(spot.get("ticker/24hr")) == 3 and len(spot.get("ticker/bookTicker", symbols='["BTCUSDT"]')) == 1
    hour = spot.get("ticker", symbol="BTCUSDT", windowSize="1h", type="MINI")
    assert D(hour["volume"]) <= D(day["volume"]) and "priceChange" not in hour
    assert D(spot.get("avgPrice", symbol="BTCUSDT")["price"]) > 0


def test_history_is_walked_by_trade_id(spot: Spot) -> None:
    for _ in range(7):
        spot.order("BUY", "0.001")
    mine = spot.ok("GET", "myTrades", symbol="BTCUSDT")
    first, seen = mine[0]["id"], []
    while page := spot.ok("GET", "myTrades", symbol="BTCUSDT", fromId=first, limit=3):
        seen += page
        first = page[-1]["id"] + 1
    assert seen == mine and len(mine) >= 7

    start = mine[2]["time"]
    assert spot.ok("GET", "myTrades", symbol="BTCUSDT", startTime=start, endTime=start + 1)[0]["time"] == start
    ask: dict[str, Any] = {"symbol": "BTCUSDT"}
    assert spot.no("GET", "myTrades", startTime=1, endTime=86400_002, **ask)[0] == -1127
    assert spot.no("GET", "myTrades", startTime=1, fromId=1, **ask)[0] == -1128
    assert spot.no("GET", "allOrders", startTime=1, endTime=86400_002, **ask)[0] == -1127
    orders = spot.ok("GET", "allOrders", limit=3, **ask)
    assert [o["orderId"] for o in spot.ok("GET", "allOrders", orderId=orders[1]["orderId"], **ask)] == [
        o["orderId"] for o in orders[1:]]


def test_both_ids_of_a_question_must_fit(spot: Spot) -> None:
    placed = spot.order("BUY", "0.001", "60000", newClientOrderId="3-Alfa")
    ask = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    assert spot.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="3-Alfa")["orderId"] == placed["orderId"]
    assert spot.no("GET", "order", origClientOrderId="3-Beta", **ask)[0] == -2039
    assert spot.no("GET", "order", symbol="BTCUSDT", orderId=1) == (-2013, "Order does not exist.")
    assert spot.no("GET", "order", symbol="BTCUSDT")[0] == -1102
    assert spot.no("DELETE", "order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **ask)[0] == -2011
    assert [o["status"] for o in spot.ok("DELETE", "openOrders", symbol="BTCUSDT")] == ["CANCELED"]
    assert spot.no("DELETE", "openOrders", symbol="BTCUSDT") == (-2011, "Unknown order sent.")


def test_weights_and_unfilled_orders_are_counted(spot: Spot) -> None:
    spot.order("BUY", "0.001", "60000")
    headers = spot.exchange.answer_headers
    used, ten = int(headers["x-mbx-used-weight-1m"]), int(headers["x-mbx-order-count-10s"])
    assert ten >= 1 and "x-mbx-order-count-1d" in headers and "x-mbx-order-count-1m" not in headers

    spot.order("BUY", "0.001")  # filled: it does not count, and a taken order weighs nothing

    headers = spot.exchange.answer_headers
    assert (int(headers["x-mbx-used-weight-1m"]), int(headers["x-mbx-order-count-10s"])) == (used, ten)
    spot.get("depth", symbol="BTCUSDT", limit=5000)
    assert int(spot.exchange.answer_headers["x-mbx-used-weight-1m"]) == used + 250
    assert [row["count"] for row in spot.ok("GET", "rateLimit/order")] == [ten, ten]
    spot.exchange.fault("limit", orders_10s=ten)
    assert spot.no("POST", "order", **order_params("BUY", "0.001", "60000"))[0] == -1015
    spot.exchange.fault("limit", weight=1)
    assert spot.no("GET", "account")[0] == -1003 and int(spot.exchange.answer_headers["retry-after"]) <= 60


def test_signatures_and_time(spot: Spot) -> None:
    assert spot.no("GET", "account", timestamp=int(time.time() * 1000) - 6000)[0] == -1021
    assert spot.no("GET", "account", timestamp=int(time.time() * 1000) + 2000)[0] == -1021
    assert spot.no("GET", "account", recvWindow=60001)[0] == -1131
    assert spot.ok("GET", "account", timestamp=int(time.time() * 1e6), recvWindow="4999.999")["canTrade"] is True
    stamp = int(time.time() * 1000)
    assert spot.exchange.raw("GET", f"/api/v3/account?timestamp={stamp}&signature={'0' * 64}")[1]["code"] == -1022
    assert spot.exchange.raw("GET", f"/api/v3/account?timestamp={stamp}&signature=0", key="x" * 64)[1]["code"] == -2015


def test_faults_reach_spot_by_path(spot: Spot) -> None:
    spot.exchange.fault("status", path="POST /api/v3/order", http=503, code=-1007, after="accept")
    assert spot.no("POST", "order", **order_params("BUY", "0.001", "60000", newClientOrderId="o5"))[0] == -1007
    assert spot.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="o5")["status"] == "NEW"

    spot.exchange.fault("lag", path="/api/v3/order", seconds=60)
    assert spot.no("GET", "order", symbol="BTCUSDT", origClientOrderId="o5")[0] == -2013
    spot.exchange.fault("fill_on_cancel", category="spot")
    assert spot.no("DELETE", "order", symbol="BTCUSDT", origClientOrderId="o5") == (-2011, "Unknown order sent.")
    assert spot.truth("executions")[-1]["client_id"] == "o5"


def test_everything_is_taken_up_again_after_a_kill(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path)
    spot = Spot(exchange)
    bid = spot.top()[0]
    spot.order("BUY", "0.01")
    spot.order("BUY", "0.001", f"{bid - 200:.2f}", newClientOrderId="rest")
    waiting = spot.ok("POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.005",
                      stopPrice=f"{bid - 900:.2f}")
    spot.move(f"{bid + 500:.2f}")
    trailing = spot.ok("POST", "order", symbol="BTCUSDT", side="SELL", type="STOP_LOSS", quantity="0.004",
                       trailingDelta=200)
    spot.move(f"{bid + 600:.2f}")
    spot.move(f"{bid:.2f}")
    amended = spot.order("BUY", "0.002", f"{bid - 300:.2f}")
    spot.ok("PUT", "order/amend/keepPriority", symbol="BTCUSDT", orderId=amended["orderId"], newQty="0.001")
    exchange.ok("POST", "/sapi/v1/bnbBurn", spotBNBBurn="true")
    before = {name: spot.truth(name) for name in ("orders", "executions", "balances")}
    bars = spot.get("klines", symbol="BTCUSDT", interval="1m", limit=50)[:-2]
    exchange.kill()

    again = Spot(Exchange(tmp_path))
    assert {name: again.truth(name) for name in before} == before
    assert again.get("klines", symbol="BTCUSDT", interval="1m", startTime=bars[0][0], limit=len(bars)) == bars
    assert len(again.ok("GET", "order/amendments", symbol="BTCUSDT", orderId=amended["orderId"])) == 1
    assert again.exchange.ok("GET", "/sapi/v1/bnbBurn")["spotBNBBurn"] is True
    again.move(f"{bid - 700:.2f}")  # not yet two percent below the best of before the kill
    assert (again.status(trailing), again.status(waiting)) == ("NEW", "NEW")
    again.move(f"{(bid + 600) * D('0.98') - 1:.2f}")
    assert again.status(trailing) == "FILLED"
    again.move(f"{bid - 950:.2f}")
    assert again.status(waiting) == "FILLED"
    assert again.ok("GET", "order", symbol="BTCUSDT", origClientOrderId="rest")["status"] == "FILLED"
    ids = [int(row["exec_id"].rpartition(":")[2]) for row in again.truth("executions")]
    assert len(ids) == len(set(ids)) and max(ids[:1]) < min(ids[1:])
    again.exchange.close()


@pytest.mark.parametrize(("bnb", "asset"), [("false", "BTC"), ("true", "BNB")])
def test_the_wallet_is_the_sum_of_its_fills(spot: Spot, bnb: str, asset: str) -> None:
    spot.exchange.control("deposit", asset="BNB", amount="2")
    spot.exchange.ok("POST", "/sapi/v1/bnbBurn", spotBNBBurn=bnb)
    wallet = {name: free + locked for name, (free, locked) in spot.balances().items()}
    known = len(spot.truth("executions"))

    spot.order("BUY", "0.0123")
    spot.order("BUY", "0.5", symbol="ETHUSDT")
    spot.order("SELL", "0.0122")
    spot.order("SELL", "0.4", f"{spot.top('ETHUSDT')[0] - 5:.2f}", symbol="ETHUSDT")

    fills = spot.truth("executions")[known:]
    for fill in fills:
        qty, sign = D(fill["qty"]), 1 if fill["side"] == "BUY" else -1
        wallet[fill["symbol"][:3]] += sign * qty
        wallet["USDT"] -= sign * qty * D(fill["price"])
        wallet[fill["commission_asset"]] -= D(fill["commission"])
    assert fills[0]["commission_asset"] == asset and len(fills) >= 4
    assert {name: free + locked for name, (free, locked) in spot.balances().items()} == wallet
    assert {row["asset"]: D(row["wallet"]) for row in spot.truth("balances")} == wallet
