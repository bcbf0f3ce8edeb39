"""COIN-M's streams under /coin: market data, the book's chain, private events; and what survives a kill."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from tests.simulator.coin_client import BTC, ETH, Coin
from tests.simulator.sim_client import FIXTURES, Book, Exchange, wait_for

NAME = BTC.lower()
BCH = "BCHUSD_PERP"
RECORDED = FIXTURES / "binance" / "cryptofeed" / "coinm_ws_session.jsonl"


def test_streams_name_family_and_pair(coin: Coin) -> None:
    wanted = {"depthUpdate": "depth@100ms", "aggTrade": "aggTrade", "kline": "kline_1m", "bookTicker": "bookTicker",
              "markPriceUpdate": "markPrice@1s"}
    stream = coin.exchange.socket("/coin/stream?streams=" + "/".join(f"{NAME}@{s}" for s in wanted.values()))
    coin.control("trade", side="BUY", qty="40")
    seen: dict[str, dict[str, object]] = {}
    stream.until(lambda m: seen.update({m["data"]["e"]: m["data"]}) or set(seen) == set(wanted))
    stream.close()

    assert {event["st"] for event in seen.values()} == {2} and {event["s"] for event in seen.values()} == {BTC}
    assert {seen[e]["ps"] for e in ("depthUpdate", "kline", "bookTicker")} == {"BTCUSD"}
    assert "i" not in seen["markPriceUpdate"] and Decimal(str(seen["markPriceUpdate"]["r"]))


def test_streams_of_all_markets_carry_both_families(coin: Coin) -> None:
    usdm = coin.exchange.socket("/market/ws/!miniTicker@arr")
    own = coin.exchange.socket("/coin/stream?streams=!markPrice@arr@1s/btcusd@indexPrice@1s")
    rows = usdm.read()
    assert {(row["s"], row["st"]) for row in rows} >= {("BTCUSDT", 1), (BTC, 2)}
    seen = own.until(lambda m: m["stream"] == "btcusd@indexPrice@1s")
    assert (seen[-1]["data"]["i"], seen[-1]["data"]["e"]) == ("BTCUSD", "indexPriceUpdate")
    assert {row["st"] for row in own.until(lambda m: m["stream"] == "!markPrice@arr@1s")[-1]["data"]} == {2}
    usdm.close()
    own.close()


def test_book_chain(coin: Coin) -> None:
    stream = coin.exchange.socket(f"/coin/ws/{NAME}@depth@100ms")
    stream.read()
    book = Book(coin.get("depth", symbol=BTC, limit=1000))
    while not book.synced:
        book.apply(stream.read())
    coin.exchange.fault("freeze")
    coin.control("trade", side="SELL", qty="150")

    def same() -> bool:
        for event in stream.during(0.15):
            book.apply(event)
        now = coin.get("depth", symbol=BTC, limit=20)
        return book.best(20) == tuple([(Decimal(p), Decimal(q)) for p, q in now[side]]
                                      for side in ("bids", "asks"))

    wait_for(same)
    stream.close()


def test_private_events_of_a_fill(coin: Coin) -> None:
    usdm, stream = coin.exchange.private(), coin.private()
    placed = coin.order("BUY", 7, newClientOrderId="4.coin")
    events = stream.until(lambda m: m["e"] == "ACCOUNT_UPDATE" and m["a"]["P"][0]["pa"] == "7")

    assert [e["e"] for e in events[:4]] == ["ORDER_TRADE_UPDATE", "TRADE_LITE", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"]
    assert all(e["st"] == 2 for e in events if e["e"] != "TRADE_LITE")
    trade = [e["o"] for e in events if e["e"] == "ORDER_TRADE_UPDATE"][-1]
    assert (trade["X"], trade["i"], trade["ma"], trade["N"], trade["z"]) == (
        "FILLED", placed["orderId"], "BTC", "BTC", "7")
    last = events[-1]["a"]
    assert last["B"][0]["a"] == "BTC" and last["P"][0]["s"] == BTC
    assert usdm.during(0.2) == []
    usdm.close()
    stream.close()


def test_listen_key_expires(coin: Coin) -> None:
    stream = coin.private()
    coin.exchange.fault("listen_key")
    assert stream.until(lambda m: m["e"] == "listenKeyExpired")
    stream.close()


def test_everything_of_coin_m_survives_a_kill(tmp_path: Path) -> None:
    first = Exchange(tmp_path, "--child")
    coin = Coin(first)
    filled = coin.order("SELL", 25, symbol=ETH)
    resting = coin.order("BUY", 5, coin.top()[0] - 900)
    coin.ok("POST", "leverage", symbol=ETH, leverage=7)
    before = {name: coin.truth(name) for name in ("executions", "positions", "balances")}
    first.kill()

    again = Exchange(tmp_path, "--child")
    coin = Coin(again)
    try:
        assert {name: coin.truth(name) for name in before} == before
        assert coin.ok("GET", "order", symbol=ETH, orderId=filled["orderId"])["status"] == "FILLED"
        assert [o["orderId"] for o in coin.ok("GET", "openOrders")] == [resting["orderId"]]
        assert coin.position(ETH)["leverage"] == "7"
        assert len(coin.get("klines", symbol=BTC, interval="1m", limit=1500)) == 1500
    finally:
        again.close()


@pytest.mark.skipif(not RECORDED.exists(), reason="the folder of recorded messages is not there")
def test_orders_and_stops_meet_a_recorded_book(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path, "--replay", str(RECORDED), "--speed", "20")
    coin = Coin(exchange)
    try:
        exchange.offset_ms = coin.get("time")["serverTime"] - int(time.time() * 1000)
        (price, _), *_ = coin.get("depth", symbol=BCH, limit=5)["asks"]
        bought = coin.order("BUY", 5, symbol=BCH, newOrderRespType="RESULT")
        assert (bought["status"], bought["avgPrice"]) == ("FILLED", price)
        trigger = (Decimal(price) * Decimal("0.99")).quantize(Decimal("0.01"))
        coin.ok("POST", "algoOrder", algoType="CONDITIONAL", symbol=BCH, side="SELL", type="STOP_MARKET", quantity="5",
                triggerPrice=str(trigger), reduceOnly="true")
        coin.control("price", symbol=BCH, price=str(trigger))
        assert coin.position(BCH)["positionAmt"] == "0"
        assert {row["asset"] for row in coin.ok("GET", "balance")} >= {"BCH", "LINK"}
    finally:
        exchange.close()


def test_a_fault_may_be_about_one_family_only(coin: Coin) -> None:
    coin.exchange.fault("mute", stream="bookTicker", category="inverse")
    own = coin.exchange.socket(f"/coin/ws/{NAME}@bookTicker")
    other = coin.exchange.socket("/public/ws/btcusdt@bookTicker")
    coin.control("trade", side="BUY", qty="400")
    assert other.read()["s"] == "BTCUSDT"
    assert own.during(0.3) == []
    other.close()
    own.close()
