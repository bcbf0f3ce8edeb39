"""Spot streams over real sockets: the book's chain, candles, trades, tops; user data by the WebSocket API."""

from __future__ import annotations

import base64
import time
from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest
import websocket
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.simulator.sim_client import wait_for
from tests.simulator.spot_client import Spot, SpotBook


def test_book_chain_has_no_gaps_and_ends_at_the_snapshot(spot: Spot) -> None:
    stream = spot.socket("btcusdt@depth@100ms")
    first = stream.read()["data"]
    book = SpotBook(spot.get("depth", symbol="BTCUSDT", limit=5000))
    book.apply(first)
    events = [frame["data"] for frame in stream.during(1.5)]
    spot.exchange.fault("freeze")
    last = spot.get("depth", symbol="BTCUSDT", limit=20)
    for event in events:
        book.apply(event)
    while book.id < last["lastUpdateId"]:
        book.apply(stream.read()["data"])

    assert set(first) == {"e", "E", "s", "U", "u", "b", "a"} and len(events) > 3
    assert book.best(20) == tuple([(D(p), D(q)) for p, q in last[side]] for side in ("bids", "asks"))
    stream.close()


def test_a_lost_diff_is_a_gap(spot: Spot) -> None:
    stream = spot.socket("ethusdt@depth@100ms")
    events = [stream.read()["data"]]
    spot.exchange.fault("diff", kind="drop", symbol="ETHUSDT", category="linear")  # not about spot
    spot.exchange.fault("diff", kind="drop", symbol="ETHUSDT", category="spot")
    events += [frame["data"] for frame in stream.during(1.0)]
    assert sum(b["U"] != a["u"] + 1 for a, b in pairwise(events)) == 1
    stream.close()


def test_streams_have_spots_fields(spot: Spot) -> None:
    names = ["bookTicker", "aggTrade", "trade", "kline_1m", "miniTicker", "ticker", "depth5@100ms"]
    stream = spot.socket(*(f"bnbusdt@{name}" for name in names))
    seen: dict[str, Any] = {}
    for price in ("612.00", "613.00"):
        spot.move(price, "BNBUSDT")
    frames = stream.until(lambda m: seen.setdefault(m["stream"].partition("@")[2], m["data"]) and len(seen) == 7)

    assert set(seen) == set(names) and all(frame["stream"].startswith("bnbusdt@") for frame in frames)
    assert set(seen["bookTicker"]) == {"u", "s", "b", "B", "a", "A"}
    assert set(seen["depth5@100ms"]) == {"lastUpdateId", "bids", "asks"} and len(seen["depth5@100ms"]["bids"]) == 5
    assert set(seen["trade"]) == {"e", "E", "s", "t", "p", "q", "T", "m", "M"}
    assert set(seen["aggTrade"]) == {"e", "E", "s", "a", "p", "q", "f", "l", "T", "m", "M"}
    assert {"st", "ps"}.isdisjoint(seen["kline_1m"]) and seen["kline_1m"]["k"]["i"] == "1m"
    assert {"x", "b", "A", "n"} <= set(seen["ticker"]) and set(seen["miniTicker"]) == set("eEscohlvq")
    stream.close()


def test_subscriptions_by_frames_and_raw_payloads(spot: Spot) -> None:
    stream = spot.exchange.socket("/spot/ws")
    assert stream.ask("SUBSCRIBE", "btcusdt@bookTicker") == {"result": None, "id": 7}
    spot.move(spot.top()[0] - 5)
    assert stream.until(lambda m: m.get("s") == "BTCUSDT")[-1]["u"] > 0
    assert stream.ask("LIST_SUBSCRIPTIONS")["result"] == ["btcusdt@bookTicker"]
    assert stream.ask("EXPLODE")["error"]["code"] == 2
    with pytest.raises(websocket.WebSocketException):
        spot.exchange.socket("/spot/nothing")
    stream.close()


def test_an_order_and_its_fill_are_reported(spot: Spot) -> None:
    api = spot.private()
    bid, _ = spot.top()
    price = f"{bid - 40:.2f}"
    placed = spot.order("BUY", "0.01", price, newClientOrderId="5-Alfa", strategyId=3, strategyType=1000001)

    new, locked = api.events("outboundAccountPosition")
    assert {"x": "NEW", "X": "NEW", "c": "5-Alfa", "C": "", "i": placed["orderId"], "N": None, "t": -1, "w": True,
            "j": 3, "J": 1000001, "o": "LIMIT", "f": "GTC"}.items() <= new.items()
    assert locked["B"] == [{"a": "USDT", "f": locked["B"][0]["f"], "l": f"{D(price) * D('0.01'):.8f}"}]

    spot.move(bid - 45)
    *_, fill = api.events("TRADE")
    assert {"X": "FILLED", "m": True, "N": "BTC", "n": "0.00001000", "L": f"{D(price):.8f}", "z": "0.01000000",
            "w": False}.items() <= fill.items()
    (after,) = api.events("outboundAccountPosition")
    assert {row["a"] for row in after["B"]} == {"BTC", "USDT"}
    (trade,) = spot.ok("GET", "myTrades", symbol="BTCUSDT", orderId=placed["orderId"])
    assert trade["id"] == fill["t"] and fill["Y"] == trade["quoteQty"]
    api.close()


