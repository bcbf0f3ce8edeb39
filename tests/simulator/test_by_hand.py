"""What happens to an account without its API client: web-site orders, liquidation, the dead-man switch, leverage."""

from __future__ import annotations

from decimal import Decimal

import requests

from tests.simulator.coin_client import BTC, ETH, Coin
from tests.simulator.sim_client import Exchange, wait_for


def site(exchange: Exchange, category: str, symbol: str, action: str = "order", **body: object) -> dict[str, str]:
    answer: dict[str, str] = exchange.control(action, market="Binance", category=category, symbol=symbol, **body)
    return answer


def test_an_order_of_the_web_site_is_told_with_its_own_id(exchange: Exchange) -> None:
    stream = exchange.private()
    placed = site(exchange, "linear", "BTCUSDT", side="BUY", qty="0.010", price=str(exchange.top()[0] - 800))
    (event,) = stream.until(lambda m: m["e"] == "ORDER_TRADE_UPDATE")
    assert event["o"]["c"] == placed["client_id"] and placed["client_id"].startswith("web_")
    assert str(event["o"]["i"]) == placed["order_id"] and event["o"]["X"] == "NEW"
    site(exchange, "linear", "BTCUSDT", "cancel", order_id=placed["order_id"])
    assert stream.until(lambda m: m["e"] == "ORDER_TRADE_UPDATE")[-1]["o"]["X"] == "CANCELED"
    stream.close()
    filled = site(exchange, "linear", "BTCUSDT", side="SELL", qty="0.010")
    assert filled["status"] == "FILLED"
    (truth,) = [o for o in exchange.truth()["orders"] if o["order_id"] == filled["order_id"]]
    assert truth["client_id"] == filled["client_id"]
    answer = requests.post(f"{exchange.ready['control']}/order", timeout=5, json={
        "symbol": "BTCUSDT", "side": "BUY", "qty": "90"})
    assert answer.status_code == 400 and "Margin is insufficient" in answer.json()["error"]


