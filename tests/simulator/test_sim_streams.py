"""Streams: book sync by the futures rules, candles, routing, private events."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
import websocket

from tests.simulator.sim_client import Book, Exchange, Stream


def synced(exchange: Exchange, stream: Stream, name: str, symbol: str = "BTCUSDT") -> Book:
    """A book brought up by the venue's rules."""
    wanted = f"{symbol.lower()}@{name}"
    buffered = [m["data"] for m in stream.until(lambda m: m["stream"] == wanted)]
    book = Book(exchange.get("/fapi/v1/depth", symbol=symbol, limit=1000))
    for event in buffered:
        book.apply(event)
    return book


@pytest.mark.parametrize("name", ["depth@100ms", "depth", "depth@500ms"])
def test_book_by_the_rules_equals_rest(exchange: Exchange, name: str) -> None:
    stream = exchange.socket(f"/public/stream?streams=btcusdt@{name}")
    book = synced(exchange, stream, name)
    for message in stream.during(1.2):
        book.apply(message["data"])
    assert book.synced

    exchange.fault("freeze")
    time.sleep(0.6)
    rest = Book(exchange.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1000))
    for message in stream.until(lambda m: m["data"]["u"] >= rest.id):
        book.apply(message["data"])

    assert book.best(1000) == rest.best(1000)
    stream.close()


def test_late_reader_of_a_quiet_book_still_syncs(exchange: Exchange) -> None:
    exchange.fault("freeze")
    stream = exchange.socket("/public/ws/ethusdt@depth@100ms")
    time.sleep(0.3)
    book = Book(exchange.get("/fapi/v1/depth", symbol="ETHUSDT", limit=1000))

    book.apply(stream.read(1))

    assert book.synced
    stream.close()


def test_public_streams_and_their_fields(exchange: Exchange) -> None:
    names = ["btcusdt@bookTicker", "btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@kline_1w", "btcusdt@markPrice@1s",
             "btcusdt@depth5@100ms", "btcusdt@miniTicker", "btcusdt@ticker", "btcusdt@trade", "!ticker@arr"]
    stream = exchange.socket("/stream?streams=" + "/".join(names))
    time.sleep(0.2)
    exchange.control("trade", symbol="BTCUSDT", side="SELL", qty="0.3")
    seen: dict[str, Any] = {}
    stream.until(lambda m: seen.setdefault(m["stream"], m["data"]) is not None and len(seen) == len(names))

    assert {"u", "E", "T", "s", "b", "B", "a", "A", "ps", "st"} <= set(seen["btcusdt@bookTicker"])
    assert {"a", "p", "q", "nq", "f", "l", "T", "m"} <= set(seen["btcusdt@aggTrade"])
    assert seen["btcusdt@kline_1m"]["k"]["i"] == "1m" and seen["btcusdt@kline_1w"]["k"]["n"] > 1000
    assert {"p", "i", "P", "r", "T"} <= set(seen["btcusdt@markPrice@1s"])
    assert len(seen["btcusdt@depth5@100ms"]["b"]) == 5
    assert [row["st"] for row in seen["!ticker@arr"]] == [1] * 6 + [2] * 2
    stream.close()


def test_candle_closes_once_and_equals_rest(exchange: Exchange) -> None:
    exchange.fault("freeze")
    stream = exchange.socket("/market/stream?streams=btcusdt@kline_1m/btcusdt@kline_5m/dogeusdt@kline_1m")
    now = exchange.get("/fapi/v1/time")["serverTime"]
    to_boundary = 300000 - now % 300000
    exchange.control("clock", offset_ms=to_boundary - 1000)
    exchange.control("trade", symbol="BTCUSDT", side="BUY", qty="0.05")
    messages = [m["data"]["k"] for m in stream.during(2.2)]
    closed = [k for k in messages if k["x"]]

    boundary = now + to_boundary
    assert sorted((k["s"], k["i"]) for k in closed if k["T"] + 1 == boundary) == [
        ("BTCUSDT", "1m"), ("BTCUSDT", "5m"), ("DOGEUSDT", "1m")]
    (last,) = [k for k in closed if (k["s"], k["i"]) == ("BTCUSDT", "5m")]
    rows = exchange.get("/fapi/v1/klines", symbol="BTCUSDT", interval="5m", startTime=last["t"], limit=1)
    assert rows[0][:11] == [last["t"], last["o"], last["h"], last["l"], last["c"], last["v"], last["T"], last["q"],
                            last["n"], last["V"], last["Q"]]
    flat = next(k for k in closed if k["s"] == "DOGEUSDT")
    assert flat["o"] == flat["c"] or flat["n"]
    stream.close()