def test_a_cancel_carries_its_own_id_and_the_orders(spot: Spot) -> None:
    api = spot.private()
    placed = spot.order("BUY", "0.01", "60000", newClientOrderId="6-Alfa")
    spot.ok("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="gone")

    *_, report = api.events("CANCELED")

    assert (report["c"], report["C"], report["X"], report["w"]) == ("gone", "6-Alfa", "CANCELED", False)
    assert D(api.events("outboundAccountPosition")[-1]["B"][0]["l"]) == 0
    api.close()


def test_deposit_is_a_balance_update(spot: Spot) -> None:
    api = spot.private()
    spot.exchange.control("deposit", asset="BTC", amount="0.5")
    change, after = api.events("outboundAccountPosition")
    assert (change["e"], change["a"], change["d"]) == ("balanceUpdate", "BTC", "0.50000000")
    assert after["B"] == [{"a": "BTC", "f": "0.50000000", "l": "0.00000000"}]
    api.close()


def test_subscriptions_of_the_websocket_api(spot: Spot) -> None:
    api = spot.ws_api()
    assert api.ok("ping") == {} and abs(api.ok("time")["serverTime"] / 1000 - time.time()) < 2
    assert api.call("time")["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"
    assert api.code("userDataStream.subscribe") == -2015
    assert api.code("userDataStream.subscribe.signature", **(api.signed() | {"signature": "0" * 64})) == -1022
    assert api.code("userDataStream.subscribe.signature", **(api.signed() | {"apiKey": "x" * 64})) == -2015
    assert api.ok("userDataStream.subscribe.signature", **api.signed()) == {"subscriptionId": 0}
    assert api.code("userDataStream.subscribe.signature", **api.signed()) == -2035
    assert api.ok("session.subscriptions") == [{"subscriptionId": 0}]
    assert api.ok("userDataStream.unsubscribe") == {} and api.code("userDataStream.unsubscribe") == -2036
    assert api.ok("userDataStream.subscribe.signature", **api.signed()) == {"subscriptionId": 1}
    assert api.code("userDataStream.start", apiKey=spot.exchange.venue["api_key"]) == -1000
    assert spot.exchange.raw("POST", "/api/v3/userDataStream")[0] == 410
    spot.exchange.fault("listen_key")
    assert api.events("eventStreamTerminated")[-1]["E"] > 0
    assert api.ok("session.subscriptions") == []
    api.close()


def test_orders_by_the_websocket_api(spot: Spot) -> None:
    api = spot.ws_api()
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
             "price": "60000", "newClientOrderId": "8-ws"}
    placed = api.ok("order.place", **api.signed(**order))
    assert placed["status"] == "NEW" and spot.status(placed) == "NEW"
    assert api.code("order.place", **api.signed(**order)) == -2010
    assert [o["clientOrderId"] for o in api.ok("openOrders.status", **api.signed(symbol="BTCUSDT"))] == ["8-ws"]
    assert api.ok("order.cancel", **api.signed(symbol="BTCUSDT", origClientOrderId="8-ws"))["status"] == "CANCELED"
    assert api.code("order.explode") == -1135
    api.close()


def test_ed25519_keys_sign_requests_and_log_sessions_on(spot: Spot) -> None:
    private = Ed25519PrivateKey.generate()
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    key = spot.exchange.control("key", public_key=pem)["api_key"]
    api = spot.ws_api()
    assert api.code("session.logon", **api.signed()) == -4056  # the HMAC key cannot

    stamp = int(time.time() * 1000)
    signed = base64.b64encode(private.sign(f"apiKey={key}&timestamp={stamp}".encode())).decode()
    assert api.ok("session.logon", apiKey=key, timestamp=stamp, signature=signed)["apiKey"] == key
    assert api.ok("userDataStream.subscribe") == {"subscriptionId": 0}
    assert api.ok("account.status", timestamp=stamp)["accountType"] == "SPOT"

    sign = base64.b64encode(private.sign(f"timestamp={stamp}".encode())).decode()
    for path in ("/api/v3/account", "/fapi/v2/account"):
        query = f"timestamp={stamp}&signature={sign.replace('+', '%2B').replace('/', '%2F').replace('=', '%3D')}"
        assert spot.exchange.raw("GET", f"{path}?{query}", key=key)[0] == 200
        assert spot.exchange.raw("GET", f"{path}?{query.replace('timestamp=', 'x=1&timestamp=')}", key=key)[0] == 400
    api.close()


def test_a_cut_ends_market_streams_and_the_websocket_api(spot: Spot) -> None:
    stream, api = spot.socket("btcusdt@bookTicker"), spot.private()
    spot.exchange.fault("cut", code=1001)

    def ended(socket: websocket.WebSocket) -> bool:
        try:
            return bool(socket.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE)
        except websocket.WebSocketException:
            return True
    assert wait_for(lambda: ended(stream.ws)) and wait_for(lambda: ended(api.ws))


def test_an_announced_end_and_a_ban(spot: Spot) -> None:
    stream, api = spot.socket("btcusdt@bookTicker"), spot.ws_api()
    spot.exchange.fault("shutdown")
    assert stream.until(lambda m: m.get("e") == "serverShutdown")[-1]["E"] > 0
    assert api.events("serverShutdown")[-1]["E"] > 0
    spot.exchange.fault("ban", seconds=30)
    answer = api.call("time")
    assert answer["status"] == 418 and answer["error"]["code"] == -1003
    stream.close()
    api.close()