def test_liquidation_by_the_venue(coin: Coin) -> None:
    coin.exchange.fault("freeze")
    coin.order("BUY", 40)
    resting = coin.order("BUY", 5, coin.top()[0] - 700)
    stream, public = coin.private(), coin.exchange.socket(f"/coin/ws/{BTC.lower()}@forceOrder")
    done = site(coin.exchange, "inverse", BTC, "liquidate")

    events = stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE")
    orders = [e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE"]
    assert [(o["x"], o["X"]) for o in orders] == [("CANCELED", "CANCELED"), ("NEW", "NEW"), ("CALCULATED", "FILLED")]
    assert orders[0]["i"] == resting["orderId"]
    assert orders[1]["c"] == orders[2]["c"] == done["client_id"] and done["client_id"].startswith("autoclose-")
    assert (orders[2]["l"], orders[2]["z"], orders[2]["N"], orders[2]["S"]) == ("40", "40", "BTC", "SELL")
    assert orders[2]["t"] > 0 and Decimal(orders[2]["n"]) > 0
    assert events[-1]["a"]["P"][0]["pa"] == "0" and not [e for e in events if e["e"] == "TRADE_LITE"]
    assert public.read()["o"]["S"] == "SELL"
    (row,) = coin.ok("GET", "forceOrders", symbol=BTC, autoCloseType="LIQUIDATION")
    assert row["status"] == "FILLED" and str(row["orderId"]) == done["order_id"]
    trades = coin.ok("GET", "userTrades", symbol=BTC, orderId=row["orderId"])
    assert [t["qty"] for t in trades] == ["40"]
    stream.close()
    public.close()


def test_insurance_fund_and_deleveraging(coin: Coin) -> None:
    coin.exchange.fault("freeze")
    stream = coin.private()
    coin.order("SELL", 30, symbol=ETH)
    site(coin.exchange, "inverse", ETH, "liquidate", kind="insurance")
    seen = [e["o"] for e in stream.until(lambda m: m.get("o", {}).get("x") == "CALCULATED")
            if e["e"] == "ORDER_TRADE_UPDATE" and e["o"]["c"].startswith("autoclose-")]
    assert seen[0]["x"] == "NEW" and {o["x"] for o in seen[1:-1]} == {"TRADE"}
    assert seen[-1]["X"] == "NEW_INSURANCE" and sum(int(o["l"]) for o in seen) == 30
    coin.order("SELL", 12, symbol=ETH)
    site(coin.exchange, "inverse", ETH, "liquidate", kind="adl")
    last = stream.until(lambda m: m.get("o", {}).get("X") == "NEW_ADL")[-1]["o"]
    assert last["c"].startswith("adl_autoclose") and (last["x"], last["l"], last["S"]) == ("CALCULATED", "12", "BUY")
    assert int(coin.position(ETH)["positionAmt"]) == 0
    truth = [e for e in coin.truth("executions") if e["client_id"] == last["c"]]
    assert [e["exec_id"] for e in truth] == [f"inverse:{ETH}:{last['t']}"]
    stream.close()


def test_countdown_cancels_the_plain_orders_of_its_symbol(exchange: Exchange) -> None:
    coin = Coin(exchange)
    coin.calm()
    kept = coin.order("BUY", 5, coin.top()[0] - 900)
    other = coin.order("BUY", 5, coin.top(ETH)[0] - 90, symbol=ETH)
    stop = coin.ok("POST", "algoOrder", algoType="CONDITIONAL", symbol=ETH, side="BUY", type="STOP_MARKET",
                   quantity="3", triggerPrice=str(coin.top(ETH)[1] + 150))
    assert coin.ok("POST", "countdownCancelAll", symbol=ETH, countdownTime=60000) == {
        "symbol": ETH, "countdownTime": "60000"}
    coin.ok("POST", "countdownCancelAll", symbol=BTC, countdownTime=60000)
    coin.ok("POST", "countdownCancelAll", symbol=BTC, countdownTime=0)
    exchange.control("clock", offset_ms=61000)
    wait_for(lambda: [o["order_id"] for o in coin.truth("orders") if o["status"] == "NEW"] == [str(kept["orderId"])])
    exchange.control("clock", offset_ms=0)
    assert coin.ok("GET", "order", symbol=ETH, orderId=other["orderId"])["status"] == "CANCELED"
    assert coin.ok("GET", "algoOrder", algoId=stop["algoId"])["algoStatus"] == "NEW"
    coin.ok("DELETE", "algoOrder", algoId=stop["algoId"])
    exchange.ok("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=1)
    assert exchange.code("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=-1) == -1130


def test_leverage_margin_type_and_their_brackets(coin: Coin) -> None:
    first, *_, last = coin.exchange.ok("GET", "/dapi/v2/leverageBracket", symbol=BTC)[0]["brackets"]
    assert (first["initialLeverage"], first["qtyFloor"], last["qtyCap"]) == (125, 0, 1000)
    assert last["cum"] > 0 and coin.ok("GET", "leverageBracket", pair="BTCUSD")[0]["pair"] == "BTCUSD"
    assert coin.ok("POST", "leverage", symbol=BTC, leverage=125)["maxQty"] == "50"
    assert coin.code("POST", "order", symbol=BTC, side="BUY", type="MARKET", quantity="45000") == -2027
    assert coin.code("POST", "marginType", symbol=BTC, marginType="CROSSED") == -4046
    coin.ok("POST", "marginType", symbol=BTC, marginType="ISOLATED")
    assert coin.ok("GET", "symbolConfig", symbol=BTC)[0]["marginType"] == "ISOLATED"
    coin.ok("POST", "marginType", symbol=BTC, marginType="CROSSED")
    coin.order("BUY", 20000)
    assert coin.code("POST", "leverage", symbol=BTC, leverage=1) == -2028
    assert coin.code("POST", "marginType", symbol=BTC, marginType="ISOLATED") == -4048
    coin.order("SELL", 20000, reduceOnly="true")
    coin.ok("POST", "leverage", symbol=BTC, leverage=20)
    assert coin.ok("GET", "accountConfig")["dualSidePosition"] is False
