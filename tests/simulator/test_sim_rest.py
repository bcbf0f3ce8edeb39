"""REST calls over a real socket: signatures, orders, refusals, account."""

from __future__ import annotations

import hashlib
import hmac
import time
from decimal import Decimal
from urllib.parse import urlencode

import pytest

from simulator.wire import SIGNATURE
from tests.simulator.sim_client import Exchange, order_params

ORDER = "/fapi/v1/order"
# Published known answers: (query, body, signature) under the published example secret.
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
VECTORS = [
    (b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
     b"", "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"),
    (b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
     b"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
     "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
]


@pytest.mark.parametrize(("query", "body", "signature"), VECTORS)
def test_payload_is_query_then_body_without_the_signature(query: bytes, body: bytes, signature: str) -> None:
    sent = body + b"&signature=" + signature.encode() if body else query + b"&signature=" + signature.encode()
    payload = SIGNATURE.sub(b"", query) + SIGNATURE.sub(b"", sent) if body else SIGNATURE.sub(b"", sent)

    assert hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest() == signature


def test_ready_line_and_start_time(exchange: Exchange) -> None:
    assert exchange.ready["ready"] is True
    assert set(exchange.venue) == {"http", "ws", "api_key", "api_secret"}
    assert exchange.ready["control"] == exchange.venue["http"] + "/control"
    assert exchange.venue["http"].startswith("http://127.0.0.1:")
    assert exchange.start_s < 2.0


def test_signed_body_and_mixed_payload(exchange: Exchange) -> None:
    query = "symbol=BTCUSDT&side=BUY"
    body = urlencode({"type": "MARKET", "quantity": "0.002", "timestamp": int(time.time() * 1000)})
    signature = hmac.new(exchange.venue["api_secret"].encode(), (query + body).encode(), hashlib.sha256).hexdigest()

    status, answer = exchange.raw("POST", f"{ORDER}/test?{query}", data=f"{body}&signature={signature.upper()}")

    assert status == 200, answer


def test_keys_times_and_signatures_are_checked(exchange: Exchange) -> None:
    now = int(time.time() * 1000)
    assert exchange.raw("GET", "/fapi/v3/balance?timestamp=1", key="")[1]["code"] == -2014
    assert exchange.raw("GET", "/fapi/v3/balance?timestamp=1", key="a" * 64) == (
        401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    assert exchange.code("GET", "/fapi/v3/balance", timestamp=now - 6000) == -1021
    assert exchange.code("GET", "/fapi/v3/balance", timestamp=now + 2000) == -1021
    exchange.ok("GET", "/fapi/v3/balance", timestamp=now - 6000, recvWindow=20000)
    assert exchange.raw("GET", f"/fapi/v3/balance?timestamp={now}&signature=00")[1]["code"] == -1022
    assert exchange.raw("GET", "/fapi/v3/balance")[1]["code"] == -1102


@pytest.mark.parametrize(("change", "code"), [
    ({"symbol": "NOPE"}, -1121), ({"symbol": ""}, -1102), ({"side": "HOLD"}, -1117), ({"type": "STOP_MARKET"}, -4120),
    ({"type": "ODD"}, -1116), ({"timeInForce": "GTD"}, -1115), ({"timeInForce": ""}, -1102),
    ({"quantity": "-5"}, -4003),
    ({"quantity": "1e9"}, -1100), ({"quantity": "0.0005"}, -1111), ({"quantity": "0"}, -4003),
    ({"quantity": "5000"}, -4005),
    ({"price": "0"}, -4001), ({"price": "60000.123"}, -1111), ({"price": "67000.05"}, -4014),
    ({"price": "200000"}, -4016),
    ({"quantity": "0.001"}, -4164), ({"newClientOrderId": "a b"}, -4015), ({"newClientOrderId": "x" * 37}, -4015),
    ({"reduceOnly": "true"}, -2022), ({"quantity": "900"}, -2019), ({"positionSide": "LONG"}, -4061),
])
def test_bad_orders_get_the_venues_code(exchange: Exchange, change: dict[str, str], code: int) -> None:
    assert exchange.code("POST", ORDER, **{**order_params("BUY", "0.010", "66000.0"), **change}) == code
    assert exchange.ok("GET", "/fapi/v1/openOrders") == []


def test_ack_result_and_query_rows(exchange: Exchange) -> None:
    ack = exchange.order("BUY", "0.004")
    assert (ack["status"], ack["executedQty"]) == ("NEW", "0.000")
    assert not {"avgPrice", "cumQuote", "cumBase"} & set(ack)
    result = exchange.order("BUY", "0.004", newOrderRespType="RESULT")
    assert (result["status"], result["executedQty"]) == ("FILLED", "0.004")
    row = exchange.ok("GET", ORDER, symbol="BTCUSDT", orderId=ack["orderId"])
    assert row["status"] == "FILLED" and Decimal(row["avgPrice"]) > 0 and row["cumBase"] == "0"


def test_client_ids_are_unique_among_open_orders(exchange: Exchange) -> None:
    bid, _ = exchange.top()
    first = exchange.order("BUY", "0.010", f"{bid - 900:.2f}", newClientOrderId="7.once")
    assert exchange.code("POST", ORDER, **order_params("BUY", "0.010", "66000", newClientOrderId="7.once")) == -4116
    exchange.ok("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="7.once")
    again = exchange.order("BUY", "0.010", f"{bid - 900:.2f}", newClientOrderId="7.once")

    found = exchange.ok("GET", ORDER, symbol="BTCUSDT", origClientOrderId="7.once")
    assert found["orderId"] == again["orderId"] != first["orderId"]


def test_modify(exchange: Exchange) -> None:
    bid, ask = exchange.top()
    placed = exchange.order("BUY", "0.010", f"{bid - 900:.2f}", timeInForce="GTX")
    base = {"symbol": "BTCUSDT", "orderId": placed["orderId"], "side": "BUY"}

    moved = exchange.ok("PUT", ORDER, **base, quantity="0.020", price=f"{bid - 800:.2f}")
    assert moved["origQty"] == "0.020" and moved["orderId"] == placed["orderId"]
    assert exchange.code("PUT", ORDER, **base, quantity="0.020", price=f"{bid - 800:.2f}") == -5027
    assert exchange.code("PUT", ORDER, **base, quantity="0.020") == -1102
    (change,) = exchange.ok("GET", "/fapi/v1/orderAmendment", symbol="BTCUSDT", orderId=placed["orderId"])
    assert change["amendment"]["origQty"] == {"before": "0.010", "after": "0.020"}
    crossed = exchange.ok("PUT", ORDER, **base, quantity="0.020", price=f"{ask + 500:.2f}")
    assert crossed["status"] == "CANCELED"
    assert exchange.code("DELETE", ORDER, symbol="BTCUSDT", orderId=placed["orderId"]) == -2011


def test_partly_filled_and_modified_below_the_fill_is_canceled(exchange: Exchange) -> None:
    exchange.fault("freeze")
    _, ask = exchange.top()
    price = ask - Decimal("0.10") if ask - exchange.top()[0] > Decimal("0.10") else ask
    placed = exchange.order("SELL", "0.050", f"{price:.2f}")
    exchange.control("trade", symbol="BTCUSDT", side="BUY", qty="50")
    if exchange.ok("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])["status"] == "FILLED":
        return  # everything before it was thin enough; the case is in the other test's hands
    executed = exchange.ok("GET", ORDER, symbol="BTCUSDT", orderId=placed["orderId"])["executedQty"]
    changed = exchange.ok("PUT", ORDER, symbol="BTCUSDT", orderId=placed["orderId"], side="SELL", quantity=executed,
                          price=f"{price:.2f}")
    assert changed["status"] == "CANCELED"


def test_batch_cancel_all_and_lists(exchange: Exchange) -> None:
    bid, _ = exchange.top()
    items = [order_params("BUY", "0.010", f"{bid - 700 - i:.2f}") for i in range(2)] + [order_params("BUY", "0", "1")]
    import json
    answer = exchange.ok("POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(items))
    assert [row.get("status", row.get("code")) for row in answer] == ["NEW", "NEW", -4003]
    ended = exchange.ok("DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList=f"[{answer[0]['orderId']},5]")
    assert [row.get("status", row.get("code")) for row in ended] == ["CANCELED", -2011]
    assert exchange.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")["code"] == 200
    assert exchange.ok("GET", "/fapi/v1/openOrders", symbol="BTCUSDT") == []
    assert exchange.code("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", orderId=answer[1]["orderId"]) == -2013
    later = exchange.ok("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", orderId=answer[0]["orderId"])
    assert [o["orderId"] for o in later] == [answer[0]["orderId"], answer[1]["orderId"]]


def test_trades_pages_income_and_wallet(exchange: Exchange) -> None:
    for side in ("BUY", "SELL"):
        exchange.order(side, "0.020")
    trades = exchange.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", limit=1000)
    page = exchange.ok("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", fromId=trades[-2]["id"], limit=1)
    assert [t["id"] for t in page] == [trades[-2]["id"]]
    assert exchange.code("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", fromId=1, startTime=1) == -1128
    assert exchange.code("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", startTime=1, endTime=8 * 86400000) == -4165

    income = exchange.ok("GET", "/fapi/v1/income", limit=1000)
    assert income[0]["incomeType"] == "TRANSFER" and income[0]["income"] == "10000.00000000"
    total = sum(Decimal(row["income"]) for row in income)
    (balance,) = exchange.ok("GET", "/fapi/v2/balance")
    assert balance["accountAlias"] == "SIM-1" and Decimal(balance["balance"]) == total
    fees = sum(Decimal(t["commission"]) for t in trades)
    gains = sum(Decimal(t["realizedPnl"]) for t in trades)
    assert total == 10000 + gains - fees


def test_position_margin_and_leverage(exchange: Exchange) -> None:
    exchange.ok("POST", "/fapi/v1/leverage", symbol="ETHUSDT", leverage=10)
    exchange.order("SELL", "1.000", symbol="ETHUSDT")
    (row,) = exchange.ok("GET", "/fapi/v3/positionRisk", symbol="ETHUSDT")
    assert row["positionAmt"] == "-1.000"
    assert abs(Decimal(row["positionInitialMargin"]) - abs(Decimal(row["notional"])) / 10) < Decimal("0.00000002")
    (old,) = exchange.ok("GET", "/fapi/v2/positionRisk", symbol="ETHUSDT")
    assert old["leverage"] == "10" and old["marginType"] == "cross"
    account = exchange.ok("GET", "/fapi/v3/account")
    assert [p["symbol"] for p in account["positions"]] == ["ETHUSDT"]
    assert len(exchange.ok("GET", "/fapi/v2/account")["positions"]) == 6
    assert exchange.code("POST", "/fapi/v1/leverage", symbol="ETHUSDT", leverage=126) == -4028
    assert exchange.code("POST", "/fapi/v1/marginType", symbol="ETHUSDT", marginType="ISOLATED") == -4048
    assert exchange.code("POST", "/fapi/v1/marginType", symbol="ETHUSDT", marginType="CROSSED") == -4046


def test_hedge_mode_and_multi_assets_can_be_switched(exchange: Exchange) -> None:
    bid, _ = exchange.top()
    exchange.order("BUY", "0.010", f"{bid - 900:.2f}")
    dual = "/fapi/v1/positionSide/dual"
    assert exchange.code("POST", dual, dualSidePosition="true") == -4067
    exchange.ok("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    exchange.ok("POST", dual, dualSidePosition="true")
    assert exchange.ok("GET", dual) == {"dualSidePosition": True}
    assert exchange.code("POST", ORDER, **order_params("BUY", "0.010")) == -4061
    exchange.order("BUY", "0.010", positionSide="LONG")
    exchange.order("SELL", "0.004", positionSide="SHORT")
    rows = {r["positionSide"]: r["positionAmt"] for r in exchange.ok("GET", "/fapi/v3/positionRisk")}
    assert rows == {"LONG": "0.010", "SHORT": "-0.004"}
    exchange.order("SELL", "0.010", positionSide="LONG")
    exchange.order("BUY", "0.004", positionSide="SHORT")
    exchange.ok("POST", dual, dualSidePosition="false")
    exchange.ok("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="true")
    assert exchange.ok("GET", "/fapi/v1/multiAssetsMargin") == {"multiAssetsMargin": True}
    exchange.ok("POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin="false")


def test_market_data_shapes(exchange: Exchange) -> None:
    info = exchange.get("/fapi/v1/exchangeInfo")
    filters = {f["filterType"]: f for f in info["symbols"][0]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.10" and filters["MIN_NOTIONAL"]["notional"] == "100"
    assert len(exchange.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1500)) == 1500
    assert exchange.get("/fapi/v1/klines", symbol="BTCUSDT", interval="7m")["code"] == -1120
    depth = exchange.get("/fapi/v1/depth", symbol="BTCUSDT", limit=50)
    assert len(depth["bids"]) > 40 and Decimal(depth["bids"][0][0]) < Decimal(depth["asks"][0][0])
    assert exchange.get("/fapi/v1/premiumIndex", symbol="BTCUSDT")["nextFundingTime"] % 28800000 == 0
    assert len(exchange.get("/fapi/v1/fundingRate", symbol="BTCUSDT")) >= 21
    assert len(exchange.get("/fapi/v1/ticker/24hr")) == 6
    assert exchange.get("/fapi/v2/ticker/price", symbol="BTCUSDT")["symbol"] == "BTCUSDT"
    rights = exchange.ok("GET", "/sapi/v1/account/apiRestrictions")
    assert rights["enableFutures"] and not rights["enableWithdrawals"]
    assert exchange.ok("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT")[0]["brackets"][0]["initialLeverage"] == 125


def test_weights_order_counts_and_bans(exchange: Exchange) -> None:
    exchange.get("/fapi/v1/time")
    used = int(exchange.answer_headers["X-MBX-USED-WEIGHT-1M"])
    exchange.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000)
    assert int(exchange.answer_headers["X-MBX-USED-WEIGHT-1M"]) in (used + 20, 20)
    exchange.order("BUY", "0.002")
    assert int(exchange.answer_headers["X-MBX-ORDER-COUNT-10S"]) >= 1
    exchange.fault("limit", orders_10s=1)
    assert exchange.code("POST", ORDER, **order_params("BUY", "0.002")) == -1015
    exchange.fault("limit", weight=1)
    codes = []
    for _ in range(13):
        codes.append(exchange.raw("GET", "/fapi/v1/time")[0])
    assert 429 in codes and codes[-1] == 418
    assert int(exchange.answer_headers["Retry-After"]) > 0
