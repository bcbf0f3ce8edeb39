"""COIN-M of the bundled exchange over REST: shapes, orders, inverse money, settings."""

from __future__ import annotations

import time
from decimal import Decimal

from tests.simulator.coin_client import BTC, ETH, SIZES, Coin

STEP = Decimal("0.00000002")
DAY_MS = 86400 * 1000


def test_contracts_and_their_arrays(coin: Coin) -> None:
    info = coin.get("exchangeInfo")
    rows = {row["symbol"]: row for row in info["symbols"]}
    assert {s: (r["contractSize"], r["marginAsset"], r["contractStatus"]) for s, r in rows.items()} == {
        BTC: (100, "BTC", "TRADING"), ETH: (10, "ETH", "TRADING")}
    assert "MIN_NOTIONAL" not in {f["filterType"] for f in rows[BTC]["filters"]}
    for name in ("premiumIndex", "ticker/24hr", "ticker/price", "ticker/bookTicker"):
        (row,) = coin.get(name, symbol=BTC)
        assert row["symbol"] == BTC
        assert len(coin.get(name)) == 2
        assert coin.get(name, symbol="BTCUSDT")["code"] == -1121
    book = coin.get("depth", symbol=BTC, limit=20)
    assert (book["symbol"], book["pair"], len(book["bids"])) == (BTC, "BTCUSD", 20)
    trades = coin.get("trades", symbol=BTC)
    for trade in trades[-3:]:
        exact = Decimal(trade["qty"]) * 100 / Decimal(trade["price"])
        assert abs(Decimal(trade["baseQty"]) - exact) < STEP


def test_candles_are_the_latest_of_a_window_of_at_most_200_days(coin: Coin) -> None:
    now = int(time.time() * 1000) // 60000 * 60000
    start, end = now - 5 * DAY_MS, now - 2 * DAY_MS - 1

    rows = coin.get("klines", symbol=BTC, interval="1m", startTime=start, endTime=end, limit=100)

    assert len(rows) == 100 and rows[-1][6] == end and rows[0][0] == end + 1 - 100 * 60000
    for row in rows[-5:]:  # q is coins, v contracts
        assert Decimal(row[3]) <= Decimal(row[5]) * 100 / Decimal(row[7]) <= Decimal(row[2])
    assert coin.get("klines", symbol=BTC, interval="1d", startTime=now - 201 * DAY_MS, endTime=now) == {
        "code": -4088, "msg": "Maximum time interval is 200 days."}
    assert coin.get("klines", symbol=BTC, interval="1h", startTime=now - 3600000 * 10)[-1][6] >= now - 1
    assert len(coin.get("klines", symbol=ETH, interval="1d")) >= 8
    assert len(coin.get("continuousKlines", pair="ETHUSD", contractType="PERPETUAL", interval="5m", limit=7)) == 7


def test_place_change_cancel_and_ask(coin: Coin) -> None:
    bid, _ = coin.top()
    placed = coin.order("BUY", 10, bid - 500, newClientOrderId="1.coin")
    assert placed["pair"] == "BTCUSD" and placed["status"] == "NEW" and "cumBase" not in placed
    key = {"symbol": BTC, "orderId": placed["orderId"]}
    changed = coin.ok("PUT", "order", **key, side="BUY", quantity="20", price=str(bid - 600))
    assert (changed["origQty"], changed["orderId"]) == ("20", placed["orderId"])
    (row,) = coin.ok("GET", "openOrders", symbol=BTC)
    assert (row["cumBase"], row["cumQuote"]) == ("0.00000000", "0")
    assert coin.exchange.ok("GET", "/fapi/v1/openOrders") == []
    assert coin.code("POST", "order", symbol=BTC, side="BUY", type="MARKET", quantity="1.5") == -1111
    assert coin.code("GET", "openOrders", symbol="BTCUSDT") == -1121
    assert coin.ok("DELETE", "order", symbol=BTC, origClientOrderId="1.coin")["status"] == "CANCELED"
    assert coin.code("DELETE", "order", **key) == -2011
    assert coin.ok("GET", "order", **key)["status"] == "CANCELED"