def test_wrong_path_is_acknowledged_and_silent(exchange: Exchange) -> None:
    stream = exchange.socket("/market/ws")
    assert stream.ask("SUBSCRIBE", "btcusdt@depth@100ms") == {"result": None, "id": 7}
    assert stream.ask("LIST_SUBSCRIPTIONS")["result"] == ["btcusdt@depth@100ms"]
    assert stream.during(0.5) == []
    stream.close()
    numbered = exchange.socket("/public/ws/0")
    numbered.ask("SUBSCRIBE", "btcusdt@depth@100ms")
    assert numbered.read()["e"] == "depthUpdate"
    numbered.ask("UNSUBSCRIBE", "btcusdt@depth@100ms")
    assert numbered.during(0.3) == []
    numbered.close()


def test_bad_frames_are_answered_and_too_many_end_the_connection(exchange: Exchange) -> None:
    stream = exchange.socket("/ws")
    stream.ws.send("{not json")
    assert stream.read()["error"]["code"] == 3
    stream.ws.send('{"method": "DANCE", "id": 1}')
    assert stream.read()["error"]["code"] == 2
    with pytest.raises((websocket.WebSocketConnectionClosedException, ValueError, OSError)):
        for _ in range(30):
            stream.ws.send('{"method": "LIST_SUBSCRIPTIONS", "id": 1}')
        for _ in range(40):
            stream.read()


def test_events_of_a_fill_come_in_order(exchange: Exchange) -> None:
    stream = exchange.private()
    exchange.order("BUY", "0.002", newClientOrderId="5.bot")

    events = stream.until(lambda e: e["e"] == "ACCOUNT_UPDATE")

    assert [e["e"] for e in events] == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
    new, lite, full, account = events
    assert (new["o"]["x"], full["o"]["x"], full["o"]["X"]) == ("NEW", "TRADE", "FILLED")
    assert lite["t"] == full["o"]["t"] and lite["c"] == full["o"]["c"] == "5.bot"
    assert "N" not in new["o"] and full["o"]["N"] == "USDT" and Decimal(full["o"]["n"]) > 0
    assert account["a"]["m"] == "ORDER" and account["a"]["P"][0]["pa"] == "0.002"
    stream.close()


def test_cancel_amend_leverage_and_funding_events(exchange: Exchange) -> None:
    bid, _ = exchange.top()
    stream = exchange.socket(f"/private/ws?listenKey={exchange.raw('POST', '/fapi/v1/listenKey')[1]['listenKey']}")
    placed = exchange.order("BUY", "0.010", f"{bid - 900:.2f}")
    exchange.ok("PUT", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"], side="BUY", quantity="0.011",
                price=f"{bid - 900:.2f}")
    exchange.ok("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=placed["orderId"])
    exchange.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    exchange.order("BUY", "0.002")
    exchange.control("funding", symbol="BTCUSDT", rate="0.001")

    events = stream.until(lambda e: e["e"] == "ACCOUNT_UPDATE" and e["a"]["m"] == "FUNDING_FEE")

    steps = [e["o"]["x"] for e in events if e["e"] == "ORDER_TRADE_UPDATE"]
    assert steps == ["NEW", "AMENDMENT", "CANCELED", "NEW", "TRADE"]
    assert next(e for e in events if e["e"] == "ACCOUNT_CONFIG_UPDATE")["ac"] == {"s": "BTCUSDT", "l": 7}
    assert events[-1]["a"]["P"] == [] and Decimal(events[-1]["a"]["B"][0]["bc"]) < 0
    exchange.ok("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=20)
    stream.close()


def test_listen_key_life(exchange: Exchange) -> None:
    first = exchange.raw("POST", "/fapi/v1/listenKey")[1]["listenKey"]
    assert exchange.raw("POST", "/fapi/v1/listenKey")[1]["listenKey"] == first
    assert exchange.raw("PUT", "/fapi/v1/listenKey") == (200, {"listenKey": first})
    assert exchange.raw("DELETE", "/fapi/v1/listenKey") == (200, {})
    assert exchange.raw("PUT", "/fapi/v1/listenKey")[1]["code"] == -1125
    assert exchange.raw("POST", "/fapi/v1/listenKey")[1]["listenKey"] != first