def test_profit_and_fees_are_paid_in_the_coin(coin: Coin) -> None:
    before = {row["asset"]: Decimal(row["balance"]) for row in coin.ok("GET", "balance")}
    coin.exchange.fault("freeze")
    bought = coin.order("BUY", 30)
    coin.control("price", price=str(coin.top()[1] + 700))
    sold = coin.order("SELL", 30, reduceOnly="true")

    fills = {order: [t for t in coin.ok("GET", "userTrades", symbol=BTC, limit=1000) if t["orderId"] == order]
             for order in (bought["orderId"], sold["orderId"])}
    for fill in [f for rows in fills.values() for f in rows]:
        worth = Decimal(fill["qty"]) * SIZES[BTC] / Decimal(fill["price"])
        assert abs(Decimal(fill["baseQty"]) - worth) < STEP and fill["marginAsset"] == "BTC"
        assert abs(Decimal(fill["commission"]) - worth * Decimal("0.0005")) < STEP
    dollars = Decimal(3000)
    coins_in, coins_out = (sum((Decimal(f["qty"]) * 100 / Decimal(f["price"]) for f in rows), Decimal())
                           for rows in fills.values())
    gained = sum(Decimal(f["realizedPnl"]) for rows in fills.values() for f in rows)
    assert gained > 0 and abs(gained - (coins_in - coins_out)) < STEP * len(fills[sold["orderId"]]) + STEP
    asked = coin.ok("GET", "order", symbol=BTC, orderId=bought["orderId"])
    assert abs(Decimal(asked["avgPrice"]) - dollars / coins_in) < Decimal("0.0001")
    assert abs(Decimal(asked["cumBase"]) - coins_in) < STEP

    after = {row["asset"]: Decimal(row["balance"]) for row in coin.ok("GET", "balance")}
    fees = sum(Decimal(f["commission"]) for rows in fills.values() for f in rows)
    assert after["BTC"] == before["BTC"] + gained - fees and after["ETH"] == before["ETH"]
    income = coin.ok("GET", "income", limit=1000)
    assert {row["asset"] for row in income} == {"BTC", "ETH"}
    assert sum(Decimal(r["income"]) for r in income if r["asset"] == "BTC") == after["BTC"]
    (truth,) = [b for b in coin.truth("balances") if b["asset"] == "BTC"]
    assert Decimal(truth["wallet"]) == after["BTC"]


def test_position_and_margin_in_coins(coin: Coin) -> None:
    coin.exchange.fault("freeze")
    assert coin.ok("POST", "leverage", symbol=ETH, leverage=10) == {"symbol": ETH, "leverage": 10, "maxQty": "1000"}
    coin.order("SELL", 300, symbol=ETH)
    row = coin.position(ETH)
    mark, entry = Decimal(row["markPrice"]), Decimal(row["entryPrice"])
    assert row["positionAmt"] == "-300" and row["leverage"] == "10"
    assert abs(Decimal(row["notionalValue"]) + Decimal(3000) / mark) < STEP
    assert abs(Decimal(row["unRealizedProfit"]) - 3000 * (1 / mark - 1 / entry)) < STEP
    assert Decimal(row["liquidationPrice"]) == 0  # 20 ETH of margin cover a short of 3000 dollars at every price
    account = coin.ok("GET", "account")
    (eth,) = [a for a in account["assets"] if a["asset"] == "ETH"]
    assert abs(Decimal(eth["positionInitialMargin"]) - Decimal(300) / mark) < STEP
    assert {p["symbol"] for p in account["positions"]} == {BTC, ETH}
    assert coin.code("POST", "order", symbol=BTC, side="BUY", type="MARKET", quantity="20000") == -2019
    assert [r["symbol"] for r in coin.ok("GET", "positionRisk", marginAsset="BTC")] == [BTC]


def test_funding_is_paid_in_coins(coin: Coin) -> None:
    coin.order("BUY", 50)
    rate, mark = Decimal("0.0004"), None
    answer = coin.control("funding", rate=str(rate))
    mark = Decimal(answer["mark"])
    (row,) = coin.ok("GET", "income", incomeType="FUNDING_FEE", symbol=BTC)[-1:]
    assert row["asset"] == "BTC" and abs(Decimal(row["income"]) + 5000 / mark * rate) < STEP
    assert coin.truth("funding")[-1]["amount"] == str(-Decimal(row["income"]).normalize())
    assert coin.get("fundingRate", symbol=BTC)[-1]["fundingRate"] == "0.00040000"


def test_position_mode_is_one_for_both_products(coin: Coin) -> None:
    dual = "positionSide/dual"
    coin.order("BUY", 1)
    assert coin.exchange.code("POST", "/fapi/v1/positionSide/dual", dualSidePosition="true") == -4531
    assert coin.code("POST", dual, dualSidePosition="true") == -4068
    coin.order("SELL", 1, reduceOnly="true")
    coin.ok("POST", dual, dualSidePosition="true")
    assert coin.exchange.ok("GET", "/fapi/v1/positionSide/dual") == {"dualSidePosition": True}
    coin.order("BUY", 3, positionSide="LONG")
    sides = {r["positionSide"]: r["positionAmt"] for r in coin.ok("GET", "positionRisk", pair="BTCUSD")}
    assert sides == {"LONG": "3", "SHORT": "0"}
    coin.order("SELL", 3, positionSide="LONG")
    coin.exchange.ok("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false")
    assert coin.code("POST", dual, dualSidePosition="false") == -4059


def test_limits_are_one_pool(coin: Coin) -> None:
    coin.exchange.get("/fapi/v1/time")
    used = int(coin.exchange.answer_headers["X-MBX-USED-WEIGHT-1M"])
    coin.get("depth", symbol=BTC, limit=1000)
    assert int(coin.exchange.answer_headers["X-MBX-USED-WEIGHT-1M"]) in (used + 20, 20)
    coin.exchange.order("BUY", "0.002")
    count = int(coin.exchange.answer_headers["X-MBX-ORDER-COUNT-1M"])
    coin.order("BUY", 1)
    assert int(coin.exchange.answer_headers["X-MBX-ORDER-COUNT-1M"]) >= count
    coin.exchange.fault("limit", orders_10s=1)
    assert coin.code("POST", "order", symbol=BTC, side="BUY", type="MARKET", quantity="1") == -1015
